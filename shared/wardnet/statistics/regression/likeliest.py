"""The likeliest coefficients of a generalised linear model, and what is told of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Final

import numpy as np

from wardnet.question.answer import Table
from wardnet.statistics.design import Design
from wardnet.statistics.distributions import chi_squared_tail
from wardnet.statistics.regression.estimates import Estimates, fitted, without_estimates
from wardnet.statistics.regression.families import Family
from wardnet.statistics.regression.robust import CLASSICAL, Kind, Spread
from wardnet.statistics.regression.shrinkage import Penalty
from wardnet.statistics.solve import PRECISE, Matrix, solve

FIT: Final = (
    "n",
    "rank",
    "residual_df",
    "log_likelihood",
    "null_log_likelihood",
    "deviance",
    "likelihood_ratio",
    "likelihood_ratio_p_value",
    "aic",
    "bic",
    "iterations",
)
PENALISED_FIT: Final = ("n", "log_likelihood", "null_log_likelihood", "deviance", "iterations")


@dataclass(frozen=True)
class Asked:
    """Hold checked parameters."""

    design: Design
    family: Family
    penalty: float
    lasso_share: float
    errors: Kind = CLASSICAL

    @property
    def fit(self) -> tuple[str, ...]:
        """Return what is told of the fit."""
        return PENALISED_FIT if self.penalty else FIT

    def nothing(self, rule: str) -> Table:
        """Return the table of a model without estimates."""
        return without_estimates(self.design.names, self.fit, rule=rule)


@dataclass(frozen=True)
class Known:
    """Hold what the first round tells.

    Parameters
    ----------
    n : int
        Complete rows.
    aliased : tuple of int
        Columns that others make up, or that a penalty cannot weigh.
    penalty : Penalty
        In units.
    """

    n: int
    aliased: tuple[int, ...]
    penalty: Penalty
    null: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Total:
    """Hold a round's total in units.

    Parameters
    ----------
    information : ndarray of Decimal, shape (regressors, regressors)
        `X'WX`.
    score : ndarray of Decimal, shape (regressors,)
        `X'(y - m)`.
    likelihood, deviance : Decimal
        Of all rows.
    """

    information: Matrix
    score: Matrix
    likelihood: Decimal
    deviance: Decimal


@dataclass(frozen=True, slots=True)
class Likeliest:
    """Hold where Newton's way ends.

    Parameters
    ----------
    known : Known
        What the first round told.
    found : Total
        The last round's.
    estimates : ndarray of Decimal, shape (regressors,)
        In units.
    rounds : int
        After the first.
    """

    known: Known
    found: Total
    estimates: Matrix
    rounds: int

    @property
    def inverse(self) -> Matrix:
        """Return the inverse of the information, shape (regressors, regressors)."""
        size = len(self.estimates)
        joined = np.full((size + 1, size + 1), Decimal(0), np.object_)
        joined[:size, :size] = self.found.information
        return solve(joined, columns=size, skip=self.known.aliased, weighted=True).inverse

    def answer(self, asked: Asked, spread: Spread | None = None) -> Table:
        """Return the table, with classical standard errors if there are no others."""
        names, aliased = asked.design.names, self.known.aliased
        if asked.penalty:
            return fitted(Estimates(names, self.estimates, aliased=aliased), self._few_facts())
        spread = spread or Spread(np.diagonal(self.inverse))
        estimates = Estimates(
            names, self.estimates, spread.variances, spread.freedom, aliased, spread.rule
        )
        return fitted(estimates, self._facts())

    def _few_facts(self) -> Mapping[str, Decimal | int | None]:
        """Return how well a penalised model fits."""
        found, known = self.found, self.known
        facts = (known.n, found.likelihood, known.null, found.deviance, self.rounds)
        return dict(zip(PENALISED_FIT, facts, strict=True))

    def _facts(self) -> Mapping[str, Decimal | int | None]:
        """Return how well the model fits."""
        with localcontext(PRECISE):
            n, null, likelihood = self.known.n, self.known.null, self.found.likelihood
            rank = len(self.estimates) - len(self.known.aliased)
            ratio = None if null is None else max(2 * (likelihood - null), Decimal(0))
            one = ratio is None or rank == 1
            tail = None if one else chi_squared_tail(ratio or Decimal(0), freedom=rank - 1)
            facts: tuple[Decimal | int | None, ...] = (
                n,
                rank,
                n - rank,
                likelihood,
                null,
                self.found.deviance,
                ratio,
                tail,
                2 * (rank - likelihood),
                rank * Decimal(n).ln() - 2 * likelihood,
                self.rounds,
            )
            return dict(zip(FIT, facts, strict=True))
