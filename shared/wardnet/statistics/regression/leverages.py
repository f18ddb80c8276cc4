"""How much of its own prediction each row decides: the diagonal of `X A^-1 X' W`."""

from collections.abc import Sequence
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from wardnet.statistics.design import Design, predictor
from wardnet.statistics.solve import PRECISE, Matrix


def leverages(
    roots: Sequence[Sequence[float]], x: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the leverage of each row, shape (rows,); 0 without roots.

    Parameters
    ----------
    roots : sequence of sequences of float
        As `roots_of` returns them.
    x : ndarray of float64, shape (regressors, rows)
        The scaled columns.
    weights : ndarray of float64, shape (rows,)
        Of the rows in A.
    """
    found = np.zeros(x.shape[1])
    for root in roots:
        part = predictor(root, x)
        found += part * part
    return found * weights


def roots_of(
    columns: Design, information: Matrix, aliased: Sequence[int]
) -> tuple[tuple[float, ...], ...]:
    """Return coefficients of scaled columns: squares of what they predict add up to `x'A^-1 x`.

    Parameters
    ----------
    information : ndarray of Decimal, shape (regressors, regressors)
        A, in units.
    aliased : sequence of int
        Columns that are left out.

    Notes
    -----
    They are the rows of `L^-1`, where `L L' = A`: unit vectors made orthogonal with regard to A.
    """
    found: list[Matrix] = []
    with localcontext(PRECISE):
        for place in sorted(set(range(len(information))).difference(aliased)):
            row = np.full(len(information), Decimal(0), np.object_)
            row[place], square = Decimal(1), information[place, place]
            for other in found:
                share = other.dot(information[place])
                row, square = row - share * other, square - share * share
            found.append(row / square.sqrt())
    return tuple(scaled(columns, row) for row in found)


def scaled(columns: Design, coefficients: Matrix) -> tuple[float, ...]:
    """Return coefficients in units as those of the scaled columns."""
    return tuple(map(float, columns.to_scaled(list(map(Fraction, coefficients)))))
