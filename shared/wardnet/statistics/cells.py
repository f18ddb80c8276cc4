"""What count, crosstab and histogram share: how many rows and patients fall in each cell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from wardnet.privacy.rules import DisclosureRules, Guard, GuardTotals, Output
from wardnet.question.answer import Cell, Table
from wardnet.question.rows import Rows
from wardnet.statistics.method import Method, Part, Question
from wardnet.statistics.tables import Line, table
from wardnet.sums.accumulate import MAXIMUM_ROWS
from wardnet.sums.arrays import ArraySpec, Sums
from wardnet.sums.members import Index, count

CELLS: Final = "cells"
ROWS: Final = "rows"
COUNTS: Final = ("rows", "patients")


class Frame(Protocol):
    """Say which cells there are, whatever the data, and where a row falls."""

    @property
    def size(self) -> int:
        """Return the number of cells, at least 1."""
        ...

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the names of the table's key columns."""
        ...

    @property
    def facts(self) -> tuple[str, ...]:
        """Return the names of what is known of a cell without any data."""
        ...

    @property
    def uses(self) -> frozenset[str]:
        """Return the dictionary columns that `index` looks at."""
        ...

    @property
    def labels(self) -> Sequence[tuple[str, ...]]:
        """Return each cell's keys."""
        ...

    @property
    def known(self) -> Sequence[tuple[Cell, ...]]:
        """Return each cell's facts."""
        ...

    def index(self, rows: Rows) -> Index:
        """Return each row's cell, shape (rows.size,), -1 for none."""
        ...


F = TypeVar("F", bound=Frame)


@dataclass(frozen=True, slots=True)
class Counting(Generic[F]):
    """Hold what is left to do after the guard round where a patient may have several rows."""

    frame: F
    guards: GuardTotals
    rule: str


class CellCounts(Method[F, Counting[F]]):
    """Count rows and patients in the cells of a frame; a subclass says which frame.

    Where every row is a patient of its own the guard totals are the answer. Otherwise one more
    round counts the rows.
    """

    maximum_rounds: ClassVar[int] = 1
    output: ClassVar[Output] = Output.COUNTS

    def columns(self, parameters: F) -> frozenset[str]:
        """Return the frame's columns."""
        return parameters.uses

    def guards(self, question: Question[F]) -> Mapping[str, Guard]:
        """Declare one guard: the frame's cells."""
        return {CELLS: Guard(question.parameters.size)}

    def cells(self, question: Question[F], rows: Rows) -> Mapping[str, Index]:
        """Return each row's cell of the frame."""
        return {CELLS: question.parameters.index(rows)}

    def start(
        self, question: Question[F], guards: GuardTotals, rules: DisclosureRules
    ) -> Counting[F] | Table:
        """Return the answer at once where rows are patients."""
        state = Counting(question.parameters, guards, rules.cell_rule)
        if question.dictionary.patient is None:
            return _table(state, guards.patients[CELLS])
        return state

    def arrays(self, state: Counting[F]) -> Sequence[ArraySpec]:
        """Declare the rows per cell."""
        return [ArraySpec(ROWS, (state.frame.size,), limit=MAXIMUM_ROWS, guard=CELLS)]

    def local(self, state: Counting[F], rows: Rows) -> Part:
        """Count the rows per cell."""
        return {ROWS: count(state.frame.index(rows), cells=state.frame.size)}

    def step(self, state: Counting[F], total: Sums) -> Table:
        """Return the table of rows and patients."""
        rows = total[ROWS].astype(np.int64)
        state.guards.check_rows(CELLS, rows)
        return _table(state, rows)


def _table(state: Counting[F], rows: NDArray[np.int64]) -> Table:
    frame = state.frame
    patients = state.guards.patients[CELLS]
    small = state.guards.withheld[CELLS]
    return table(
        keys=frame.keys,
        values=(*frame.facts, *COUNTS),
        lines=(
            Line(
                labels,
                (*facts, int(rows[cell]), int(patients[cell])),
                dict.fromkeys(COUNTS, state.rule) if small[cell] else {},
            )
            for cell, (labels, facts) in enumerate(zip(frame.labels, frame.known, strict=True))
        ),
    )
