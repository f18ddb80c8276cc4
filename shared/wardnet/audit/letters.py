"""Letters: what a log and its witnesses say to each other, each signed by its sender.

A request holds the body of `add-checkpoint` (`witness`); the reply a cosignature, or why not and
which checkpoint the witness holds. That one the log itself has signed: whoever shows a log what it
has forgotten needs not be believed. Whoever carries the letters can lose them, nothing else.
"""

from typing import Annotated, Final, Literal, TypeAlias, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import StringConstraints, TypeAdapter
from pydantic.dataclasses import dataclass

from wardnet import canonical
from wardnet.audit.recovery import Recovery
from wardnet.identity.certificates import read_certificate
from wardnet.identity.envelope import Envelope
from wardnet.question.dictionary import STRICT
from wardnet.question.query import Digest

REQUEST: Final = "application/vnd.wardnet.witness-request.v1+json"
REPLY: Final = "application/vnd.wardnet.witness-reply.v1+json"

MAXIMUM_BYTES: Final = 1 << 17

_Text: TypeAlias = Annotated[str, StringConstraints(max_length=1 << 16)]
_Number: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Request:
    """Ask a witness to cosign a checkpoint.

    Parameters
    ----------
    version : int
        Of this layout; 1.
    witness : str
        URI of whom it is for.
    number : str
        128 random bits, hexadecimal; the reply names them.
    submission : str
        The body of `add-checkpoint`.
    recovery : Recovery or None
        By which entry the log began anew, where it did.
    """

    version: Literal[1] = 1
    witness: str
    number: _Number
    submission: _Text
    recovery: Recovery | None = None


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Reply:
    """Say what a witness did.

    Parameters
    ----------
    version : int
        Of this layout; 1.
    request : str
        SHA-256 of the request's payload.
    cosignature : str
        Signature line; empty for a refusal.
    refusal : str
        A reason of the error catalogue; empty for a cosignature.
    held : str
        Of a refusal: the newest checkpoint of this log that the witness has cosigned, as the log
        signed it; empty when there is none.
    """

    version: Literal[1] = 1
    request: Digest
    cosignature: Annotated[str, StringConstraints(max_length=1024)] = ""
    refusal: Annotated[str, StringConstraints(max_length=64)] = ""
    held: _Text = ""


_REQUEST: Final = TypeAdapter(Request)
_REPLY: Final = TypeAdapter(Reply)


def request_to_bytes(request: Request) -> bytes:
    """Return the canonical bytes that are signed."""
    return canonical.write(_REQUEST, request)


def request_from_bytes(data: bytes) -> Request:
    """Read canonical bytes whose signature was verified before.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    return canonical.read(_REQUEST, data)


def reply_to_bytes(reply: Reply) -> bytes:
    """Return the canonical bytes that are signed."""
    return canonical.write(_REPLY, reply)


def reply_from_bytes(data: bytes) -> Reply:
    """Read canonical bytes whose signature was verified before.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    return canonical.read(_REPLY, data)


def key_of(envelope: Envelope) -> Ed25519PublicKey:
    """Return the key of a verified letter's only signer."""
    certificate = read_certificate(envelope.signatures[0].certificates[0])
    return cast("Ed25519PublicKey", certificate.public_key())
