"""Generalised linear models: logistic and Poisson regression, also with ridge, lasso or both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import pairwise
from typing import Any, ClassVar, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue, TypeAdapter
from pydantic.dataclasses import dataclass as checked

from wardnet.errors import Reason, WardnetError
from wardnet.privacy.rules import DisclosureRules, Guard, GuardTotals, Output
from wardnet.question.answer import Table
from wardnet.question.dictionary import STRICT, Dictionary
from wardnet.question.rows import Rows
from wardnet.statistics import estimates as answers
from wardnet.statistics import parameters as read
from wardnet.statistics.design import COMPLETE, Design, design
from wardnet.statistics.distributions import chi_squared_tail
from wardnet.statistics.estimates import Estimates, fitted, without_estimates
from wardnet.statistics.families import FAMILIES, Family, Scales
from wardnet.statistics.linear import NO_ROWS
from wardnet.statistics.linear import Parameters as LinearParameters
from wardnet.statistics.method import Method, Part, Question, settle
from wardnet.statistics.shrinkage import Penalty, minimise, penalty
from wardnet.statistics.solve import PRECISE, Matrix, decimal, decimals, solve
from wardnet.sums.accumulate import MAXIMUM_ROWS
from wardnet.sums.arrays import ArraySpec, Sums
from wardnet.sums.members import Index
from wardnet.sums.products import MOST_SLICES, UNIT, cut, no_products, products, whole

INFORMATION: Final = "information"
LIKELIHOOD: Final = "likelihood"

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

ONE_OUTCOME: Final = "one outcome only: all complete rows have the same"
SEPARATED: Final = (
    "separation: the columns predict some outcomes without error, so that no finite estimate is "
    "the best; leave out columns or take a penalty"
)
NOT_CONVERGED: Final = "not converged: take fewer columns or a penalty"

CLOSE: Final = Decimal(10) ** -20
"""Squared length of a step, in standard errors, after which nothing changes any more."""

_WEIGHTED: Final = Decimal(2) ** -40
"""Share of itself below which a weighted square says nothing: its rows' weights have vanished."""

_SLACK: Final = Decimal(2) ** -36
"""Rounding of a likelihood, as a share of it."""

_RATIO: Final = Decimal(-1).exp()
_NEAR_RATIO: Final = Decimal("0.02")
_LIKE_SEPARATION: Final = 3
"""Newton's squared steps towards infinity shrink by e each, those towards a maximum ever faster."""


@checked(frozen=True, config=STRICT)
class Parameters(LinearParameters):
    """Hold what `glm` takes, beside the formula and the penalty.

    Parameters
    ----------
    family : str
        `logistic` or `poisson`.
    """

    family: Literal["logistic", "poisson"] = "logistic"


_ADAPTER: Final = TypeAdapter(Parameters)


