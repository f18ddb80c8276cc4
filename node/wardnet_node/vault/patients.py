"""The patient index: every patient of a dataset has one number, over all its snapshots.

Ids become keyed pseudonyms of 128 bits before anything else sees them. The pseudonyms lie, in the
order of their numbers, in segments of their own; a load adds one for the patients that are new.
A longer id than fits is shortened first, with a key that all datasets of the hospital share: so the
access log can name the patient by one tag, whatever dataset her rows leave from.
"""

import secrets
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

from wardnet.audit.tags import LONGEST, shortened, tag, tag_of_shortened
from wardnet_node.vault import segments as files
from wardnet_node.vault.snapshot import GROUP_ROWS, SegmentRef

Pseudonyms: TypeAlias = NDArray[np.uint64]
"""Shape (n, 2): two halves of 64 bits."""

_BLOCK: Final = LONGEST
_KEY_BYTES: Final = 32
_SORTED_AT_ONCE: Final = 1 << 17
"""Tags in order are found and stored ten times as fast; more would only take more memory."""
_HALVES: Final = ("pseudonym_1", "pseudonym_2")


def pseudonyms(ids: pa.Array, key: bytes) -> Pseudonyms:
    """Return the keyed pseudonym of every id.

    An id of at most 16 bytes, padded with spaces, is one block of AES-256, all in one call; of a
    longer one the block is its shortened form.

    Parameters
    ----------
    ids : arrow array of string, shape (n,)
        None is null; without spaces around, so that padding keeps them apart. Two spellings of one
        letter (Unicode Standard Annex 15, NFC) are one id.
    key : bytes
        The dataset's 32 bytes; then, where ids can be longer, the 32 bytes that shorten them.

    Returns
    -------
    ndarray of uint64, shape (n, 2)
    """
    if not pc.all(pc.string_is_ascii(ids)).as_py():
        ids = pc.utf8_normalize(ids, "NFC")
    short = pc.less_equal(pc.binary_length(ids), _BLOCK)
    padded = pc.ascii_rpad(pc.if_else(short, ids, ""), width=_BLOCK, padding=" ")
    blocks = bytearray(padded.buffers()[2] or b"")[: len(ids) * _BLOCK]
    if not pc.all(short).as_py():
        long = np.flatnonzero(~short.to_numpy(zero_copy_only=False))
        for place, identifier in zip(long, pc.take(ids, pa.array(long)).to_pylist(), strict=True):
            start = int(place) * _BLOCK
            blocks[start : start + _BLOCK] = _shortened(identifier, key)
    sealed = _cipher(key).encryptor().update(blocks)
    return np.frombuffer(sealed, dtype=np.uint64).reshape(-1, 2).copy()


def _shortened(identifier: str, key: bytes) -> bytes:
    if len(key) != 2 * _KEY_BYTES:
        message = "ids of more than 16 bytes need a key that shortens them"
        raise ValueError(message)
    return shortened(identifier.encode(), key[_KEY_BYTES:])


