"""The design matrix of a formula: its blocks of rows, its way back to units, and its guards.

Cross products are taken of scaled columns, and translated exactly.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import lcm
from operator import attrgetter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wardnet.privacy.rules import DisclosureRules, Guard, GuardTotals
from wardnet.question.dictionary import Column
from wardnet.question.rows import Rows, is_missing
from wardnet.statistics.groups import Groups
from wardnet.statistics.regressors import Factor, Regressor, Way
from wardnet.statistics.solve import Matrix, quotients
from wardnet.statistics.variables import EQUATIONS
from wardnet.sums.members import Index, where_not
from wardnet.sums.products import BLOCK

COMPLETE: Final = "complete"
"""Guard of one cell: the patients of a row with a value in every column of the model."""

LEVELS: Final = "levels:"
"""Begins the name of the guard of a column's levels among the complete rows."""


@dataclass(frozen=True)
class Design:
    """Hold the columns of a model.

    Parameters
    ----------
    outcome : Regressor
        What is explained, of one factor.
    regressors : tuple of Regressor
        By what; the intercept first.
    """

    outcome: Regressor
    regressors: tuple[Regressor, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the regressors' names."""
        return tuple(regressor.name for regressor in self.regressors)

    @cached_property
    def all(self) -> tuple[Regressor, ...]:
        """Return the regressors and the outcome."""
        return (*self.regressors, self.outcome)

    @cached_property
    def slices(self) -> tuple[int, ...]:
        """Return how many slices each of `all` needs."""
        return tuple(regressor.slices for regressor in self.all)

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        """Return the columns of the table by their names."""
        return {f.column.name: f.column for each in self.all for f in each.factors}

    def complete(self, rows: Rows) -> NDArray[np.bool_]:
        """Return which rows have a value, and a level where one is needed, in every column."""
        missing = np.zeros(rows.size, np.bool_)
        for column in self.columns.values():
            missing |= is_missing(column, rows.columns[column.name])
        for column in self._by_level.values():
            missing |= Groups((column,)).index(rows) < 0
        return ~missing

    def blocks(self, rows: Rows) -> Iterator[tuple[Rows, NDArray[np.float64]]]:
        """Yield the complete rows, `BLOCK` at a time, and their t, shape (all columns, rows)."""
        mask = self.complete(rows)
        complete = rows if mask.all() else rows.take(mask)
        for first in range(0, complete.size, BLOCK):
            columns = {name: at[first : first + BLOCK] for name, at in complete.columns.items()}
            block = Rows(min(BLOCK, complete.size - first), columns)
            entries = np.empty((len(self.all), block.size))
            for regressor, out in zip(self.all, entries, strict=True):
                regressor.entries(block, out)
            yield block, entries

    def in_units(self, products: NDArray[Any], unit: Fraction, *, both: bool = False) -> Matrix:
        """Translate cross products of t to those of the columns in units.

        Parameters
        ----------
        products : ndarray of int, shape (all columns or regressors, any)
            Of the same columns on the first axis; on the other axis anything.
        unit : Fraction
            What 1 stands for.
        both : bool
            Whether the other axis is of the same columns, and the products symmetric.

        Returns
        -------
        ndarray of Decimal, same shape
        """
        found = self._combined(products)
        below = np.array([each for _, each in self._parts[: len(products)]], np.object_)
        below = below[:, np.newaxis] * unit.denominator
        if both:
            found = self._combined(found.T)
            below = below * below.T // unit.denominator
        return quotients(found * unit.numerator, np.broadcast_to(below, found.shape))

    def _combined(self, products: NDArray[Any]) -> NDArray[Any]:
        """Return the products of the columns in units, times what `_parts` has them over."""
        rows = [
            sum(weight * products[place] for place, weight in parts)
            for parts, _ in self._parts[: len(products)]
        ]
        return np.stack(rows)

    @cached_property
    def _parts(self) -> Sequence[tuple[Sequence[tuple[int, int]], int]]:
        """Return of which scaled columns each of `all` is made, how often each, and over what."""
        places = {frozenset(each.factors): at for at, each in enumerate(self.all)}
        made: list[tuple[list[tuple[int, int]], int]] = []
        for regressor in self.all:
            weights = {places[some]: weight for some, weight in regressor.in_scaled()}
            below = lcm(*(weight.denominator for weight in weights.values()))
            parts = [(place, int(weight * below)) for place, weight in weights.items()]
            made.append((parts, below))
        return made

    def to_scaled(
        self, estimates: Sequence[Fraction], way: Callable[[Factor], Way] = attrgetter("way")
    ) -> tuple[Fraction, ...]:
        """Return the coefficients of the scaled columns that give the same model."""
        places = {frozenset(each.factors): at for at, each in enumerate(self.regressors)}
        scaled = [Fraction(0)] * len(self.regressors)
        for estimate, regressor in zip(estimates, self.regressors, strict=True):
            for some, weight in regressor.in_scaled(way):
                scaled[places[some]] += weight * estimate
        return tuple(scaled)

    def bounds(self, estimates: Sequence[Fraction]) -> tuple[Fraction, Fraction]:
        """Return what the linear predictor is never below and never above.

        It is bounded around the middle of every column, where large terms cancel.
        """
        low = high = Fraction(0)
        centred = self.to_scaled(estimates, attrgetter("centred"))
        for coefficient, regressor in zip(centred, self.regressors, strict=True):
            ends = (coefficient, -coefficient)
            if regressor.of_levels:
                ends = (coefficient, Fraction(0) if regressor.factors else coefficient)
            low, high = low + min(ends), high + max(ends)
        return low, high

    @cached_property
    def _by_level(self) -> Mapping[str, Column]:
        """Return the columns that are taken by their levels, by their names."""
        factors = (f for each in self.all for f in each.factors if f.level is not None)
        return {f.column.name: f.column for f in factors}

    @cached_property
    def guarded(self) -> Mapping[str, Groups]:
        """Return what each needs its patients at every combination of levels, by the guard's name.

        The levels that rows are told apart by, each alone and as they interact; and where there is
        nothing but such levels, how many have which outcome, because the estimates tell that.
        """
        terms = [tuple(f.column for f in each.factors) for each in self.all]
        told = [tuple(c for c in term if c.name in self._by_level or _few(c)) for term in terms]
        sets = {each for each in told if each} | {(c,) for each in told for c in each}
        if told[:-1] == terms[:-1] and told[-1]:
            sets |= {(*each, *told[-1]) for each in sets if each != told[-1]}
        found = {LEVELS + ":".join(c.name for c in each): Groups(each) for each in sets}
        return dict(sorted(found.items()))

    def guards(self) -> Mapping[str, Guard]:
        """Declare the complete rows, and the levels among them."""
        levels = {name: Guard(groups.size) for name, groups in self.guarded.items()}
        return {COMPLETE: Guard(1), **levels}

    def cells(self, rows: Rows) -> Mapping[str, Index]:
        """Return each row's guard cells."""
        left_out = ~self.complete(rows)
        levels = {
            name: where_not(left_out, groups.index(rows)) for name, groups in self.guarded.items()
        }
        return {COMPLETE: where_not(left_out, np.zeros(rows.size, np.int8)), **levels}

    def refusal(self, guards: GuardTotals, rules: DisclosureRules) -> str:
        """Return the rule that withholds the whole model, in words; empty for none."""
        if guards.withheld[COMPLETE].any():
            return rules.cell_rule
        for name, groups in self.guarded.items():
            if guards.withheld[name].any():
                return f"a level of {' and '.join(groups.keys)} with {rules.cell_rule}"
        patients = int(guards.patients[COMPLETE][0])
        return rules.too_many_parameters(len(self.regressors), patients=patients)


def _few(column: Column) -> bool:
    """Say whether a few sums would tell how many rows have which level."""
    return 1 <= len(column.labels) <= EQUATIONS


def predictor(scaled: Sequence[float], entries: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the linear predictor, column by column: a matrix product depends on the machine.

    Parameters
    ----------
    scaled : sequence of float
        The coefficients of the scaled columns.
    entries : ndarray of float64, shape (columns, rows)
        Their t.
    """
    eta, term = np.zeros(entries.shape[1]), np.empty(entries.shape[1])
    for coefficient, column in zip(scaled, entries, strict=True):
        np.multiply(column, coefficient, out=term)
        eta += term
    return eta
