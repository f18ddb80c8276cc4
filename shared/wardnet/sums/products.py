"""Exact cross products of real columns: the same integers for any split of the rows, on any CPU.

Each entry of a column is cut into slices of 20 bits. A product of two slices is below `2**40`, so
`BLOCK` of them add up below `2**53`, and one matrix product of doubles is exact however the machine
orders or fuses its operations. What is left of an entry below its last slice is rounded away, row
by row and always in the same way.

References
----------
Ozaki, Ogita, Oishi, Rump (2012), Error-free transformations of matrix multiplication.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, starmap
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wardnet.errors import Reason, WardnetError
from wardnet.sums.accumulate import BLOCK

DIGIT: Final = 20
"""Bits in a slice."""

MOST_SLICES: Final = 3
"""Of an entry: 60 bits, more than a double has."""


@dataclass(frozen=True, slots=True)
class Sliced:
    """Hold columns cut into slices, all first slices before all second ones.

    Parameters
    ----------
    digits : ndarray of float64, shape (slices, rows)
        The s-th slice of an entry: a multiple of `2**(-20 s)`, by at most `2**20` in magnitude.
    columns : tuple of ndarray of intp
        Which columns have a first slice (all), a second, a third.
    """

    digits: NDArray[np.float64]
    columns: tuple[NDArray[np.intp], ...]

    @property
    def scales(self) -> NDArray[np.float64]:
        """Return what makes each slice whole, shape (slices,)."""
        levels = np.arange(1, 1 + len(self.columns))
        return np.ldexp(1.0, np.repeat(DIGIT * levels, [at.size for at in self.columns]))

    @property
    def places(self) -> list[slice]:
        """Return where the first slices stand among all, where the second, the third."""
        ends = np.cumsum([0, *(at.size for at in self.columns)]).tolist()
        return list(starmap(slice, pairwise(ends)))


def cut(entries: NDArray[np.float64], *, slices: Sequence[int]) -> Sliced:
    """Cut columns into slices.

    Parameters
    ----------
    entries : ndarray of float64, shape (columns, rows)
        Each at most 1 in magnitude; at most `BLOCK` rows.
    slices : sequence of int
        How many slices each column needs, 1 to `MOST_SLICES`.
    """
    needed = np.asarray(slices)
    columns = tuple(np.flatnonzero(needed >= level) for level in range(1, int(needed.max()) + 1))
    digits = np.empty((int(needed.sum()), entries.shape[1]))
    rest, first = entries, 0
    for level, at in enumerate(columns, start=1):
        sigma = 1.5 * 2.0 ** (52 - DIGIT * level)
        rounded = digits[first : first + at.size]
        np.add(rest, sigma, out=rounded)
        rounded -= sigma
        if level < len(columns):
            more = needed[at] > level
            rest = rest - rounded if more.all() else rest[more] - rounded[more]
        first += at.size
    return Sliced(digits, columns)


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
    limbs = no_products(left.columns[0].size, right.columns[0].size)
    exact = left.digits @ right.digits.T
    exact *= left.scales[:, np.newaxis] * right.scales
    counted = exact.astype(np.int64)
    for one, (rows, at) in enumerate(zip(left.places, left.columns, strict=True), start=1):
        for two, (others, to) in enumerate(zip(right.places, right.columns, strict=True), start=1):
            limbs[one + two][np.ix_(at, to)] += counted[rows, others]
    for level in range(2 * MOST_SLICES, 0, -1):
        limbs[level - 1] += limbs[level] >> DIGIT
        limbs[level] &= (1 << DIGIT) - 1
    return limbs


UNIT: Final = 2 * MOST_SLICES * DIGIT
"""Cross products are whole numbers of `2**-UNIT`."""


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
