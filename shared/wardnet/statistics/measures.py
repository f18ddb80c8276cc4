"""One variable's way to its power sums in every group.

A variable on a small grid is counted code by code, in one round. Any other takes two: the mean
first, then powers of the distances from it, so that no digits cancel.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from wardnet.errors import Reason, WardnetError
from wardnet.question.rows import Rows
from wardnet.statistics.method import Part, Settled
from wardnet.statistics.moments import PowerSums
from wardnet.statistics.rounding import nearest
from wardnet.statistics.variables import Variable
from wardnet.sums.accumulate import MAXIMUM_ROWS, SLICE, Piece, integers, pieces, power_sums
from wardnet.sums.arrays import ArraySpec, IntegerArray, Sums
from wardnet.sums.members import Index, count, where_not

DIGITS: Final = 44
"""Bits that the mean square of the distances from a mean must keep."""

LARGEST_TABLE: Final = 1 << 18
"""Most counters, groups times codes, that stay fast when every batch brings its own."""


@dataclass(frozen=True)
class Batch:
    """Hold rows and their groups.

    Parameters
    ----------
    rows : Rows
        Filtered to the cohort.
    group : ndarray of signed integers, shape (rows.size,)
        Each row's group, -1 for none.
    groups : int
        Number of groups, at least 1.
    """

    rows: Rows
    group: Index
    groups: int

    @cached_property
    def pieces(self) -> Sequence[Piece]:
        """Return the rows in pieces for real sums; all variables share them."""
        return tuple(pieces(self.group, groups=self.groups))


@dataclass(frozen=True)
class Measured:
    """Hold what is known of one variable in the end.

    Parameters
    ----------
    n, missing : ndarray of int64, shape (groups,)
        Rows with and without a value.
    powers : tuple of PowerSums
        One per group.
    """

    n: IntegerArray
    missing: IntegerArray
    powers: tuple[PowerSums, ...]


@dataclass(frozen=True)
class Measure(ABC):
    """Take one variable through its rounds, in the order of a method's calls.

    Parameters
    ----------
    variable : Variable
        Which.
    groups : int
        Number of groups, at least 1.
    """

    variable: Variable
    groups: int

    @abstractmethod
    def arrays(self) -> Sequence[ArraySpec]:
        """Declare the round's sums."""

    @abstractmethod
    def local(self, batch: Batch) -> Part:
        """Return one batch's part."""

    @abstractmethod
    def finish(self, part: Settled) -> Sums:
        """Return the hospital's sums; `part` may hold those of other variables as well."""

    @abstractmethod
    def step(self, total: Sums) -> "Measure | Measured":
        """Return what comes next, or what is known in the end."""

    @property
    def sums(self) -> str:
        """Return the name of the array that is not a count."""
        return f"sums:{self.variable.name}"

    def check_sums(self, total: Sums, *, n: IntegerArray) -> None:
        """Refuse sums that so many rows, shape (groups,), cannot give.

        Raises
        ------
        WardnetError
            `IMPLAUSIBLE_TOTAL`.
        """
        (largest,) = {spec.limit for spec in self.arrays() if spec.name == self.sums}
        bound = n.astype(np.object_) * (largest // MAXIMUM_ROWS)
        if np.any(np.abs(total[self.sums]) > bound[:, np.newaxis]):
            raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule="a sum is larger than its rows allow")

    def declare_sums(self, *, powers: int, limit: int, unit: int = 0) -> ArraySpec:
        """Declare sums of so many powers, each term at most `limit * 2**-unit`."""
        shape = (self.groups, powers)
        return ArraySpec(self.sums, shape, limit * MAXIMUM_ROWS, self.variable.guard, unit)

    def declare_real(self, slices: Sequence[int]) -> ArraySpec:
        """Declare sums of real terms, each at most 1."""
        unit = SLICE * slices[-1]
        return self.declare_sums(powers=len(slices), limit=1 << unit, unit=unit)

    def declare_counts(self) -> list[ArraySpec]:
        """Declare the rows with and without a value."""
        return [
            ArraySpec(name, (self.groups,), limit=MAXIMUM_ROWS, guard=name)
            for name in (self.variable.present, self.variable.absent)
        ]


def measure(variable: Variable, *, groups: int) -> Measure:
    """Return the first round of a variable; the dictionary alone decides which kind."""
    if variable.cells is not None and (groups + 1) * (variable.cells + 1) <= LARGEST_TABLE:
        return Counted(variable, groups)
    return Summed(variable, groups)


class Counted(Measure):
    """Count how often each code occurs; missing values and rows in no group come first."""

    @property
    def _columns(self) -> int:
        return int(self.variable.high) + 2

    def arrays(self) -> Sequence[ArraySpec]:
        """Declare n, missing and four power sums of the codes."""
        largest = max(1, int(self.variable.high)) ** 4
        return [*self.declare_counts(), self.declare_sums(powers=4, limit=largest)]

    def local(self, batch: Batch) -> Part:
        """Count the codes of a batch."""
        size = (self.groups + 1) * self._columns
        index = batch.group.astype(np.min_scalar_type(-size)) + 1
        index *= self._columns
        index += batch.rows.columns[self.variable.name].astype(index.dtype, copy=False)
        counts = np.bincount(index + 1, minlength=size)
        return {self.sums: counts.reshape(self.groups + 1, self._columns)}

    def finish(self, part: Settled) -> Sums:
        """Take the sums from the counts."""
        counts = part[self.sums][1:]
        return {
            self.variable.present: counts[:, 1:].sum(axis=1),
            self.variable.absent: counts[:, 0],
            self.sums: power_sums(counts[:, 1:], powers=4),
        }

    def step(self, total: Sums) -> Measured:
        """Read the power sums of the codes."""
        n = total[self.variable.present]
        self.check_sums(total, n=n)
        powers = tuple(
            PowerSums(int(count), self.variable.origin, self.variable.step, _fractions(entries))
            for count, entries in zip(n, total[self.sums], strict=True)
        )
        if any(power.spread < 0 for power in powers):
            raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule="squares add up to too little")
        return Measured(n, total[self.variable.absent], powers)


