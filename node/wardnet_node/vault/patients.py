"""The patient index: every patient of a dataset has one number, over all its snapshots.

Ids become keyed pseudonyms of 128 bits before anything else sees them. The pseudonyms lie, in the
order of their numbers, in segments of their own; a load adds one for the patients that are new.
"""

import hmac
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from numpy.typing import NDArray

from wardnet_node.vault import segments as files
from wardnet_node.vault.snapshot import SegmentRef

Pseudonyms: TypeAlias = NDArray[np.uint64]
"""Shape (n, 2): two halves of 64 bits."""

_BLOCK: Final = 16
_HALVES: Final = ("pseudonym_1", "pseudonym_2")


def pseudonyms(ids: pa.Array, key: bytes) -> Pseudonyms:
    """Return the keyed pseudonym of every id.

    An id of at most 16 bytes, padded with spaces, is one block of AES-256, all in one call; a
    longer one takes HMAC-SHA256, cut to 128 bits, under another key.

    Parameters
    ----------
    ids : arrow array of string, shape (n,)
        None is null; without spaces around, so that padding keeps them apart.
    key : bytes
        32 bytes.

    Returns
    -------
    ndarray of uint64, shape (n, 2)
    """
    short = pc.less_equal(pc.binary_length(ids), _BLOCK)
    padded = pc.ascii_rpad(pc.if_else(short, ids, ""), width=_BLOCK, padding=" ")
    blocks = bytes(padded.buffers()[2] or b"")
    cipher = Cipher(algorithms.AES(_derive(key, "short")), modes.ECB())  # noqa: S305 - one block each, keyed
    sealed = cipher.encryptor().update(blocks[: len(ids) * _BLOCK])
    halves = np.frombuffer(sealed, dtype=np.uint64).reshape(-1, 2).copy()
    if not pc.all(short).as_py():
        long = np.flatnonzero(~short.to_numpy(zero_copy_only=False))
        tags = (
            hmac.digest(_derive(key, "long"), identifier.encode(), "sha256")[:_BLOCK]
            for identifier in pc.take(ids, pa.array(long)).to_pylist()
        )
        halves[long] = np.frombuffer(b"".join(tags), dtype=np.uint64).reshape(-1, 2)
    return halves


@dataclass(frozen=True, slots=True)
class StoredPatients:
    """Hold what reads the patients of a dataset.

    Parameters
    ----------
    dataset_id : str
        Of the dataset.
    key : bytes
        32 bytes: what the dataset's pseudonyms are made with.
    segments : tuple of SegmentRef
        The pseudonyms, in the order of the patients' numbers; none when every row is a patient.
    """

    dataset_id: str
    key: bytes = field(repr=False)
    segments: tuple[SegmentRef, ...]

    @property
    def count(self) -> int:
        """Return how many patients have a number."""
        return sum(segment.rows for segment in self.segments)

    def parts(self) -> Iterator[Pseudonyms]:
        """Read the pseudonyms, batch by batch."""
        for segment in self.segments:
            with files.opened(segment) as file:
                for batch in file.iter_batches(files.GROUP_ROWS, columns=list(_HALVES)):
                    yield np.column_stack([np.from_dlpack(half) for half in batch.columns])


def short_ids(pseudonyms: Pseudonyms, key: bytes) -> list[str | None]:
    """Turn pseudonyms back into ids; None for an id of more than 16 bytes, which has no way back.

    The pseudonym of a longer id decrypts to 16 random bytes: they pass for an id in fewer than one
    of a million cases, and are then nobody's.
    """
    cipher = Cipher(algorithms.AES(_derive(key, "short")), modes.ECB())  # noqa: S305 - one block each, keyed
    opened = cipher.decryptor().update(np.ascontiguousarray(pseudonyms).tobytes())
    return [_short_id(opened[at : at + _BLOCK]) for at in range(0, len(opened), _BLOCK)]


def _short_id(block: bytes) -> str | None:
    try:
        text = block.decode().rstrip(" ")
    except UnicodeDecodeError:
        return None
    return text if text and text.isprintable() and text == text.strip() else None


class PatientIndex:
    """Give patients their numbers, and count whom it has seen.

    Parameters
    ----------
    key : bytes
        32 bytes, of the dataset.
    known : ndarray of uint64, shape (n, 2)
        Pseudonyms of the patients 0 to n - 1.
    """

    def __init__(self, key: bytes, known: Pseudonyms) -> None:
        self._key = key
        self._known = known
        self._stored = len(known)
        self._seen = np.zeros(len(known), np.bool_)

    @classmethod
    def load(cls, key: bytes, stored: Iterable[SegmentRef]) -> "PatientIndex":
        """Read the index that earlier loads wrote."""
        parts = StoredPatients("", key, tuple(stored)).parts()
        return cls(key, np.concatenate([np.zeros((0, 2), np.uint64), *parts]))

    def numbers(self, ids: pa.Array) -> NDArray[np.uint32]:
        """Return each row's patient, numbering those that are new in order of appearance."""
        known = len(self._known)
        halves = np.concatenate([self._known, pseudonyms(ids, self._key)])
        numbers, first = _distinct(halves)
        self._known = halves[first]
        self._seen.resize(len(self._known), refcheck=False)
        new = numbers[known:].astype(np.uint32)
        self.see(new)
        return new

    def see(self, numbers: NDArray[np.uint32]) -> None:
        """Count the patients of rows that were numbered before."""
        self._seen[numbers] = True

    @property
    def seen(self) -> int:
        """Return how many distinct patients were seen."""
        return int(np.count_nonzero(self._seen))

    @property
    def added(self) -> Mapping[str, NDArray[Any]]:
        """Return the columns of a segment of the patients that are new; empty when none is."""
        new = self._known[self._stored :]
        return dict(zip(_HALVES, new.T.copy(), strict=True)) if len(new) else {}


def _distinct(halves: Pseudonyms) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pseudonyms' numbers, by appearance, and where each number first stands."""
    numbers = _encode(pa.array(halves[:, 0]))
    first = _first_places(numbers)
    if not np.array_equal(halves[first[numbers], 1], halves[:, 1]):
        # Two patients share 64 bits: once in five million loads of 2.5 million patients.
        numbers = _encode(pa.array([row.tobytes() for row in halves], type=pa.binary(_BLOCK)))
        first = _first_places(numbers)
    return numbers, first


def _encode(values: pa.Array) -> NDArray[np.int64]:
    numbers: NDArray[np.int64] = values.dictionary_encode().indices.to_numpy().astype(np.int64)
    return numbers


def _first_places(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where each number stands first; a number is new exactly where a running top rises."""
    return np.flatnonzero(np.diff(np.maximum.accumulate(numbers), prepend=-1))


def _derive(key: bytes, purpose: str) -> bytes:
    info = f"wardnet pseudonym v1 {purpose}".encode()
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(key)
