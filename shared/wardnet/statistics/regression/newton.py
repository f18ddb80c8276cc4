"""Newton's way to a model's likeliest coefficients, one round after the other.

The first round looks at coefficients of 0, where every row has the same weight: it tells the cross
products of the columns exactly. The second looks at the intercept alone; every further one at the
minimum of the parabola that touches the likelihood, plus penalty, at the one before.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final

import numpy as np

from wardnet.errors import Reason, WardnetError
from wardnet.privacy.rules import DisclosureRules, GuardTotals
from wardnet.question.answer import Table
from wardnet.statistics.design import COMPLETE
from wardnet.statistics.regression.families import Scales
from wardnet.statistics.regression.likeliest import Asked, Known, Likeliest, Total
from wardnet.statistics.regression.linear import NO_ROWS
from wardnet.statistics.regression.robust import CLASSICAL, Robust, robust
from wardnet.statistics.regression.shrinkage import minimise, penalty
from wardnet.statistics.solve import PRECISE, Matrix, decimal, solve
from wardnet.sums.arrays import Sums
from wardnet.sums.products import UNIT

MOST_ROUNDS: Final = 40

INFORMATION: Final = "information"
LIKELIHOOD: Final = "likelihood"

ONE_OUTCOME: Final = "one outcome only: all complete rows have the same"
SEPARATED: Final = (
    "separation: the columns predict some outcomes without error, so that no finite estimate is "
    "the best; leave out columns or take a penalty"
)
NOT_CONVERGED: Final = "not converged: take fewer columns or a penalty"

CLOSE: Final = Decimal(10) ** -20
"""Squared length of a step, in standard errors, after which nothing changes any more."""

_LARGEST: Final = 1 << 512
"""More than a coefficient that data gives, and no sum of such terms overflows."""

_SLACK: Final = Decimal(2) ** -36
"""Rounding of a likelihood, as a share of it."""

_RATIO: Final = Decimal(-1).exp()
_NEAR_RATIO: Final = Decimal("0.02")
_LIKE_SEPARATION: Final = 3
"""Newton's squared steps towards infinity shrink by e each, those towards a maximum ever faster."""


@dataclass(frozen=True)
class Point:
    """Hold estimates that were tried, in units, and what they are worth."""

    estimates: Matrix
    worth: Decimal


@dataclass(frozen=True)
class State:
    """Hold where the likelihood is looked at next.

    Parameters
    ----------
    estimates : ndarray of Decimal, shape (regressors,)
        In units.
    scaled : tuple of float
        The coefficients of the scaled columns.
    scales : Scales
        Of a row's terms there.
    known : Known or None
        None in the first round.
    best : Point or None
        The last estimates that were an improvement.
    steps : tuple of Decimal
        Squared lengths of the steps so far, in standard errors.
    round : int
        From 0.
    likeliest : Likeliest or None
        The end of the way, while it is found out how far it may be off.
    robust : Robust or None
        The rounds that do so.
    """

    asked: Asked
    guards: GuardTotals
    rules: DisclosureRules
    estimates: Matrix
    scaled: tuple[float, ...]
    scales: Scales
    known: Known | None = None
    best: Point | None = None
    steps: tuple[Decimal, ...] = ()
    round: int = 0
    likeliest: Likeliest | None = None
    robust: Robust | None = None

    def at(self, estimates: Matrix) -> "State":
        """Return the state that looks at these estimates."""
        return replace(self, round=self.round + 1, **_place(self.asked, estimates))


def begin(asked: Asked, guards: GuardTotals, rules: DisclosureRules) -> State:
    """Return the state that looks at no effect at all."""
    zeros = np.full(len(asked.design.regressors), Decimal(0), np.object_)
    return State(asked, guards, rules, **_place(asked, zeros))


def step(state: State, total: Sums) -> State | Table:
    """Take a step of Newton's, or end.

    Raises
    ------
    WardnetError
        `IMPLAUSIBLE_TOTAL`.
    """
    if state.robust is not None and state.likeliest is not None:
        after = state.robust.step(total)
        if isinstance(after, Robust):
            return replace(state, robust=after)
        return state.likeliest.answer(state.asked, after)
    with localcontext(PRECISE):
        found = _read(state, total)
        if state.known is None:
            return _begin(state, found)
        known = state.known
        if known.null is None:
            known = replace(known, null=found.likelihood)
        return _go_on(replace(state, known=known), known, found)


def _place(asked: Asked, estimates: Matrix) -> dict[str, Any]:
    """Return the fields of a state that looks at these estimates.

    Raises
    ------
    WardnetError
        `IMPLAUSIBLE_TOTAL` for estimates that no rows give.
    """
    units = [Fraction(each) for each in estimates]
    exact, (low, top) = asked.design.to_scaled(units), asked.design.bounds(units)
    if max(abs(each) for each in (*exact, low, top)) > _LARGEST:
        raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule="no rows give such estimates")
    return {
        "estimates": estimates,
        "scaled": tuple(float(each) for each in exact),
        "scales": asked.family.scales(top=decimal(top), reach=decimal(max(abs(low), abs(top)))),
    }


