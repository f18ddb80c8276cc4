"""Divide rows into clusters: first in halves, then around means until nothing changes.

No row is ever a centre: the first centres are means of parts of the rows, or given.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wardnet.errors import Reason, WardnetError
from wardnet.question.answer import Table
from wardnet.question.rows import Rows
from wardnet.statistics.design import COMPLETE
from wardnet.statistics.method import Part, settle
from wardnet.statistics.solve import Matrix, decimals
from wardnet.statistics.unsupervised.overall import Space, decimals_of, vector
from wardnet.statistics.unsupervised.rounds import Conditions, Plan, Stage
from wardnet.sums.accumulate import MAXIMUM_ROWS
from wardnet.sums.arrays import ArraySpec, Sums
from wardnet.sums.members import Members, members
from wardnet.sums.products import MOST_SLICES, UNIT, cut, no_products, products, whole

SUMS: Final = "sums"
PATIENTS: Final = "patients"

FEW_DISTINCT: Final = "more clusters than there are different rows: ask for fewer"
EMPTY: Final = "a cluster without rows: ask for fewer clusters, or give another start"

_UNIT_VALUE: Final = Decimal(2) ** -UNIT
_SAME: Final = Decimal(2) ** -40
"""Share of all rows' squares below which the rows of a part are the same."""


@dataclass(frozen=True)
class Clusters:
    """Hold rows that are divided.

    Parameters
    ----------
    rows : tuple of int
        Of each cluster, at least 1.
    patients : tuple of int
        Of each cluster.
    sums : ndarray of Decimal, shape (clusters, features)
        Of t.
    iterations : int
        How many times rows were divided.
    converged : bool
        Whether the last time changed nothing.
    """

    rows: tuple[int, ...]
    patients: tuple[int, ...]
    sums: Matrix
    iterations: int
    converged: bool

    @property
    def means(self) -> Matrix:
        """Return the means of t, shape (clusters, features)."""
        return np.asarray(self.sums / vector(map(Decimal, self.rows))[:, np.newaxis])


@dataclass(frozen=True)
class Division(Plan):
    """Hold what clusters are asked for.

    Parameters
    ----------
    clusters : int
        How many.
    given : tuple of tuples of float
        The first centres, in units; none where halves of the rows give them.
    rounds : int
        Most rounds around means.
    """

    clusters: int
    given: tuple[tuple[float, ...], ...]
    rounds: int

    @property
    def parts(self) -> int:
        """Return how many clusters are told."""
        return self.clusters

    @abstractmethod
    def divided(
        self, found: Clusters, centres: NDArray[np.float64], space: Space, conditions: Conditions
    ) -> Stage | Table:
        """Return what follows the last round around `centres`, shape (clusters, features)."""

    def divide(self, space: Space, conditions: Conditions) -> Stage | Table:
        """Return the first round of dividing."""
        if self.given:
            units = decimals_of(np.array(self.given))
            return Lloyd(self, conditions, space, space.to_z(units).astype(np.float64))
        if self.clusters == 1:
            return Lloyd(self, conditions, space, np.zeros((1, len(self.features.factors))))
        spread = np.diagonal(space.overall.covariance) / space.divisors**2
        if not sum(spread):
            return self.nothing(FEW_DISTINCT)
        place = int(np.argmax(spread))
        return Halves(self, conditions, space, cuts=((0, place, 0.0),))


@dataclass(frozen=True)
class Dividing(Stage):
    """Add rows up by cluster."""

    plan: Division
    conditions: Conditions
    space: Space

    @property
    @abstractmethod
    def clusters(self) -> int:
        """Return how many there are in this round."""

    @abstractmethod
    def nearest(self, z: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return the cluster of each row, shape (rows,)."""

    @property
    def _width(self) -> int:
        return 1 + len(self.plan.features.factors)

    def terms(self, entries: NDArray[np.float64]) -> tuple[NDArray[np.float64], tuple[int, ...]]:
        """Return what is added up, shape (width, rows), and into how many slices it is cut."""
        return entries, self.plan.features.slices

    def arrays(self) -> Sequence[ArraySpec]:
        """Declare the clusters' sums, and their patients where rows do not tell them."""
        shape = (1, self.clusters, self._width)
        specs = [ArraySpec(SUMS, shape, MAXIMUM_ROWS << UNIT, COMPLETE, UNIT)]
        if self.conditions.several_rows:
            specs.append(ArraySpec(PATIENTS, shape[:2], MAXIMUM_ROWS, COMPLETE))
        return specs

    def local(self, rows: Rows) -> Part:
        """Add up a batch."""
        limbs, people = no_products(self.clusters, self._width), nobody(self.clusters)
        for entries, patient in self.plan.features.blocks(rows):
            at = self.nearest(self.space.place(entries[1:]))
            inside = np.equal(at, np.arange(self.clusters)[:, np.newaxis]).astype(np.float64)
            terms, slices = self.terms(entries)
            limbs += products(cut(inside, slices=[1] * self.clusters), cut(terms, slices=slices))
            people += members(at, cells=self.clusters, patient=patient)
        return {SUMS: limbs, PATIENTS: people} if self.conditions.several_rows else {SUMS: limbs}

    def finish(self, part: Part) -> Sums:
        """Turn limbs into integers."""
        settled = settle(part)
        counted = {name: each[np.newaxis] for name, each in settled.items() if name == PATIENTS}
        return {SUMS: whole(settled[SUMS])[np.newaxis], **counted}

    def rows(self, total: Sums) -> tuple[int, ...]:
        """Return the rows of each cluster.

        Raises
        ------
        WardnetError
            `IMPLAUSIBLE_TOTAL` where they are not the rows there are.
        """
        rows = [int(each) for each in total[SUMS][0, :, 0]]
        if any(each % (1 << UNIT) for each in rows) or min(rows) < 0:
            raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule="rows are no whole number")
        if sum(rows) != self.space.overall.n << UNIT:
            raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule="clusters hold other rows")
        if np.any(np.abs(total[SUMS][0]) > total[SUMS][0, :, :1]):
            raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule="a sum is larger than its rows allow")
        return tuple(each >> UNIT for each in rows)


