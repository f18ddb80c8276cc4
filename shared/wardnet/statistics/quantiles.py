"""Find quantiles of columns on a grid, by up to two columns, in a few rounds of counting."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from math import floor
from typing import Annotated, ClassVar, Final

from pydantic import Field, JsonValue, TypeAdapter
from pydantic.dataclasses import dataclass as checked

from wardnet.privacy.rules import DisclosureRules, Guard, GuardTotals, Output
from wardnet.question.answer import Table
from wardnet.question.dictionary import STRICT, Dictionary, Name
from wardnet.question.rows import Rows
from wardnet.statistics import parameters as read
from wardnet.statistics.groups import Groups
from wardnet.statistics.method import Method, Part, Question
from wardnet.statistics.search import MAXIMUM_ROUNDS, Found, Search, search
from wardnet.statistics.tables import Line, table
from wardnet.statistics.variables import Variable
from wardnet.sums.arrays import ArraySpec, Sums
from wardnet.sums.members import Index, where_not


@checked(frozen=True, config=STRICT)
class Parameters:
    """Hold what `quantiles` takes.

    Parameters
    ----------
    columns : tuple of str
        Columns of numbers with a resolution, at least one.
    probabilities : tuple of float
        From 0.05 to 0.95, each once, at most 32.
    by : tuple of str
        Up to two columns with levels.
    """

    columns: Annotated[tuple[Name, ...], Field(min_length=1, max_length=read.MAXIMUM_CELLS)]
    probabilities: Annotated[
        tuple[Annotated[float, Field(ge=0.05, le=0.95)], ...], Field(min_length=1, max_length=32)
    ] = (0.25, 0.5, 0.75)
    by: Annotated[tuple[Name, ...], Field(max_length=2)] = ()


_ADAPTER: Final = TypeAdapter(Parameters)


@dataclass(frozen=True)
class Asked:
    """Hold checked parameters: which quantiles of which variables, in which groups."""

    variables: tuple[Variable, ...]
    probabilities: tuple[float, ...]
    groups: Groups


@dataclass(frozen=True)
class State:
    """Hold how far every variable's search has come.

    Parameters
    ----------
    several_rows : bool
        Whether a patient may have several rows.
    searches : tuple of Search or Found
        One per variable. When all are found, the round counts the patients beyond each quantile.
    """

    asked: Asked
    guards: GuardTotals
    rules: DisclosureRules
    several_rows: bool
    searches: tuple[Search | Found, ...]

    @property
    def open(self) -> Sequence[Search]:
        """Return the searches that need another round."""
        return [search for search in self.searches if isinstance(search, Search)]

    @property
    def found(self) -> Sequence[Found]:
        """Return the searches that have ended."""
        return [search for search in self.searches if isinstance(search, Found)]


class Quantiles(Method[Asked, State]):
    """Find quantiles, for all rows or by the levels of up to two columns.

    Notes
    -----
    Type 7 of Hyndman and Fan, as ``numpy.quantile`` computes it, to the last bit. Nothing but
    counts leaves a hospital. A quantile is withheld where too few patients lie on one of its sides.

    References
    ----------
    Hyndman, Fan (1996), Sample quantiles in statistical packages, The American Statistician 50(4).

    Examples
    --------
    Parameters: ``{"columns": ["age"], "probabilities": [0.25, 0.5, 0.75], "by": ["sex"]}``.
    """

    name: ClassVar[str] = "quantiles"
    version: ClassVar[int] = 1
    maximum_rounds: ClassVar[int] = MAXIMUM_ROUNDS + 1
    output: ClassVar[Output] = Output.QUANTILES

    def bind(self, parameters: Mapping[str, JsonValue], dictionary: Dictionary) -> Asked:
        """Check parameters against the dictionary."""
        given = read.read(self.name, _ADAPTER, parameters)
        groups = Groups(read.grouping(self.name, "by", given.by, dictionary))
        columns = read.numbers(self.name, "columns", given.columns, dictionary)
        for column in columns:
            if column.step is None:
                read.refuse(self.name, "columns", f"needs a resolution; {column.name} has none")
            if column.cells is None:
                rule = f"needs a coarser resolution, or narrower bounds, than {column.name} has"
                read.refuse(self.name, "columns", rule)
        if len(set(given.probabilities)) != len(given.probabilities):
            read.refuse(self.name, "probabilities", "names a probability twice")
        cells = len(columns) * groups.size * len(given.probabilities)
        read.check_size(self.name, "columns", cells)
        read.check_answer(
            self.name,
            "columns",
            keys=("variable", *groups.keys),
            labels=[(each.name, *levels) for each in columns for levels in groups.labels],
            values=("n", *map(str, given.probabilities)),
        )
        return Asked(tuple(Variable(column) for column in columns), given.probabilities, groups)

    def columns(self, parameters: Asked) -> frozenset[str]:
        """Return the variables and the grouping columns."""
        return parameters.groups.uses.union(variable.name for variable in parameters.variables)

    def guards(self, question: Question[Asked]) -> Mapping[str, Guard]:
        """Declare, per variable and group, the patients with a value."""
        size = question.parameters.groups.size
        return {variable.present: Guard(size) for variable in question.parameters.variables}

    def cells(self, question: Question[Asked], rows: Rows) -> Mapping[str, Index]:
        """Return each row's group among the values of each variable."""
        group = question.parameters.groups.index(rows)
        return {
            variable.present: where_not(variable.missing(rows), group)
            for variable in question.parameters.variables
        }

    def start(
        self, question: Question[Asked], guards: GuardTotals, rules: DisclosureRules
    ) -> State:
        """Open the search of every variable."""
        asked = question.parameters
        searches = tuple(
            search(each, groups=asked.groups.size, probabilities=asked.probabilities)
            for each in asked.variables
        )
        return State(asked, guards, rules, question.dictionary.patient is not None, searches)

    def arrays(self, state: State) -> Sequence[ArraySpec]:
        """Declare the counts of the open searches, or the patients beyond each quantile."""
        return list(chain.from_iterable(each.arrays() for each in state.open or state.found))

    def local(self, state: State, rows: Rows) -> Part:
        """Count rows in the parts of intervals, or the patients beyond each quantile."""
        group = state.asked.groups.index(rows)
        part: Part = {}
        for each in state.open or state.found:
            part = {**part, **each.local(rows, group)}
        return part

    def step(self, state: State, total: Sums) -> State | Table:
        """Narrow the searches; at the end count who lies beyond, where rows are not patients."""
        if not state.open:
            return _table(state, [found.in_patients(total) for found in state.found])
        searches = tuple(
            search.step(total) if isinstance(search, Search) else search
            for search in state.searches
        )
        later = replace(state, searches=searches)
        for found in later.found:
            state.guards.check_rows(found.variable.present, found.n)
        if later.open or state.several_rows:
            return later
        return _table(state, later.found)


