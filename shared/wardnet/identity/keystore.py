"""The keystore: one file that holds a member's secrets under a passphrase.

A random root key is wrapped once per *slot* (a passphrase, a recovery key), as in LUKS, so either
opens it and changing the passphrase touches nothing else. All other keys are derived from the root
key; small secrets such as private keys are sealed under one of them, in the same file.

References
----------
RFC 9106 (Argon2id), RFC 5869 (HKDF), NIST SP 800-38D (GCM).
"""

import base64
import hashlib
import secrets
import unicodedata
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import ConfigDict, Field, StringConstraints, TypeAdapter
from pydantic.dataclasses import dataclass as checked

from wardnet import canonical
from wardnet.errors import Reason, WardnetError
from wardnet.identity.files import read_private, write_private
from wardnet.identity.passphrase import read_passphrase

__all__ = ["COST", "FILE_NAME", "Cost", "Keystore", "read_passphrase"]

FILE_NAME: Final = "keystore.json"
MINIMUM_CHARACTERS: Final = 12

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_CHECKSUM_BYTES: Final = 3
_STRICT: Final = ConfigDict(extra="forbid", strict=True)

Hex: TypeAlias = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{2})+$")]


@checked(frozen=True, config=_STRICT)
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


COST: Final = Cost(memory=64 * 1024, passes=3, lanes=4)
"""Of new passphrase slots: the second recommended option of RFC 9106, section 4."""


@checked(frozen=True, config=_STRICT)
class Slot:
    """Wrap the root key once."""

    kind: Literal["passphrase", "recovery"]
    salt: Hex
    cost: Cost | None
    wrapped: Hex


@checked(frozen=True, config=_STRICT)
class _Content:
    """Hold the file: public parts and ciphertexts."""

    version: Literal[1]
    slots: tuple[Slot, ...]
    secrets: dict[str, Hex]


@checked(frozen=True, config=_STRICT)
class _File:
    """Hold the content and its SHA-256, so that a bad disk is not taken for a bad passphrase."""

    checksum: Hex
    content: _Content


_FILE: Final = TypeAdapter(_File)
_CONTENT: Final = TypeAdapter(_Content)


@dataclass(frozen=True, slots=True)
class Keystore:
    """Hold an open keystore; `create`, `unlock` and `recover` make one.

    Parameters
    ----------
    path : Path
        Of the file.
    root_key : bytes
        32 bytes; lives in memory only.
    """

    path: Path
    root_key: bytes = field(repr=False)

    @classmethod
    def create(cls, home: Path, passphrase: str) -> "Keystore":
        """Make `<home>/keystore.json` with a new root key.

        Raises
        ------
        WardnetError
            `PASSPHRASE_WEAK`, or `ALREADY_EXISTS`.
        """
        path = home / FILE_NAME
        if path.exists():
            raise WardnetError(Reason.ALREADY_EXISTS, path=str(path))
        keystore = cls(path, secrets.token_bytes(_KEY_BYTES))
        slot = _passphrase_slot(keystore.root_key, passphrase)
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(path, _Content(version=1, slots=(slot,), secrets={}))
        return keystore

    @classmethod
    def unlock(cls, home: Path, passphrase: str) -> "Keystore":
        """Open the keystore of `home` with its passphrase.

        Raises
        ------
        WardnetError
            `NOT_INITIALISED`, `FILE_MODE`, `STATE_DAMAGED` or `PASSPHRASE_WRONG`.
        """
        path = home / FILE_NAME
        for slot in _read(path).slots:
            if slot.kind == "passphrase":
                root_key = _unwrap(slot, _stretch(passphrase, slot.salt, slot.cost or COST))
                if root_key is not None:
                    return cls(path, root_key)
        raise WardnetError(Reason.PASSPHRASE_WRONG, path=str(path))

    @classmethod
    def recover(cls, home: Path, recovery_key: str) -> "Keystore":
        """Open the keystore of `home` with a recovery key.

        Raises
        ------
        WardnetError
            `NOT_INITIALISED`, `FILE_MODE`, `STATE_DAMAGED` or `RECOVERY_KEY_WRONG`.
        """
        path = home / FILE_NAME
        content = _read(path)
        key = _read_recovery_key(recovery_key, path)
        for slot in content.slots:
            if slot.kind == "recovery":
                root_key = _unwrap(slot, _stretch_recovery(key, slot.salt))
                if root_key is not None:
                    return cls(path, root_key)
        raise WardnetError(
            Reason.RECOVERY_KEY_WRONG, path=str(path), rule="it was made for another keystore"
        )

    def derive(self, purpose: str) -> bytes:
        """Return the 32-byte key of one purpose (HKDF-SHA256 of the root key).

        Parameters
        ----------
        purpose : str
            `catalog`, `wrapping`, `pseudonym` or `identity`; each gives an independent key.
        """
        return _derive(self.root_key, f"wardnet keystore v1 {purpose}")

    def set_passphrase(self, passphrase: str) -> None:
        """Make `passphrase` the only passphrase.

        Raises
        ------
        WardnetError
            `PASSPHRASE_WEAK`.
        """
        slot = _passphrase_slot(self.root_key, passphrase)
        content = _read(self.path)
        kept = tuple(other for other in content.slots if other.kind != "passphrase")
        _write(self.path, replace(content, slots=(slot, *kept)))

    def add_recovery_key(self) -> str:
        """Add a recovery slot and return its key, to be written down: it is kept nowhere.

        Returns
        -------
        str
            8 groups of 7 characters (256 random bits and a checksum).
        """
        key = secrets.token_bytes(_KEY_BYTES)
        content = _read(self.path)
        slots = (*content.slots, _recovery_slot(self.root_key, key))
        _write(self.path, replace(content, slots=slots))
        return _print_recovery_key(key)

    def seal(self, name: str, data: bytes) -> None:
        """Keep a small secret in the file under `name`, in place of an older one."""
        content = _read(self.path)
        sealed = _encrypt(self.derive("identity"), data, f"secret {name}".encode())
        _write(self.path, replace(content, secrets={**content.secrets, name: sealed.hex()}))

    def open(self, name: str) -> bytes:
        """Return the secret that was sealed under `name`.

        Raises
        ------
        WardnetError
            `NOT_INITIALISED` when there is none; `STATE_DAMAGED` when it was changed or swapped.
        """
        sealed = _read(self.path).secrets.get(name)
        if sealed is None:
            raise WardnetError(
                Reason.NOT_INITIALISED, path=str(self.path), rule="the command that enrols"
            )
        data = _decrypt(self.derive("identity"), bytes.fromhex(sealed), f"secret {name}".encode())
        if data is None:
            raise _damaged(self.path, rule=f"the secret {name} was changed")
        return data


