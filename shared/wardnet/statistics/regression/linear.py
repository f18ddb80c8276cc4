"""Linear regression: least squares, ridge, lasso, elastic net, from exact cross products."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from wardnet.statistics.design import COMPLETE, Design, Terms, design, outcome_number
from wardnet.statistics.distributions import f_tail
from wardnet.statistics.method import Method, Part, Question, settle
from wardnet.statistics.model import Model
from wardnet.statistics.regression import estimates as answers
from wardnet.statistics.regression.estimates import Estimates, fitted, without_estimates
from wardnet.statistics.regression.predict import regression
from wardnet.statistics.regression.shrinkage import minimise, penalty
from wardnet.statistics.solve import PRECISE, TOLERANCE, Matrix, solve
from wardnet.sums.accumulate import MAXIMUM_ROWS
from wardnet.sums.arrays import ArraySpec, Sums
from wardnet.sums.members import Index
from wardnet.sums.products import UNIT, cut, no_products, products, rows_of, whole

PRODUCTS: Final = "products"
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
PENALISED_FIT: Final = ("n", "rss", "r2")
NO_MINIMUM: Final = "not converged: take a stronger penalty or fewer columns"
NO_ROWS: Final = "no row has a value in every column"

TAU: Final = Decimal("6.28318530717958647692528676655900576839433879875021164194989")


@checked(frozen=True, config=STRICT)
class Parameters(Terms):
    """Hold what `linear` takes, beside the formula.

    Parameters
    ----------
    penalty : float
        Strength of the penalty on the standardised coefficients; 0 for least squares.
    lasso_share : float
        Share of it that is lasso: 0 for ridge, 1 for lasso, between them elastic net.
    """

    penalty: Annotated[float, Field(ge=0, le=1e12)] = 0.0
    lasso_share: Annotated[float, Field(ge=0, le=1)] = 0.0


_ADAPTER: Final = TypeAdapter(Parameters)


@dataclass(frozen=True)
class Asked:
    """Hold checked parameters."""

    design: Design
    penalty: float
    lasso_share: float

    @property
    def fit(self) -> tuple[str, ...]:
        """Return what is told of the fit."""
        return PENALISED_FIT if self.penalty else FIT


@dataclass(frozen=True)
class State:
    """Hold the one round."""

    asked: Asked
    guards: GuardTotals


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
    maximum_rounds: ClassVar[int] = 1
    output: ClassVar[Output] = Output.MODEL

    def bind(self, parameters: Mapping[str, JsonValue], dictionary: Dictionary) -> Asked:
        """Check parameters against the dictionary."""
        given = read.read(self.name, _ADAPTER, parameters)
        outcome = outcome_number(self.name, given.outcome, dictionary)
        columns = design(self.name, given, outcome, dictionary)
        asked = Asked(columns, given.penalty, given.lasso_share)
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
        return State(asked, guards)

    def arrays(self, state: State) -> Sequence[ArraySpec]:
        """Declare the cross products of the regressors and the outcome."""
        size = len(state.asked.design.all)
        return [ArraySpec(PRODUCTS, (1, size, size), MAXIMUM_ROWS << UNIT, COMPLETE, UNIT)]

    def local(self, state: State, rows: Rows) -> Part:
        """Add up the cross products of a batch."""
        columns = state.asked.design
        limbs = no_products(len(columns.all), len(columns.all))
        for _, entries in columns.blocks(rows):
            sliced = cut(entries, slices=columns.slices)
            limbs += products(sliced, sliced)
        return {PRODUCTS: limbs}

    def finish(self, state: State, part: Part) -> Sums:
        """Turn limbs into integers."""
        return {PRODUCTS: whole(settle(part)[PRODUCTS])[np.newaxis]}

    def step(self, state: State, total: Sums) -> Table:
        """Solve for the estimates."""
        columns = state.asked.design
        joined = units(columns, total[PRODUCTS][0], state.guards)
        n = int(joined[0, 0])
        if not n:
            return without_estimates(columns.names, state.asked.fit, rule=NO_ROWS)
        with localcontext(PRECISE):
            if state.asked.penalty:
                return _penalised(state.asked, joined, n)
            return _least_squares(columns, joined, n)

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


def _spread(joined: Matrix) -> Decimal:
    """Return the outcome's sum of squares around its mean."""
    return Decimal(joined[-1, -1] - joined[0, -1] ** 2 / joined[0, 0])


def _least_squares(columns: Design, joined: Matrix, n: int) -> Table:
    size = len(columns.regressors)
    solved = solve(joined, columns=size)
    rank = size - len(solved.aliased)
    freedom = n - rank
    rss, tss = Decimal(solved.rest[0, 0]), _spread(joined)
    if rss <= TOLERANCE * tss:  # a perfect fit, but for the hundredth digit
        rss = Decimal(0)
    variance = rss / freedom if freedom > 0 else None
    estimates = Estimates(
        columns.names,
        solved.solution[:, 0],
        None if variance is None else variance * np.diagonal(solved.inverse),
        max(freedom, 0),
        solved.aliased,
    )
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
    return fitted(estimates, dict(zip(FIT, facts, strict=True)))


def _penalised(asked: Asked, joined: Matrix, n: int) -> Table:
    columns, size = asked.design, len(asked.design.regressors)
    squares, right = joined[:size, :size], joined[:size, size]
    added = penalty(
        squares, strength=Decimal(asked.penalty), lasso_share=Decimal(asked.lasso_share)
    )
    constant = tuple(at for at in range(1, size) if not added.lasso[at] and not added.ridge[at])
    found = minimise(squares, right, added, skip=constant)
    if found is None:
        return without_estimates(columns.names, asked.fit, rule=NO_MINIMUM)
    rss = joined[size, size] - 2 * right.dot(found) + found.dot(squares).dot(found)
    tss = _spread(joined)
    facts = (n, rss, 1 - rss / tss if tss > 0 else None)
    estimates = Estimates(columns.names, found, aliased=constant)
    return fitted(estimates, dict(zip(PENALISED_FIT, facts, strict=True)))
