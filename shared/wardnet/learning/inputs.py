"""What a model looks at: every column of numbers, and every level of a category, is an input."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wardnet.question.dictionary import NUMBERS, Column, ColumnType, Dictionary
from wardnet.question.rows import Rows, is_missing
from wardnet.statistics import parameters as read
from wardnet.statistics.features import predictors
from wardnet.statistics.rounding import power_of_two

MOST_INPUTS: Final = 4096

_BITS: Final = 60
"""Bits after the point to which a number off the grid is added up, as a share of its bounds."""


@dataclass(frozen=True)
class Input:
    """Hold one number that a row gives to a model.

    Parameters
    ----------
    column : Column
        Of numbers, booleans or a category.
    level : int
        The level of a category: the input is 1 where a row has it, else 0; -1 for other columns.
    """

    column: Column
    level: int = -1

    @property
    def name(self) -> str:
        """Return the column's name, with the level of a category: `sex=female`."""
        if self.level < 0:
            return self.column.name
        return f"{self.column.name}={self.column.labels[self.level]}"

    @property
    def _plain(self) -> bool:
        """Say whether the codes are the values: levels and booleans, and numbers off the grid."""
        return self.column.cells is None or self.column.type not in NUMBERS

    @cached_property
    def origin(self) -> Fraction:
        """Return the value of code 0."""
        return Fraction(0) if self._plain else self.column.origin

    @cached_property
    def step(self) -> Fraction:
        """Return the distance between the values of neighbouring codes."""
        if self.column.cells is None:
            bound = max(abs(self.column.origin), abs(self.column.top))
            return power_of_two(bound) / (1 << _BITS)
        return Fraction(1) if self._plain or self.column.step is None else self.column.step

    @property
    def bits(self) -> int:
        """Return the bits that a code has at most."""
        return _BITS if self.column.cells is None else (self.column.cells - 1).bit_length()

    def missing(self, rows: Rows) -> NDArray[np.bool_]:
        """Return which rows have no value, shape (rows.size,)."""
        return is_missing(self.column, rows.columns[self.column.name])

    def codes(self, rows: Rows) -> NDArray[np.int64]:
        """Return each row's value as a whole number that is added up exactly; 0 where missing."""
        values = rows.columns[self.column.name]
        missing = self.missing(rows)
        if self.column.cells is None:
            codes = np.rint(np.where(missing, 0.0, values) / float(self.step)).astype(np.int64)
        elif self.level >= 0:
            codes = np.equal(values, self.level).astype(np.int64)
        else:
            codes = values.astype(np.int64)
        codes[missing] = 0
        return codes

    def values(self, rows: Rows) -> NDArray[np.float64]:
        """Return each row's value in the column's unit, shape (rows.size,); NaN where missing."""
        if self.column.cells is None:
            return rows.columns[self.column.name].astype(np.float64)
        values = float(self.origin) + float(self.step) * self.codes(rows).astype(np.float64)
        values[self.missing(rows)] = np.nan
        return values


def inputs(
    method: str, names: Sequence[str], *, outcome: str, dictionary: Dictionary
) -> tuple[Input, ...]:
    """Return the inputs of some columns: one for each level of a category, one where it has two.

    Raises
    ------
    WardnetError
        As `predictors`, or `PARAMETER_INVALID` for too many.
    """
    found: list[Input] = []
    for column in predictors(method, names, outcome=outcome, dictionary=dictionary):
        if column.type is ColumnType.CATEGORY:
            first = 1 if len(column.labels) == 2 else 0
            found += [Input(column, level) for level in range(first, len(column.labels))]
        else:
            found.append(Input(column))
    if len(found) > MOST_INPUTS:
        read.refuse(method, "features", f"gives more than {MOST_INPUTS} inputs; name fewer columns")
    return tuple(found)
