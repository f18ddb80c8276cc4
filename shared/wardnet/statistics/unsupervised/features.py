"""The columns that structure is looked for in: read, guarded, and brought to rows of doubles."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Annotated, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass as checked

from wardnet.privacy.rules import DisclosureRules, Guard, GuardTotals
from wardnet.question.dictionary import NUMBERS, STRICT, Column, ColumnType, Dictionary, Name
from wardnet.question.rows import Rows, is_missing
from wardnet.statistics import parameters as read
from wardnet.statistics.design import COMPLETE, LEVELS
from wardnet.statistics.groups import Groups
from wardnet.statistics.regressors import Factor, Regressor
from wardnet.statistics.variables import EQUATIONS
from wardnet.sums.members import Index, where_not
from wardnet.sums.products import BLOCK

MOST_FEATURES: Final = 64


@checked(frozen=True, config=STRICT)
class Columns:
    """Hold which columns a signed question names.

    Parameters
    ----------
    columns : tuple of str
        Numbers; and booleans and categories, of which every level but the first is a column of 0
        and 1.
    factors : tuple of str
        The columns of whole numbers among them that are taken by their levels.
    """

    columns: Annotated[tuple[Name, ...], Field(min_length=1, max_length=MOST_FEATURES)]
    factors: tuple[Name, ...] = ()


@dataclass(frozen=True)
class Features:
    """Hold columns of numbers t, at most 1 in magnitude; in units they are `origin + scale t`.

    Parameters
    ----------
    factors : tuple of Factor
        One per column.
    crossed : bool
        Whether what is answered tells how many rows have two levels at once.
    """

    factors: tuple[Factor, ...]
    crossed: bool

    @property
    def names(self) -> tuple[str, ...]:
        """Return the columns' names, a level in brackets."""
        return tuple(factor.name for factor in self.factors)

    @cached_property
    def slices(self) -> tuple[int, ...]:
        """Return how many slices hold an entry, the column of ones first."""
        return (1, *(Regressor((factor,)).slices for factor in self.factors))

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        """Return the columns of the table by their names."""
        return {factor.column.name: factor.column for factor in self.factors}

    def complete(self, rows: Rows) -> NDArray[np.bool_]:
        """Return which rows have a value, and a level where one is needed, in every column."""
        complete = np.ones(rows.size, np.bool_)
        for name, column in self.columns.items():
            complete &= ~is_missing(column, rows.columns[name])
        for column in self._by_level.values():
            complete &= Groups((column,)).index(rows) >= 0
        return complete

    def blocks(self, rows: Rows) -> Iterator[tuple[NDArray[np.float64], NDArray[np.uint32] | None]]:
        """Yield 1 and t of the complete rows, shape (1 + features, rows), and their patients."""
        complete = rows.take(self.complete(rows))
        for first in range(0, complete.size, BLOCK):
            columns = {name: at[first : first + BLOCK] for name, at in complete.columns.items()}
            block = Rows(min(BLOCK, complete.size - first), columns)
            entries = np.stack([np.ones(block.size), *(f.entries(block) for f in self.factors)])
            whose = complete.patient
            yield entries, None if whose is None else whose[first : first + BLOCK]

    def units(self, rows: Rows) -> NDArray[np.float64]:
        """Return every row's values in units, shape (features, rows); NaN in incomplete rows."""
        values = np.stack(
            [f.entries(rows) * float(f.scale) + float(f.origin) for f in self.factors]
        )
        values[:, ~self.complete(rows)] = np.nan
        return values

    def shares(self, weights: NDArray[np.float64]) -> Mapping[str, float]:
        """Return weights, shape (features,), as shares of the columns of the table."""
        shares = dict.fromkeys(sorted(self.columns), 0.0)
        whole = float(weights.sum()) or 1.0
        for factor, weight in zip(self.factors, weights.tolist(), strict=True):
            shares[factor.column.name] += weight / whole
        return shares

    def guards(self) -> Mapping[str, Guard]:
        """Declare the complete rows, and the levels among them."""
        return {COMPLETE: Guard(1), **{n: Guard(g.size) for n, g in self._guarded.items()}}

    def cells(self, rows: Rows) -> Mapping[str, Index]:
        """Return each row's guard cells."""
        left_out = ~self.complete(rows)
        levels = {n: where_not(left_out, g.index(rows)) for n, g in self._guarded.items()}
        return {COMPLETE: where_not(left_out, np.zeros(rows.size, np.int8)), **levels}

    def refusal(self, guards: GuardTotals, rules: DisclosureRules) -> str:
        """Return the rule that withholds everything, in words; empty for none."""
        if guards.withheld[COMPLETE].any():
            return rules.cell_rule
        for name, groups in self._guarded.items():
            if guards.withheld[name].any():
                return f"a level of {' and '.join(groups.keys)} with {rules.cell_rule}"
        return ""

    @cached_property
    def _by_level(self) -> Mapping[str, Column]:
        return {f.column.name: f.column for f in self.factors if f.level is not None}

    @cached_property
    def _guarded(self) -> Mapping[str, Groups]:
        """Return what each needs its patients at every combination of levels."""
        told = [
            (column,)
            for name, column in self.columns.items()
            if name in self._by_level or 1 <= len(column.labels) <= EQUATIONS
        ]
        pairs = [(*one, *other) for one, other in combinations(told, 2)] if self.crossed else []
        return {LEVELS + ":".join(c.name for c in each): Groups(each) for each in [*told, *pairs]}


def features(method: str, given: Columns, dictionary: Dictionary, *, crossed: bool) -> Features:
    """Return the columns that a question names.

    Raises
    ------
    WardnetError
        `COLUMN_UNAVAILABLE`, or `PARAMETER_INVALID` for what makes no features.
    """
    if len(set(given.columns)) < len(given.columns):
        read.refuse(method, "columns", "names a column twice")
    for name in given.factors:
        if name not in given.columns:
            read.refuse(method, "factors", "names a column that is not among the columns")
    found: list[Factor] = []
    for name in given.columns:
        found += _factors(method, name, dictionary, by_level=name in given.factors)
    if len(found) > MOST_FEATURES:
        read.refuse(method, "columns", f"gives more than {MOST_FEATURES} columns; use fewer")
    return Features(tuple(found), crossed)


def _factors(method: str, name: str, dictionary: Dictionary, *, by_level: bool) -> Sequence[Factor]:
    """Return a number, or every level but the first."""
    column = dictionary.column(name)
    if column.type in NUMBERS and not by_level:
        read.numbers(method, "columns", (name,), dictionary)
        return (Factor(column),)
    parameter = "factors" if column.type is ColumnType.INTEGER else "columns"
    read.grouping(method, parameter, (name,), dictionary)
    return [Factor(column, level) for level in range(1, len(column.labels))]
