"""The design matrix of a formula: every column scaled, its way back to units, and its guards.

A row's entry t in a column is at most 1 in magnitude and has no rounding in it wherever the
dictionary's grid allows that; the column in units is `a + b t` (for an interaction, a product of
such). Cross products are taken of t, and translated exactly.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import combinations, product
from math import lcm, prod
from operator import attrgetter
from typing import Annotated, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from pydantic.dataclasses import dataclass as checked

from wardnet.privacy.rules import DisclosureRules, Guard, GuardTotals
from wardnet.question.dictionary import NUMBERS, STRICT, Column, ColumnType, Dictionary, Name
from wardnet.question.rows import Rows, is_missing
from wardnet.statistics import parameters as read
from wardnet.statistics.groups import Groups
from wardnet.statistics.solve import Matrix, quotients
from wardnet.statistics.variables import EQUATIONS, Variable
from wardnet.sums.members import Index, where_not
from wardnet.sums.products import BLOCK, DIGIT, MOST_SLICES, enough

MOST_COLUMNS: Final = 128
"""Of a design matrix."""

COMPLETE: Final = "complete"
"""Guard of one cell: the patients of a row with a value in every column of the model."""

LEVELS: Final = "levels:"
"""Begins the name of the guard of a column's levels among the complete rows."""

INTERCEPT: Final = "intercept"


Way: TypeAlias = tuple[Fraction, Fraction]
"""How a column in units is made of a scaled one: a and b of `a + b t`."""


@checked(frozen=True, config=STRICT)
class Terms:
    """Hold what of a formula a signed question carries.

    Parameters
    ----------
    outcome : str
        What is explained.
    terms : tuple of tuples of str
        By what: the columns of each main effect or interaction, at least one.
    factors : tuple of str
        The columns of whole numbers among them that are taken by their levels.
    """

    outcome: Name
    terms: Annotated[
        tuple[Annotated[tuple[Name, ...], Field(min_length=1, max_length=3)], ...],
        Field(max_length=MOST_COLUMNS),
    ]
    factors: tuple[Name, ...] = ()


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
            entries[:] = rows.columns[self.column.name]
            entries *= self._to_scaled
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
        complete = np.ones(rows.size, np.bool_)
        for column in self.columns.values():
            complete &= ~is_missing(column, rows.columns[column.name])
        for column in self._by_level.values():
            complete &= Groups((column,)).index(rows) >= 0
        return complete

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


def outcome_number(method: str, name: str, dictionary: Dictionary) -> Regressor:
    """Return a column of numbers as an outcome.

    Raises
    ------
    WardnetError
        `COLUMN_UNAVAILABLE`, or `PARAMETER_INVALID` for another type.
    """
    (column,) = read.numbers(method, "outcome", (name,), dictionary)
    return Regressor((Factor(column),))


def design(method: str, terms: Terms, outcome: Regressor, dictionary: Dictionary) -> Design:
    """Return the columns of a model.

    Raises
    ------
    WardnetError
        `COLUMN_UNAVAILABLE`, or `PARAMETER_INVALID` for what makes no model.
    """
    known: dict[str, tuple[Factor, ...]] = {}
    for name in dict.fromkeys(name for term in terms.terms for name in term):
        known[name] = _factors(method, name, dictionary, by_level=name in terms.factors)
        if name == terms.outcome:
            read.refuse(method, "terms", f"holds the outcome, {name}")
    for name in terms.factors:
        if name not in known:
            read.refuse(method, "factors", "names a column that is in no term")
    seen: set[frozenset[str]] = set()
    regressors = [Regressor()]
    for term in terms.terms:
        if len(set(term)) < len(term) or frozenset(term) in seen:
            read.refuse(method, "terms", "names a column or an interaction twice")
        seen.add(frozenset(term))
        for size in range(1, len(term)):
            if any(frozenset(part) not in seen for part in combinations(term, size)):
                read.refuse(method, "terms", "needs the parts of an interaction before it")
        if len(regressors) + prod(len(known[name]) for name in term) > MOST_COLUMNS:
            read.refuse(method, "terms", f"gives more than {MOST_COLUMNS} columns; use fewer")
        regressors += map(Regressor, product(*(known[name] for name in term)))
    return Design(outcome, tuple(regressors))


def _factors(
    method: str, name: str, dictionary: Dictionary, *, by_level: bool
) -> tuple[Factor, ...]:
    """Return a number, or every level but the first."""
    column = dictionary.column(name)
    if column.type in NUMBERS and not by_level:
        read.numbers(method, "terms", (name,), dictionary)
        return (Factor(column),)
    read.grouping(
        method, "factors" if column.type is ColumnType.INTEGER else "terms", (name,), dictionary
    )
    return tuple(Factor(column, level) for level in range(1, len(column.labels)))
