"""Checkpoints: the signed statement of a log's owner how long it is and what its root is.

Once somebody else has seen a checkpoint, no other history of those entries can be shown to them.

References
----------
https://c2sp.org/tlog-checkpoint.
"""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from wardnet.audit import log, note
from wardnet.audit.log import Connection, Head
from wardnet.audit.note import SignedNote
from wardnet.audit.tree import HASH_BYTES
from wardnet.clock import to_moment
from wardnet.errors import Reason, WardnetError

_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,15}")
_ORIGIN: Final = re.compile(r"(wardnet://[^/]+/[^/]+/[^/]+)/([2-9]|[1-9][0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """State how long a log is and what its root is.

    Parameters
    ----------
    origin : str
        Which log: the URI of its owner; after a recovery with `/2`, `/3` ... behind it.
    size : int
        Number of entries.
    root : bytes
        32 bytes.
    """

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """Return the text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @property
    def head(self) -> Head:
        """Return what it says of the log."""
        return Head(self.size, self.root.hex())

    @property
    def owner(self) -> str:
        """Return the URI of the log's owner."""
        found = _ORIGIN.fullmatch(self.origin)
        return found[1] if found else self.origin

    @property
    def number(self) -> int:
        """Return how often the log has begun, from 1; each recovery adds one."""
        found = _ORIGIN.fullmatch(self.origin)
        return int(found[2]) if found else 1


def origin_of(owner: str, number: int) -> str:
    """Return the origin of a member's log after so many beginnings, from 1."""
    return owner if number == 1 else f"{owner}/{number}"


def parse(text: str) -> Checkpoint:
    """Read the text of a checkpoint; lines after the third are refused.

    Raises
    ------
    WardnetError
        `CHECKPOINT_MALFORMED`.
    """
    lines = text.split("\n")
    if len(lines) != 4 or lines[3] or not lines[0]:
        raise _malformed(rule="it needs three lines: origin, size and root")
    if not _SIZE.fullmatch(lines[1]):
        raise _malformed(rule="its size is not a number")
    root = note.read_base64(lines[2])
    if len(root) != HASH_BYTES:
        raise _malformed(rule="its root is not 32 bytes")
    return Checkpoint(lines[0], int(lines[1]), root)


def read(text: str, *, origin: str, key: Ed25519PublicKey) -> Checkpoint:
    """Read a signed checkpoint of one log.

    Raises
    ------
    WardnetError
        `CHECKPOINT_UNSIGNED` when it is not signed by `key` or speaks of another log;
        `CHECKPOINT_MALFORMED`.
    """
    signed = note.parse(text)
    note.verify(signed, name=origin, key=key)
    checkpoint = parse(signed.text)
    if checkpoint.origin != origin:
        raise WardnetError(
            Reason.CHECKPOINT_UNSIGNED, identity=origin, rule="it speaks of another log"
        )
    return checkpoint


def make(connection: Connection, *, key: Ed25519PrivateKey, origin: str, at: datetime) -> str:
    """Sign what stands for the log now, and keep it; the one that is kept for this size if any.

    Parameters
    ----------
    connection : Connection
        In a writing transaction.
    key : Ed25519PrivateKey
        The owner's signing key.
    origin : str
        Which log.
    at : datetime
        When, aware.

    Returns
    -------
    str
        The note.
    """
    head = log.head(connection)
    checkpoint = Checkpoint(origin, head.size, bytes.fromhex(head.root))
    signed = str(note.sign(checkpoint.text, name=origin, key=key))
    connection.execute(
        "INSERT OR IGNORE INTO checkpoints (size, note, made) VALUES (?, ?, ?)",
        (head.size, signed, to_moment(at)),
    )
    return _kept(connection, head.size) or signed


def latest(connection: Connection, *, before: int | None = None) -> str | None:
    """Return the note of the newest checkpoint, of at most `before` entries; None without one."""
    row = connection.execute(
        "SELECT note FROM checkpoints WHERE size <= ? ORDER BY size DESC LIMIT 1",
        ((1 << 62) if before is None else before,),
    ).fetchone()
    return None if row is None else str(row[0])


def add_cosignature(
    connection: Connection, *, size: int, line: str, witnesses: note.Keys
) -> datetime:
    """Verify a witness's signature line and keep it with the checkpoint, in place of an older one.

    Parameters
    ----------
    connection : Connection
        In a writing transaction.
    size : int
        Of a checkpoint that was made here.
    line : str
        As the witness gave it.
    witnesses : mapping of str to Ed25519PublicKey
        Those that are known.

    Returns
    -------
    datetime
        When it was cosigned.

    Raises
    ------
    WardnetError
        `CHECKPOINT_MALFORMED` for something else than a signature line; `COSIGNATURE_INVALID` when
        no known witness made it for this checkpoint.
    """
    signature = note.parse_line(line.removesuffix("\n"))
    key, kept = witnesses.get(signature.name), _kept(connection, size)
    if key is None or kept is None:
        rule = "no such witness is known, or no such checkpoint was made"
        raise WardnetError(Reason.COSIGNATURE_INVALID, identity=signature.name, rule=rule)
    signed = note.parse(kept)
    alone = SignedNote(signed.text, (signature,))
    at = note.verify_cosignature(alone, name=signature.name, key=key)
    if at is None:
        rule = "another key made it"
        raise WardnetError(Reason.COSIGNATURE_INVALID, identity=signature.name, rule=rule)
    others = tuple(
        other
        for other in signed.signatures
        if (other.name, other.key_id) != (signature.name, signature.key_id)
    )
    connection.execute(
        "UPDATE checkpoints SET note = ? WHERE size = ?",
        (str(SignedNote(signed.text, (*others, signature))), size),
    )
    return at


def verify(connection: Connection, *, key: Ed25519PublicKey) -> Head:
    """Compute the whole log anew from its bytes and hold it against every checkpoint made of it.

    Raises
    ------
    WardnetError
        `LOG_DAMAGED`, naming the first entry that does not hold; `CHECKPOINT_UNSIGNED` or
        `CHECKPOINT_MALFORMED` when a kept checkpoint was changed.
    """
    return log.verify(connection, _heads(connection, key))


def unfit(connection: Connection) -> list[int]:
    """Return the sizes of the checkpoints that the log, by its stored hashes, does not continue."""
    rows = connection.execute("SELECT size, note FROM checkpoints").fetchall()
    return [
        size
        for size, text in rows
        if log.head_at(connection, size) != parse(note.parse(text).text).head
    ]


def _heads(connection: Connection, key: Ed25519PublicKey) -> Iterator[Head]:
    for (text,) in connection.execute("SELECT note FROM checkpoints ORDER BY size"):
        origin = parse(note.parse(text).text).origin
        yield read(text, origin=origin, key=key).head


def _kept(connection: Connection, size: int) -> str | None:
    row = connection.execute("SELECT note FROM checkpoints WHERE size = ?", (size,)).fetchone()
    return None if row is None else str(row[0])


def _malformed(*, rule: str) -> WardnetError:
    return WardnetError(Reason.CHECKPOINT_MALFORMED, rule=rule)
