"""The first round: what brings inputs to a common scale, and how many rows there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from wardnet.errors import Reason, WardnetError
from wardnet.learning.curve import Size
from wardnet.learning.guards import CLASSES, SPLIT, USABLE
from wardnet.learning.inputs import Input
from wardnet.learning.learned import without_model
from wardnet.learning.optimiser import first
from wardnet.learning.plan import Plan
from wardnet.learning.rounds import Learning
from wardnet.learning.scaling import mean_and_sd, powers, scaling
from wardnet.privacy.rules import DisclosureRules, GuardTotals
from wardnet.question.answer import Table
from wardnet.question.rows import Rows
from wardnet.statistics.method import Part
from wardnet.sums import arrays
from wardnet.sums.accumulate import MAXIMUM_ROWS
from wardnet.sums.arrays import ArraySpec, Sums
from wardnet.sums.members import count

POWERS: Final = "powers"
HOSPITALS: Final = "hospitals"

_SQUARE_BITS: Final = 120
"""Bits that the square of a code has at most."""

NO_ROWS: Final = "no row to train on, or to validate on"
NO_VALUE: Final = "a feature without any value"
ONE_OUTCOME: Final = "one outcome only: a class that no row to train on has"
CONSTANT_OUTCOME: Final = "one outcome only: all rows to train on have the same"


@dataclass(frozen=True)
class Measuring:
    """Ask for sums of the inputs' powers, and for numbers of rows.

    Parameters
    ----------
    plan, guards, rules : Plan, GuardTotals, DisclosureRules
        What is to be learned, and what may be known of it.
    """

    plan: Plan
    guards: GuardTotals
    rules: DisclosureRules

    @cached_property
    def _measured(self) -> Sequence[Input]:
        """Return the inputs, and an outcome of numbers after them."""
        outcome = self.plan.outcome
        return self.plan.inputs if outcome.classes else (*self.plan.inputs, Input(outcome.column))

    def arrays(self) -> Sequence[ArraySpec]:
        """Declare the powers, the rows of each class and of both parts, and who has any."""
        powers_shape = (1, len(self._measured), 3)
        return [
            ArraySpec(POWERS, powers_shape, MAXIMUM_ROWS << _SQUARE_BITS, USABLE),
            ArraySpec(CLASSES, (self.plan.outcome.cells,), MAXIMUM_ROWS, CLASSES),
            ArraySpec(SPLIT, (self.plan.parts,), MAXIMUM_ROWS, SPLIT),
            ArraySpec(HOSPITALS, (1,), 1, USABLE),
        ]

    def local(self, rows: Rows) -> Part:
        """Add up a hospital's rows."""
        usable = rows.take(self.plan.usable(rows))
        trained = usable.take(~self.plan.validates(usable))
        sizes = [trained.size, usable.size - trained.size][: self.plan.parts]
        return {
            POWERS: np.array([[powers(each, trained) for each in self._measured]], np.object_),
            CLASSES: count(self.plan.outcome.index(trained), cells=self.plan.outcome.cells),
            SPLIT: np.array(sizes, np.int64),
            HOSPITALS: np.array([int(trained.size > 0)], np.int64),
        }

    def step(self, total: Sums) -> Learning | Table:
        """Scale the inputs and begin; without both classes, or any value, there is no model."""
        plan, measured = self.plan, total[POWERS][0]
        rows, classes = total[SPLIT].astype(np.int64), total[CLASSES].astype(np.int64)
        if classes.sum() != rows[0] or min(rows.min(), classes.min()) < 0:
            raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule="classes and rows do not agree")
        self.guards.check_rows(SPLIT, rows)
        self.guards.check_rows(CLASSES, classes)
        hospitals = int(total[HOSPITALS][0])
        if not int(rows[0] > 0) <= hospitals <= rows[0] or not all(
            _possible(each, rows[0]) for each in measured
        ):
            raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule="no rows give such sums and squares")
        if not rows.all():
            return without_model(plan, NO_ROWS)
        if not classes.all():
            return without_model(plan, ONE_OUTCOME)
        if not all(measured[:, 0]):
            return without_model(plan, NO_VALUE)
        target = self._target(measured[-1])
        if not target[1]:
            return without_model(plan, CONSTANT_OUTCOME)
        found = scaling(
            plan.inputs,
            measured[: len(plan.inputs)],
            standardise=plan.given.standardise,
            impute=plan.given.missing == "mean",
        )
        size = Size(int(rows[0]), int(rows[1:].sum()), hospitals)
        basis = arrays.digest(total)
        return Learning(plan, self.rules, size, found, target, basis, first(plan))

    def _target(self, measured: Sequence[int]) -> tuple[float, float]:
        """Return mean and standard deviation of an outcome of numbers; 0 and 1 for classes."""
        if self.plan.outcome.classes:
            return 0.0, 1.0
        origin, unit = mean_and_sd(self._measured[-1], measured)
        return (origin, unit) if self.plan.given.standardise or not unit else (0.0, 1.0)


def _possible(measured: Sequence[int], rows: int) -> bool:
    """Say whether some of the rows can have such a number of values, sum and sum of squares."""
    values, codes, squares = measured
    return bool(0 <= values <= rows and squares >= 0 and values * squares >= codes * codes)
