"""Divide rows into clusters around their means, until nothing changes."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wardnet.errors import Reason, WardnetError
from wardnet.privacy.rules import DisclosureRules
from wardnet.question.answer import Table
from wardnet.question.rows import Rows
from wardnet.statistics.design import COMPLETE
from wardnet.statistics.method import Part, settle
from wardnet.statistics.solve import Matrix, decimals
from wardnet.statistics.unsupervised.overall import Space, vector
from wardnet.statistics.unsupervised.rounds import Conditions, Plan, Stage
from wardnet.sums.accumulate import MAXIMUM_ROWS
from wardnet.sums.arrays import ArraySpec, Sums
from wardnet.sums.members import Members, members
from wardnet.sums.products import UNIT, cut, no_products, products, whole

SUMS: Final = "sums"
PATIENTS: Final = "patients"

EMPTY: Final = "a cluster without rows: ask for fewer clusters, or give another start"

_UNIT_VALUE: Final = Decimal(2) ** -UNIT


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
    seed : int
        Of the halves of every search but the first.
    search : int
        The number of the present one, from 0.
    """

    clusters: int
    given: tuple[tuple[float, ...], ...]
    rounds: int
    seed: int
    search: int

    @property
    def parts(self) -> int:
        """Return how many clusters are told."""
        return self.clusters

    @property
    @abstractmethod
    def word(self) -> str:
        """Return what clusters are called here."""

    def too_small(self, rules: DisclosureRules) -> str:
        """Return why clusters are withheld of which some has too few patients, in words."""
        return f"more {self.word} than the rule allows: one with {rules.cell_rule}"

    def failed(self, rule: str, space: Space, conditions: Conditions) -> Stage | Table:
        """Return what follows a search that has found no clusters, and why."""
        del space, conditions
        return self.nothing(rule)

    @abstractmethod
    def divided(
        self, found: Clusters, centres: NDArray[np.float64], space: Space, conditions: Conditions
    ) -> Stage | Table:
        """Return what follows the last round around `centres`, shape (clusters, features)."""


@dataclass(frozen=True)
class Lloyd(Stage):
    """Put every row to its nearest centre, and the centre where its rows' mean is.

    Parameters
    ----------
    plan, conditions, space
        What is asked, by which rules, and where distances are measured.
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

    plan: Division
    conditions: Conditions
    space: Space
    centres: NDArray[np.float64]
    before: NDArray[Any] | None = None
    iteration: int = 1

    @property
    def _shape(self) -> tuple[int, int]:
        return len(self.centres), 1 + len(self.plan.features.factors)

    def arrays(self) -> Sequence[ArraySpec]:
        """Declare the clusters' sums, and their patients where rows do not tell them."""
        limit = MAXIMUM_ROWS << UNIT
        specs = [ArraySpec(SUMS, (1, *self._shape), limit, COMPLETE, UNIT)]
        if self.conditions.several_rows:
            specs.append(ArraySpec(PATIENTS, (1, len(self.centres)), MAXIMUM_ROWS, COMPLETE))
        return specs

    def local(self, rows: Rows) -> Part:
        """Add up a batch."""
        clusters, _ = self._shape
        limbs, whose = no_products(*self._shape), nobody(clusters)
        for entries, patient in self.plan.features.blocks(rows):
            at = nearest(self.space.place(entries[1:]), self.centres)
            inside = np.equal(at, np.arange(clusters)[:, np.newaxis]).astype(np.float64)
            terms = cut(entries, slices=self.plan.features.slices)
            limbs += products(cut(inside, slices=[1] * clusters), terms)
            whose += members(at, cells=clusters, patient=patient)
        return {SUMS: limbs, PATIENTS: whose} if self.conditions.several_rows else {SUMS: limbs}

    def finish(self, part: Part) -> Sums:
        """Turn limbs into integers."""
        settled = settle(part)
        counted = {name: each[np.newaxis] for name, each in settled.items() if name == PATIENTS}
        return {SUMS: whole(settled[SUMS])[np.newaxis], **counted}

    def step(self, total: Sums) -> Stage | Table:
        """Move the centres; end where they stay, or after the last round."""
        rows = _rows(total[SUMS][0], n=self.space.overall.n)
        patients = people(total, rows)
        if min(rows) < 1:
            return self.plan.failed(EMPTY, self.space, self.conditions)
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
        rules = self.conditions.rules
        if min(patients) < rules.minimum_patients:
            return self.plan.failed(self.plan.too_small(rules), self.space, self.conditions)
        found = Clusters(rows, patients, held, self.iteration, converged)
        return self.plan.divided(found, self.centres, self.space, self.conditions)


def _rows(sums: NDArray[Any], *, n: int) -> tuple[int, ...]:
    """Return the rows of each cluster, from total sums, shape (clusters, 1 + features).

    Raises
    ------
    WardnetError
        `IMPLAUSIBLE_TOTAL` where they are not the rows there are.
    """
    rows = [int(each) for each in sums[:, 0]]
    if any(each % (1 << UNIT) for each in rows) or min(rows) < 0:
        raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule="rows are no whole number")
    if sum(rows) != n << UNIT:
        raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule="clusters hold other rows")
    if np.any(np.abs(sums) > sums[:, :1]):
        raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule="a sum is larger than its rows allow")
    return tuple(each >> UNIT for each in rows)


def nearest(z: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return each row's nearest centre; of equally near ones the first."""
    return np.asarray(distances(z, centres).argmin(axis=0))


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
