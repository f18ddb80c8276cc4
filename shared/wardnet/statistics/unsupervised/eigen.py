"""Eigenvalues and eigenvectors of symmetric matrices, with the same digits on any machine."""

from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from typing import Final

import numpy as np

from wardnet.errors import Reason, WardnetError
from wardnet.statistics.solve import Matrix

_CONTEXT: Final = Context(prec=50, Emin=-999_999, Emax=999_999)
_SMALL: Final = Decimal(10) ** -40
"""Share of the matrix below which an entry is rounding."""

_EQUAL: Final = 1 - Decimal(10) ** -20
_MOST_SWEEPS: Final = 60


@dataclass(frozen=True, slots=True)
class Eigen:
    """Hold a symmetric matrix, taken apart.

    Parameters
    ----------
    values : ndarray of Decimal, shape (size,)
        From the largest; none below 0.
    vectors : ndarray of Decimal, shape (size, size)
        One per row, of length 1; of the entries of largest magnitude the first is above 0.
    """

    values: Matrix
    vectors: Matrix


def eigen(matrix: Matrix) -> Eigen:
    """Take a symmetric positive semidefinite matrix apart.

    Parameters
    ----------
    matrix : ndarray of Decimal, shape (size, size)
        Symmetric.

    Raises
    ------
    WardnetError
        `IMPLAUSIBLE_TOTAL` if an eigenvalue is below 0: it is nobody's covariances.

    Notes
    -----
    Cyclic Jacobi rotations with fifty digits, until what is off the diagonal is rounding.

    References
    ----------
    Golub, Van Loan (2013), Matrix computations, section 8.5.
    """
    with localcontext(_CONTEXT):
        size = len(matrix)
        work, vectors = +matrix, identity(size)
        small = _SMALL * sum(abs(each) for each in np.diagonal(work))
        pairs = [(left, right) for left in range(size) for right in range(left + 1, size)]
        for _ in range(_MOST_SWEEPS):
            turned = [pair for pair in pairs if _turn(work, vectors, *pair, small=small)]
            if not turned:
                break
        values = np.diagonal(work).copy()
        if size and min(values) < -small * 10**20:
            raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule="a square is below 0")
        order = sorted(range(size), key=lambda place: -values[place])
        found = np.array([max(values[place], Decimal(0)) for place in order], np.object_)
        return Eigen(found, np.array([_signed(vectors[place]) for place in order], np.object_))


def identity(size: int) -> Matrix:
    """Return the matrix with 1 on the diagonal and 0 elsewhere."""
    matrix = np.full((size, size), Decimal(0), np.object_)
    np.fill_diagonal(matrix, Decimal(1))
    return matrix


def _turn(work: Matrix, vectors: Matrix, left: int, right: int, *, small: Decimal) -> bool:
    """Bring one entry off the diagonal to 0, in place; say whether it was not."""
    entry = work[left, right]
    if abs(entry) <= small:
        return False
    ratio = (work[right, right] - work[left, left]) / (2 * entry)
    tangent = 1 / (abs(ratio) + (ratio * ratio + 1).sqrt())
    tangent = tangent if ratio >= 0 else -tangent
    cosine = 1 / (tangent * tangent + 1).sqrt()
    sine = tangent * cosine
    for lines in (work, work.T, vectors):
        one, other = lines[left].copy(), lines[right].copy()
        lines[left] = cosine * one - sine * other
        lines[right] = sine * one + cosine * other
    return True


def _signed(row: Matrix) -> Matrix:
    """Return a vector in the direction that is the rule."""
    least = max(abs(each) for each in row) * _EQUAL
    first = next(each for each in row if abs(each) >= least)
    return row if first > 0 else -row
