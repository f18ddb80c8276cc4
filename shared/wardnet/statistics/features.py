"""What a tree may ask of a row: is this number below a cut, is this level the one."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import floor
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wardnet.question.dictionary import NUMBERS, Column, ColumnType, Dictionary
from wardnet.question.rows import Rows, is_missing
from wardnet.statistics import parameters as read
from wardnet.statistics.rounding import nearest, power_of_two

_OFF_GRID_BITS: Final = 31
"""Numbers off the grid are told apart in so many bits of their bounds."""


@dataclass(frozen=True)
class Feature:
    """Hold one question to a row, answered by a whole number.

    Parameters
    ----------
    column : Column
        Of numbers, booleans or a category.
    level : int
        The level of a category that is asked for; -1 for columns of another type.
    """

    column: Column
    level: int = -1

    @property
    def name(self) -> str:
        """Return the column's name, with the level of a category: `sex=female`."""
        if self.level < 0:
            return self.column.name
        return f"{self.column.name}={self.column.labels[self.level]}"

    @cached_property
    def codes(self) -> int:
        """Return how many answers there are; they are 0 to `codes - 1`."""
        if self.level >= 0:
            return 2
        if self.column.cells is not None:
            return self.column.cells
        return floor(self.column.top * self._scale) - self._first + 1

    @cached_property
    def _scale(self) -> Fraction:
        """Return the power of two that cuts numbers off the grid into codes without rounding."""
        bound = max(abs(self.column.origin), abs(self.column.top))
        return (1 << _OFF_GRID_BITS - 2) / power_of_two(bound)

    @cached_property
    def _first(self) -> int:
        return floor(self.column.origin * self._scale)

    def encode(self, rows: Rows) -> NDArray[np.int64]:
        """Return each row's answer, shape (rows.size,); -1 where missing."""
        values = rows.columns[self.column.name]
        missing = is_missing(self.column, values)
        if self.column.cells is not None:
            codes = values.astype(np.int64)
            if self.level >= 0:
                codes = (codes == self.level).astype(np.int64)
        else:
            scaled = np.floor(np.where(missing, 0.0, values) * float(self._scale))
            last = self._first + self.codes - 1
            codes = scaled.clip(self._first, last).astype(np.int64) - self._first
        codes[missing] = -1
        return codes

    def cut(self, code: int) -> float:
        """Return the number that exactly the answers from `code` on are not below."""
        if self.column.cells is None:
            return nearest((code + self._first) / self._scale)
        if self.level >= 0 or self.column.type not in NUMBERS or self.column.step is None:
            return float(code)
        return nearest(self.column.origin + self.column.step * code)

    def code(self, cut: float) -> int:
        """Return the lowest answer that is not below a number, as `cut` returns it.

        Raises
        ------
        ValueError
            For a number that divides no answers.
        """
        number = Fraction(cut)
        if self.column.cells is None:
            code = number * self._scale - self._first
        elif self.level >= 0 or self.column.type not in NUMBERS or self.column.step is None:
            code = number
        else:
            code = Fraction(round((number - self.column.origin) / self.column.step))
        if code.denominator != 1 or not 1 <= code <= self.codes or self.cut(int(code)) != cut:
            message = "no cut of this feature"
            raise ValueError(message)
        return int(code)


def predictors(
    method: str, names: Sequence[str], *, outcome: str, dictionary: Dictionary
) -> tuple[Column, ...]:
    """Return the columns that an outcome is predicted from: numbers, booleans and categories.

    Raises
    ------
    WardnetError
        `COLUMN_UNAVAILABLE`, or `PARAMETER_INVALID` for a column twice, of another type, or the
        outcome itself.
    """
    columns = tuple(dictionary.column(name) for name in names)
    if len({*names, outcome}) != len(names) + 1:
        read.refuse(method, "features", "names a column twice, or the outcome")
    for column in columns:
        if column.type in NUMBERS:
            read.numbers(method, "features", (column.name,), dictionary)
        elif column.type not in {ColumnType.BOOLEAN, ColumnType.CATEGORY}:
            rule = f"takes numbers, booleans and categories; {column.name} is none"
            read.refuse(method, "features", rule)
    return columns


def features(
    method: str, names: Sequence[str], *, outcome: str, dictionary: Dictionary
) -> tuple[Feature, ...]:
    """Return the features of some columns; a category has one for each level.

    Raises
    ------
    WardnetError
        As `predictors`, or `PARAMETER_INVALID` for too many.
    """
    found: list[Feature] = []
    for column in predictors(method, names, outcome=outcome, dictionary=dictionary):
        if column.type is ColumnType.CATEGORY:
            found += [Feature(column, level) for level in range(len(column.levels))]
        else:
            found.append(Feature(column))
    if len(found) > MAXIMUM_FEATURES:
        rule = f"gives more than {MAXIMUM_FEATURES} questions; name fewer columns"
        read.refuse(method, "features", rule)
    return tuple(found)


MAXIMUM_FEATURES: Final = 1024
"""Most features of a model, a category's levels counted singly."""