@dataclass(frozen=True)
class Halves(Dividing):
    """Cut the part with the largest squares in two at its mean, once a round.

    Parameters
    ----------
    cuts : tuple of (int, int, float)
        Which part was cut, by which feature, and from which z on rows are in the new part.

    References
    ----------
    Su, Dy (2007), In search of deterministic methods for initializing k-means and Gaussian mixture
    clustering, section 3.1 (Var-Part).
    """

    cuts: tuple[tuple[int, int, float], ...]

    @property
    def clusters(self) -> int:
        """Return the parts so far."""
        return 1 + len(self.cuts)

    @property
    def _width(self) -> int:
        return 1 + 2 * len(self.plan.features.factors)

    def nearest(self, z: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return each row's part."""
        at = np.zeros(z.shape[1], np.intp)
        for new, (part, feature, least) in enumerate(self.cuts, start=1):
            at[(at == part) & (z[feature] >= least)] = new
        return at

    def terms(self, entries: NDArray[np.float64]) -> tuple[NDArray[np.float64], tuple[int, ...]]:
        """Return 1, t, and a quarter of the squared distances of t from its mean."""
        half = (entries[1:] - self.space.centre) * 0.5
        slices = (*self.plan.features.slices, *(MOST_SLICES,) * len(half))
        return np.vstack([entries, half * half]), slices

    def step(self, total: Sums) -> Stage | Table:
        """Cut once more, or begin with the means of the parts."""
        rows = vector(map(Decimal, self.rows(total)))[:, np.newaxis]
        held = decimals(total[SUMS][0]) * _UNIT_VALUE
        size = len(self.plan.features.factors)
        if min(rows.ravel()) < 1:
            return self.plan.nothing(FEW_DISTINCT)
        z = self.space.from_t(held[:, 1 : 1 + size] / rows)
        if self.clusters == self.plan.clusters:
            return Lloyd(self.plan, self.conditions, self.space, z.astype(np.float64))
        stretch = decimals_of(self.space.stretch[:, 0])
        squares = 4 * held[:, 1 + size :] * stretch**2 - rows * z**2
        part = int(np.argmax(squares.sum(axis=1)))
        overall = self.space.overall
        least = (np.diagonal(overall.covariance) / self.space.divisors**2).sum() * _SAME
        if squares[part].sum() <= least * overall.n:
            return self.plan.nothing(FEW_DISTINCT)
        feature = int(np.argmax(squares[part]))
        return replace(self, cuts=(*self.cuts, (part, feature, float(z[part, feature]))))


@dataclass(frozen=True)
class Lloyd(Dividing):
    """Put every row to its nearest centre, and the centre where its rows' mean is.

    Parameters
    ----------
    centres : ndarray of float64, shape (clusters, features)
        In z.
    before : ndarray of int or None
        The total of the round before.
    iteration : int
        From 1.

    References
    ----------
    Lloyd (1982), Least squares quantization in PCM.
    """

    centres: NDArray[np.float64]
    before: NDArray[Any] | None = None
    iteration: int = 1

    @property
    def clusters(self) -> int:
        """Return how many centres there are."""
        return len(self.centres)

    def nearest(self, z: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return each row's nearest centre; of equally near ones the first."""
        return np.asarray(distances(z, self.centres).argmin(axis=0))

    def step(self, total: Sums) -> Stage | Table:
        """Move the centres; end where they stay, or after the last round."""
        rows = self.rows(total)
        if min(rows) < 1:
            return self.plan.nothing(EMPTY)
        held = decimals(total[SUMS][0, :, 1:]) * _UNIT_VALUE
        converged = self.before is not None and bool(np.all(total[SUMS] == self.before))
        if not converged and self.iteration < self.plan.rounds:
            means = held / vector(map(Decimal, rows))[:, np.newaxis]
            return replace(
                self,
                centres=self.space.from_t(means).astype(np.float64),
                before=total[SUMS],
                iteration=self.iteration + 1,
            )
        patients = people(total, rows)
        rules = self.conditions.rules
        if min(patients) < rules.minimum_patients:
            return self.plan.nothing(
                f"more clusters than the rule allows: one with {rules.cell_rule}"
            )
        found = Clusters(rows, patients, held, self.iteration, converged)
        return self.plan.divided(found, self.centres, self.space, self.conditions)


def distances(z: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return squared distances of rows, shape (clusters, rows), added up in the features' order."""
    found = np.zeros((len(centres), z.shape[1]))
    for place, values in enumerate(z):
        apart = values - centres[:, place, np.newaxis]
        apart *= apart
        found += apart
    return found


def nobody(clusters: int) -> Members:
    """Return the members of clusters without rows."""
    nothing: NDArray[np.int64] = np.zeros(0, np.int64)
    return members(nothing, cells=clusters)


def people(total: Sums, rows: Sequence[int]) -> tuple[int, ...]:
    """Return the patients of each cluster; each row is one where they were not counted.

    Raises
    ------
    WardnetError
        `IMPLAUSIBLE_TOTAL` for more patients than rows.
    """
    if PATIENTS not in total:
        return tuple(rows)
    found = tuple(int(each) for each in total[PATIENTS][0])
    if any(not 0 <= each <= most for each, most in zip(found, rows, strict=True)):
        raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule="a cluster has more patients than rows")
    return found
