"""Patients in an access log: found by a keyed tag, described under a key that can be destroyed.

An entry names a patient by a tag, an HMAC that only the hospital can compute (a plain hash of a
seven-digit number is found by trying all). What it says of the patient is sealed under a key of
that patient and year. Destroying the key erases the detail; the entry's bytes, and with them every
proof, stay as they are.
"""

import base64
import binascii
import hmac
import secrets
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Final, TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import Field

from wardnet.audit.entry import Entry, Event
from wardnet.audit.log import Connection
from wardnet.errors import Reason, WardnetError

SCHEMA: Final = (
    """
    CREATE TABLE subject_keys (
        tag TEXT NOT NULL,
        year INTEGER NOT NULL,
        key BLOB NOT NULL,
        PRIMARY KEY (tag, year)
    ) STRICT, WITHOUT ROWID
    """,
)
"""Statements for the owner's migrations; the database must be encrypted and delete securely."""

PURPOSE: Final = "patient tags"
"""Of the key that tags are made with, derived from the keystore's root key."""

RETENTION_YEARS: Final = 6
"""How long detail is kept unless a setting says otherwise (45 CFR 164.316(b)(2), 164.528)."""

Years: TypeAlias = Annotated[int, Field(ge=1, le=100)]
"""Type of such a setting."""

LONGEST: Final = 16
"""Bytes of a patient's number; a longer one is shortened to as many, with a key."""

MOST_TAGS: Final = 500
"""Of one entry: who looks for one patient is not shown a megabyte of others' tags."""

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12


def tag(key: bytes, patient: str) -> str:
    """Return a patient's tag: HMAC-SHA256 of the number, as every keyboard writes it.

    Parameters
    ----------
    key : bytes
        32 bytes: `keystore.derive(PURPOSE)`.
    patient : str
        The patient's number at the hospital; spaces around it do not matter.

    Returns
    -------
    str
        64 hexadecimal characters.
    """
    number = unicodedata.normalize("NFC", patient.strip()).encode()
    if len(number) > LONGEST:
        return tag_of_shortened(key, shortened(number, shortening_key(key)))
    return hmac.digest(key, number, "sha256").hex()


def tag_of_shortened(key: bytes, number: bytes) -> str:
    """Return the tag of a patient whose long number is known in its shortened form only."""
    return hmac.digest(key, b"\0" + number, "sha256").hex()


def shortened(number: bytes, key: bytes) -> bytes:
    """Return 16 bytes in the place of a longer number: the same in all datasets of a hospital.

    Parameters
    ----------
    key : bytes
        Of `shortening_key`.
    """
    return hmac.digest(key, number, "sha256")[:LONGEST]


def shortening_key(key: bytes) -> bytes:
    """Return the key that long numbers are shortened with; `key` is as for `tag`."""
    return hmac.digest(key, b"shortening of long numbers", "sha256")


def in_batches(event: Event, patients: Iterable[str]) -> Iterator[Event]:
    """Yield an event as often as it takes to name all patients by their tags, at least once."""
    left = iter(patients)
    yield replace(event, patient_tags=tuple(islice(left, MOST_TAGS)))
    while named := tuple(islice(left, MOST_TAGS)):
        yield replace(event, patient_tags=named)


def seal(connection: Connection, detail: bytes, *, tag: str, at: datetime) -> str:
    """Seal what an entry says of one patient, for its field `sealed_detail`.

    Parameters
    ----------
    connection : Connection
        In the transaction that writes the entry.
    detail : bytes
        What only the hospital may read.
    tag : str
        The entry's only tag.
    at : datetime
        When the entry is written.
    """
    year = at.astimezone(UTC).year
    connection.execute(
        "INSERT OR IGNORE INTO subject_keys (tag, year, key) VALUES (?, ?, ?)",
        (tag, year, secrets.token_bytes(_KEY_BYTES)),
    )
    key = _key(connection, tag, year)
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = AESGCM(key or b"").encrypt(nonce, detail, _context(tag, year))
    return base64.b64encode(nonce + sealed).decode()


def open_detail(connection: Connection, entry: Entry) -> bytes | None:
    """Return what an entry says of its patient, or None when it says nothing.

    Raises
    ------
    WardnetError
        `DETAIL_ERASED` when its key was destroyed; `LOG_DAMAGED` when the key does not open it.
    """
    if entry.sealed_detail is None:
        return None
    (tag,), year = entry.patient_tags, int(entry.time[:4])
    key = _key(connection, tag, year)
    if key is None:
        raise WardnetError(Reason.DETAIL_ERASED, line=entry.seq)
    try:
        sealed = base64.b64decode(entry.sealed_detail, validate=True)
        nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        return AESGCM(key).decrypt(nonce, ciphertext, _context(tag, year))
    except (InvalidTag, ValueError, binascii.Error):
        raise WardnetError(
            Reason.LOG_DAMAGED, line=entry.seq, rule="its sealed detail does not open"
        ) from None


def erase(connection: Connection, tag: str) -> int:
    """Destroy all keys of a patient; return how many there were. The caller logs it.

    It is final once copies of the database that are older than the call are gone too.
    """
    return int(connection.execute("DELETE FROM subject_keys WHERE tag = ?", (tag,)).rowcount)


def expire(connection: Connection, *, at: datetime, years: int = RETENTION_YEARS) -> int:
    """Destroy the keys of all years that ended at least `years` years ago; return how many.

    Parameters
    ----------
    at : datetime
        Now, aware.
    years : int
        At least 1.
    """
    if years < 1:
        message = "detail is kept for a year at least"
        raise ValueError(message)
    ended = at.astimezone(UTC).year - years
    return int(connection.execute("DELETE FROM subject_keys WHERE year < ?", (ended,)).rowcount)


def _key(connection: Connection, tag: str, year: int) -> bytes | None:
    row = connection.execute(
        "SELECT key FROM subject_keys WHERE tag = ? AND year = ?", (tag, year)
    ).fetchone()
    return None if row is None else bytes(row[0])


def _context(tag: str, year: int) -> bytes:
    return f"v1|sealed detail|{tag}|{year}".encode()