@dataclass(frozen=True)
class Asked:
    """Hold checked parameters."""

    design: Design
    family: Family
    penalty: float
    lasso_share: float

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
    """

    asked: Asked
    guards: GuardTotals
    estimates: Matrix
    scaled: tuple[float, ...]
    scales: Scales
    known: Known | None = None
    best: Point | None = None
    steps: tuple[Decimal, ...] = ()
    round: int = 0

    def at(self, estimates: Matrix) -> "State":
        """Return the state that looks at these estimates."""
        return replace(self, round=self.round + 1, **_place(self.asked, estimates))


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


class Glm(Method[Asked, State]):
    """Explain yes or no, or a count, by other columns, also with ridge, lasso or elastic net.

    Notes
    -----
    Newton's method on the penalised likelihood: in each round the hospitals add up the information
    `X'WX`, the score `X'(y - m)` and the likelihood at the present estimates.

    Examples
    --------
    Parameters: ``{"outcome": "died", "terms": [["age"], ["sex"]], "family": "logistic"}``.

    References
    ----------
    McCullagh, Nelder (1989), Generalized linear models, section 2.5.
    """

    name: ClassVar[str] = "glm"
    version: ClassVar[int] = 1
    maximum_rounds: ClassVar[int] = 40
    output: ClassVar[Output] = Output.MODEL

    def bind(self, parameters: Mapping[str, JsonValue], dictionary: Dictionary) -> Asked:
        """Check parameters against the dictionary."""
        given = read.read(self.name, _ADAPTER, parameters)
        family = FAMILIES[given.family](self.name, given.outcome, dictionary)
        columns = design(self.name, given, family.outcome, dictionary)
        asked = Asked(columns, family, given.penalty, given.lasso_share)
        answers.check_answer(self.name, columns.names, asked.fit)
        return asked

    def columns(self, parameters: Asked) -> frozenset[str]:
        """Return the outcome and the columns of the terms."""
        return frozenset(parameters.design.columns)

    def guards(self, question: Question[Asked]) -> Mapping[str, Guard]:
        """Declare the complete rows, and the levels among them."""
        return question.parameters.design.guards()

    def cells(self, question: Question[Asked], rows: Rows) -> Mapping[str, Index]:
        """Return which rows are complete, and their levels."""
        return question.parameters.design.cells(rows)

    def start(
        self, question: Question[Asked], guards: GuardTotals, rules: DisclosureRules
    ) -> State | Table:
        """Look at no effect at all first, unless the rules withhold the model."""
        asked = question.parameters
        rule = asked.design.refusal(guards, rules)
        if rule:
            return asked.nothing(rule)
        zeros = np.full(len(asked.design.regressors), Decimal(0), np.object_)
        return State(asked, guards, **_place(asked, zeros))

    def arrays(self, state: State) -> Sequence[ArraySpec]:
        """Declare the information with the score beside it, and the likelihood."""
        size = len(state.asked.design.regressors)
        limit = MAXIMUM_ROWS << UNIT
        return [
            ArraySpec(INFORMATION, (1, size, size + 1), limit, COMPLETE, UNIT),
            ArraySpec(LIKELIHOOD, (1, 1, state.asked.family.facts), limit, COMPLETE, UNIT),
        ]

    def local(self, state: State, rows: Rows) -> Part:
        """Add up a batch's terms."""
        asked, scales = state.asked, state.scales
        size = len(asked.design.regressors)
        information = no_products(size, size + 1)
        likelihood = no_products(1, asked.family.facts)
        (factor,) = asked.family.outcome.factors
        for _, entries in asked.design.blocks(rows):
            x, y = entries[:size], entries[size] * float(factor.scale) + float(factor.origin)
            weight, residual, facts = asked.family.terms(_predictor(state.scaled, x), y)
            weighted = np.vstack([x * (weight / float(scales.weight)), residual[np.newaxis]])
            weighted[size] /= float(scales.residual)
            facts /= np.array([[float(scale)] for scale in scales.facts])
            regressors = cut(x, slices=asked.design.slices[:size])
            information += products(regressors, cut(weighted, slices=[MOST_SLICES] * (size + 1)))
            ones = cut(x[:1], slices=[1])
            likelihood += products(ones, cut(facts, slices=[MOST_SLICES] * len(facts)))
        return {INFORMATION: information, LIKELIHOOD: likelihood}

    def finish(self, state: State, part: Part) -> Sums:
        """Turn limbs into integers."""
        return {name: whole(limbs)[np.newaxis] for name, limbs in settle(part).items()}

    def step(self, state: State, total: Sums) -> State | Table:
        """Take a step of Newton's, or end."""
        with localcontext(PRECISE):
            found = _read(state, total)
            if state.known is None:
                return _begin(state, found)
            known = state.known
            if known.null is None:
                known = replace(known, null=found.likelihood)
            return _go_on(replace(state, known=known), known, found)


