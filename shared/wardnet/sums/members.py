"""Count distinct patients per cell, so that parts of one hospital can be joined in any order.

Where every row is a patient of its own, counting rows is enough. Otherwise a patient may stand in
several rows, batches and workers, so a part keeps the patients themselves until the hospital's sums
are made; they never leave it. In few cells a patient takes one bit each; in many cells her pairs
with them are kept instead, so that memory grows with the rows and not with cells times patients.
"""

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Index: TypeAlias = NDArray[np.signedinteger[Any]]
"""The cell of each row; -1 for a row in no cell."""

FEW_CELLS: Final = 16
"""Up to here, comparing with each cell in turn is faster than `bincount`."""


MANY_CELLS: Final = 64
"""Above this, bits for all cells take more than a pair per row."""

_CELL_BITS: Final = 32


@dataclass(frozen=True, slots=True)
class Members:
    """Hold who is in each cell, at one hospital.

    Parameters
    ----------
    counts : ndarray of int64, shape (cells,)
        Rows that are patients of their own.
    seen : ndarray of uint8, shape (cells, bytes)
        Who else: bit `p % 8` of byte `p // 8` is set for patient p. As wide as the largest needs.
    pairs : tuple of ndarray of uint64
        Who else, in many cells: `cell * 2**32 + p`, each once per array.
    """

    counts: NDArray[np.int64]
    seen: NDArray[np.uint8]
    pairs: tuple[NDArray[np.uint64], ...] = ()

    def __add__(self, other: "Members") -> "Members":
        """Return the union; a patient in both counts once."""
        narrow, wide = sorted((self.seen, other.seen), key=lambda seen: seen.shape[1])
        seen = wide.copy()
        seen[:, : narrow.shape[1]] |= narrow
        return Members(self.counts + other.counts, seen, self.pairs + other.pairs)

    def total(self) -> NDArray[np.int64]:
        """Return the number of patients per cell, shape (cells,)."""
        patients: NDArray[np.int64] = np.bitwise_count(self.seen).sum(axis=1, dtype=np.int64)
        if self.pairs:
            cells = np.unique(np.concatenate(self.pairs)) >> np.uint64(_CELL_BITS)
            patients += np.bincount(cells.astype(np.intp), minlength=patients.size)
        return self.counts + patients


def members(index: Index, *, cells: int, patient: NDArray[np.uint32] | None = None) -> Members:
    """Return the members of each cell.

    Parameters
    ----------
    index : ndarray of signed integers, shape (rows,)
        Each row's cell, -1 for none.
    cells : int
        Number of cells, at least 1.
    patient : ndarray of uint32, shape (rows,), or None
        Each row's patient, numbered densely; None when every row is a patient of its own.
    """
    if patient is None:
        return Members(count(index, cells=cells), np.zeros((cells, 0), np.uint8))
    inside = index >= 0
    at, who = index[inside].astype(np.int64), patient[inside]
    if cells > MANY_CELLS:
        pairs = np.unique(at.astype(np.uint64) << np.uint64(_CELL_BITS) | who)
        return Members(np.zeros(cells, np.int64), np.zeros((cells, 0), np.uint8), (pairs,))
    seen = np.zeros((cells, int(who.max(initial=0)) // 8 + 1), np.uint8)
    bits = np.left_shift(1, who & 7, dtype=np.uint8, casting="unsafe")
    np.bitwise_or.at(seen.reshape(-1), at * seen.shape[1] + (who >> 3), bits)
    return Members(np.zeros(cells, np.int64), seen)


def count(index: Index, *, cells: int) -> NDArray[np.int64]:
    """Return the number of rows per cell, shape (cells,); rows at -1 are in none.

    Examples
    --------
    >>> count(np.array([0, 2, -1, 2]), cells=3)
    array([1, 0, 2])
    """
    if cells <= FEW_CELLS:
        return np.array([np.count_nonzero(index == cell) for cell in range(cells)], np.int64)
    return np.bincount(index.astype(np.intp) + 1, minlength=cells + 1)[1:]


def where_not(hidden: NDArray[np.bool_], index: Index) -> Index:
    """Return the index with the hidden rows, shape (rows,), taken out of their cells.

    Examples
    --------
    >>> where_not(np.array([True, False]), np.array([3, 4]))
    array([-1,  4])
    """
    return index | -hidden.view(np.int8)  # -1 has all bits set; far faster than np.where
