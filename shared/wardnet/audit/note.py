"""Signed notes: a text, and under it one line per signature, of its author and of witnesses.

References
----------
https://c2sp.org/signed-note, https://c2sp.org/tlog-cosignature (Ed25519, "cosignature/v1"); RFC
8032.
"""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from wardnet.errors import Reason, WardnetError

Keys: TypeAlias = Mapping[str, Ed25519PublicKey]
"""Public keys by the name of who holds them."""

MAXIMUM_BYTES: Final = 1 << 16
MAXIMUM_SIGNATURES: Final = 256

_ED25519: Final = b"\x01"
_COSIGNATURE: Final = b"\x04"
_KEY_ID_BYTES: Final = 4
_TIME_BYTES: Final = 8
_MAXIMUM_TIME: Final = 253402300799  # the last second of the year 9999
_LINE: Final = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """Hold one signature line.

    Parameters
    ----------
    name : str
        Of the key: who signed.
    key_id : bytes
        4 bytes: which key and which kind of signature; a hint, never a proof.
    data : bytes
        The signature, of a cosignature after 8 bytes of time.
    """

    name: str
    key_id: bytes
    data: bytes

    @property
    def line(self) -> str:
        """Return it as it stands in the note, with its newline."""
        return f"— {self.name} {base64.b64encode(self.key_id + self.data).decode()}\n"


@dataclass(frozen=True, slots=True)
class SignedNote:
    """Hold a text and its signatures; nothing in it is known to be true before `verify`.

    Parameters
    ----------
    text : str
        Ends with a newline.
    signatures : tuple of NoteSignature
        In their order.
    """

    text: str
    signatures: tuple[NoteSignature, ...]

    def __str__(self) -> str:
        """Return the note as it is stored and sent."""
        return f"{self.text}\n{''.join(signature.line for signature in self.signatures)}"


def parse(note: str) -> SignedNote:
    """Read a note, in its one spelling.

    Raises
    ------
    WardnetError
        `CHECKPOINT_MALFORMED`.
    """
    if len(note) > MAXIMUM_BYTES:
        raise _malformed(rule="it is too long")
    if any(character < " " and character != "\n" for character in note):
        raise _malformed(rule="it holds a control character")
    text, separator, lines = note.rpartition("\n\n")
    if not separator or not lines.endswith("\n"):
        raise _malformed(rule="no signatures follow its text")
    signatures = tuple(parse_line(line) for line in lines[:-1].split("\n"))
    if len(signatures) > MAXIMUM_SIGNATURES:
        raise _malformed(rule="it has too many signatures")
    return SignedNote(f"{text}\n", signatures)


def parse_line(line: str) -> NoteSignature:
    """Read one signature line, without its newline.

    Raises
    ------
    WardnetError
        `CHECKPOINT_MALFORMED`.
    """
    match = _LINE.fullmatch(line)
    if match is None:
        raise _malformed(rule="a signature line is not one")
    data = read_base64(match[2])
    if len(data) <= _KEY_ID_BYTES:
        raise _malformed(rule="a signature is too short")
    return NoteSignature(match[1], data[:_KEY_ID_BYTES], data[_KEY_ID_BYTES:])


def read_base64(text: str) -> bytes:
    """Read base64 in its one spelling (RFC 4648, section 4).

    Raises
    ------
    WardnetError
        `CHECKPOINT_MALFORMED`.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise _malformed(rule="a hash or signature is not base64") from None
    if base64.b64encode(data).decode() != text:
        raise _malformed(rule="a hash or signature is not base64")
    return data


def sign(text: str, *, name: str, key: Ed25519PrivateKey) -> SignedNote:
    """Return the text as a note with one signature.

    Parameters
    ----------
    text : str
        Ends with a newline.
    name : str
        Of the key, without spaces and plus signs.
    """
    key_id = _key_id(name, key.public_key(), _ED25519)
    return SignedNote(text, (NoteSignature(name, key_id, key.sign(text.encode())),))


def verify(note: SignedNote, *, name: str, key: Ed25519PublicKey) -> None:
    """Check that the holder of `key` signed the note under `name`; other signatures do not count.

    Raises
    ------
    WardnetError
        `CHECKPOINT_UNSIGNED`.
    """
    mine = _of(note, name, _key_id(name, key, _ED25519))
    if not mine:
        raise _unsigned(name, "its key has not signed it")
    for signature in mine:
        try:
            key.verify(signature.data, note.text.encode())
        except InvalidSignature:
            raise _unsigned(name, "the signature does not belong to the text") from None


def alone(note: SignedNote, *, name: str, key: Ed25519PublicKey) -> SignedNote:
    """Return a note that `verify` has passed, with one signature of `key` and nobody else's."""
    return SignedNote(note.text, tuple(_of(note, name, _key_id(name, key, _ED25519))[:1]))


