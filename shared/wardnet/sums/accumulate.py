"""Exact accumulation: the same integers for any split of the rows, in any order, on any CPU.

*Grid columns* are counted value by value, and their power sums follow exactly from the counts.

*Real terms* are cut row by row into slices of 40 bits by adding and subtracting a large constant:
multiples of `2**-40`, then of `2**-80`, and so on. A sum of `BLOCK` slices fits the 53 bits of a
double, so numpy adds them without rounding in whatever order it likes. What is left of a row's term
below the last slice is rounded away, always in the same way.

References
----------
Rump, Ogita, Oishi (2008), Accurate floating-point summation part I, algorithm 3.2 (ExtractVector).
Demmel, Nguyen (2015), Parallel reproducible summation.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wardnet.sums.members import Index

MAXIMUM_ROWS: Final = 1 << 40
"""Most rows that one hospital may hold; limits of sums are declared with it."""

BLOCK: Final = 8192
"""Most slices that are added in one go: `8192 * 2**40 = 2**53`."""

_PIECE: Final = 8 * BLOCK
"""Rows worked on at a time, so that their terms stay in the processor's cache."""

SLICE: Final = 40
"""Bits in a slice of a real term; sums of k slices are integers in units of `2**-(40 * k)`."""

_POWER_BITS: Final = 16
_COUNT_BITS: Final = 20


def power_sums(counts: NDArray[np.int64], *, powers: int) -> NDArray[np.object_]:
    """Return the sums of the first powers of the codes, from how often each code occurs.

    Parameters
    ----------
    counts : ndarray of int64, shape (groups, cells)
        How often each code 0, 1 ... occurs; each below `2**40`; at most `2**20` cells.
    powers : int
        How many powers, from the first.

    Returns
    -------
    ndarray of int, shape (groups, powers)
        `sum(counts[g, c] * c**k for c)` for k = 1 ... powers, exact.

    Notes
    -----
    Counts are cut into digits of 20 bits and powers into digits of 16, so that every inner product
    stays below `2**20 * 2**20 * 2**16 = 2**56`.

    Examples
    --------
    >>> power_sums(np.array([[5, 0, 2, 1]]), powers=3).tolist()
    [[7, 17, 43]]
    """
    groups, cells = counts.shape
    codes = np.arange(cells, dtype=np.int64)
    digits = [np.ones(cells, np.int64)]
    sums = np.full((groups, powers), 0, np.object_)
    for power in range(powers):
        digits = _times(digits, codes)
        for shift in range(0, int(counts.max(initial=0)).bit_length(), _COUNT_BITS):
            some = counts >> shift & (1 << _COUNT_BITS) - 1
            for place, digit in enumerate(digits):
                weight = 1 << shift + _POWER_BITS * place
                sums[:, power] += (some @ digit).astype(np.object_) * weight
    return sums


def _times(digits: list[NDArray[np.int64]], codes: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Multiply numbers, given as digits of 16 bits from the lowest, by codes below `2**20`."""
    product: list[NDArray[np.int64]] = []
    carry = np.zeros_like(codes)
    for digit in digits:
        carry = digit * codes + carry
        product.append(carry & (1 << _POWER_BITS) - 1)
        carry = carry >> _POWER_BITS
    while carry.any():
        product.append(carry & (1 << _POWER_BITS) - 1)
        carry = carry >> _POWER_BITS
    return product


@dataclass(frozen=True, slots=True)
class Piece:
    """Hold the rows of one piece of a batch, sorted by group and cut into segments.

    Parameters
    ----------
    order : ndarray of intp, shape (rows,)
        Where the rows stand in the batch, group by group; rows in no group are left out.
    starts : ndarray of intp, shape (segments,)
        Where each segment, rows of one group, starts in `order`.
    lengths : ndarray of intp, shape (segments,)
        How many rows each segment has, at most `BLOCK`.
    group : ndarray of intp, shape (segments,)
        The group of each segment.
    groups : int
        Number of groups.
    """

    order: NDArray[np.intp]
    starts: NDArray[np.intp]
    lengths: NDArray[np.intp]
    group: NDArray[np.intp]
    groups: int

    def spread(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return each row's entry, shape (rows,), of `values`, shape (groups,)."""
        return np.repeat(values[self.group], self.lengths)

    def add_up(self, terms: NDArray[np.float64], *, slices: Sequence[int]) -> NDArray[np.int64]:
        """Add terms up exactly per group.

        Parameters
        ----------
        terms : ndarray of float64, shape (kinds, rows)
            Each at most 1 in magnitude, in the order of `order`. Used up.
        slices : sequence of int
            Into how many slices the terms of each kind are cut, ascending, at most 5.

        Returns
        -------
        ndarray of int64, shape (1 + most slices, groups, kinds)
            Limbs for `integers`; those of `2**23` pieces can be added before any of them wraps.
        """
        limbs = np.zeros((1 + slices[-1], self.groups, len(terms)), np.int64)
        rounded = np.empty_like(terms)
        for level in range(1, len(limbs)):
            kinds = bisect_left(slices, level)  # from this one on, all need the slice
            sigma = 1.5 * 2.0 ** (52 - SLICE * level)
            np.add(terms[kinds:], sigma, out=rounded[kinds:])
            np.subtract(rounded[kinds:], sigma, out=rounded[kinds:])
            sums = np.add.reduceat(rounded[kinds:], self.starts, axis=1) * 2.0 ** (SLICE * level)
            np.add.at(limbs[level, :, kinds:], self.group, sums.T.astype(np.int64))
            np.subtract(terms[kinds:], rounded[kinds:], out=terms[kinds:])
        for level in range(slices[-1], 0, -1):
            limbs[level - 1] += limbs[level] >> SLICE
            limbs[level] &= (1 << SLICE) - 1
        return limbs


def pieces(index: Index, *, groups: int) -> Iterator[Piece]:
    """Cut a batch into pieces.

    Parameters
    ----------
    index : ndarray of signed integers, shape (rows,)
        Each row's group, -1 for none.
    groups : int
        Number of groups, at least 1.
    """
    for first in range(0, index.size, _PIECE):
        some = index[first : first + _PIECE]
        order = np.argsort(some, kind="stable")
        ends = np.searchsorted(some[order], np.arange(groups + 1))
        order = order[ends[0] :]
        if order.size:
            cuts = np.union1d(ends - ends[0], np.arange(0, order.size, BLOCK))
            starts = cuts[:-1]
            group = some[order[starts]].astype(np.intp)
            yield Piece(order + first, starts, np.diff(cuts), group, groups)


def integers(limbs: NDArray[np.int64]) -> NDArray[np.object_]:
    """Return sums of real terms, shape (groups, kinds), as integers in units of the last limb."""
    whole = np.full(limbs.shape[1:], 0, np.object_)
    for limb in limbs:
        whole = whole * (1 << SLICE) + limb.astype(np.object_)
    return whole