class Summed(Measure):
    """Count and add up the values, for their mean."""

    slices: ClassVar[tuple[int, ...]] = (3,)

    def arrays(self) -> Sequence[ArraySpec]:
        """Declare n, missing and the sum of the scaled values."""
        return [*self.declare_counts(), self.declare_real(self.slices)]

    def local(self, batch: Batch) -> Part:
        """Count a batch's values and add them up exactly."""
        missing = self.variable.missing(batch.rows)
        limbs = np.zeros((1 + self.slices[-1], self.groups, 1), np.int64)
        origin = np.zeros(self.groups)
        for piece in batch.pieces:
            terms = self.variable.terms(
                batch.rows, piece, centres=origin, scale=self.variable.scale
            )
            limbs += piece.add_up(terms[np.newaxis], slices=self.slices)
        return {
            self.variable.present: count(where_not(missing, batch.group), cells=self.groups),
            self.variable.absent: count(where_not(~missing, batch.group), cells=self.groups),
            self.sums: limbs,
        }

    def finish(self, part: Settled) -> Sums:
        """Turn limbs into integers."""
        counts = {name: part[name] for name in (self.variable.present, self.variable.absent)}
        return counts | {self.sums: integers(part[self.sums])}

    def step(self, total: Sums) -> "Centred":
        """Take the mean of each group, correctly rounded, as the centre of the second round."""
        n = total[self.variable.present]
        self.check_sums(total, n=n)
        totals = (
            self.variable.scale * each for each in _fractions(total[self.sums][:, 0], self.slices)
        )
        return Centred(self.variable, self.groups, n, total[self.variable.absent], tuple(totals))


@dataclass(frozen=True)
class Centred(Measure):
    """Add up powers of the distances from the mean.

    Parameters
    ----------
    n, missing : ndarray of int64, shape (groups,)
        Rows with and without a value.
    totals : tuple of Fraction
        The exact sum of the values of each group.
    """

    slices: ClassVar[tuple[int, ...]] = (3, 4, 5)
    """More for higher powers, so that they keep their digits where the bounds are wide.

    They keep more of them than the second power does, so that its digits tell for all.
    """

    n: IntegerArray
    missing: IntegerArray
    totals: tuple[Fraction, ...]

    @property
    def _unit(self) -> float:
        """Return what a square is rounded to."""
        return 2.0 ** (-SLICE * self.slices[0])

    @cached_property
    def centres(self) -> NDArray[np.float64]:
        """Return the correctly rounded mean of each group; the lower bound where there is none."""
        means = [
            nearest(total / int(n) if n else self.variable.low)
            for n, total in zip(self.n, self.totals, strict=True)
        ]
        return np.array(means)

    def arrays(self) -> Sequence[ArraySpec]:
        """Declare the second to fourth power sums of the scaled distances."""
        return [self.declare_real(self.slices)]

    def local(self, batch: Batch) -> Part:
        """Add up the powers of a batch's distances exactly; powers by multiplication only."""
        limbs = np.zeros((1 + self.slices[-1], self.groups, 3), np.int64)
        for piece in batch.pieces:
            distance = self.variable.terms(
                batch.rows, piece, centres=self.centres, scale=self.variable.width
            )
            powers = np.empty((3, distance.size))
            np.multiply(distance, distance, out=powers[0])
            # The square of a distance may round to nothing; only that of no distance is nothing.
            np.maximum(powers[0], self._unit, out=powers[0], where=distance != 0)
            np.multiply(powers[0], distance, out=powers[1])
            np.multiply(powers[0], powers[0], out=powers[2])
            limbs += piece.add_up(powers, slices=self.slices)
        return {self.sums: limbs}

    def finish(self, part: Settled) -> Sums:
        """Turn limbs into integers."""
        return {self.sums: integers(part[self.sums])}

    def step(self, total: Sums) -> Measured:
        """Join the first power, which follows from the first round, with the other three."""
        self.check_sums(total, n=self.n)
        width = self.variable.width
        powers: list[PowerSums] = []
        for n, value_total, centre, entries in zip(
            self.n, self.totals, self.centres, total[self.sums], strict=True
        ):
            exact = Fraction(float(centre))
            first = (value_total - int(n) * exact) / width
            origin = self.variable.origin + self.variable.step * exact
            scale = self.variable.step * width
            later = _fractions(entries, self.slices)
            coarse = 0 < later[0] < int(n) * Fraction(self._unit) * (1 << DIGITS)
            powers.append(PowerSums(int(n), origin, scale, (first, *later), coarse))
        return Measured(self.n, self.missing, tuple(powers))


def _fractions(entries: NDArray[Any], slices: Sequence[int] = (0,)) -> tuple[Fraction, ...]:
    """Return sums of terms of so many slices, of whole numbers by default, as numbers."""
    return tuple(Fraction(int(entry), 1 << SLICE * slices[-1]) for entry in entries)
