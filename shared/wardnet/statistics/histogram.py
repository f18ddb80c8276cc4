"""Count the values of a column in bins, for all rows or by the levels of one column."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise, product
from math import ceil, floor
from typing import Annotated, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, JsonValue, TypeAdapter
from pydantic.dataclasses import dataclass as checked

from wardnet.question.answer import Cell
from wardnet.question.dictionary import STRICT, Column, Dictionary, Name
from wardnet.question.rows import Rows
from wardnet.statistics import parameters as read
from wardnet.statistics.cells import COUNTS, CellCounts
from wardnet.statistics.groups import Groups
from wardnet.statistics.rounding import nearest
from wardnet.statistics.variables import Variable
from wardnet.sums.members import Index, where_not


@checked(frozen=True, config=STRICT)
class Parameters:
    """Hold what `histogram` takes.

    Parameters
    ----------
    column : str
        A column of numbers.
    bins : int or tuple of float
        How many bins of equal width between the dictionary's bounds, or their edges, ascending.
    by : tuple of str
        Up to one column with levels.
    """

    column: Name
    bins: (
        Annotated[int, Field(ge=1, le=read.MAXIMUM_CELLS)]
        | Annotated[tuple[float, ...], Field(min_length=2, max_length=read.MAXIMUM_CELLS + 1)]
    )
    by: Annotated[tuple[Name, ...], Field(max_length=1)] = ()


_ADAPTER: Final = TypeAdapter(Parameters)


@dataclass(frozen=True)
class Bins:
    """Hold the frame of a histogram: a cell is one bin in one group.

    Parameters
    ----------
    groups : Groups
        The groups.
    variable : Variable
        What is counted.
    edges : tuple of Fraction
        Ascending; a bin holds its lower edge, the last bin its upper edge too.
    """

    groups: Groups
    variable: Variable
    edges: tuple[Fraction, ...]

    @property
    def size(self) -> int:
        """Return groups times bins."""
        return self.groups.size * (len(self.edges) - 1)

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the grouping column and `bin`."""
        return (*self.groups.keys, "bin")

    @property
    def facts(self) -> tuple[str, ...]:
        """Return the names of a bin's edges."""
        return ("low", "high")

    @property
    def uses(self) -> frozenset[str]:
        """Return the columns that `index` looks at."""
        return self.groups.uses | {self.variable.name}

    @property
    def labels(self) -> list[tuple[str, ...]]:
        """Return the level and the bin of each cell."""
        bins = [f"[{_text(low)}, {_text(high)})" for low, high in pairwise(self.edges)]
        bins[-1] = f"{bins[-1][:-1]}]"
        return [(*levels, bin_) for levels, bin_ in product(self.groups.labels, bins)]

    @property
    def known(self) -> list[tuple[Cell, ...]]:
        """Return the edges of each cell's bin."""
        edges = [(nearest(low), nearest(high)) for low, high in pairwise(self.edges)]
        return [*edges] * self.groups.size

    def index(self, rows: Rows) -> Index:
        """Return each row's cell, shape (rows.size,); -1 outside all bins."""
        values = rows.columns[self.variable.name]
        bins = np.searchsorted(self._thresholds(), values, side="right") - 1
        last = len(self.edges) - 1
        group = self.groups.index(rows)
        nowhere = (bins < 0) | (bins >= last) | (group < 0)
        return where_not(nowhere, group.astype(np.int64) * last + bins)

    def _thresholds(self) -> NDArray[np.int64] | NDArray[np.float64]:
        """Return the first x of each bin, and the first x above all bins, ascending."""
        places = [(edge - self.variable.origin) / self.variable.step for edge in self.edges]
        if self.variable.cells is None:
            floats = [nearest(place) for place in places]
            return np.array([*floats[:-1], np.nextafter(floats[-1], np.inf)])
        # Within the codes: below lies the code of a missing value, above a number may be too large.
        first = [*map(ceil, places[:-1]), floor(places[-1]) + 1]
        return np.array([min(max(place, 0), self.variable.cells) for place in first])


class Histogram(CellCounts[Bins]):
    """Count the rows and patients in bins of a column, by the levels of up to one column.

    Notes
    -----
    As ``numpy.histogram``: a bin holds its lower edge, the last one its upper edge too; values
    outside all bins are not counted. On the grid, comparisons are exact: an edge is the decimal
    number that the query writes.

    Examples
    --------
    Parameters: ``{"column": "age", "bins": [20, 40, 60, 80], "by": ["sex"]}``.
    """

    name: ClassVar[str] = "histogram"
    version: ClassVar[int] = 1

    def bind(self, parameters: Mapping[str, JsonValue], dictionary: Dictionary) -> Bins:
        """Check parameters against the dictionary."""
        asked = read.read(self.name, _ADAPTER, parameters)
        groups = Groups(read.grouping(self.name, "by", asked.by, dictionary))
        (column,) = read.numbers(self.name, "column", [asked.column], dictionary)
        edges = (
            _between(column, asked.bins)
            if isinstance(asked.bins, int)
            else tuple(Fraction(str(edge)) for edge in asked.bins)
        )
        if any(low >= high for low, high in pairwise(edges)):
            read.refuse(self.name, "bins", "needs edges in ascending order")
        bins = Bins(groups, Variable(column), edges)
        read.check_size(self.name, "bins", bins.size)
        read.check_answer(
            self.name, "bins", keys=bins.keys, labels=bins.labels, values=(*bins.facts, *COUNTS)
        )
        return bins


def _between(column: Column, bins: int) -> tuple[Fraction, ...]:
    """Return the edges of so many bins between the bounds; half a unit around a single value."""
    low, high = column.origin, column.top
    if low == high:
        low, high = low - Fraction(1, 2), high + Fraction(1, 2)
    return tuple(low + (high - low) * edge / bins for edge in range(bins + 1))


def _text(edge: Fraction) -> str:
    return repr(nearest(edge)).removesuffix(".0")
