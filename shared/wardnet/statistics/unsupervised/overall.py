"""The first round of all: the exact cross products of the columns, and what they tell."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wardnet.privacy.rules import GuardTotals
from wardnet.statistics.design import COMPLETE
from wardnet.statistics.solve import PRECISE, TOLERANCE, Matrix, decimal, decimals
from wardnet.statistics.unsupervised.features import Features
from wardnet.sums.products import UNIT, rows_of

ONE_ROW: Final = "fewer than two rows have a value in every column"


@dataclass(frozen=True)
class Overall:
    """Hold what all complete rows tell together; vectors and matrices are of Decimal.

    Parameters
    ----------
    features : Features
        Of which columns.
    n : int
        Complete rows, at least 2.
    middle : ndarray of Decimal, shape (features,)
        The means of t.
    means, deviations : ndarray of Decimal, shape (features,)
        Of the columns, in units; standard deviations with ddof 1.
    covariance : ndarray of Decimal, shape (features, features)
        With ddof 1, in units.
    products : ndarray of int, shape (1 + features, 1 + features)
        Cross products of 1 and t, in units of `2**-UNIT`.
    """

    features: Features
    n: int
    middle: Matrix
    means: Matrix
    deviations: Matrix
    covariance: Matrix
    products: NDArray[Any]

    @property
    def constant(self) -> str:
        """Return why nothing can be standardised, in words; empty where it can."""
        for name, deviation in zip(self.features.names, self.deviations, strict=True):
            if not deviation:
                return f"{name} is the same in all rows: leave it out"
        return ""

    def space(self, *, standardise: bool) -> "Space":
        """Return where distances are measured."""
        with localcontext(PRECISE):
            divisors = self.deviations if standardise else self.deviations * 0 + 1
            scales = vector(decimal(factor.scale) for factor in self.features.factors)
            stretch = (scales / divisors).astype(np.float64)
        centre = self.middle.astype(np.float64)
        return Space(self, divisors, centre[:, np.newaxis], stretch[:, np.newaxis])


@dataclass(frozen=True)
class Space:
    """Hold columns z: their distances from the mean, divided by a number each.

    Parameters
    ----------
    overall : Overall
        All rows.
    divisors : ndarray of Decimal, shape (features,)
        In units.
    centre, stretch : ndarray of float64, shape (features, 1)
        `z = (t - centre) stretch`.
    """

    overall: Overall
    divisors: Matrix
    centre: NDArray[np.float64]
    stretch: NDArray[np.float64]

    def place(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return z of rows, shape (features, rows)."""
        return np.asarray((t - self.centre) * self.stretch)

    def to_z(self, units: Matrix) -> Matrix:
        """Return z of points in units, shape (points, features)."""
        with localcontext(PRECISE):
            return np.asarray((units - self.overall.means) / self.divisors)

    def from_t(self, t: Matrix) -> Matrix:
        """Return z of points in t, shape (points, features)."""
        with localcontext(PRECISE):
            middle, stretch = self.overall.middle, decimals_of(self.stretch[:, 0])
            return np.asarray((t - middle) * stretch)

    def to_units(self, z: Matrix) -> Matrix:
        """Return points in units, shape (points, features)."""
        with localcontext(PRECISE):
            return np.asarray(z * self.divisors + self.overall.means)


def vector(entries: Iterable[Decimal]) -> Matrix:
    """Return decimals as a vector."""
    found = list(entries)
    array = np.empty(len(found), np.object_)
    array[:] = found
    return array


def decimals_of(floats: NDArray[np.float64]) -> Matrix:
    """Return doubles as the decimals that they are, same shape."""
    return vector(map(Decimal, floats.ravel().tolist())).reshape(floats.shape)


def overall(features: Features, total: NDArray[Any], guards: GuardTotals) -> Overall | None:
    """Read total cross products of 1 and t; None where there are fewer than two rows.

    Raises
    ------
    WardnetError
        `IMPLAUSIBLE_TOTAL` when so many rows cannot give them.
    """
    rows = rows_of(total)
    guards.check_rows(COMPLETE, np.array([rows]))
    if rows < 2:
        return None
    # Exact in fractions, so that a column that does not move has squares of 0 and nothing near.
    exact = total * Fraction(1, 1 << UNIT)
    centred = exact[1:, 1:] - np.outer(exact[0, 1:], exact[0, 1:]) / rows
    least = np.diagonal(exact)[1:] * Fraction(TOLERANCE)
    for place in np.flatnonzero(np.diagonal(centred) <= least):
        centred[place, :] = centred[:, place] = Fraction(0)
    scales = np.array([factor.scale for factor in features.factors], np.object_)
    origins = np.array([factor.origin for factor in features.factors], np.object_)
    middle = exact[0, 1:] / rows
    covariance = decimals(centred * np.outer(scales, scales) / (rows - 1))
    with localcontext(PRECISE):
        deviations = vector(each.sqrt() for each in np.diagonal(covariance))
    return Overall(
        features,
        rows,
        decimals(middle),
        decimals(middle * scales + origins),
        deviations,
        covariance,
        total,
    )
