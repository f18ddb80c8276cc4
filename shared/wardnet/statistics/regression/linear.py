"""Linear regression: least squares, ridge, lasso, elastic net, from exact cross products."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, JsonValue, TypeAdapter
from pydantic.dataclasses import dataclass as checked

from wardnet.privacy.rules import DisclosureRules, Guard, GuardTotals, Output
from wardnet.question.answer import Table
from wardnet.question.dictionary import STRICT, Dictionary
from wardnet.question.rows import Rows
from wardnet.statistics import parameters as read
from wardnet.statistics.design import COMPLETE, Design
from wardnet.statistics.method import Method, Part, Question, settle
from wardnet.statistics.model import Model
from wardnet.statistics.regression import estimates as answers
from wardnet.statistics.regression.estimates import Estimates, fitted, without_estimates
from wardnet.statistics.regression.least_squares import FIT, least_squares, spread_of
from wardnet.statistics.regression.predict import regression
from wardnet.statistics.regression.robust import (
    CLASSICAL,
    FURTHER_ROUNDS,
    Kind,
    Robust,
    Spread,
    robust,
)
from wardnet.statistics.regression.shrinkage import minimise, penalty
from wardnet.statistics.solve import PRECISE, Matrix
from wardnet.statistics.terms import Terms, design, outcome_number
from wardnet.sums.accumulate import MAXIMUM_ROWS
from wardnet.sums.arrays import ArraySpec, Sums
from wardnet.sums.members import Index
from wardnet.sums.products import UNIT, cut, no_products, products, rows_of, whole

PRODUCTS: Final = "products"
PENALISED_FIT: Final = ("n", "rss", "r2")
NO_MINIMUM: Final = "not converged: take a stronger penalty or fewer columns"
NO_ROWS: Final = "no row has a value in every column"


@checked(frozen=True, config=STRICT)
class Parameters(Terms):
    """Hold what `linear` takes, beside the formula.

    Parameters
    ----------
    penalty : float
        Strength of the penalty on the standardised coefficients; 0 for least squares.
    lasso_share : float
        Share of it that is lasso: 0 for ridge, 1 for lasso, between them elastic net.
    errors : str
        Which standard errors: `classical`, `HC0` to `HC3`, or `cluster` for those of hospitals.
    """

    penalty: Annotated[float, Field(ge=0, le=1e12)] = 0.0
    lasso_share: Annotated[float, Field(ge=0, le=1)] = 0.0
    errors: Kind = CLASSICAL

    def check(self, method: str) -> None:
        """Refuse standard errors of penalised coefficients.

        Raises
        ------
        WardnetError
            `PARAMETER_INVALID`.
        """
        if self.penalty and self.errors != CLASSICAL:
            read.refuse(method, "errors", "have no meaning with a penalty; leave one of them out")


_ADAPTER: Final = TypeAdapter(Parameters)


@dataclass(frozen=True)
class Asked:
    """Hold checked parameters."""

    design: Design
    penalty: float
    lasso_share: float
    errors: Kind = CLASSICAL

    @property
    def fit(self) -> tuple[str, ...]:
        """Return what is told of the fit."""
        return PENALISED_FIT if self.penalty else FIT


@dataclass(frozen=True)
class State:
    """Hold the first round, or what the others need.

    Parameters
    ----------
    joined : ndarray of Decimal, shape (all columns, all columns), or None
        The cross products in units, once they are known.
    robust : Robust or None
        The rounds of robust standard errors.
    """

    asked: Asked
    guards: GuardTotals
    rules: DisclosureRules
    joined: Matrix | None = None
    robust: Robust | None = None


class Linear(Method[Asked, State]):
    """Explain a number by other columns: least squares, ridge, lasso or elastic net.

    Notes
    -----
    With X the columns of the formula and y the outcome, over the rows with a value in all of them,
    the hospitals add up X'X, X'y and y'y without rounding, and the estimates minimise
    `(y - X b)'(y - X b) / 2 + penalty`; a penalty takes coefficients of standardised columns.

    Examples
    --------
    Parameters: ``{"outcome": "chol", "terms": [["age"], ["sex"]]}``.
    """

    name: ClassVar[str] = "linear"
    version: ClassVar[int] = 1
    maximum_rounds: ClassVar[int] = 1 + FURTHER_ROUNDS
    output: ClassVar[Output] = Output.MODEL

    def bind(self, parameters: Mapping[str, JsonValue], dictionary: Dictionary) -> Asked:
        """Check parameters against the dictionary."""
        given = read.read(self.name, _ADAPTER, parameters)
        given.check(self.name)
        outcome = outcome_number(self.name, given.outcome, dictionary)
        columns = design(self.name, given, outcome, dictionary)
        asked = Asked(columns, given.penalty, given.lasso_share, given.errors)
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
        """Open the round, unless the rules withhold the model."""
        asked = question.parameters
        rule = asked.design.refusal(guards, rules)
        if rule:
            return without_estimates(asked.design.names, asked.fit, rule=rule)
        return State(asked, guards, rules)

    def arrays(self, state: State) -> Sequence[ArraySpec]:
        """Declare the cross products of the regressors and the outcome; then those of residuals."""
        if state.robust is not None:
            return state.robust.arrays()
        size = len(state.asked.design.all)
        return [ArraySpec(PRODUCTS, (1, size, size), MAXIMUM_ROWS << UNIT, COMPLETE, UNIT)]

    def local(self, state: State, rows: Rows) -> Part:
        """Add up the cross products of a batch."""
        if state.robust is not None:
            return state.robust.local(rows, _residuals)
        columns = state.asked.design
        limbs = no_products(len(columns.all), len(columns.all))
        for _, entries in columns.blocks(rows):
            sliced = cut(entries, slices=columns.slices)
            limbs += products(sliced, sliced)
        return {PRODUCTS: limbs}

    def finish(self, state: State, part: Part) -> Sums:
        """Turn limbs into integers."""
        if state.robust is not None:
            return state.robust.finish(part)
        return {PRODUCTS: whole(settle(part)[PRODUCTS])[np.newaxis]}

    def step(self, state: State, total: Sums) -> State | Table:
        """Solve for the estimates; then find out how far they may be off."""
        if state.robust is not None and state.joined is not None:
            after = state.robust.step(total)
            if isinstance(after, Robust):
                return replace(state, robust=after)
            return _answer(state.asked.design, state.joined, after)
        columns = state.asked.design
        joined = units(columns, total[PRODUCTS][0], state.guards)
        if not joined[0, 0]:
            return without_estimates(columns.names, state.asked.fit, rule=NO_ROWS)
        if state.asked.penalty:
            return _penalised(state.asked, joined)
        if state.asked.errors == CLASSICAL:
            return _answer(columns, joined)
        return replace(state, joined=joined, robust=_robust(state, joined))

    def model(self, parameters: Asked, table: Table) -> Model:
        """Return what predicts the number."""
        return regression(self.name, parameters.design, table, response=_itself)


def _itself(predictor: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the linear predictor as the one output."""
    return predictor[:, np.newaxis]


