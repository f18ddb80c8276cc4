"""What a model predicts: a number, or the level of a column."""

from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wardnet.question.dictionary import NUMBERS, Column, ColumnType, Dictionary
from wardnet.question.rows import Rows
from wardnet.statistics import parameters as read
from wardnet.statistics.groups import Groups
from wardnet.statistics.rounding import nearest
from wardnet.statistics.variables import Variable
from wardnet.sums.members import Index

GUARD: Final = "outcome"
GRID: Final = 30
"""Bits after the point of outcomes and scores; sums of such numbers below 2**23 are exact."""

_DIGITS: Final = Context(prec=30)


@dataclass(frozen=True)
class Outcome:
    """Hold the column that a model predicts.

    Parameters
    ----------
    column : Column
        A number; or a boolean, or one with levels, of which each is a class.
    """

    column: Column

    @property
    def classes(self) -> tuple[str, ...]:
        """Return the classes; none where a number is predicted."""
        return self.column.labels

    @property
    def outputs(self) -> tuple[str, ...]:
        """Return what each score is about: the number, the second of two classes, or each class."""
        match self.classes:
            case ():
                return (self.column.name,)
            case (_, second):
                return (second,)
            case _:
                return self.classes

    @property
    def cells(self) -> int:
        """Return how many cells its guard has."""
        return max(1, len(self.classes))

    def index(self, rows: Rows) -> Index:
        """Return each row's class (0 where a number is predicted), -1 for a missing outcome."""
        if self.classes:
            return Groups((self.column,)).index(rows)
        return -Variable(self.column).missing(rows).astype(np.int8)

    def values(self, rows: Rows) -> NDArray[Any]:
        """Return each row's class, or its number between 0 and 1 on the grid of scores."""
        if self.classes:
            return self.index(rows).astype(np.int64)
        variable = Variable(self.column)
        values = rows.columns[self.column.name].astype(np.float64)
        shares = (values - float(variable.low)) / float(variable.width)
        return np.asarray(np.rint(shares * 2.0**GRID) * 2.0**-GRID)

    def target(self, values: NDArray[Any], output: int) -> NDArray[np.float64]:
        """Return what an output should be: the number, or 1 for its class and 0 for others."""
        if not self.classes:
            return np.asarray(values, np.float64)
        wanted = 1 if len(self.classes) == 2 else output
        return np.asarray(values == wanted, np.float64)

    @property
    def unit(self) -> Fraction:
        """Return what a score of 1 stands for."""
        variable = Variable(self.column)
        return variable.step * variable.width if not self.classes else Fraction(1)

    @property
    def origin(self) -> Fraction:
        """Return what a score of 0 stands for."""
        variable = Variable(self.column)
        return Fraction(0) if self.classes else variable.origin + variable.step * variable.low


def outcome(method: str, name: str, dictionary: Dictionary) -> Outcome:
    """Return the outcome of a model.

    Raises
    ------
    WardnetError
        `COLUMN_UNAVAILABLE`, or `PARAMETER_INVALID` for a column of another type.
    """
    column = dictionary.column(name)
    if column.type in NUMBERS and not column.levels:
        read.numbers(method, "outcome", (name,), dictionary)
    elif column.type not in {ColumnType.BOOLEAN, ColumnType.CATEGORY, *NUMBERS}:
        read.refuse(method, "outcome", f"takes a number, boolean or category; {name} is none")
    elif not 2 <= (levels := len(column.labels)) <= MAXIMUM_CLASSES:
        rule = f"needs 2 to {MAXIMUM_CLASSES} levels; {name} has {levels}: name another column"
        read.refuse(method, "outcome", rule)
    return Outcome(column)


MAXIMUM_CLASSES: Final = 32


def on_grid(value: float) -> float:
    """Return the nearest multiple of `2**-GRID`."""
    return round(value * 2.0**GRID) * 2.0**-GRID


def log_ratio(above: int, below: int) -> float:
    """Return the natural logarithm of above / below, both above 0, on the grid of scores."""
    ratio = _DIGITS.divide(Decimal(above), Decimal(below))
    return on_grid(nearest(Fraction(_DIGITS.ln(ratio))))