def cosign(text: str, *, name: str, key: Ed25519PrivateKey, at: datetime) -> NoteSignature:
    """Return a witness's timestamped signature of a checkpoint's text.

    Parameters
    ----------
    at : datetime
        When, aware; counted in whole seconds.
    """
    seconds = int(at.timestamp())
    key_id = _key_id(name, key.public_key(), _COSIGNATURE)
    signature = key.sign(_cosigned(text, seconds))
    return NoteSignature(name, key_id, seconds.to_bytes(_TIME_BYTES) + signature)


def verify_cosignature(note: SignedNote, *, name: str, key: Ed25519PublicKey) -> datetime | None:
    """Return when a witness last cosigned the note, or None when it has not.

    Raises
    ------
    WardnetError
        `COSIGNATURE_INVALID` when one says so and does not hold.
    """
    times = [
        _cosigned_at(note.text, signature, key)
        for signature in _of(note, name, _key_id(name, key, _COSIGNATURE))
    ]
    return max(times, default=None)


def cosignatures(note: SignedNote, witnesses: Keys) -> dict[str, datetime]:
    """Return when each of the witnesses that cosigned the note did so last.

    Raises
    ------
    WardnetError
        `COSIGNATURE_INVALID` when one does not hold.
    """
    times = {name: verify_cosignature(note, name=name, key=key) for name, key in witnesses.items()}
    return {name: at for name, at in times.items() if at is not None}


def fingerprint(key: Ed25519PublicKey) -> str:
    """Return what people compare: SHA-256 of SubjectPublicKeyInfo, hexadecimal."""
    info = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(info).hexdigest()


def _of(note: SignedNote, name: str, key_id: bytes) -> list[NoteSignature]:
    return [item for item in note.signatures if (item.name, item.key_id) == (name, key_id)]


def _cosigned_at(text: str, signature: NoteSignature, key: Ed25519PublicKey) -> datetime:
    seconds = int.from_bytes(signature.data[:_TIME_BYTES])
    if seconds > _MAXIMUM_TIME:
        raise _not_cosigned(signature.name, "its time is none")
    try:
        key.verify(signature.data[_TIME_BYTES:], _cosigned(text, seconds))
    except InvalidSignature:
        raise _not_cosigned(signature.name, "it is over something else") from None
    return datetime.fromtimestamp(seconds, UTC)


def _cosigned(text: str, seconds: int) -> bytes:
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def _key_id(name: str, key: Ed25519PublicKey, kind: bytes) -> bytes:
    """Return SHA-256(name || newline || kind || key), its first 4 bytes."""
    raw = key.public_bytes_raw()
    return hashlib.sha256(name.encode() + b"\n" + kind + raw).digest()[:_KEY_ID_BYTES]


def _malformed(*, rule: str) -> WardnetError:
    return WardnetError(Reason.CHECKPOINT_MALFORMED, rule=rule)


def _unsigned(name: str, rule: str) -> WardnetError:
    return WardnetError(Reason.CHECKPOINT_UNSIGNED, identity=name, rule=rule)


def _not_cosigned(name: str, rule: str) -> WardnetError:
    return WardnetError(Reason.COSIGNATURE_INVALID, identity=name, rule=rule)
