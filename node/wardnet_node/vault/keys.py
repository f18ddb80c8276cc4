"""The keyring: one key per dataset, wrapped, in a file of its own.

    root key (keystore) -> wrapping key -> dataset key (here) -> key of each file (catalog)

The keyring lies outside the catalog on purpose: whoever destroys a dataset's key here makes its
files unreadable in every backup of the catalog and the segments that does not hold this file too.
"""

import dataclasses
import secrets
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import StringConstraints, TypeAdapter
from pydantic.dataclasses import dataclass

from wardnet import canonical
from wardnet.errors import Reason, WardnetError
from wardnet.identity.files import read_private, write_private
from wardnet.identity.keystore import Keystore
from wardnet.question.dictionary import STRICT

FILE_NAME: Final = "keyring.json"
KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12

Hex: TypeAlias = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{2})+$")]


@dataclass(frozen=True, config=STRICT)
class _Epoch:
    """Hold a dataset's present key, wrapped."""

    number: int
    wrapped: Hex


@dataclass(frozen=True, config=STRICT)
class _File:
    """Hold the keyring file; the ids of datasets are random, not their names."""

    version: Literal[1]
    datasets: dict[str, _Epoch]


_ADAPTER: Final = TypeAdapter(_File)


class Keyring:
    """Make, use and destroy the keys of datasets.

    Two processes must not change it at once: callers hold the catalog's write lock.

    Parameters
    ----------
    home : Path
        Of the node.
    keystore : Keystore
        Unlocked.
    """

    def __init__(self, home: Path, keystore: Keystore) -> None:
        self._path = home / FILE_NAME
        self._wrapping = keystore.derive("wrapping")

    def create(self, dataset: str) -> None:
        """Make the key of a new dataset, durable when the call returns.

        Parameters
        ----------
        dataset : str
            Its id, never used before.
        """
        wrapping = DatasetKey(self._path, self._wrapping)
        wrapped = wrapping.wrap(secrets.token_bytes(KEY_BYTES), _context(dataset, 1))
        self._write({**self._read(), dataset: _Epoch(1, wrapped.hex())})

    def destroy(self, dataset: str) -> None:
        """Destroy a dataset's key for good; nothing happens when it is gone already."""
        epochs = self._read()
        if epochs.pop(dataset, None):
            self._write(epochs)

    def key(self, dataset: str) -> "DatasetKey":
        """Return a dataset's key.

        Raises
        ------
        WardnetError
            `VAULT_DAMAGED`.
        """
        epoch = self._read().get(dataset)
        if epoch is None:
            raise _damaged(self._path, "a dataset's key is missing")
        wrapping = DatasetKey(self._path, self._wrapping)
        return DatasetKey(
            self._path,
            wrapping.unwrap(bytes.fromhex(epoch.wrapped), _context(dataset, epoch.number)),
        )

    def _read(self) -> dict[str, _Epoch]:
        try:
            return dict(canonical.read(_ADAPTER, read_private(self._path)).datasets)
        except FileNotFoundError:
            return {}
        except WardnetError as error:
            if error.reason is Reason.FILE_MODE:
                raise
            raise _damaged(self._path, "it is not a keyring") from error

    def _write(self, epochs: dict[str, _Epoch]) -> None:
        write_private(self._path, canonical.write(_ADAPTER, _File(1, epochs)))


@dataclasses.dataclass(frozen=True, slots=True)
class DatasetKey:
    """Wrap the keys of one dataset's files.

    Parameters
    ----------
    path : Path
        Of the keyring, for messages.
    key : bytes
        32 bytes.
    """

    path: Path
    key: bytes = dataclasses.field(repr=False)

    def wrap(self, key: bytes, context: str) -> bytes:
        """Return nonce and AES-256-GCM ciphertext of `key`, bound to `context`.

        A key wraps few others, so nonces are random.
        """
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + AESGCM(self.key).encrypt(nonce, key, context.encode())

    def unwrap(self, wrapped: bytes, context: str) -> bytes:
        """Return a key that was wrapped in the same context.

        Raises
        ------
        WardnetError
            `VAULT_DAMAGED`.
        """
        nonce, sealed = wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:]
        try:
            return AESGCM(self.key).decrypt(nonce, sealed, context.encode())
        except (InvalidTag, ValueError):
            raise _damaged(self.path, "a wrapped key was changed or moved") from None


def _damaged(path: Path, rule: str) -> WardnetError:
    return WardnetError(Reason.VAULT_DAMAGED, path=str(path), rule=rule)


def _context(dataset: str, epoch: int) -> str:
    return f"v1|dataset key|{dataset}|{epoch}"