def units(columns: Design, total: NDArray[Any], guards: GuardTotals) -> Matrix:
    """Return total cross products of all columns in units, same shape.

    Raises
    ------
    WardnetError
        `IMPLAUSIBLE_TOTAL` when so many rows cannot give them.
    """
    rows = rows_of(total)
    guards.check_rows(COMPLETE, np.array([rows]))
    return columns.in_units(total, Fraction(1, 1 << UNIT), both=True)


def _robust(state: State, joined: Matrix) -> Robust:
    found, size = least_squares(joined), len(joined) - 1
    with localcontext(PRECISE):
        return robust(
            state.asked.errors,
            state.asked.design,
            found.estimates,
            joined[:size, :size],
            found.inverse,
            aliased=found.aliased,
            n=found.n,
            largest=found.rss.sqrt(),
            freedom=found.freedom,
            rules=state.rules,
        )


def _residuals(
    predicted: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return weights of 1, and the distances of outcomes from what is predicted."""
    return np.ones_like(y), y - predicted


def _answer(columns: Design, joined: Matrix, spread: Spread | None = None) -> Table:
    """Return the table, with classical standard errors if there are no others."""
    found = least_squares(joined)
    spread = spread or found.spread()
    estimates = Estimates(
        columns.names,
        found.estimates,
        spread.variances,
        spread.freedom,
        found.aliased,
        spread.rule,
    )
    return fitted(estimates, found.facts())


def _penalised(asked: Asked, joined: Matrix) -> Table:
    with localcontext(PRECISE):
        return _shrunk(asked, joined)


def _shrunk(asked: Asked, joined: Matrix) -> Table:
    columns, size, n = asked.design, len(asked.design.regressors), int(joined[0, 0])
    squares, right = joined[:size, :size], joined[:size, size]
    added = penalty(
        squares, strength=Decimal(asked.penalty), lasso_share=Decimal(asked.lasso_share)
    )
    constant = tuple(at for at in range(1, size) if not added.lasso[at] and not added.ridge[at])
    found = minimise(squares, right, added, skip=constant)
    if found is None:
        return without_estimates(columns.names, asked.fit, rule=NO_MINIMUM)
    rss = joined[size, size] - 2 * right.dot(found) + found.dot(squares).dot(found)
    tss = spread_of(joined)
    facts = (n, rss, 1 - rss / tss if tss > 0 else None)
    estimates = Estimates(columns.names, found, aliased=constant)
    return fitted(estimates, dict(zip(PENALISED_FIT, facts, strict=True)))