def _predictor(scaled: Sequence[float], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the linear predictor, column by column: a matrix product depends on the machine."""
    eta = np.zeros(x.shape[1])
    for coefficient, column in zip(scaled, x, strict=True):
        eta += coefficient * column
    return eta


def _place(asked: Asked, estimates: Matrix) -> dict[str, Any]:
    """Return the fields of a state that looks at these estimates."""
    exact = asked.design.to_scaled([Fraction(each) for each in estimates])
    top = reach = Fraction(0)
    for coefficient, regressor in zip(exact, asked.design.regressors, strict=True):
        reach += abs(coefficient)
        top += coefficient if not regressor.factors or coefficient > 0 else 0
        top -= coefficient if coefficient < 0 and not regressor.positive else 0
    return {
        "estimates": estimates,
        "scaled": tuple(float(each) for each in exact),
        "scales": asked.family.scales(top=decimal(top), reach=decimal(reach)),
    }


def _read(state: State, total: Sums) -> Total:
    columns, scales = state.asked.design, state.scales
    size = len(columns.regressors)
    scaled = total[INFORMATION][0] * Fraction(1, 1 << UNIT)
    squares = (scaled[:, :size] + scaled[:, :size].T) / 2 * scales.weight
    units = columns.in_units(columns.in_units(squares).T)
    score = columns.in_units(scaled[:, size:] * scales.residual)[:, 0]
    facts = tuple(
        decimal(fact * scale / (1 << UNIT))
        for fact, scale in zip(total[LIKELIHOOD][0, 0], scales.facts, strict=True)
    )
    likelihood, deviance = state.asked.family.likelihood(facts)
    return Total(decimals(units), decimals(score), likelihood, deviance)


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
        if state.round >= Glm.maximum_rounds - 1:
            return state.asked.nothing(NOT_CONVERGED)
        return state.at((state.estimates + state.best.estimates) / 2)
    right = found.information.dot(state.estimates) + found.score
    target = minimise(
        found.information, right, known.penalty, skip=known.aliased, tolerance=_WEIGHTED
    )
    if target is None:
        return state.asked.nothing(NOT_CONVERGED if state.asked.penalty else SEPARATED)
    way = target - state.estimates
    squares = found.information + np.diag(np.array(known.penalty.ridge, np.object_))
    steps = (*state.steps, way.dot(squares).dot(way))
    if steps[-1] < CLOSE:
        return _answer(state, known, found, target)
    if not state.asked.penalty and _runs_away(steps):
        return state.asked.nothing(SEPARATED)
    if state.round >= Glm.maximum_rounds - 1:
        return state.asked.nothing(NOT_CONVERGED)
    return replace(state, best=Point(state.estimates, worth), steps=steps).at(target)


def _runs_away(steps: Sequence[Decimal]) -> bool:
    """Say whether the last steps are those of estimates without bounds."""
    pairs = list(pairwise(steps))[-_LIKE_SEPARATION:]
    return len(pairs) == _LIKE_SEPARATION and all(
        abs(later / earlier - _RATIO) < _NEAR_RATIO for earlier, later in pairs
    )


def _answer(state: State, known: Known, found: Total, target: Matrix) -> Table:
    asked, n = state.asked, known.n
    likelihood, null = found.likelihood, known.null
    if asked.penalty:
        estimates = Estimates(asked.design.names, target, aliased=known.aliased)
        facts = (n, likelihood, null, found.deviance, state.round)
        return fitted(estimates, dict(zip(PENALISED_FIT, facts, strict=True)))
    size = len(target)
    joined = np.full((size + 1, size + 1), Decimal(0), np.object_)
    joined[:size, :size] = found.information
    inverse = solve(joined, columns=size, skip=known.aliased, tolerance=_WEIGHTED).inverse
    estimates = Estimates(asked.design.names, target, np.diagonal(inverse), aliased=known.aliased)
    rank = size - len(known.aliased)
    ratio = None if null is None else max(2 * (likelihood - null), Decimal(0))
    tail = None if ratio is None or rank < 2 else chi_squared_tail(ratio, freedom=rank - 1)
    fit: tuple[Decimal | int | None, ...] = (
        n,
        rank,
        n - rank,
        likelihood,
        null,
        found.deviance,
        ratio,
        tail,
        2 * (rank - likelihood),
        rank * Decimal(n).ln() - 2 * likelihood,
        state.round,
    )
    return fitted(estimates, dict(zip(FIT, fit, strict=True)))
