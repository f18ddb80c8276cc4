"""By what rows are ordered that a score should put in order: an outcome, or a time to an event."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wardnet.question.dictionary import Column
from wardnet.question.rows import Rows, is_missing
from wardnet.statistics.groups import Groups
from wardnet.sums.members import Index, where_not

MOST_CELLS: Final = 1 << 16
"""That rows are told apart by: a finer column, or one off the grid, is cut into so many."""

_KINDS: Final = 2


@dataclass(frozen=True)
class Order:
    """Hold the column that rows are ordered by.

    Parameters
    ----------
    column : Column
        Of numbers.
    event : Column or None
        With two levels, the second where the event was at that time, the first where it was not
        until then; None where every number is what it is.
    """

    column: Column
    event: Column | None = None

    @property
    def columns(self) -> tuple[Column, ...]:
        """Return one or both."""
        return (self.column,) if self.event is None else (self.column, self.event)

    @cached_property
    def _cells(self) -> int:
        return min(self.column.cells or MOST_CELLS, MOST_CELLS)

    @property
    def size(self) -> int:
        """Return how many keys there are."""
        return self._cells * _KINDS

    def keys(self, rows: Rows) -> Index:
        """Return each row's key, shape (rows.size,), -1 where a value is missing.

        A key is twice the cell of the number, and 1 more without an event: who had none until then
        comes after who had it then.
        """
        values = rows.columns[self.column.name]
        missing = is_missing(self.column, values)
        keys = _KINDS * self._cell(values, missing)
        if self.event is not None:
            level = Groups((self.event,)).index(rows)
            missing |= level < 0
            keys += level == 0
        return where_not(missing, keys)

    def _cell(self, values: NDArray[np.generic], missing: NDArray[np.bool_]) -> NDArray[np.int64]:
        column = self.column
        if column.cells is not None:
            cells: NDArray[np.int64] = values.astype(np.int64)
            if column.cells > MOST_CELLS:
                cells = cells * MOST_CELLS // column.cells
            return cells
        low, width = float(column.origin), float(column.top - column.origin) or 1.0
        shares = np.where(missing, 0.0, (values.astype(np.float64) - low) / width)
        return np.asarray(np.clip(shares * MOST_CELLS, 0, MOST_CELLS - 1), np.int64)


def of_event(keys: Index) -> NDArray[np.bool_]:
    """Return which keys are of a row with an event, same shape."""
    return np.asarray(keys % _KINDS == 0)
