"""A hospital's answer, sealed to the researcher's key for one query: nobody between reads it.

Every query names a fresh public key. The hospital seals the bytes of its signed answer to it, bound
to the query and to itself, so that an answer moved to another query or another hospital's name does
not open; and so what it tells in the interim. Sealing does not say who sealed: the signature inside
does.
"""

from typing import Final, Literal, TypeAlias

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from wardnet.sealing import hpke
from wardnet.sealing.hpke import public_key as recipient_of

__all__ = ["INTERIM", "check_recipient", "open_sealed", "recipient_of", "seal"]

INTERIM: Final = "interim report"

Kind: TypeAlias = Literal["answer", "interim report"]
"""What is sealed; one kind does not open as another."""


def check_recipient(recipient: str) -> None:
    """Refuse a recipient that nothing can be sealed to.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    seal(b"", recipient, query="", hospital="")


def seal(data: bytes, recipient: str, *, query: str, hospital: str, kind: Kind = "answer") -> bytes:
    """Return `data` as only the holder of the recipient's private key can read it.

    Parameters
    ----------
    data : bytes
        The signed answer, or the signed report.
    recipient : str
        X25519 public key, 64 hexadecimal characters.
    query : str
        SHA-256 of the signed query, hexadecimal.
    hospital : str
        Whose answer it is.
    kind : str
        `answer`, or `interim report`.

    Raises
    ------
    WardnetError
        `MALFORMED` when the recipient is no key that can be sealed to (RFC 7748, 6.1).
    """
    return hpke.seal(data, recipient, info=_info(kind, query, hospital))


def open_sealed(
    data: bytes,
    private_key: X25519PrivateKey,
    *,
    query: str,
    hospital: str,
    kind: Kind = "answer",
) -> bytes:
    """Return what a hospital has sealed for a query.

    Parameters
    ----------
    data : bytes
        From `seal`, as it was delivered.
    private_key : X25519PrivateKey
        Whose public key the query names.
    query, hospital, kind : str
        As for `seal`.

    Raises
    ------
    WardnetError
        `SIGNATURE_INVALID` when it was changed, or sealed for another key, query or hospital.
    """
    rule = f"{hospital} did not seal this {kind} for this query"
    return hpke.open_sealed(data, private_key, info=_info(kind, query, hospital), rule=rule)


def _info(kind: Kind, query: str, hospital: str) -> str:
    return f"wardnet {kind} v1|{query}|{hospital}"
