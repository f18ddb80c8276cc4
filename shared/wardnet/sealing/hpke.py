"""Seal bytes to one public key, bound to what they are for; only its holder opens them.

Answers and auditors' questions are sealed with X25519. Letters and parcels hold records, which
somebody may keep for the day when X25519 falls: they are sealed with ML-KEM-768 and X25519
together, and stay closed as long as either holds. Sealing does not say who sealed: a signature
inside does.

References
----------
RFC 9180, Hybrid Public Key Encryption: base mode, HKDF-SHA256, AES-256-GCM; the KEM is
DHKEM(X25519, HKDF-SHA256), or MLKEM768-X25519 (0x647a, registered as X-Wing) of draft-ietf-hpke-pq
and draft-connolly-cfrg-xwing-kem. FIPS 203, ML-KEM.
"""

from dataclasses import dataclass, field
from typing import Annotated, Final, Self, TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)
from pydantic import StringConstraints

from wardnet.errors import Reason, WardnetError

HybridPublicKey: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{2432}$")]
"""A hybrid public key as statements name it: ML-KEM-768 (1184 bytes), X25519 (32), hexadecimal."""

_SUITE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_HYBRID: Final = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_MLKEM_PUBLIC: Final = 1184
_MLKEM_SEED: Final = 64


@dataclass(frozen=True, slots=True)
class HybridKey:
    """Hold the private key that letters or parcels are opened with.

    Parameters
    ----------
    mlkem : MLKEM768PrivateKey
        Holds against a quantum computer.
    x25519 : X25519PrivateKey
        Holds against what may be found in ML-KEM.
    """

    mlkem: MLKEM768PrivateKey = field(repr=False)
    x25519: X25519PrivateKey = field(repr=False)

    @classmethod
    def generate(cls) -> Self:
        """Return a fresh key."""
        return cls(MLKEM768PrivateKey.generate(), X25519PrivateKey.generate())

    @classmethod
    def from_bytes(cls, secret: bytes) -> Self:
        """Read what `to_bytes` has written.

        Raises
        ------
        WardnetError
            `MALFORMED`.
        """
        try:
            return cls(
                MLKEM768PrivateKey.from_seed_bytes(secret[:_MLKEM_SEED]),
                X25519PrivateKey.from_private_bytes(secret[_MLKEM_SEED:]),
            )
        except ValueError as error:
            raise _malformed(field="key", rule="it is not a hybrid private key") from error

    def to_bytes(self) -> bytes:
        """Return the 96 secret bytes, to be kept wrapped."""
        return self.mlkem.private_bytes_raw() + self.x25519.private_bytes_raw()


def public_key(key: X25519PrivateKey | HybridKey) -> str:
    """Return the public key as statements name it: 64 or 2432 hexadecimal characters."""
    if isinstance(key, X25519PrivateKey):
        return key.public_key().public_bytes_raw().hex()
    return key.mlkem.public_key().public_bytes_raw().hex() + public_key(key.x25519)


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
        raise _malformed(field="recipient", rule="it is not an X25519 public key") from error


def seal_hybrid(data: bytes, recipient: str, *, info: str) -> bytes:
    """Return `data` as only the holder of a hybrid private key can read it; 1136 bytes longer.

    Parameters
    ----------
    recipient : str
        Hybrid public key, 2432 hexadecimal characters; no other key is taken for one.
    info : str
        What it is for; opening needs the same.

    Raises
    ------
    WardnetError
        `MALFORMED` when the recipient is no key that can be sealed to (FIPS 203, 7.2; RFC 7748,
        6.1).
    """
    try:
        raw = bytes.fromhex(recipient)
        key = MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(raw[:_MLKEM_PUBLIC]),
            X25519PublicKey.from_public_bytes(raw[_MLKEM_PUBLIC:]),
        )
        return _HYBRID.encrypt(data, key, info=info.encode())
    except ValueError as error:
        raise _malformed(field="recipient", rule="it is not a hybrid public key") from error


def open_sealed(
    data: bytes, private_key: X25519PrivateKey | HybridKey, *, info: str, rule: str
) -> bytes:
    """Return what was sealed to a key.

    Parameters
    ----------
    private_key : X25519PrivateKey or HybridKey
        Which of the two is the recipient's choice, never the sender's.
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
        if isinstance(private_key, X25519PrivateKey):
            return _SUITE.decrypt(data, private_key, info=info.encode())
        key = MLKEM768X25519PrivateKey(private_key.mlkem, private_key.x25519)
        return _HYBRID.decrypt(data, key, info=info.encode())
    except (InvalidTag, ValueError) as error:
        raise WardnetError(Reason.SIGNATURE_INVALID, rule=rule) from error


def _malformed(*, field: str, rule: str) -> WardnetError:
    return WardnetError(Reason.MALFORMED, field=field, rule=rule)
