"""What a generalised linear model takes its outcome for: yes or no, or a count.

Everything per row is elementwise and from operations that have the same bits on any processor.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cached_property
from types import MappingProxyType
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from wardnet.question.dictionary import MAXIMUM_GRID, Column, ColumnType, Dictionary
from wardnet.statistics import parameters as read
from wardnet.statistics.regressors import Factor, Regressor
from wardnet.statistics.rounding import power_of_two
from wardnet.statistics.solve import PRECISE
from wardnet.sums.elementary import exp, log, sigmoid
from wardnet.sums.products import DIGIT, MOST_SLICES

HIGHEST: Final = 60.0
"""Where a linear predictor is cut off; a count has no mean of `e**60`."""

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scales:
    """Hold the powers of two that bring each term of a row to at most 1.

    Parameters
    ----------
    weight, residual : Fraction
        Of the variance of the outcome, and of its distance from the mean.
    facts : tuple of Fraction
        Of the terms of the likelihood.
    """

    weight: Fraction
    residual: Fraction
    facts: tuple[Fraction, ...]


@dataclass(frozen=True)
class Family(ABC):
    """Hold an outcome's distribution, with its natural link.

    Parameters
    ----------
    column : Column
        The outcome.
    """

    facts: ClassVar[int]
    """How many terms the likelihood has."""

    slices: ClassVar[int]
    digit: ClassVar[int]
    """Into how many slices of how many bits a row's terms are cut."""

    column: Column

    @property
    @abstractmethod
    def outcome(self) -> Regressor:
        """Return the outcome as a column of the design."""

    @property
    @abstractmethod
    def first_weight(self) -> Fraction:
        """Return every row's weight where all coefficients are 0."""

    @abstractmethod
    def scales(self, *, top: Decimal, reach: Decimal) -> Scales:
        """Return the scales where the predictor is at most `top`, and `reach` in magnitude."""

    @abstractmethod
    def terms(self, eta: Numbers, y: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        """Return weight, residual, shape (rows,), and facts, shape (facts, rows).

        Parameters
        ----------
        eta, y : ndarray of float64, shape (rows,)
            The linear predictor and the outcome.
        """

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the levels whose probabilities are predicted; none where a rate is."""
        return ()

    @abstractmethod
    def response(self, eta: Numbers) -> Numbers:
        """Return what is predicted, shape (rows, outputs)."""

    @abstractmethod
    def link(self, mean: Decimal) -> Decimal | None:
        """Return the predictor that gives a mean; None where none does."""

    @abstractmethod
    def first_mean(self) -> Decimal:
        """Return every row's mean where all coefficients are 0."""

    @abstractmethod
    def likelihood(self, facts: tuple[Decimal, ...]) -> tuple[Decimal, Decimal]:
        """Return the logarithm of the likelihood, and the deviance."""


class Logistic(Family):
    """Take the outcome for yes or no; 52 bits of a probability are what a double has."""

    facts: ClassVar[int] = 1
    slices: ClassVar[int] = 2
    digit: ClassVar[int] = 26

    @property
    def outcome(self) -> Regressor:
        """Return 1 for the second level, 0 for the first."""
        return Regressor((Factor(self.column, 1),))

    @property
    def first_weight(self) -> Fraction:
        """Return a quarter."""
        return Fraction(1, 4)

    def first_mean(self) -> Decimal:
        """Return a half."""
        return Decimal("0.5")

    def scales(self, *, top: Decimal, reach: Decimal) -> Scales:
        """Return the scales; a likelihood's logarithm is at most `reach + log 2` in magnitude."""
        return Scales(Fraction(1, 4), Fraction(1), (power_of_two(Fraction(reach) + 1),))

    def terms(self, eta: Numbers, y: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        """Return `m (1 - m)`, `y - m` and `log m` or `log(1 - m)`."""
        sign = 2.0 * y - 1.0
        towards = sign * eta  # the level that is there
        odds = exp(-np.abs(towards))  # of the level that is less likely
        both = 1.0 + odds
        likely = 1.0 / both
        less = odds * likely
        missed = np.where(towards > 0, less, likely)
        facts = np.minimum(towards, 0.0) - log(both)
        return likely * less, sign * missed, facts[np.newaxis]

    @property
    def classes(self) -> tuple[str, ...]:
        """Return both levels."""
        return self.column.labels

    def response(self, eta: Numbers) -> Numbers:
        """Return the probability of each level."""
        second = sigmoid(eta)
        return np.column_stack([1.0 - second, second])

    def link(self, mean: Decimal) -> Decimal | None:
        """Return the logarithm of the odds."""
        with localcontext(PRECISE):
            return (mean / (1 - mean)).ln() if 0 < mean < 1 else None

    def likelihood(self, facts: tuple[Decimal, ...]) -> tuple[Decimal, Decimal]:
        """Return both; a perfect prediction has likelihood 1."""
        return facts[0], -2 * facts[0]


class Poisson(Family):
    """Take the outcome for a count; its mean may be far below the highest: 60 bits."""

    facts: ClassVar[int] = 3
    slices: ClassVar[int] = MOST_SLICES
    digit: ClassVar[int] = DIGIT

    @property
    def outcome(self) -> Regressor:
        """Return the count."""
        return Regressor((Factor(self.column),))

    @property
    def first_weight(self) -> Fraction:
        """Return 1."""
        return Fraction(1)

    def first_mean(self) -> Decimal:
        """Return 1."""
        return Decimal(1)

    @cached_property
    def _log_factorials(self) -> Numbers:
        """Return `log(y!)` of every count up to the upper bound."""
        counts = np.arange(1, int(self.column.top) + 1, dtype=np.float64)
        return np.concatenate([[0.0], np.cumsum(log(counts))])

    def scales(self, *, top: Decimal, reach: Decimal) -> Scales:
        """Return the scales, from the highest mean and count."""
        with localcontext(PRECISE):
            mean = Fraction(min(top, Decimal(HIGHEST)).exp()) * Fraction(1025, 1024)
        most = self.column.top
        constant = power_of_two(Fraction(most) * (most.numerator.bit_length() + 1) + 1)
        kernel = power_of_two(most * Fraction(reach) + mean)
        return Scales(
            power_of_two(mean) if top else Fraction(1),
            power_of_two(max(mean, most)),
            (kernel, constant, constant),
        )

    def terms(self, eta: Numbers, y: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        """Return m, `y - m`, and `y log m - m`, `y log y - y`, `log y!`."""
        eta = np.minimum(eta, HIGHEST)
        mean = exp(eta)
        known = np.maximum(y, 1.0)
        facts = (y * eta - mean, y * log(known) - y, self._log_factorials[y.astype(np.intp)])
        return mean, y - mean, np.stack(facts)

    def response(self, eta: Numbers) -> Numbers:
        """Return the rate."""
        return exp(np.minimum(eta, HIGHEST))[:, np.newaxis]

    def link(self, mean: Decimal) -> Decimal | None:
        """Return the logarithm."""
        with localcontext(PRECISE):
            return mean.ln() if mean > 0 else None

    def likelihood(self, facts: tuple[Decimal, ...]) -> tuple[Decimal, Decimal]:
        """Return both, the deviance from a model with a mean of its own for every row."""
        return facts[0] - facts[2], 2 * (facts[1] - facts[0])


def logistic(method: str, name: str, dictionary: Dictionary) -> Logistic:
    """Return the family of an outcome with two levels.

    Raises
    ------
    WardnetError
        `COLUMN_UNAVAILABLE`, or `PARAMETER_INVALID` for another column.
    """
    (column,) = read.grouping(method, "outcome", (name,), dictionary)
    if (levels := len(column.labels)) != 2:
        advice = "fit trees to it, or name another column" if levels > 2 else "name another column"
        read.refuse(method, "outcome", f"needs two levels; {name} has {levels}: {advice}")
    return Logistic(column)


def poisson(method: str, name: str, dictionary: Dictionary) -> Poisson:
    """Return the family of an outcome that counts.

    Raises
    ------
    WardnetError
        `COLUMN_UNAVAILABLE`, or `PARAMETER_INVALID` for another column.
    """
    column = dictionary.column(name)
    if column.type is not ColumnType.INTEGER or column.origin < 0 or column.step != 1:
        read.refuse(method, "outcome", f"needs a column of counts from 0 on; {name} holds others")
    if column.top >= MAXIMUM_GRID:
        read.refuse(method, "outcome", f"needs a lower upper bound than {name} has")
    return Poisson(column)


FAMILIES: Final = MappingProxyType({"logistic": logistic, "poisson": poisson})
"""How a family's outcome is read, by its name."""