@dataclass(frozen=True, slots=True)
class StoredPatients:
    """Hold what reads the patients of a dataset.

    Parameters
    ----------
    dataset_id : str
        Of the dataset.
    key : bytes
        What the dataset's pseudonyms are made with.
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
                for batch in file.iter_batches(GROUP_ROWS, columns=list(_HALVES)):
                    yield np.column_stack([np.from_dlpack(half) for half in batch.columns])

    def tags(self, tag_key: bytes, *, among: NDArray[np.bool_] | None = None) -> Iterator[str]:
        """Yield the tags by which the access log names the patients; see `tags_of`.

        Parameters
        ----------
        among : ndarray of bool, shape (count,), or None
            Whose; None for all.
        """
        found = np.concatenate([np.zeros((0, 2), np.uint64), *self.parts()])
        yield from tags_of(found if among is None else found[among], self.key, tag_key=tag_key)


def short_ids(pseudonyms: Pseudonyms, key: bytes) -> list[str | None]:
    """Turn pseudonyms back into ids; None for an id of more than 16 bytes, which has no way back.

    The pseudonym of a longer id decrypts to 16 random bytes: they pass for an id in fewer than one
    of a million cases, and are then nobody's.
    """
    return [_short_id(block) for block in _blocks(pseudonyms, key)]


def tags_of(pseudonyms: Pseudonyms, key: bytes, *, tag_key: bytes) -> Iterator[str]:
    """Yield the tags by which the access log names patients, in an order that tells nothing.

    Parameters
    ----------
    tag_key : bytes
        As for `wardnet.audit.tags.tag`.
    """
    drawn = pseudonyms[np.lexsort(pseudonyms.T)]
    for start in range(0, len(drawn), _SORTED_AT_ONCE):
        blocks = _blocks(drawn[start : start + _SORTED_AT_ONCE], key)
        yield from sorted(_tag(block, tag_key) for block in blocks)


def _tag(block: bytes, tag_key: bytes) -> str:
    found = _short_id(block)
    return tag_of_shortened(tag_key, block) if found is None else tag(tag_key, found)


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
        Of the dataset.
    known : ndarray of uint64, shape (n, 2)
        Pseudonyms of the patients 0 to n - 1.

    Notes
    -----
    A patient takes 28 bytes, and the rows of a batch some more while they are numbered.
    """

    def __init__(self, key: bytes, known: Pseudonyms) -> None:
        self._key = key
        self._stored = len(known)
        self._seen = np.zeros(len(known), np.bool_)
        self._table = _Table.of(known, np.uint64(0))

    @classmethod
    def load(cls, key: bytes, stored: Iterable[SegmentRef]) -> "PatientIndex":
        """Read the index that earlier loads wrote."""
        parts = StoredPatients("", key, tuple(stored)).parts()
        return cls(key, np.concatenate([np.zeros((0, 2), np.uint64), *parts]))

    def numbers(self, ids: pa.Array) -> NDArray[np.uint32]:
        """Return each row's patient, numbering those that are new in order of appearance."""
        halves = pseudonyms(ids, self._key)
        numbers, table = self._table.extended(halves)
        while not np.array_equal(table.known[numbers], halves):
            # Two patients share 64 bits: once in five million loads of 2.5 million patients.
            mixed = _Table.of(self._table.known, np.uint64(secrets.randbits(64) | 1))
            numbers, table = mixed.extended(halves)
        self._table = table
        self._seen.resize(len(table.known), refcheck=False)
        self.see(numbers)
        return numbers

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
        new = self._table.known[self._stored :]
        return dict(zip(_HALVES, new.T.copy(), strict=True)) if len(new) else {}


@dataclass(frozen=True, slots=True)
class _Table:
    """Find patients by 64 bits of their pseudonyms: the first half, with some of the second.

    Parameters
    ----------
    known : ndarray of uint64, shape (n, 2)
        Pseudonyms, by number.
    factor : uint64
        How much of the second half is added to the first; 0 for none.
    keys : ndarray of uint64, shape (n,)
        The 64 bits of every pseudonym, sorted.
    numbers : ndarray of uint32, shape (n,)
        Whose they are.
    """

    known: Pseudonyms
    factor: np.uint64
    keys: NDArray[np.uint64]
    numbers: NDArray[np.uint32]

    @classmethod
    def of(cls, known: Pseudonyms, factor: np.uint64) -> "_Table":
        """Return the table of some patients."""
        keys = _mixed(known, factor)
        order = np.argsort(keys)
        return cls(known, factor, keys[order], order.astype(np.uint32))

    def extended(self, halves: Pseudonyms) -> tuple[NDArray[np.uint32], "_Table"]:
        """Return the numbers of pseudonyms, as far as 64 bits tell, and a table that has them."""
        keys, first, rows = np.unique(
            _mixed(halves, self.factor), return_index=True, return_inverse=True
        )
        # 1. Find those that are known.
        places = np.searchsorted(self.keys, keys)
        here = places < len(self.keys)
        here[here] = self.keys[places[here]] == keys[here]
        numbers = np.empty(len(keys), np.uint32)
        numbers[here] = self.numbers[places[here]]
        # 2. Number the others by where they stand first.
        new = ~here
        numbers[new] = len(self.known) + np.argsort(np.argsort(first[new]))
        known = np.concatenate([self.known, halves[np.sort(first[new])]])
        return numbers[rows], _Table(
            known,
            self.factor,
            np.insert(self.keys, places[new], keys[new]),
            np.insert(self.numbers, places[new], numbers[new]),
        )


def _mixed(halves: Pseudonyms, factor: np.uint64) -> NDArray[np.uint64]:
    mixed: NDArray[np.uint64] = halves[:, 0] + factor * halves[:, 1]
    return mixed


def _blocks(pseudonyms: Pseudonyms, key: bytes) -> Iterator[bytes]:
    opened = _cipher(key).decryptor().update(np.ascontiguousarray(pseudonyms).tobytes())
    return (opened[at : at + _BLOCK] for at in range(0, len(opened), _BLOCK))


def _cipher(key: bytes) -> Cipher[modes.ECB]:
    info = b"wardnet pseudonym v1 short"
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(key[:_KEY_BYTES])
    return Cipher(algorithms.AES(derived), modes.ECB())  # noqa: S305 - one block each, keyed
