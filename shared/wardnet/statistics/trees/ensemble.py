"""The method that boosting and random forests are: guards, common bins, trees, a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final, TypeAlias

import numpy as np

from wardnet.errors import Reason, WardnetError
from wardnet.privacy.rules import DisclosureRules, Guard, GuardTotals, Output
from wardnet.question.answer import Table, Withheld, no_model
from wardnet.question.rows import Rows
from wardnet.statistics.method import Method, Part, Question
from wardnet.statistics.model import Model
from wardnet.statistics.outcomes import GRID, GUARD
from wardnet.statistics.tally import COHORT
from wardnet.statistics.trees import predict
from wardnet.statistics.trees.binned import Bins
from wardnet.statistics.trees.binning import Cells, cells
from wardnet.statistics.trees.growing import ROUND_NUMBERS, Growing, begin
from wardnet.statistics.trees.plan import Plan
from wardnet.statistics.trees.table import KEYS, VALUES
from wardnet.sums.accumulate import MAXIMUM_ROWS
from wardnet.sums.arrays import ArraySpec, Sums
from wardnet.sums.members import Index, count

ROWS: Final = "rows"
SUM: Final = "sum"


@dataclass(frozen=True)
class Binning:
    """Hold how far the search for common bins has come; `rows` are known after its first round.

    Parameters
    ----------
    plan, guards, rules, several_rows
        As `Growing` takes them.
    cells : tuple of Cells
        One per feature.
    rows : tuple of int
        Rows of each class; of a number, all.
    total : int
        Sum of the numbers in units of `2**-GRID`.
    """

    plan: Plan
    guards: GuardTotals
    rules: DisclosureRules
    several_rows: bool
    cells: tuple[Cells, ...]
    rows: tuple[int, ...] = ()
    total: int = 0

    @property
    def _open(self) -> dict[str, Cells]:
        """Return the cells that this round counts: as many as it can carry, at least one's."""
        waiting = [each for each in self.cells if each.counts is None]
        sizes = np.cumsum([each.starts.size for each in waiting])
        carried = max(1, int(np.searchsorted(sizes, ROUND_NUMBERS, side="right")))
        return {f"cells:{each.feature.name}": each for each in waiting[:carried]}

    def arrays(self) -> Sequence[ArraySpec]:
        """Declare the rows in the cells; first, those of each class or the sum of the numbers."""
        specs = [each.declare(name, COHORT) for name, each in self._open.items()]
        if self.rows:
            return specs
        outcome = self.plan.outcome
        specs.append(ArraySpec(ROWS, (outcome.cells,), MAXIMUM_ROWS, GUARD))
        if not outcome.classes:
            specs.append(ArraySpec(SUM, (1,), MAXIMUM_ROWS << GRID, GUARD, GRID))
        return specs

    def local(self, rows: Rows) -> Part:
        """Count a batch's rows."""
        outcome = self.plan.outcome
        known = rows.take(self.plan.known(rows))
        part: dict[str, Any] = {
            name: each.count(each.feature.encode(known)) for name, each in self._open.items()
        }
        if not self.rows:
            part[ROWS] = count(outcome.index(known), cells=outcome.cells)
            if not outcome.classes:
                whole = (outcome.values(known) * 2.0**GRID).astype(np.int64)
                part[SUM] = whole.sum(keepdims=True)
        return part

    def step(self, total: Sums) -> "Binning | Growing | Table":
        """Cut the cells that are too full; when none is, plant the first trees."""
        state = self
        if not self.rows:
            rows = total[ROWS].astype(np.int64)
            self.guards.check_rows(GUARD, rows)
            if rows.min() <= 0:
                return _withheld("an outcome, or a class of it, that no row has")
            whole = int(total.get(SUM, [0])[0])
            if not 0 <= whole <= int(rows.sum()) << GRID:
                rule = "a mean is outside the bounds of its column"
                raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule=rule)
            state = replace(self, rows=tuple(rows.tolist()), total=whole)
        refined = {
            each.feature.name: each.refined(total[name].astype(np.int64), bins=self.plan.bins)
            for name, each in self._open.items()
        }
        state = replace(state, cells=tuple(refined.get(x.feature.name, x) for x in self.cells))
        return state if state._open else state._begin()  # noqa: SLF001 - its own

    def _begin(self) -> Growing | Table:
        least = self.rules.minimum_patients
        edges = tuple(each.edges(bins=self.plan.bins, least=least) for each in self.cells)
        return begin(
            self.plan,
            rules=self.rules,
            several_rows=self.several_rows,
            bins=Bins(self.plan.features, edges),
            rows=self.rows,
            total=self.total,
        )


State: TypeAlias = Binning | Growing


class Ensemble(Method[Plan, State]):
    """Grow trees; a subclass says which and reads the parameters."""

    maximum_rounds: ClassVar[int] = 20_000
    output: ClassVar[Output] = Output.TREES

    def columns(self, parameters: Plan) -> frozenset[str]:
        """Return the outcome and the features."""
        return frozenset(parameters.columns)

    def guards(self, question: Question[Plan]) -> Mapping[str, Guard]:
        """Declare the patients with an outcome; of each class, where it has classes."""
        return {GUARD: Guard(question.parameters.outcome.cells)}

    def cells(self, question: Question[Plan], rows: Rows) -> Mapping[str, Index]:
        """Return each row's class."""
        return {GUARD: question.parameters.outcome.index(rows)}

    def start(
        self, question: Question[Plan], guards: GuardTotals, rules: DisclosureRules
    ) -> State | Table:
        """Open the search for bins; without enough patients of each class, return no model."""
        if guards.withheld[GUARD].any():
            return _withheld(f"a class with {rules.cell_rule}")
        plan = question.parameters
        several_rows = question.dictionary.patient is not None
        return Binning(plan, guards, rules, several_rows, tuple(map(cells, plan.features)))

    def arrays(self, state: State) -> Sequence[ArraySpec]:
        """Declare the cells' rows, or the nodes' histograms."""
        return state.arrays()

    def local(self, state: State, rows: Rows) -> Part:
        """Count rows in cells, or add up gradients in bins."""
        return state.local(rows)

    def step(self, state: State, total: Sums) -> State | Table:
        """Find bins, then split nodes, then return the model."""
        return state.step(total)

    def model(self, parameters: Plan, table: Table) -> Model:
        """Return what predicts, read from the answer's arrays."""
        if not table.tensors:
            raise no_model(self.name, table)
        return predict.read(parameters, table)


def _withheld(rule: str) -> Table:
    cell: dict[str, str] = dict.fromkeys(KEYS, "every")
    return Table(KEYS, VALUES, (), (Withheld(cell=cell, columns=VALUES, rule=rule),))
