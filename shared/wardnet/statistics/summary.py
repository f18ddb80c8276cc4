"""Summarise numbers: n, missing, mean, variance, skewness, kurtosis, by up to two columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Annotated, ClassVar, Final

import numpy as np
from pydantic import Field, JsonValue, TypeAdapter
from pydantic.dataclasses import dataclass as checked

from wardnet.privacy.rules import DisclosureRules, Guard, GuardTotals, Output
from wardnet.question.answer import Table
from wardnet.question.dictionary import STRICT, Dictionary, Name
from wardnet.question.rows import Rows
from wardnet.statistics import parameters as read
from wardnet.statistics.groups import Groups
from wardnet.statistics.measures import Batch, Measure, Measured, measure
from wardnet.statistics.method import Method, Part, Question, settle
from wardnet.statistics.moments import MOMENTS, describe
from wardnet.statistics.tables import Line, table
from wardnet.statistics.variables import Variable
from wardnet.sums.arrays import ArraySpec, Sums
from wardnet.sums.members import Index, where_not

COARSE: Final = "too few digits: narrow the column's bounds"
"""Why moments are empty where the bounds are too wide for how little the values differ."""

STATISTICS: Final = ("n", "missing", *MOMENTS)


@checked(frozen=True, config=STRICT)
class Parameters:
    """Hold what `summary` takes.

    Parameters
    ----------
    columns : tuple of str
        Columns of numbers, at least one.
    by : tuple of str
        Up to two columns with levels.
    """

    columns: Annotated[tuple[Name, ...], Field(min_length=1, max_length=read.MAXIMUM_CELLS)]
    by: Annotated[tuple[Name, ...], Field(max_length=2)] = ()


_ADAPTER: Final = TypeAdapter(Parameters)


@dataclass(frozen=True)
class Asked:
    """Hold checked parameters: which variables, in which groups."""

    variables: tuple[Variable, ...]
    groups: Groups


@dataclass(frozen=True)
class State:
    """Hold how far every variable has come."""

    asked: Asked
    guards: GuardTotals
    rules: DisclosureRules
    measures: tuple[Measure | Measured, ...]

    @property
    def open(self) -> Sequence[Measure]:
        """Return the variables that need another round."""
        return [measure for measure in self.measures if isinstance(measure, Measure)]


class Summary(Method[Asked, State]):
    """Summarise columns of numbers, for all rows or by the levels of up to two columns.

    Notes
    -----
    A cell is one variable in one group; its patients are those with a value. A row without a level
    in one of the grouping columns is in no group. Of a variable with at most five levels each level
    is a cell as well: with n and four moments one could solve for how many patients have which.

    Examples
    --------
    Parameters: ``{"columns": ["age", "chol"], "by": ["sex"]}``.
    """

    name: ClassVar[str] = "summary"
    version: ClassVar[int] = 1
    maximum_rounds: ClassVar[int] = 2
    output: ClassVar[Output] = Output.MOMENTS

    def bind(self, parameters: Mapping[str, JsonValue], dictionary: Dictionary) -> Asked:
        """Check parameters against the dictionary."""
        given = read.read(self.name, _ADAPTER, parameters)
        groups = Groups(read.grouping(self.name, "by", given.by, dictionary))
        columns = read.numbers(self.name, "columns", given.columns, dictionary)
        variables = tuple(Variable(column) for column in columns)
        cells = sum(len(each.column.levels) if each.solvable else 1 for each in variables)
        read.check_size(self.name, "columns", cells * groups.size)
        read.check_answer(
            self.name,
            "columns",
            keys=("variable", *groups.keys),
            labels=[(each.name, *levels) for each in variables for levels in groups.labels],
            values=STATISTICS,
            rules=2,
        )
        return Asked(variables, groups)

    def columns(self, parameters: Asked) -> frozenset[str]:
        """Return the variables and the grouping columns."""
        return parameters.groups.uses.union(variable.name for variable in parameters.variables)

    def guards(self, question: Question[Asked]) -> Mapping[str, Guard]:
        """Declare, per variable and group, the patients with and without a value, and at levels."""
        size = question.parameters.groups.size
        guards: dict[str, Guard] = {}
        for variable in question.parameters.variables:
            guards[variable.present] = Guard(size)
            guards[variable.absent] = Guard(size, empty_allowed=True)
            if variable.solvable:
                guards[variable.levels] = Guard(size * len(variable.column.levels))
        return guards

    def cells(self, question: Question[Asked], rows: Rows) -> Mapping[str, Index]:
        """Return each row's group among the values, the missing ones, and the levels."""
        groups = question.parameters.groups
        group = groups.index(rows)
        cells: dict[str, Index] = {}
        for variable in question.parameters.variables:
            missing = variable.missing(rows)
            cells[variable.present] = where_not(missing, group)
            cells[variable.absent] = where_not(~missing, group)
            if variable.solvable:
                cells[variable.levels] = Groups((*groups.by, variable.column)).index(rows)
        return cells

    def start(
        self, question: Question[Asked], guards: GuardTotals, rules: DisclosureRules
    ) -> State:
        """Open the first round of every variable."""
        asked = question.parameters
        measures = tuple(measure(each, groups=asked.groups.size) for each in asked.variables)
        return State(asked, guards, rules, measures)

    def arrays(self, state: State) -> Sequence[ArraySpec]:
        """Declare the sums of the variables that are still open."""
        return list(chain.from_iterable(measure.arrays() for measure in state.open))

    def local(self, state: State, rows: Rows) -> Part:
        """Count codes or add up terms."""
        batch = Batch(rows, state.asked.groups.index(rows), state.asked.groups.size)
        return {
            name: values for measure in state.open for name, values in measure.local(batch).items()
        }

    def finish(self, state: State, part: Part) -> Sums:
        """Take power sums from counts, and integers from limbs."""
        counted = settle(part)
        return {
            name: values
            for measure in state.open
            for name, values in measure.finish(counted).items()
        }

    def step(self, state: State, total: Sums) -> State | Table:
        """Go on with the variables that need it; without any, return the table."""
        for guard in state.guards.patients.keys() & total.keys():
            state.guards.check_rows(guard, total[guard].astype(np.int64))
        measures = tuple(
            measure.step(total) if isinstance(measure, Measure) else measure
            for measure in state.measures
        )
        done = [measure for measure in measures if isinstance(measure, Measured)]
        if len(done) < len(measures):
            return replace(state, measures=measures)
        return _table(state, done)


def _table(state: State, done: Sequence[Measured]) -> Table:
    """Return one row per variable and group."""
    return table(
        keys=("variable", *state.asked.groups.keys),
        values=STATISTICS,
        lines=(
            _line(state, variable, measured, group)
            for variable, measured in zip(state.asked.variables, done, strict=True)
            for group in range(state.asked.groups.size)
        ),
    )


def _line(state: State, variable: Variable, measured: Measured, group: int) -> Line:
    withheld = state.guards.withheld
    power = measured.powers[group]
    hidden = dict.fromkeys(MOMENTS, COARSE) if power.coarse else {}
    if withheld[variable.present][group]:
        hidden = dict.fromkeys(STATISTICS, state.rules.cell_rule)
    else:
        if withheld[variable.absent][group]:
            hidden["missing"] = state.rules.cell_rule
        if withheld[variable.guard].reshape(measured.n.size, -1)[group].any():
            hidden |= dict.fromkeys(MOMENTS, state.rules.level_rule)
    counts = int(measured.n[group]), int(measured.missing[group])
    return Line(
        (variable.name, *state.asked.groups.labels[group]),
        (*counts, *describe(power)),
        hidden,
    )
