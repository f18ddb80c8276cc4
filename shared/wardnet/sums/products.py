"""Exact cross products of real columns: the same integers for any split of the rows, on any CPU.

Each entry of a column is cut into slices of so many bits that the products of two slices, added up
over the rows of a piece, stay below `2**53`: one matrix product of doubles is exact however the
machine orders or fuses its operations. What is left of an entry below its last slice is rounded
away, row by row and always in the same way.

References
----------
Ozaki, Ogita, Oishi, Rump (2012), Error-free transformations of matrix multiplication.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wardnet.errors import Reason, WardnetError
from wardnet.sums.accumulate import BLOCK

DIGIT: Final = 20
"""Bits in a slice, where nothing else is said."""

BOTH_DIGITS: Final = 44
"""Bits in two slices whose products over 512 rows are exact: the fewer in one, the more in the
other."""

MOST_SLICES: Final = 3
"""Of an entry: 60 bits, more than a double has."""

UNIT: Final = 2 * MOST_SLICES * DIGIT
"""Cross products are whole numbers of `2**-UNIT`."""

_EXACT_BITS: Final = 53
_PIECE: Final = 512
"""Rows of a matrix product: of few columns, BLAS takes short ones twice as fast."""

_FEW_PRODUCTS: Final = 1200
"""Up to so many entries a matrix counts as one of few columns."""

Columns: TypeAlias = slice | NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Sliced:
    """Hold columns cut into slices, all first slices before all second ones.

    Parameters
    ----------
    digits : ndarray of float64, shape (slices, rows)
        The s-th slice of an entry: a multiple of `2**(-digit s)`, by at most `2**digit`.
    slices : tuple of int
        How many each column has.
    digit : int
        Bits in a slice.
    """

    digits: NDArray[np.float64]
    slices: tuple[int, ...]
    digit: int


def enough(bits: int, *, digit: int = DIGIT) -> int:
    """Return how many slices hold an entry of so many bits, or nearly 60 of more."""
    return min(max(1, ceil(bits / digit)), MOST_SLICES * DIGIT // digit)


def cut(entries: NDArray[np.float64], *, slices: Sequence[int], digit: int = DIGIT) -> Sliced:
    """Cut columns into slices.

    Parameters
    ----------
    entries : ndarray of float64, shape (columns, rows)
        Each at most 1 in magnitude; at most `BLOCK` rows.
    slices : sequence of int
        How many slices each column needs, 1 to `MOST_SLICES`.
    digit : int
        Bits in a slice.
    """
    needed = tuple(slices)
    digits = np.empty((sum(needed), entries.shape[1]))
    rest, first = entries, 0
    for level, (count, further) in enumerate(_levels(needed), start=1):
        sigma = 1.5 * 2.0 ** (52 - digit * level)
        rounded = digits[first : first + count]
        np.add(rest, sigma, out=rounded)
        rounded -= sigma
        if further is not None:
            more = rest[further]
            rest = np.subtract(more, rounded[further], out=more if level > 1 else None)
        first += count
    return Sliced(digits, needed, digit)


@lru_cache
def _levels(slices: tuple[int, ...]) -> Sequence[tuple[int, Columns | None]]:
    """Return how many columns have a first slice, and which of them a second, and so on."""
    found: list[tuple[int, Columns | None]] = []
    left = np.array(slices)
    while left.size:
        more = np.flatnonzero(left > 1)
        run = bool(more.size) and more[-1] - more[0] == more.size - 1
        further = slice(more[0], more[-1] + 1) if run else more
        found.append((left.size, further if more.size else None))
        left = left[more] - 1
    return found


def no_products(left: int, right: int) -> NDArray[np.int64]:
    """Return the limbs of no rows, for so many columns on either side."""
    return np.zeros((1 + 2 * MOST_SLICES, left, right), np.int64)


def products(left: Sliced, right: Sliced) -> NDArray[np.int64]:
    """Return the cross products of two sets of columns over the same rows.

    Parameters
    ----------
    left, right : Sliced
        Of at most `BLOCK` rows.

    Returns
    -------
    ndarray of int64, shape (1 + 2 * MOST_SLICES, left columns, right columns)
        Limbs for `whole`; those of `2**23` blocks can be added before any of them wraps.
    """
    limbs = no_products(len(left.slices), len(right.slices))
    where = _where(left.slices, left.digit, right.slices, right.digit)
    counted = _counted(left, right, where.scales)
    low = (counted & _LOW) << where.shifts
    high = counted >> _LOW_BITS << where.shifts + (_LOW_BITS - DIGIT)
    np.add.at(limbs.reshape(-1), where.limbs, low)
    np.add.at(limbs.reshape(-1), where.limbs - limbs[0].size, high)
    for level in range(2 * MOST_SLICES, 0, -1):
        limbs[level - 1] += limbs[level] >> DIGIT
        limbs[level] &= (1 << DIGIT) - 1
    return limbs


_LOW_BITS: Final = 30
_LOW: Final = (1 << _LOW_BITS) - 1


@dataclass(frozen=True, slots=True)
class _Where:
    """Hold where the products of slices go, each array of shape (left slices, right slices).

    Parameters
    ----------
    scales : ndarray of float64
        What makes a product whole.
    limbs, shifts : ndarray of int64
        In which limb, counted over all columns, its lowest bit stands, and how far from the end.
    """

    scales: NDArray[np.float64]
    limbs: NDArray[np.int64]
    shifts: NDArray[np.int64]


@lru_cache
def _where(
    left: tuple[int, ...], left_digit: int, right: tuple[int, ...], right_digit: int
) -> _Where:
    at, level = _order(left)
    to, other = _order(right)
    bits = left_digit * level[:, np.newaxis] + right_digit * other
    above, shifts = divmod(UNIT - bits, DIGIT)
    places = at[:, np.newaxis] * len(right) + to
    limbs = (2 * MOST_SLICES - above) * (len(left) * len(right)) + places
    return _Where(np.ldexp(1.0, bits), limbs, shifts)


def _order(slices: tuple[int, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return of which column each slice is, and which of its slices."""
    levels = range(1, 1 + max(slices))
    columns = [np.flatnonzero(np.array(slices) >= level) for level in levels]
    return np.concatenate(columns), np.repeat(levels, [at.size for at in columns])


