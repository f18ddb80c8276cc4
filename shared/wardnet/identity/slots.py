"""Slots: a keystore's root key, wrapped once per way to open it.

A passphrase is stretched with Argon2id; a recovery key has 256 random bits and needs no stretching.

References
----------
RFC 9106 (Argon2id), RFC 5869 (HKDF), NIST SP 800-38D (GCM).
"""

import base64
import hashlib
import secrets
import unicodedata
from typing import Annotated, Final, Literal, TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import Field, StringConstraints
from pydantic.dataclasses import dataclass

from wardnet.errors import Reason, WardnetError
from wardnet.question.dictionary import STRICT

KEY_BYTES: Final = 32

_NONCE_BYTES: Final = 12
_CHECKSUM_BYTES: Final = 3
_MINIMUM_CHARACTERS: Final = 12

Hex: TypeAlias = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{2})+$")]


@dataclass(frozen=True, config=STRICT)
class Cost:
    """Say what one guess at the passphrase costs; the bounds keep a changed file from hanging us.

    Parameters
    ----------
    memory : int
        KiB, at most 1 GiB.
    passes : int
        Over the memory.
    lanes : int
        Computed in parallel.
    """

    memory: Annotated[int, Field(ge=8, le=1 << 20)]
    passes: Annotated[int, Field(ge=1, le=64)]
    lanes: Annotated[int, Field(ge=1, le=16)]


@dataclass(frozen=True, config=STRICT)
class Slot:
    """Hold the wrapped root key.

    Parameters
    ----------
    kind : str
        What opens it.
    salt : str
        128 random bits, hexadecimal.
    cost : Cost or None
        Of a passphrase; None for a recovery key.
    wrapped : str
        Nonce and AES-256-GCM ciphertext of the root key, hexadecimal; the kind is bound to it.
    """

    kind: Literal["passphrase", "recovery"]
    salt: Hex
    cost: Cost | None
    wrapped: Hex


def passphrase_slot(root_key: bytes, passphrase: str, *, cost: Cost) -> Slot:
    """Wrap the root key under a passphrase.

    Raises
    ------
    WardnetError
        `PASSPHRASE_WEAK`.
    """
    if len(passphrase) < _MINIMUM_CHARACTERS:
        raise WardnetError(
            Reason.PASSPHRASE_WEAK, rule=f"it needs at least {_MINIMUM_CHARACTERS} characters"
        )
    salt = secrets.token_hex(16)
    wrapped = encrypt(_stretch(passphrase, salt, cost), root_key, context="slot passphrase")
    return Slot(kind="passphrase", salt=salt, cost=cost, wrapped=wrapped.hex())


def recovery_slot(root_key: bytes) -> tuple[Slot, str]:
    """Wrap the root key under a new recovery key, and return that key as text for a person."""
    key = secrets.token_bytes(KEY_BYTES)
    salt = secrets.token_hex(16)
    wrapped = encrypt(_recovery_wrapping(key, salt), root_key, context="slot recovery")
    return Slot(kind="recovery", salt=salt, cost=None, wrapped=wrapped.hex()), _print(key)


def open_with_passphrase(slot: Slot, passphrase: str) -> bytes | None:
    """Return the root key, or None when this slot does not open so."""
    if slot.kind != "passphrase" or slot.cost is None:
        return None
    return _unwrap(slot, _stretch(passphrase, slot.salt, slot.cost))


def open_with_recovery_key(slot: Slot, key: bytes) -> bytes | None:
    """Return the root key, or None when this slot does not open so."""
    return _unwrap(slot, _recovery_wrapping(key, slot.salt)) if slot.kind == "recovery" else None


def read_recovery_key(text: str) -> bytes | None:
    """Return the key that a person typed, or None when a character is missing or mistyped."""
    try:
        data = base64.b32decode("".join(text.split()).replace("-", "").upper())
    except ValueError:
        return None
    key, checksum = data[:KEY_BYTES], data[KEY_BYTES:]
    return key if len(key) == KEY_BYTES and checksum == _checksum(key) else None


def derive(key: bytes, info: str) -> bytes:
    """Return the 32-byte key of one purpose (HKDF-SHA256)."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info.encode()).derive(key)


def encrypt(key: bytes, data: bytes, *, context: str) -> bytes:
    """Return nonce and AES-256-GCM ciphertext; a key seals few messages, so nonces are random."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, data, context.encode())


def decrypt(key: bytes, sealed: bytes, *, context: str) -> bytes | None:
    """Return what `encrypt` sealed, or None when key, context or bytes are others."""
    nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, context.encode())
    except (InvalidTag, ValueError):
        return None


def _stretch(passphrase: str, salt: str, cost: Cost) -> bytes:
    """Return a passphrase's wrapping key; every keyboard gives the same one (NFC, RFC 8265)."""
    kdf = Argon2id(
        salt=bytes.fromhex(salt),
        length=KEY_BYTES,
        iterations=cost.passes,
        lanes=cost.lanes,
        memory_cost=cost.memory,
    )
    return kdf.derive(unicodedata.normalize("NFC", passphrase).encode())


def _recovery_wrapping(key: bytes, salt: str) -> bytes:
    return derive(key, f"wardnet keystore v1 recovery {salt}")


def _unwrap(slot: Slot, wrapping_key: bytes) -> bytes | None:
    return decrypt(wrapping_key, bytes.fromhex(slot.wrapped), context=f"slot {slot.kind}")


def _print(key: bytes) -> str:
    text = base64.b32encode(key + _checksum(key)).decode().lower()
    return "-".join(text[start : start + 7] for start in range(0, len(text), 7))


def _checksum(key: bytes) -> bytes:
    return hashlib.sha256(b"wardnet recovery key" + key).digest()[:_CHECKSUM_BYTES]
