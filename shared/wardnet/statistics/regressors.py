"""One column of a design matrix: what the columns of the table give to it, scaled.

A row's entry t in a column is at most 1 in magnitude and has no rounding in it wherever the
dictionary's grid allows that; the column in units is `a + b t` (for an interaction, a product of
such).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import combinations
from math import prod
from operator import attrgetter
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wardnet.question.dictionary import Column
from wardnet.question.rows import Rows
from wardnet.statistics.groups import Groups
from wardnet.statistics.variables import Variable
from wardnet.sums.products import DIGIT, MOST_SLICES, enough

INTERCEPT: Final = "intercept"


Way: TypeAlias = tuple[Fraction, Fraction]
"""How a column in units is made of a scaled one: a and b of `a + b t`."""


@dataclass(frozen=True)
class Factor:
    """Hold what one column of the table gives to a column of the design.

    Parameters
    ----------
    column : Column
        Which.
    level : int or None
        1 for rows at this level, 0 for others; None for the number itself.
    """

    column: Column
    level: int | None = None

    @property
    def name(self) -> str:
        """Return the column, with the level in brackets."""
        name = self.column.name
        return name if self.level is None else f"{name}[{self.column.labels[self.level]}]"

    @property
    def bits(self) -> int:
        """Return how many bits below 1 the entries reach."""
        if self.level is not None:
            return 0
        cells = self.column.cells
        return DIGIT * MOST_SLICES if cells is None else (cells - 1).bit_length()

    @cached_property
    def origin(self) -> Fraction:
        """Return a of `a + b t`."""
        return Fraction(0) if self.level is not None else Variable(self.column).origin

    @cached_property
    def scale(self) -> Fraction:
        """Return b of `a + b t`."""
        if self.level is not None:
            return Fraction(1)
        variable = Variable(self.column)
        return variable.scale if variable.cells is None else variable.step * (1 << self.bits)

    @property
    def way(self) -> Way:
        """Return a and b of `a + b t`."""
        return self.origin, self.scale

    @property
    def centred(self) -> Way:
        """Return a and b of `a + b u` in units, u from -1 to 1; of a level, 0 and 1."""
        if self.level is not None:
            return self.way
        low, high = self.column.origin, self.column.top
        return (low + high) / 2, (high - low) / 2

    def entries(self, rows: Rows, out: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Return t of every row, shape (rows.size,)."""
        entries = np.empty(rows.size) if out is None else out
        if self.level is not None:
            np.equal(Groups((self.column,)).index(rows), self.level, out=entries)
        else:
            values = rows.columns[self.column.name]
            np.multiply(values, self._to_scaled, out=entries, dtype=np.float64)
        return entries

    @cached_property
    def _to_scaled(self) -> float:
        """Return by what a code, or a value off the grid, is multiplied."""
        return float(1 / self.scale if self.column.cells is None else Fraction(1, 1 << self.bits))


@dataclass(frozen=True)
class Regressor:
    """Hold one column of the design: the product of its factors; of none, the intercept."""

    factors: tuple[Factor, ...] = ()

    @property
    def name(self) -> str:
        """Return the factors, joined by colons."""
        return ":".join(factor.name for factor in self.factors) or INTERCEPT

    @property
    def bits(self) -> int:
        """Return how many bits below 1 the entries reach."""
        return sum(factor.bits for factor in self.factors)

    @property
    def slices(self) -> int:
        """Return how many slices hold an entry."""
        return enough(self.bits)

    @property
    def of_levels(self) -> bool:
        """Say whether every entry is 0 or 1."""
        return all(factor.level is not None for factor in self.factors)

    def entries(self, rows: Rows, out: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Return t of every row, shape (rows.size,)."""
        entries = np.empty(rows.size) if out is None else out
        if not self.factors:
            entries.fill(1)
            return entries
        self.factors[0].entries(rows, entries)
        for factor in self.factors[1:]:
            entries *= factor.entries(rows)
        return entries

    def in_scaled(
        self, way: Callable[[Factor], Way] = attrgetter("way")
    ) -> Iterator[tuple[frozenset[Factor], Fraction]]:
        """Yield the scaled columns, by their factors, that make up this one in units.

        Parameters
        ----------
        way : callable
            How a factor in units is made of a scaled one.
        """
        ways = {factor: way(factor) for factor in self.factors}
        for size in range(len(self.factors) + 1):
            for some in combinations(self.factors, size):
                others = set(self.factors).difference(some)
                weight = prod((ways[f][1] for f in some), start=Fraction(1)) * prod(
                    (ways[f][0] for f in others), start=Fraction(1)
                )
                if weight:
                    yield frozenset(some), weight
