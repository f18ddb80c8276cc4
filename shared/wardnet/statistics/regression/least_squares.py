"""Least squares from exact cross products: the estimates, and how well they fit."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Final

import numpy as np

from wardnet.statistics.distributions import TAU, f_tail
from wardnet.statistics.regression.robust import Spread
from wardnet.statistics.solve import PRECISE, TOLERANCE, Matrix, solve

FIT: Final = (
    "n",
    "rank",
    "residual_df",
    "rss",
    "sigma2",
    "r2",
    "adjusted_r2",
    "f",
    "f_p_value",
    "log_likelihood",
    "aic",
    "bic",
)


@dataclass(frozen=True, slots=True)
class LeastSquares:
    """Hold what the cross products tell.

    Parameters
    ----------
    n : int
        Rows.
    estimates : ndarray of Decimal, shape (columns,)
        0 where aliased.
    inverse : ndarray of Decimal, shape (columns, columns)
        Of X'X.
    aliased : tuple of int
        Columns that others make up.
    rss, tss : Decimal
        The squares of the residuals, and of the distances from the mean.
    """

    n: int
    estimates: Matrix
    inverse: Matrix
    aliased: tuple[int, ...]
    rss: Decimal
    tss: Decimal

    @property
    def rank(self) -> int:
        """Return the number of columns that are not aliased."""
        return len(self.estimates) - len(self.aliased)

    @property
    def freedom(self) -> int:
        """Return the residuals' degrees of freedom."""
        return self.n - self.rank

    @property
    def variance(self) -> Decimal | None:
        """Return that of the residuals."""
        with localcontext(PRECISE):
            return self.rss / self.freedom if self.freedom > 0 else None

    def spread(self) -> Spread:
        """Return the classical variances of the estimates."""
        with localcontext(PRECISE):
            variance = self.variance
            variances = None if variance is None else variance * np.diagonal(self.inverse)
            return Spread(variances, self.freedom)

    def facts(self) -> Mapping[str, Decimal | int | None]:
        """Return how well the model fits."""
        with localcontext(PRECISE):
            n, rank, freedom, variance = self.n, self.rank, self.freedom, self.variance
            rss, tss = self.rss, self.tss
            r2 = 1 - rss / tss if tss > 0 else None
            adjusted = f = p = None
            if variance is not None and r2 is not None:
                adjusted = 1 - (1 - r2) * (n - 1) / freedom
                if rank > 1 and variance > 0:
                    f = (tss - rss) / (rank - 1) / variance
                    p = f_tail(f, upper=rank - 1, lower=freedom)
            likelihood = -n * ((TAU * rss / n).ln() + 1) / 2 if rss > 0 else None
            aic = bic = None
            if likelihood is not None:
                aic, bic = 2 * (rank - likelihood), rank * Decimal(n).ln() - 2 * likelihood
            facts = (n, rank, freedom, rss, variance, r2, adjusted, f, p, likelihood, aic, bic)
            return dict(zip(FIT, facts, strict=True))


def least_squares(joined: Matrix) -> LeastSquares:
    """Return the least squares of the cross products of regressors and outcome, in units."""
    solved = solve(joined, columns=len(joined) - 1)
    with localcontext(PRECISE):
        rss, tss = Decimal(solved.rest[0, 0]), spread_of(joined)
        if rss <= TOLERANCE * tss:  # a perfect fit, but for the hundredth digit
            rss = Decimal(0)
    n, estimates = int(joined[0, 0]), solved.solution[:, 0]
    return LeastSquares(n, estimates, solved.inverse, solved.aliased, rss, tss)


def spread_of(joined: Matrix) -> Decimal:
    """Return the outcome's sum of squares around its mean."""
    return Decimal(joined[-1, -1] - joined[0, -1] ** 2 / joined[0, 0])
