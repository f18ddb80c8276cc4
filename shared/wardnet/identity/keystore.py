"""The keystore: one file that holds a member's secrets under a passphrase.

A random root key is wrapped once per *slot* (a passphrase, a recovery key), as in LUKS, so either
opens it and changing the passphrase touches nothing else. All other keys are derived from the root
key; small secrets such as private keys are sealed under one of them, in the same file.
"""

import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass as checked

from wardnet import canonical
from wardnet.errors import Reason, WardnetError
from wardnet.identity.files import read_private, write_private
from wardnet.identity.passphrase import read_passphrase
from wardnet.identity.slots import (
    KEY_BYTES,
    Cost,
    Hex,
    Slot,
    decrypt,
    derive,
    encrypt,
    open_with_passphrase,
    open_with_recovery_key,
    passphrase_slot,
    read_recovery_key,
    recovery_slot,
)
from wardnet.question.dictionary import STRICT

__all__ = ["COST", "FILE_NAME", "HOW_TO_BEGIN", "Cost", "Keystore", "read_passphrase"]

FILE_NAME: Final = "keystore.json"

HOW_TO_BEGIN: Final = "`wardnet login`, `wardnet-node init` or `wardnet-coordinator init`"
"""What makes a home, for the message that there is none."""

_RECOVERABLE: Final = (
    "Try again, or set a new one with the recovery key (`wardnet-node vault recover`)"
)
_NOT_RECOVERABLE: Final = "Try again; nothing else opens it"

COST: Final = Cost(memory=64 * 1024, passes=3, lanes=4)
"""Of new passphrase slots: the second recommended option of RFC 9106, section 4."""


@checked(frozen=True, config=STRICT)
class _Content:
    """Hold the file: public parts and ciphertexts."""

    version: Literal[1]
    slots: tuple[Slot, ...]
    secrets: dict[str, Hex]


@checked(frozen=True, config=STRICT)
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
        keystore = cls(path, secrets.token_bytes(KEY_BYTES))
        slot = passphrase_slot(keystore.root_key, passphrase, cost=COST)
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
        slots = _read(path).slots
        for slot in slots:
            root_key = open_with_passphrase(slot, passphrase)
            if root_key is not None:
                return cls(path, root_key)
        recoverable = any(slot.kind == "recovery" for slot in slots)
        rule = _RECOVERABLE if recoverable else _NOT_RECOVERABLE
        raise WardnetError(Reason.PASSPHRASE_WRONG, path=str(path), rule=rule)

    @classmethod
    def recover(cls, home: Path, recovery_key: str) -> "Keystore":
        """Open the keystore of `home` with a recovery key.

        Raises
        ------
        WardnetError
            `NOT_INITIALISED`, `FILE_MODE`, `STATE_DAMAGED` or `RECOVERY_KEY_WRONG`.
        """
        path = home / FILE_NAME
        slots = _read(path).slots
        key = read_recovery_key(recovery_key)
        if key is None:
            raise _wrong_key(path, rule="a character is missing or mistyped")
        for slot in slots:
            root_key = open_with_recovery_key(slot, key)
            if root_key is not None:
                return cls(path, root_key)
        raise _wrong_key(path, rule="it was made for another keystore")

    def derive(self, purpose: str) -> bytes:
        """Return the 32-byte key of one purpose (HKDF-SHA256 of the root key).

        Parameters
        ----------
        purpose : str
            `catalog`, `wrapping`, `identity`, `log`, `patient tags`, or `recipient` with a query's
            nonce; each gives an independent key.
        """
        return derive(self.root_key, f"wardnet keystore v1 {purpose}")

    def set_passphrase(self, passphrase: str) -> None:
        """Make `passphrase` the only passphrase.

        Raises
        ------
        WardnetError
            `PASSPHRASE_WEAK`.
        """
        slot = passphrase_slot(self.root_key, passphrase, cost=COST)
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
        slot, recovery_key = recovery_slot(self.root_key)
        content = _read(self.path)
        _write(self.path, replace(content, slots=(*content.slots, slot)))
        return recovery_key

    def seal(self, name: str, data: bytes) -> None:
        """Keep a small secret in the file under `name`, in place of an older one."""
        content = _read(self.path)
        sealed = encrypt(self.derive("identity"), data, context=f"secret {name}")
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
            raise WardnetError(Reason.NOT_INITIALISED, path=str(self.path), rule=HOW_TO_BEGIN)
        key = self.derive("identity")
        data = decrypt(key, bytes.fromhex(sealed), context=f"secret {name}")
        if data is None:
            raise _damaged(self.path, rule=f"the secret {name} was changed")
        return data


def _read(path: Path) -> _Content:
    # 1. Only a file that others cannot read is a keystore.
    try:
        data = read_private(path)
    except FileNotFoundError:
        raise WardnetError(
            Reason.NOT_INITIALISED, path=str(path.parent), rule=HOW_TO_BEGIN
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


def _wrong_key(path: Path, *, rule: str) -> WardnetError:
    return WardnetError(Reason.RECOVERY_KEY_WRONG, path=str(path), rule=rule)
