"""A hospital's answer, sealed to the researcher's key for one query: nobody between reads it.

Every query names a fresh public key. The hospital seals the bytes of its signed answer to it, bound
to the query and to itself, so that an answer moved to another query or another hospital's name does
not open. Sealing does not say who sealed: the signature inside does.

References
----------
RFC 9180, Hybrid Public Key Encryption: base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
AES-256-GCM.
"""

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from wardnet.errors import Reason, WardnetError

_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def recipient_of(key: X25519PrivateKey) -> str:
    """Return the public key as a query names it: 64 hexadecimal characters."""
    return key.public_key().public_bytes_raw().hex()


def check_recipient(recipient: str) -> None:
    """Refuse a recipient that nothing can be sealed to.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    seal(b"", recipient, query="", hospital="")


def seal(data: bytes, recipient: str, *, query: str, hospital: str) -> bytes:
    """Return `data` as only the holder of the recipient's private key can read it.

    Parameters
    ----------
    data : bytes
        The signed answer.
    recipient : str
        X25519 public key, 64 hexadecimal characters.
    query : str
        SHA-256 of the signed query, hexadecimal.
    hospital : str
        Whose answer it is.

    Raises
    ------
    WardnetError
        `MALFORMED` when the recipient is no key that can be sealed to (RFC 7748, 6.1).
    """
    try:
        key = X25519PublicKey.from_public_bytes(bytes.fromhex(recipient))
        return _SUITE.encrypt(data, key, info=_info(query, hospital))
    except ValueError as error:
        raise WardnetError(
            Reason.MALFORMED, field="recipient", rule="it is not an X25519 public key"
        ) from error


def open_sealed(data: bytes, private_key: X25519PrivateKey, *, query: str, hospital: str) -> bytes:
    """Return what a hospital has sealed for a query.

    Parameters
    ----------
    data : bytes
        From `seal`, as it was delivered.
    private_key : X25519PrivateKey
        Whose public key the query names.
    query, hospital : str
        As for `seal`.

    Raises
    ------
    WardnetError
        `SIGNATURE_INVALID` when it was changed, or sealed for another key, query or hospital.
    """
    try:
        return _SUITE.decrypt(data, private_key, info=_info(query, hospital))
    except (InvalidTag, ValueError) as error:
        raise WardnetError(
            Reason.SIGNATURE_INVALID, rule=f"{hospital} did not seal this answer for this query"
        ) from error


def _info(query: str, hospital: str) -> bytes:
    return f"wardnet answer v1|{query}|{hospital}".encode()
