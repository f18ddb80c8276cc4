"""Seal bytes to one public key, bound to what they are for; only its holder opens them.

Sealing does not say who sealed: a signature inside does.

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


def public_key(key: X25519PrivateKey) -> str:
    """Return the public key as statements name it: 64 hexadecimal characters."""
    return key.public_key().public_bytes_raw().hex()


def seal(data: bytes, recipient: str, *, info: str) -> bytes:
    """Return `data` as only the holder of the recipient's private key can read it.

    Parameters
    ----------
    recipient : str
        X25519 public key, 64 hexadecimal characters.
    info : str
        What it is for; opening needs the same.

    Raises
    ------
    WardnetError
        `MALFORMED` when the recipient is no key that can be sealed to (RFC 7748, 6.1).
    """
    try:
        key = X25519PublicKey.from_public_bytes(bytes.fromhex(recipient))
        return _SUITE.encrypt(data, key, info=info.encode())
    except ValueError as error:
        raise WardnetError(
            Reason.MALFORMED, field="recipient", rule="it is not an X25519 public key"
        ) from error


def open_sealed(data: bytes, private_key: X25519PrivateKey, *, info: str, rule: str) -> bytes:
    """Return what was sealed to a key.

    Parameters
    ----------
    info : str
        As for `seal`.
    rule : str
        What a person reads when it does not open.

    Raises
    ------
    WardnetError
        `SIGNATURE_INVALID` when it was changed, or sealed for another key or another purpose.
    """
    try:
        return _SUITE.decrypt(data, private_key, info=info.encode())
    except (InvalidTag, ValueError) as error:
        raise WardnetError(Reason.SIGNATURE_INVALID, rule=rule) from error
