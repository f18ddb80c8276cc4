"""What is secret in one grant: patients' pseudonyms, and by how many days their dates move.

Both are keyed by the grant, so two grants have nothing in common; made anew under the same grant
they are the same. Nobody without the hospital's own key can compute or undo them.
"""

import secrets
from dataclasses import dataclass, field
from typing import Any, Final, Self

import numpy as np
import pyarrow as pa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray

_KEY_BYTES: Final = 32
_BLOCK: Final = 16
_ALPHABET: Final = np.frombuffer(b"abcdefghijkmnpqrstuvwxyz23456789", np.uint8)
"""32 characters that people do not take for one another."""


@dataclass(frozen=True, slots=True)
class GrantSecret:
    """Hold the key of one grant.

    Parameters
    ----------
    key : bytes
        32 bytes.
    """

    key: bytes = field(repr=False)

    @classmethod
    def of(cls, dataset_key: bytes, grant: str) -> Self:
        """Derive the secret of a grant.

        Parameters
        ----------
        dataset_key : bytes
            That the dataset's patients have their pseudonyms under.
        grant : str
            Digest of the grant.
        """
        return cls(_derive(dataset_key, f"grant|{grant}"))

    @classmethod
    def throwaway(cls) -> Self:
        """Return a secret that nobody keeps, for a preview."""
        return cls(secrets.token_bytes(_KEY_BYTES))

    def pseudonyms(self, patients: NDArray[np.uint32]) -> pa.Array:
        """Return 16 characters (80 bits) for each patient.

        Five million patients share one with probability 1e-11.

        Parameters
        ----------
        patients : ndarray of uint32, shape (n,)
            Their numbers in the dataset.

        Returns
        -------
        arrow array of string, shape (n,)
        """
        text = _ALPHABET[self._blocks("pseudonym", patients) & np.uint8(31)]
        offsets = np.arange(0, text.size + 1, _BLOCK, dtype=np.int32)
        return pa.StringArray.from_buffers(
            len(patients), pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(text))
        )

    def shifts(self, patients: NDArray[np.uint32], days: int) -> NDArray[np.int64]:
        """Return each patient's shift, -`days` to `days`, drawn evenly (to 2**-50)."""
        drawn = self._blocks("shift", patients).view(np.uint64)[:, 0]
        return (drawn % np.uint64(2 * days + 1)).astype(np.int64) - days

    def numbers(self, places: NDArray[np.int64]) -> NDArray[np.uint64]:
        """Return a number of 64 bits for each row, to bring the rows into an order by."""
        return self._blocks("order", places).view(np.uint64)[:, 0]

    def _blocks(self, purpose: str, values: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
        """Return one block of AES-256 per value, shape (n, 16)."""
        plain = np.zeros((len(values), 2), np.uint64)
        plain[:, 0] = values
        cipher = Cipher(algorithms.AES(_derive(self.key, purpose)), modes.ECB())  # noqa: S305 - one block each, keyed
        sealed = cipher.encryptor().update(plain.tobytes())
        return np.frombuffer(sealed, np.uint8).reshape(-1, _BLOCK)


def _derive(key: bytes, purpose: str) -> bytes:
    info = f"wardnet share v1 {purpose}".encode()
    return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=info).derive(key)
