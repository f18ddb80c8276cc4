"""Generalised linear models: logistic and Poisson regression, also with ridge, lasso or both."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final, Literal

import numpy as np
from pydantic import JsonValue, TypeAdapter
from pydantic.dataclasses import dataclass as checked

from wardnet.privacy.rules import DisclosureRules, Guard, GuardTotals, Output
from wardnet.question.answer import Table
from wardnet.question.dictionary import STRICT, Dictionary
from wardnet.question.rows import Rows
from wardnet.statistics import parameters as read
from wardnet.statistics.design import COMPLETE, predictor
from wardnet.statistics.method import Method, Part, Question, settle
from wardnet.statistics.model import Model
from wardnet.statistics.regression import estimates as answers
from wardnet.statistics.regression.families import FAMILIES
from wardnet.statistics.regression.likeliest import Asked
from wardnet.statistics.regression.linear import Parameters as LinearParameters
from wardnet.statistics.regression.newton import (
    INFORMATION,
    LIKELIHOOD,
    MOST_ROUNDS,
    State,
    begin,
    step,
)
from wardnet.statistics.regression.predict import regression
from wardnet.statistics.regression.robust import FURTHER_ROUNDS
from wardnet.statistics.terms import design
from wardnet.sums.accumulate import MAXIMUM_ROWS
from wardnet.sums.arrays import ArraySpec, Sums
from wardnet.sums.members import Index
from wardnet.sums.products import (
    BOTH_DIGITS,
    UNIT,
    cut,
    enough,
    no_products,
    products,
    whole,
)


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
    maximum_rounds: ClassVar[int] = MOST_ROUNDS + FURTHER_ROUNDS
    output: ClassVar[Output] = Output.MODEL

    def bind(self, parameters: Mapping[str, JsonValue], dictionary: Dictionary) -> Asked:
        """Check parameters against the dictionary."""
        given = read.read(self.name, _ADAPTER, parameters)
        given.check(self.name)
        family = FAMILIES[given.family](self.name, given.outcome, dictionary)
        columns = design(self.name, given, family.outcome, dictionary)
        asked = Asked(columns, family, given.penalty, given.lasso_share, given.errors)
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
        return begin(asked, guards, rules)

    def arrays(self, state: State) -> Sequence[ArraySpec]:
        """Declare the information with the score beside it, and the likelihood."""
        if state.robust is not None:
            return state.robust.arrays()
        size = len(state.asked.design.regressors)
        limit = MAXIMUM_ROWS << UNIT
        return [
            ArraySpec(INFORMATION, (1, size, size + 1), limit, COMPLETE, UNIT),
            ArraySpec(LIKELIHOOD, (1, 1, state.asked.family.facts), limit, COMPLETE, UNIT),
        ]

    def local(self, state: State, rows: Rows) -> Part:
        """Add up a batch's terms."""
        asked, scales = state.asked, state.scales
        if state.robust is not None:
            return state.robust.local(rows, lambda eta, y: asked.family.terms(eta, y)[:2])
        family, size = asked.family, len(asked.design.regressors)
        limbs = no_products(size, size + 1 + family.facts)
        digit = BOTH_DIGITS - family.digit
        slices = [enough(regressor.bits, digit=digit) for regressor in asked.design.regressors]
        (factor,) = family.outcome.factors
        scale = [scales.weight, scales.residual, *scales.facts]
        weights, residuals, *kernels = (float(1 / each) for each in scale)
        for _, entries in asked.design.blocks(rows):
            x, y = entries[:size], entries[size] * float(factor.scale) + float(factor.origin)
            weight, residual, facts = family.terms(predictor(state.scaled, x), y)
            terms = np.empty((limbs.shape[2], x.shape[1]))
            np.multiply(x, weight * weights, out=terms[:size])
            np.multiply(residual, residuals, out=terms[size])
            np.multiply(facts, np.array(kernels)[:, np.newaxis], out=terms[size + 1 :])
            regressors = cut(x, slices=slices, digit=digit)
            weighted = cut(terms, slices=[family.slices] * len(terms), digit=family.digit)
            limbs += products(regressors, weighted)
        # The intercept's products with the facts are their sums.
        return {INFORMATION: limbs[:, :, : size + 1], LIKELIHOOD: limbs[:, :1, size + 1 :]}

    def finish(self, state: State, part: Part) -> Sums:
        """Turn limbs into integers."""
        if state.robust is not None:
            return state.robust.finish(part)
        return {name: whole(limbs)[np.newaxis] for name, limbs in settle(part).items()}

    def step(self, state: State, total: Sums) -> State | Table:
        """Take a step of Newton's, or end."""
        return step(state, total)

    def model(self, parameters: Asked, table: Table) -> Model:
        """Return what predicts the probabilities of both levels, or a rate."""
        family = parameters.family
        return regression(
            self.name,
            parameters.design,
            table,
            response=family.response,
            classes=family.classes,
        )