def _read(state: State, total: Sums) -> Total:
    """Return a total in units; each row's terms are at most 1 before they are scaled back."""
    largest = None if state.known is None else state.known.n << UNIT
    if largest is not None and any(np.any(np.abs(each) > largest) for each in total.values()):
        raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule="a sum is larger than its rows allow")
    columns, scales = state.asked.design, state.scales
    size = len(columns.regressors)
    sums, unit = total[INFORMATION][0], Fraction(1, 1 << UNIT)
    twice = sums[:, :size] + sums[:, :size].T
    information = columns.in_units(twice, scales.weight * unit / 2, both=True)
    score = columns.in_units(sums[:, size:], scales.residual * unit)[:, 0]
    facts = tuple(
        decimal(fact * scale / (1 << UNIT))
        for fact, scale in zip(total[LIKELIHOOD][0, 0], scales.facts, strict=True)
    )
    likelihood, deviance = state.asked.family.likelihood(facts)
    return Total(information, score, likelihood, deviance)


def _begin(state: State, found: Total) -> State | Table:
    """Learn the number of rows and the mean of the outcome; go on with the model of that mean."""
    asked, size = state.asked, len(state.estimates)
    squares = found.information / decimal(asked.family.first_weight)
    n = int(squares[0, 0])
    if n != squares[0, 0] or n < 0:
        raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule="rows are no whole number")
    state.guards.check_rows(COMPLETE, np.array([n]))
    if not n:
        return asked.nothing(NO_ROWS)
    mean = asked.family.link(found.score[0] / n + asked.family.first_mean())
    if mean is None:
        return asked.nothing(ONE_OUTCOME)
    joined = np.full((size + 1, size + 1), Decimal(0), np.object_)
    joined[:size, :size] = squares
    added = penalty(
        squares, strength=Decimal(asked.penalty), lasso_share=Decimal(asked.lasso_share)
    )
    aliased = solve(joined, columns=size).aliased
    if asked.penalty:
        aliased = tuple(at for at in aliased if not (added.lasso[at] or added.ridge[at]))
    start = state.estimates.copy()
    start[0] = mean
    return replace(state, known=Known(n, aliased, added)).at(start)


def _go_on(state: State, known: Known, found: Total) -> State | Table:
    """Take a step from an improvement; go half way back from anything else."""
    worth = found.likelihood - known.penalty.of(state.estimates)
    if state.best is not None and worth < state.best.worth - _SLACK * (1 + abs(worth)):
        if state.round >= MOST_ROUNDS - 1:
            return state.asked.nothing(NOT_CONVERGED)
        return state.at((state.estimates + state.best.estimates) / 2)
    right = found.information.dot(state.estimates) + found.score
    target = minimise(found.information, right, known.penalty, skip=known.aliased, weighted=True)
    if target is None:
        return state.asked.nothing(NOT_CONVERGED if state.asked.penalty else SEPARATED)
    way = target - state.estimates
    squares = found.information + np.diag(np.array(known.penalty.ridge, np.object_))
    steps = (*state.steps, way.dot(squares).dot(way))
    if steps[-1] < CLOSE:
        return _end(state, Likeliest(known, found, target, state.round))
    if not state.asked.penalty and _runs_away(steps):
        return state.asked.nothing(SEPARATED)
    if state.round >= MOST_ROUNDS - 1:
        return state.asked.nothing(NOT_CONVERGED)
    return replace(state, best=Point(state.estimates, worth), steps=steps).at(target)


def _end(state: State, likeliest: Likeliest) -> State | Table:
    """Answer, or find out how far the estimates may be off."""
    if state.asked.errors == CLASSICAL:
        return likeliest.answer(state.asked)
    started = robust(
        state.asked.errors,
        state.asked.design,
        likeliest.estimates,
        likeliest.found.information,
        likeliest.inverse,
        aliased=likeliest.known.aliased,
        n=likeliest.known.n,
        largest=decimal(state.at(likeliest.estimates).scales.residual),
        freedom=None,
        rules=state.rules,
    )
    return replace(state, likeliest=likeliest, robust=started)


def _runs_away(steps: Sequence[Decimal]) -> bool:
    """Say whether the last steps are those of estimates without bounds."""
    pairs = list(pairwise(steps))[-_LIKE_SEPARATION:]
    return len(pairs) == _LIKE_SEPARATION and all(
        abs(later / earlier - _RATIO) < _NEAR_RATIO for earlier, later in pairs
    )
