"""Letters: how two hospitals talk about shares through a coordinator that must not read along.

A node asks another for its letter key once (`KeyRequest`, `LetterKey`), seals statements to it, and
sends each until it is acknowledged. Every letter is signed by its sender's node. The coordinator
sees who writes to whom, when, and roughly how much.
"""

from typing import Annotated, Final

from pydantic import StringConstraints, TypeAdapter
from pydantic.dataclasses import dataclass

from wardnet import canonical
from wardnet.errors import Reason, WardnetError
from wardnet.question.dictionary import STRICT
from wardnet.question.fields import Layout
from wardnet.question.query import Digest, Nonce
from wardnet.sealing.hpke import HybridKey, HybridPublicKey, open_sealed, seal_hybrid

KEY_REQUEST: Final = "application/vnd.wardnet.share-key-request.v1+json"
KEY: Final = "application/vnd.wardnet.share-key.v1+json"
LETTER: Final = "application/vnd.wardnet.share-letter.v1"
ACKNOWLEDGEMENT: Final = "application/vnd.wardnet.share-acknowledgement.v1+json"

KINDS: Final = frozenset({KEY_REQUEST, KEY, LETTER, ACKNOWLEDGEMENT})
"""Payload types of all letters about shares."""

LONGEST_STATEMENT: Final = 112 << 10
"""Bytes of a signed statement; sealed and padded it stays below what is carried."""

_PAGE: Final = 4 << 10
"""Letters are padded to multiples of it: their length does not tell how many patients they name."""

_LENGTH_BYTES: Final = 4


@dataclass(frozen=True, config=STRICT, kw_only=True)
class KeyRequest:
    """Ask a node for the key that letters to it are sealed with.

    Parameters
    ----------
    version : int
        Of this layout; 1.
    to : str
        URI of whom it is for.
    number : str
        128 random bits, hexadecimal; the reply names them.
    """

    version: Layout = 1
    to: str
    number: Nonce


@dataclass(frozen=True, config=STRICT, kw_only=True)
class LetterKey:
    """Tell a node the key that letters are sealed with.

    Parameters
    ----------
    version : int
        Of this layout; 1.
    to : str
        URI of whom it is for.
    number : str
        As in the request.
    key : str
        Public key of the sender.
    """

    version: Layout = 1
    to: str
    number: Nonce
    key: HybridPublicKey


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Acknowledgement:
    """Say that a letter was taken, or why it could not be opened.

    What becomes of the statement inside is said in a letter of its own.

    Parameters
    ----------
    version : int
        Of this layout; 1.
    letter : str
        SHA-256 of the sealed letter, hexadecimal.
    refusal : str
        A reason of the error catalogue: the letter was not taken and may come again; else empty.
    """

    version: Layout = 1
    letter: Digest
    refusal: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{0,64}$")] = ""


def seal(statement: bytes, key: str, *, sender: str, to: str) -> bytes:
    """Return a statement as only one node can read it.

    Parameters
    ----------
    statement : bytes
        The signed envelope, at most `LONGEST_STATEMENT`.
    key : str
        Letter key of the node that it is for.
    sender, to : str
        URIs of both.
    """
    padding = -(_LENGTH_BYTES + len(statement)) % _PAGE
    padded = len(statement).to_bytes(_LENGTH_BYTES) + statement + bytes(padding)
    return seal_hybrid(padded, key, info=_info(sender, to))


def unseal(letter: bytes, key: HybridKey, *, sender: str, to: str) -> bytes:
    """Return the statement in a letter.

    Raises
    ------
    WardnetError
        `SIGNATURE_INVALID` when it was sealed to another key, or by or for somebody else;
        `MALFORMED`.
    """
    rule = "the letter was not sealed to our present key"
    padded = open_sealed(letter, key, info=_info(sender, to), rule=rule)
    length = int.from_bytes(padded[:_LENGTH_BYTES])
    statement, padding = padded[_LENGTH_BYTES:][:length], padded[_LENGTH_BYTES + length :]
    if len(statement) != length or any(padding):
        raise WardnetError(Reason.MALFORMED, field="letter", rule="its length does not fit")
    return statement


def _info(sender: str, to: str) -> str:
    return f"wardnet share letter v1|{sender}|{to}"


_KEY_REQUEST: Final = TypeAdapter(KeyRequest)
_KEY: Final = TypeAdapter(LetterKey)
_ACKNOWLEDGEMENT: Final = TypeAdapter(Acknowledgement)


def key_request_to_bytes(request: KeyRequest) -> bytes:
    """Return the canonical bytes that are signed."""
    return canonical.write(_KEY_REQUEST, request)


def key_request_from_bytes(data: bytes) -> KeyRequest:
    """Read canonical bytes whose signature was verified before.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    return canonical.read(_KEY_REQUEST, data)


def key_to_bytes(key: LetterKey) -> bytes:
    """Return the canonical bytes that are signed."""
    return canonical.write(_KEY, key)


def key_from_bytes(data: bytes) -> LetterKey:
    """Read canonical bytes whose signature was verified before.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    return canonical.read(_KEY, data)


def acknowledgement_to_bytes(acknowledgement: Acknowledgement) -> bytes:
    """Return the canonical bytes that are signed."""
    return canonical.write(_ACKNOWLEDGEMENT, acknowledgement)


def acknowledgement_from_bytes(data: bytes) -> Acknowledgement:
    """Read canonical bytes whose signature was verified before.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    return canonical.read(_ACKNOWLEDGEMENT, data)
