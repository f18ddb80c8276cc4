"""Solve symmetric systems with a hundred digits, naming the columns that others make up.

Decimal numbers give the same digits on any machine. Their precision is far beyond what badly
conditioned cross products need, so that nothing but the data decides about the answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wardnet.errors import Reason, WardnetError

PRECISE: Final = Context(prec=100, Emin=-999_999, Emax=999_999)
"""What all decimal numbers of a method are computed in."""

TOLERANCE: Final = Decimal(2) ** -80
"""A column whose square, less what the columns before it explain, falls below this share of itself
is made up of them: they differ by less than a trillionth.
"""

_WEIGHTED: Final = Decimal(2) ** -40
"""The same share of a weighted square, of which each row's term was rounded."""

Matrix = NDArray[np.object_]
"""Of Decimal."""


@dataclass(frozen=True, slots=True)
class Solved:
    """Hold what a sweep tells of `A = X'X` and of right sides `B = X'Y`.

    Parameters
    ----------
    aliased : tuple of int
        Columns of X that columns before them make up; their entries below are 0.
    inverse : ndarray of Decimal, shape (columns, columns)
        The inverse of A over the other columns.
    solution : ndarray of Decimal, shape (columns, right sides)
        `inverse @ B`.
    rest : ndarray of Decimal, shape (right sides, right sides)
        `Y'Y - B' inverse B`.
    """

    aliased: tuple[int, ...]
    inverse: Matrix
    solution: Matrix
    rest: Matrix


def decimal(value: Fraction | int) -> Decimal:
    """Return a number, rounded to the precision."""
    value = Fraction(value)
    return PRECISE.divide(Decimal(value.numerator), Decimal(value.denominator))


def decimals(matrix: NDArray[Any]) -> Matrix:
    """Return an array of integers or fractions in decimals, same shape."""
    flat = [decimal(each) for each in matrix.ravel().tolist()]
    entries = np.empty(len(flat), np.object_)
    entries[:] = flat
    return entries.reshape(matrix.shape)


def quotients(above: NDArray[Any], below: NDArray[Any]) -> Matrix:
    """Return quotients of integers in decimals, same shape."""
    divided = [
        PRECISE.divide(Decimal(each), Decimal(other))
        for each, other in zip(above.ravel().tolist(), below.ravel().tolist(), strict=True)
    ]
    return np.array(divided, np.object_).reshape(above.shape)


def solve(
    joined: Matrix, *, columns: int, skip: Sequence[int] = (), weighted: bool = False
) -> Solved:
    """Solve `A z = B` for symmetric positive semidefinite A.

    Parameters
    ----------
    joined : ndarray of Decimal, shape (columns + right sides, columns + right sides)
        The cross products of X and Y side by side: `[[A, B], [B', Y'Y]]`.
    columns : int
        How many are of X.
    skip : sequence of int
        Columns of X that are known to be aliased, or are left out.
    weighted : bool
        Whether rows have weights: where these vanish, rounding is all that is left of a square, and
        one below 0 is taken for 0.

    Raises
    ------
    WardnetError
        `IMPLAUSIBLE_TOTAL` if exact squares hold a negative one: it is nobody's cross products.

    Notes
    -----
    Symmetric sweep of one column after the other, in order.

    References
    ----------
    Goodnight (1979), A tutorial on the SWEEP operator, The American Statistician 33(3).
    """
    with localcontext(PRECISE):
        work = joined.copy()
        tolerance = _WEIGHTED if weighted else TOLERANCE
        least = [tolerance * work[place, place] for place in range(columns)]
        aliased: list[int] = []
        for place in range(columns):
            pivot = work[place, place]
            lost = abs(pivot) <= abs(least[place]) or (weighted and pivot < 0)
            if place in skip or lost:
                aliased.append(place)
            elif pivot < 0:
                raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule="a square is below 0")
            else:
                _sweep(work, place)
        work[aliased, :] = work[:, aliased] = Decimal(0)
        inverse = -work[:columns, :columns]
        return Solved(tuple(aliased), inverse, work[:columns, columns:], work[columns:, columns:])


def _sweep(work: Matrix, place: int) -> None:
    """Turn a column from one that is explained to one that explains."""
    pivot = work[place, place]
    column = work[:, place].copy()
    share = column / pivot
    work -= np.outer(column, share)
    work[place, :] = work[:, place] = share
    work[place, place] = -1 / pivot
