"""A column of numbers as methods compute with it: as codes, or as scaled terms."""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wardnet.question.dictionary import Column
from wardnet.question.rows import Rows, is_missing
from wardnet.statistics.rounding import nearest, power_of_two
from wardnet.sums.accumulate import Piece

EQUATIONS: Final = 5
"""What a summary tells of one cell: n and four moments."""


@dataclass(frozen=True)
class Variable:
    """Hold a column of numbers; its values are `origin + step * x`.

    On the grid x is the code, off the grid the value itself.

    Parameters
    ----------
    column : Column
        Of type integer or real.
    """

    column: Column

    @property
    def name(self) -> str:
        """Return the column's name."""
        return self.column.name

    @property
    def present(self) -> str:
        """Return the name of the guard and the count of rows with a value."""
        return f"n:{self.name}"

    @property
    def absent(self) -> str:
        """Return the name of the guard and the count of rows without a value."""
        return f"missing:{self.name}"

    @property
    def levels(self) -> str:
        """Return the name of the guard of a column with few levels: the rows at each of them."""
        return f"levels:{self.name}"

    @property
    def guard(self) -> str:
        """Return the name of the guard of whatever is more than a count."""
        return self.levels if self.solvable else self.present

    @property
    def solvable(self) -> bool:
        """Say whether n and four moments, five equations, would tell how many have which level."""
        return 1 <= len(self.column.levels) <= EQUATIONS

    @property
    def cells(self) -> int | None:
        """Return the number of codes; None when off the grid."""
        return self.column.cells

    @property
    def origin(self) -> Fraction:
        """Return the value of x = 0."""
        return Fraction(0) if self.cells is None else self.column.origin

    @property
    def step(self) -> Fraction:
        """Return the distance between x and x + 1 in values."""
        return self.column.step if self.cells is not None and self.column.step else Fraction(1)

    def value(self, x: int) -> float:
        """Return the double nearest to the value at x."""
        return nearest(self.origin + self.step * x)

    @property
    def low(self) -> Fraction:
        """Return the lower bound of x."""
        return self.column.origin if self.cells is None else Fraction(0)

    @property
    def high(self) -> Fraction:
        """Return the upper bound of x."""
        return self.column.top if self.cells is None else Fraction(self.cells - 1)

    @cached_property
    def scale(self) -> Fraction:
        """Return the power of two that brings every x to at most 1 in magnitude."""
        return power_of_two(max(abs(self.low), abs(self.high)))

    @cached_property
    def width(self) -> Fraction:
        """Return the power of two that brings every x minus a mean to at most 1 in magnitude."""
        return power_of_two(self.high - self.low)

    def missing(self, rows: Rows) -> NDArray[np.bool_]:
        """Return which rows have no value, shape (rows.size,)."""
        return is_missing(self.column, rows.columns[self.name])

    def terms(
        self, rows: Rows, piece: Piece, *, centres: NDArray[np.float64], scale: Fraction
    ) -> NDArray[np.float64]:
        """Return `(x - centre) / scale` for the rows of a piece; 0 where missing.

        Parameters
        ----------
        centres : ndarray of float64, shape (groups,)
            What to subtract in each group.
        scale : Fraction
            A power of two that brings every difference to at most 1 in magnitude.
        """
        values = rows.columns[self.name].take(piece.order)
        terms: NDArray[np.float64] = np.subtract(values, piece.spread(centres))
        terms *= float(1 / scale)
        terms[is_missing(self.column, values)] = 0
        return terms
