"""Divide rows into groups by the levels of a few columns."""

from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wardnet.question.answer import Cell
from wardnet.question.dictionary import Column, ColumnType
from wardnet.question.rows import MISSING_CODE, Rows
from wardnet.sums.members import Index


@dataclass(frozen=True)
class Groups:
    """Hold the grouping columns; a group is one combination of their levels, in order.

    Parameters
    ----------
    by : tuple of Column
        Columns with levels; none makes a single group of all rows.
    """

    by: tuple[Column, ...] = ()

    @property
    def size(self) -> int:
        """Return the number of groups, at least 1."""
        return prod(len(column.labels) for column in self.by)

    @property
    def keys(self) -> tuple[str, ...]:
        """Return the columns' names."""
        return tuple(column.name for column in self.by)

    @property
    def facts(self) -> tuple[str, ...]:
        """Return nothing: levels speak for themselves."""
        return ()

    @property
    def uses(self) -> frozenset[str]:
        """Return the columns' names."""
        return frozenset(self.keys)

    @property
    def labels(self) -> tuple[tuple[str, ...], ...]:
        """Return each group's levels, `size` tuples as long as `by`."""
        return tuple(product(*(column.labels for column in self.by)))

    @property
    def known(self) -> tuple[tuple[Cell, ...], ...]:
        """Return no facts for each group."""
        return ((),) * self.size

    def index(self, rows: Rows) -> Index:
        """Return each row's group, shape (rows.size,), in a narrow type; -1 for a missing level."""
        dtype = np.min_scalar_type(-1 - max(self.size, 2))  # the size itself is a factor below
        index: Index = np.zeros(rows.size, dtype)
        for column in self.by:
            level = _level(column, rows.columns[column.name]).astype(dtype, copy=False)
            nowhere = (index < 0) | (level < 0)
            index = index * dtype.type(len(column.labels)) + level
            index[nowhere] = MISSING_CODE
        return index


def _level(column: Column, codes: NDArray[Any]) -> NDArray[np.signedinteger[Any]]:
    """Return each row's position in the column's levels; -1 where missing or no level."""
    if column.type is not ColumnType.INTEGER:
        return codes
    places = [column.code(level) for level in column.levels]
    if places == list(range(column.cells or 0)):
        return codes
    table = np.full((column.cells or 0) + 1, MISSING_CODE, np.int16)  # the last is for code -1
    table[places] = np.arange(len(places))
    return np.take(table, codes, mode="wrap")