def _counted(left: Sliced, right: Sliced, scales: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the products of all slices as whole numbers, shape (left slices, right slices)."""
    both = (left.digits, right.digits)
    rows = both[0].shape[1]
    most = 1 << _EXACT_BITS - left.digit - right.digit
    piece = min(most, _PIECE) if scales.size <= _FEW_PRODUCTS else most
    pieces, rest = divmod(rows, piece)
    end = rows - rest
    exact = left.digits[:, end:] @ right.digits[:, end:].T
    counted: NDArray[np.int64] = (exact * scales).astype(np.int64)
    if pieces:
        one, two = (digits[:, :end].reshape(len(digits), pieces, piece) for digits in both)
        exact = np.matmul(one.transpose(1, 0, 2), two.transpose(1, 2, 0))
        exact *= scales
        counted += exact.astype(np.int64).sum(axis=0)
    return counted


def whole(limbs: NDArray[np.int64]) -> NDArray[np.object_]:
    """Return cross products, shape (left, right), as integers in units of `2**-UNIT`.

    Examples
    --------
    >>> column = cut(np.array([[0.5, 0.25]]), slices=[1])
    >>> whole(products(column, column)).item() / 2**UNIT
    0.3125
    """
    total = np.full(limbs.shape[1:], 0, np.object_)
    for limb in limbs:
        total = total * (1 << DIGIT) + limb.astype(np.object_)
    return total


__all__ = ["BLOCK", "MOST_SLICES", "UNIT", "Sliced", "cut", "no_products", "products", "whole"]


def rows_of(total: NDArray[Any]) -> int:
    """Return of how many rows total cross products of 1 and scaled columns are.

    Parameters
    ----------
    total : ndarray of int, shape (1 + columns, 1 + columns)
        In units of `2**-UNIT`.

    Raises
    ------
    WardnetError
        `IMPLAUSIBLE_TOTAL` when so many rows cannot give them.
    """
    rows = int(total[0, 0]) >> UNIT
    if int(total[0, 0]) != rows << UNIT or np.any(np.abs(total) > rows << UNIT):
        raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule="a product is larger than its rows allow")
    if np.any(total != total.T):
        raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule="products differ with their order")
    return rows
