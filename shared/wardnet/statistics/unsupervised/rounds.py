"""What all methods of this room are: guards, then the cross products, then rounds of their own."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import localcontext
from typing import ClassVar, Final, Generic, TypeVar

import numpy as np

from wardnet.privacy.rules import DisclosureRules, Guard, GuardTotals
from wardnet.question.answer import Table
from wardnet.question.rows import Rows
from wardnet.statistics import parameters as read
from wardnet.statistics.design import COMPLETE
from wardnet.statistics.method import Method, Part, Question, settle
from wardnet.statistics.solve import PRECISE
from wardnet.statistics.unsupervised import findings
from wardnet.statistics.unsupervised.features import Features
from wardnet.statistics.unsupervised.findings import KEYS, Label
from wardnet.statistics.unsupervised.overall import ONE_ROW, Overall, overall
from wardnet.sums.accumulate import MAXIMUM_ROWS
from wardnet.sums.arrays import ArraySpec, Sums
from wardnet.sums.members import Index
from wardnet.sums.products import UNIT, cut, no_products, products, whole

PRODUCTS: Final = "products"


@dataclass(frozen=True)
class Conditions:
    """Hold what rounds go by.

    Parameters
    ----------
    guards : GuardTotals
        What the guard round told.
    rules : DisclosureRules
        Which rules apply.
    several_rows : bool
        Whether a patient may have several rows.
    """

    guards: GuardTotals
    rules: DisclosureRules
    several_rows: bool


class Stage(ABC):
    """Hold one round."""

    @abstractmethod
    def arrays(self) -> Sequence[ArraySpec]:
        """Declare its sums."""

    @abstractmethod
    def local(self, rows: Rows) -> Part:
        """Return a batch's part."""

    def finish(self, part: Part) -> Sums:
        """Return the hospital's sums."""
        return settle(part)

    @abstractmethod
    def step(self, total: Sums) -> "Stage | Table":
        """Return the next round, or the result."""


@dataclass(frozen=True)
class Plan(ABC):
    """Hold checked parameters.

    Parameters
    ----------
    features : Features
        The columns.
    """

    features: Features

    @property
    @abstractmethod
    def parts(self) -> int:
        """Return how many components or clusters are told."""

    @property
    @abstractmethod
    def rows(self) -> Sequence[Label]:
        """Return the keys of the answer's rows."""

    @abstractmethod
    def refusal(self, patients: int, rules: DisclosureRules) -> str:
        """Return why so few patients are not enough, in words; empty where they are."""

    @abstractmethod
    def go_on(self, known: Overall, conditions: Conditions) -> Stage | Table:
        """Return what follows the first round."""

    def nothing(self, rule: str) -> Table:
        """Return an answer without any number."""
        return findings.nothing(self.rows, parts=self.parts, rule=rule)


P = TypeVar("P", bound=Plan)


class Structure(Method[P, Stage], Generic[P]):
    """Begin a search for structure."""

    parameter: ClassVar[str]
    """What to ask less of where an answer would be too long."""

    def check_size(self, plan: P) -> None:
        """Refuse what may not fit an answer."""
        names = findings.values(plan.parts)
        read.check_answer(self.name, self.parameter, keys=KEYS, labels=plan.rows, values=names)

    def columns(self, parameters: P) -> frozenset[str]:
        """Return the features' columns."""
        return frozenset(parameters.features.columns)

    def guards(self, question: Question[P]) -> Mapping[str, Guard]:
        """Declare the complete rows, and the levels among them."""
        return question.parameters.features.guards()

    def cells(self, question: Question[P], rows: Rows) -> Mapping[str, Index]:
        """Return which rows are complete, and their levels."""
        return question.parameters.features.cells(rows)

    def start(
        self, question: Question[P], guards: GuardTotals, rules: DisclosureRules
    ) -> Stage | Table:
        """Open the first round, unless the rules withhold the answer."""
        plan = question.parameters
        patients = int(guards.patients[COMPLETE][0])
        rule = plan.features.refusal(guards, rules) or plan.refusal(patients, rules)
        if rule:
            return plan.nothing(rule)
        several_rows = question.dictionary.patient is not None
        return First(plan, Conditions(guards, rules, several_rows))

    def arrays(self, state: Stage) -> Sequence[ArraySpec]:
        """Declare the round's sums."""
        return state.arrays()

    def local(self, state: Stage, rows: Rows) -> Part:
        """Add up a batch."""
        return state.local(rows)

    def finish(self, state: Stage, part: Part) -> Sums:
        """Turn limbs into integers."""
        return state.finish(part)

    def step(self, state: Stage, total: Sums) -> Stage | Table:
        """Go on, or end."""
        with localcontext(PRECISE):
            return state.step(total)


@dataclass(frozen=True)
class First(Stage):
    """Add up the cross products of all columns."""

    plan: Plan
    conditions: Conditions

    def arrays(self) -> Sequence[ArraySpec]:
        """Declare the cross products of 1 and t."""
        size = 1 + len(self.plan.features.factors)
        return [ArraySpec(PRODUCTS, (1, size, size), MAXIMUM_ROWS << UNIT, COMPLETE, UNIT)]

    def local(self, rows: Rows) -> Part:
        """Add up a batch's cross products."""
        features = self.plan.features
        size = 1 + len(features.factors)
        limbs = no_products(size, size)
        for entries, _ in features.blocks(rows):
            sliced = cut(entries, slices=features.slices)
            limbs += products(sliced, sliced)
        return {PRODUCTS: limbs}

    def finish(self, part: Part) -> Sums:
        """Turn limbs into integers."""
        return {PRODUCTS: whole(settle(part)[PRODUCTS])[np.newaxis]}

    def step(self, total: Sums) -> Stage | Table:
        """Hand over to the method."""
        known = overall(self.plan.features, total[PRODUCTS][0], self.conditions.guards)
        if known is None:
            return self.plan.nothing(ONE_ROW)
        return self.plan.go_on(known, self.conditions)