def _passphrase_slot(root_key: bytes, passphrase: str) -> Slot:
    if len(passphrase) < MINIMUM_CHARACTERS:
        raise WardnetError(
            Reason.PASSPHRASE_WEAK, rule=f"it needs at least {MINIMUM_CHARACTERS} characters"
        )
    salt = secrets.token_hex(16)
    wrapped = _encrypt(_stretch(passphrase, salt, COST), root_key, b"slot passphrase")
    return Slot(kind="passphrase", salt=salt, cost=COST, wrapped=wrapped.hex())


def _recovery_slot(root_key: bytes, key: bytes) -> Slot:
    salt = secrets.token_hex(16)
    wrapped = _encrypt(_stretch_recovery(key, salt), root_key, b"slot recovery")
    return Slot(kind="recovery", salt=salt, cost=None, wrapped=wrapped.hex())


def _stretch(passphrase: str, salt: str, cost: Cost) -> bytes:
    """Return a passphrase's wrapping key; every keyboard gives the same one (NFC, RFC 8265)."""
    kdf = Argon2id(
        salt=bytes.fromhex(salt),
        length=_KEY_BYTES,
        iterations=cost.passes,
        lanes=cost.lanes,
        memory_cost=cost.memory,
    )
    return kdf.derive(unicodedata.normalize("NFC", passphrase).encode())


def _stretch_recovery(key: bytes, salt: str) -> bytes:
    """Return a recovery key's wrapping key; 256 random bits need no slow function."""
    return _derive(key, f"wardnet keystore v1 recovery {salt}")


def _unwrap(slot: Slot, wrapping_key: bytes) -> bytes | None:
    return _decrypt(wrapping_key, bytes.fromhex(slot.wrapped), f"slot {slot.kind}".encode())


def _derive(key: bytes, info: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=info.encode()).derive(key)


def _encrypt(key: bytes, data: bytes, context: bytes) -> bytes:
    """Return nonce and AES-256-GCM ciphertext; a key seals few messages, so nonces are random."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, data, context)


def _decrypt(key: bytes, sealed: bytes, context: bytes) -> bytes | None:
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], context)
    except (InvalidTag, ValueError):
        return None


def _print_recovery_key(key: bytes) -> str:
    text = base64.b32encode(key + _recovery_checksum(key)).decode().lower()
    return "-".join(text[start : start + 7] for start in range(0, len(text), 7))


def _read_recovery_key(text: str, path: Path) -> bytes:
    try:
        data = base64.b32decode("".join(text.split()).replace("-", "").upper())
    except ValueError:
        data = b""
    key, checksum = data[:_KEY_BYTES], data[_KEY_BYTES:]
    if len(key) != _KEY_BYTES or checksum != _recovery_checksum(key):
        raise WardnetError(
            Reason.RECOVERY_KEY_WRONG, path=str(path), rule="a character is missing or mistyped"
        )
    return key


def _recovery_checksum(key: bytes) -> bytes:
    return hashlib.sha256(b"wardnet recovery key" + key).digest()[:_CHECKSUM_BYTES]


def _read(path: Path) -> _Content:
    # 1. Only a file that others cannot read is a keystore.
    try:
        data = read_private(path)
    except FileNotFoundError:
        raise WardnetError(
            Reason.NOT_INITIALISED, path=str(path.parent), rule="the command that enrols"
        ) from None
    # 2. A damaged file is not a wrong passphrase.
    try:
        file = canonical.read(_FILE, data)
    except WardnetError as error:
        raise _damaged(path, rule="it is not a keystore") from error
    if canonical.digest(canonical.write(_CONTENT, file.content)) != file.checksum:
        raise _damaged(path, rule="its checksum does not match")
    return file.content


def _write(path: Path, content: _Content) -> None:
    checksum = canonical.digest(canonical.write(_CONTENT, content))
    write_private(path, canonical.write(_FILE, _File(checksum=checksum, content=content)))


def _damaged(path: Path, *, rule: str) -> WardnetError:
    return WardnetError(Reason.STATE_DAMAGED, path=str(path), rule=rule)