def _table(state: State, done: Sequence[Found]) -> Table:
    """Return one row per variable and group, one column per probability."""
    names = tuple(str(probability) for probability in state.asked.probabilities)
    return table(
        keys=("variable", *state.asked.groups.keys),
        values=("n", *names),
        lines=(
            _line(state, found, group, names)
            for found in done
            for group in range(state.asked.groups.size)
        ),
    )


def _line(state: State, found: Found, group: int, names: Sequence[str]) -> Line:
    hidden = {
        name: state.rules.quantile_rule
        for name, patients in zip(names, found.beyond[group], strict=True)
        if state.rules.too_few_beyond(int(patients))
    }
    if state.guards.withheld[found.variable.present][group]:
        hidden = dict.fromkeys(("n", *names), state.rules.cell_rule)
    n = int(found.n[group])
    quantiles = (_quantile(found, group, each) if n else None for each in range(len(names)))
    labels = (found.variable.name, *state.asked.groups.labels[group])
    return Line(labels, (n, *quantiles), hidden)


def _quantile(found: Found, group: int, each: int) -> float:
    """Return one quantile with numpy's own arithmetic, so that it is numpy's to the last bit."""
    below = found.variable.value(int(found.lower[group, each]))
    above = found.variable.value(int(found.upper[group, each]))
    place = float(found.place[group, each])
    weight = place - floor(place)
    if weight < 0.5:
        return below + (above - below) * weight
    return above - (above - below) * (1 - weight)
