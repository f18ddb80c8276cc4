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
from typing import Final

import numpy as np
from numpy.typing import NDArray

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
    digits : tuple of ndarray of float64, shape (columns with that slice, rows)
        Whole numbers, at most `2**20` in magnitude.
    columns : tuple of ndarray of intp
        Which columns have a first slice (all), a second, a third.
    """

    digits: tuple[NDArray[np.float64], ...]
    columns: tuple[NDArray[np.intp], ...]


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
    digits: list[NDArray[np.float64]] = []
    rest = entries
    for level in range(1, 1 + len(columns)):
        rest = rest[needed[needed >= level - 1] >= level] if level > 1 else rest
        sigma = 1.5 * 2.0 ** (52 - DIGIT * level)
        rounded = (rest + sigma) - sigma
        digits.append(rounded * 2.0 ** (DIGIT * level))
        rest = rest - rounded
    return Sliced(tuple(digits), columns)


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
    for one, (rows, at) in enumerate(zip(left.digits, left.columns, strict=True), start=1):
        for two, (others, to) in enumerate(zip(right.digits, right.columns, strict=True), start=1):
            limbs[one + two][np.ix_(at, to)] += (rows @ others.T).astype(np.int64)
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
