"""Whether predicted probabilities can be taken at their word: a logistic model of the outcome.

Its column is the log odds of the prediction, with a slope or as an offset. Where predictions are
calibrated, the intercept is 0 and the slope 1.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import localcontext
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wardnet.statistics.distributions import critical
from wardnet.statistics.evaluation.asked import Judged
from wardnet.statistics.evaluation.inquiry import (
    Inquiry,
    add_up,
    fractions,
    line,
    real_spec,
    settled,
)
from wardnet.statistics.method import Part, Settled
from wardnet.statistics.rounding import nearest, power_of_two, root
from wardnet.statistics.solve import PRECISE
from wardnet.statistics.tables import Line
from wardnet.sums.arrays import ArraySpec, Sums
from wardnet.sums.elementary import exp, log, sigmoid

MOST_ROUNDS: Final = 30

LEAST: Final = 1e-15
"""A probability counts as at least this, and as at most 1 less this."""

_SCALE: Final = 64.0
"""A power of two above the log odds of any probability."""

_CLOSE: Final = Fraction(1, 10**20)
"""Squared length of a step, in standard errors, after which nothing changes any more."""

_SLACK: Final = Fraction(1, 1 << 36)
_FARTHEST: Final = 1 << 20
"""An estimate beyond this is on its way to infinity."""


@dataclass(frozen=True)
class Fit(Inquiry):
    """Hold how far Newton's way to the likeliest estimates has come.

    Parameters
    ----------
    slope : bool
        Whether the log odds have a slope; else they are an offset.
    estimates : tuple of float
        The intercept, and the slope of the scaled log odds, where they are looked at next.
    before : tuple of float
        The last estimates that were an improvement.
    worth : Fraction or None
        Their likelihood.
    errors : tuple of float
        The standard errors, once all is known.
    round : int
        From 0.
    done : bool
        Whether all is known, or nothing can be.
    """

    slope: bool
    estimates: tuple[float, ...]
    before: tuple[float, ...] = ()
    worth: Fraction | None = None
    errors: tuple[float, ...] = ()
    round: int = 0
    done: bool = False

    @property
    def _name(self) -> str:
        return "calibration" if self.slope else "calibration in the large"

    @property
    def _reach(self) -> float:
        """Return a power of two above the likelihood of any row."""
        return float(power_of_two(sum(map(abs, map(Fraction, self.estimates)), Fraction(66))))

    def arrays(self) -> Sequence[ArraySpec]:
        """Declare information, score and likelihood."""
        size = len(self.estimates)
        kinds = size * (size + 1) // 2 + size + 1
        return () if self.done else [real_spec(self._name, 1, kinds)]

    def local(self, judged: Judged) -> Part:
        """Add up a batch's terms."""
        if self.done:
            return {}
        odds = log_odds(judged.positive)
        columns = [np.ones_like(odds), odds] if self.slope else [np.ones_like(odds)]
        eta = np.zeros_like(odds) if self.slope else odds * _SCALE
        for estimate, column in zip(self.estimates, columns, strict=True):
            eta = eta + estimate * column
        mean = sigmoid(eta)
        weight, rest = mean * (1.0 - mean), judged.truth - mean
        likelihood = judged.truth * eta - np.maximum(eta, 0.0) - log(1.0 + exp(-np.abs(eta)))
        squares = [weight * a * b for at, a in enumerate(columns) for b in columns[at:]]
        scores = [rest * each for each in columns]
        terms = [*squares, *scores, likelihood / self._reach]
        return {self._name: add_up(np.zeros(odds.size, np.int8), terms, groups=1)}

    def finish(self, part: Settled) -> Sums:
        """Turn limbs into integers."""
        return {name: settled(limbs) for name, limbs in part.items()}

    def step(self, total: Sums) -> "Fit":
        """Take a step of Newton's; go half way back from what is no improvement."""
        if self.done:
            return self
        (sums,) = fractions(total, self._name)
        worth = sums[-1] * Fraction(self._reach)
        if self.worth is not None and worth < self.worth - _SLACK * (1 + abs(worth)):
            halves = [(a + b) / 2 for a, b in zip(self.estimates, self.before, strict=True)]
            return self._at(tuple(halves), self.before, self.worth)
        inverse = _inverse(sums)
        if inverse is None:
            return self._without()
        score = sums[-1 - len(self.estimates) : -1]
        way = [
            sum((a * b for a, b in zip(row, score, strict=True)), Fraction(0)) for row in inverse
        ]
        target = [Fraction(a) + b for a, b in zip(self.estimates, way, strict=True)]
        if max(map(abs, target)) > _FARTHEST:
            return self._without()
        places = tuple(map(nearest, target))
        if sum((a * b for a, b in zip(way, score, strict=True)), Fraction(0)) < _CLOSE:
            errors = tuple(root(row[at]) for at, row in enumerate(inverse))
            return replace(self, estimates=places, errors=errors, done=True)
        return self._at(places, self.estimates, worth)

    def _at(
        self, estimates: tuple[float, ...], before: tuple[float, ...], worth: Fraction
    ) -> "Fit":
        if self.round >= MOST_ROUNDS - 1:
            return self._without()
        return replace(self, estimates=estimates, before=before, worth=worth, round=self.round + 1)

    def _without(self) -> "Fit":
        return replace(self, errors=(), done=True)

    def lines(self) -> Iterable[Line]:
        """Return the estimates with their standard errors and intervals."""
        names = ("intercept", "slope") if self.slope else ("in_the_large",)
        for at, (name, scale) in enumerate(zip(names, (1.0, 1.0 / _SCALE), strict=False)):
            known = (
                _interval(self.estimates[at] * scale, self.errors[at] * scale)
                if self.errors
                else (None,)
            )
            yield line(f"calibration_{name}", *known)


def slope() -> Fit:
    """Return the model with an intercept and a slope, before the first round."""
    return Fit(slope=True, estimates=(0.0, 0.0))


def in_the_large() -> Fit:
    """Return the model with an intercept alone, before the first round."""
    return Fit(slope=False, estimates=(0.0,))


def log_odds(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the log odds of probabilities, at most 1 in magnitude after scaling, same shape."""
    inside = np.clip(scores, LEAST, 1.0 - LEAST)
    return np.asarray((log(inside) - log(1.0 - inside)) / _SCALE)


def _inverse(sums: Sequence[Fraction]) -> list[list[Fraction]] | None:
    """Return the inverse of the information; None where it has none."""
    if len(sums) <= 3:
        return [[1 / sums[0]]] if sums[0] > 0 else None
    a, b, c = sums[:3]
    determinant = a * c - b * b
    if a <= 0 or determinant <= 0:
        return None
    return [[c / determinant, -b / determinant], [-b / determinant, a / determinant]]


def _interval(value: float, error: float) -> tuple[float, float, float, float]:
    with localcontext(PRECISE):
        reach = float(critical(None)) * error
    return (value, error, value - reach, value + reach)
