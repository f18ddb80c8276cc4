"""Expectation-maximisation: share rows out to components, then fit these to their shares."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wardnet.errors import Reason, WardnetError
from wardnet.question.answer import Table
from wardnet.question.rows import Rows
from wardnet.statistics.design import COMPLETE
from wardnet.statistics.method import Part, settle
from wardnet.statistics.solve import Matrix, decimals
from wardnet.statistics.unsupervised.gaussians import Gaussians, gaussians, shares
from wardnet.statistics.unsupervised.overall import Space, decimals_of
from wardnet.statistics.unsupervised.partition import (
    PATIENTS,
    Clusters,
    Division,
    nearest,
    nobody,
    people,
)
from wardnet.statistics.unsupervised.rounds import Conditions, Stage
from wardnet.sums.accumulate import MAXIMUM_ROWS
from wardnet.sums.arrays import ArraySpec, Sums
from wardnet.sums.members import members
from wardnet.sums.products import MOST_SLICES, UNIT, cut, no_products, products, whole

MOMENTS: Final = "moments"
LIKELIHOOD: Final = "likelihood"

SINGULAR: Final = (
    "singular: a component has no spread in some direction; ask for fewer components or columns, "
    "or take a ridge"
)
VANISHED: Final = "a component without rows: ask for fewer, or give another start"
NOT_CONVERGED: Final = "not converged: allow more rounds, or ask for fewer components"

_LOWEST: Final = 2.0**30
"""Where the logarithm of a row's density is cut off."""

_NO_RISE: Final = Decimal(2) ** -40
_UNIT_VALUE: Final = Decimal(2) ** -UNIT


@dataclass(frozen=True)
class Mixed:
    """Hold a mixture, in z.

    Parameters
    ----------
    weights : sequence of Decimal
        Of the components, together 1.
    means : ndarray of Decimal, shape (components, features)
        Theirs.
    covariances : ndarray of Decimal, shape (components, features, features)
        Theirs.
    """

    weights: Sequence[Decimal]
    means: Matrix
    covariances: Matrix


@dataclass(frozen=True)
class Fit:
    """Hold how a mixture fits.

    Parameters
    ----------
    likelihood : Decimal
        Its logarithm, of z.
    patients : tuple of int
        Of the rows of which each component has the largest share.
    iterations : int
        How many mixtures were before.
    """

    likelihood: Decimal
    patients: tuple[int, ...]
    iterations: int


@dataclass(frozen=True)
class Blend(Division):
    """Hold what mixture is asked for; `rounds` are those around means, before it.

    Parameters
    ----------
    full : bool
        Whether columns of a component depend on each other.
    ridge : float
        Added to each variance of z.
    tolerance : float
        Change of the mean logarithm of a row's density at which it has converged.
    most_rounds : int
        Most rounds of the mixture.
    """

    full: bool
    ridge: float
    tolerance: float
    most_rounds: int

    @property
    def word(self) -> str:
        """Return what clusters are called here."""
        return "components"

    @abstractmethod
    def told(self, mixed: Mixed, space: Space, *, fit: Fit) -> Table:
        """Return the answer."""

    def divided(
        self, found: Clusters, centres: NDArray[np.float64], space: Space, conditions: Conditions
    ) -> Stage:
        """Take the clusters for the first components."""
        del found
        return Weighing(self, conditions, space, centres)


def weighing(
    plan: Blend,
    conditions: Conditions,
    space: Space,
    mixed: Mixed,
    *,
    likelihood: Decimal | None = None,
    iteration: int = 0,
) -> Stage | Table:
    """Return the round that looks at a mixture."""
    found = gaussians(mixed.weights, mixed.means, mixed.covariances)
    if found is None:
        return plan.nothing(SINGULAR)
    return Weighing(plan, conditions, space, found, mixed, likelihood, iteration)


@dataclass(frozen=True)
class Weighing(Stage):
    """Share every row out to the components, and add up.

    Parameters
    ----------
    plan, conditions, space
        What is asked, by which rules, and where distances are measured.
    by : Gaussians or ndarray of float64, shape (components, features)
        The densities that share rows out; or centres, of which the nearest has all of a row.
    mixed : Mixed or None
        Whose densities they are.
    likelihood : Decimal or None
        Logarithm of the likelihood a round before.
    iteration : int
        From 0.
    """

    plan: Blend
    conditions: Conditions
    space: Space
    by: Gaussians | NDArray[np.float64]
    mixed: Mixed | None = None
    likelihood: Decimal | None = None
    iteration: int = 0

    @property
    def _sides(self) -> tuple[int, int]:
        """Return the shape of a component's sums."""
        size = len(self.plan.features.factors)
        return (1 + size, 1 + size) if self.plan.full else (1, 1 + 2 * size)

    def arrays(self) -> Sequence[ArraySpec]:
        """Declare the components' sums, the likelihood, and whose rows are most a component's."""
        limit, parts = MAXIMUM_ROWS << UNIT, self.plan.clusters
        return [
            ArraySpec(MOMENTS, (1, parts, *self._sides), limit, COMPLETE, UNIT),
            ArraySpec(LIKELIHOOD, (1, 2), limit, COMPLETE, UNIT),
            ArraySpec(PATIENTS, (1, parts), MAXIMUM_ROWS, COMPLETE),
        ]

    def local(self, rows: Rows) -> Part:
        """Add up a batch."""
        left, right = self._sides
        moments = np.stack([no_products(left, right)] * self.plan.clusters)
        likelihood = no_products(1, 2)
        whose = nobody(self.plan.clusters)
        for entries, patient in self.plan.features.blocks(rows):
            share, logarithm = self._shares(self.space.place(entries[1:]))
            half = (entries[1:] - self.space.centre) * 0.5
            ones = np.ones((1, entries.shape[1]))
            first = np.vstack([ones, half]) if self.plan.full else ones
            second = np.vstack([ones, half] if self.plan.full else [ones, half, half * half])
            held = cut(second, slices=[1, *[MOST_SLICES] * (right - 1)])
            for component, each in enumerate(share):
                weighted = cut(first * each, slices=[MOST_SLICES] * left)
                moments[component] += products(weighted, held)
            clipped = np.clip(logarithm, -_LOWEST, _LOWEST)
            rough = np.rint(clipped)
            facts = np.stack([rough / _LOWEST, clipped - rough])
            likelihood += products(cut(ones, slices=[1]), cut(facts, slices=[MOST_SLICES] * 2))
            whose += members(share.argmax(axis=0), cells=self.plan.clusters, patient=patient)
        return {MOMENTS: moments, LIKELIHOOD: likelihood, PATIENTS: whose}

    def _shares(self, z: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if isinstance(self.by, Gaussians):
            return shares(self.by.logarithms(z))
        share: NDArray[np.float64] = np.zeros((len(self.by), z.shape[1]))
        share[nearest(z, self.by), np.arange(z.shape[1])] = 1
        return share, np.zeros_like(share[0])

    def finish(self, part: Part) -> Sums:
        """Turn limbs into integers."""
        settled = settle(part)
        return {
            MOMENTS: np.stack([whole(limbs) for limbs in settled[MOMENTS]])[np.newaxis],
            LIKELIHOOD: whole(settled[LIKELIHOOD]),
            PATIENTS: settled[PATIENTS][np.newaxis],
        }

    def step(self, total: Sums) -> Stage | Table:
        """Take the next mixture, or end."""
        n = self.space.overall.n
        if any(np.any(np.abs(total[name]) > n << UNIT) for name in (MOMENTS, LIKELIHOOD)):
            raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule="a sum is larger than its rows allow")
        if abs(total[MOMENTS][0, :, 0, 0].sum() - (n << UNIT)) > 1 << UNIT:
            raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule="components share other rows")
        patients = people(total, [n] * self.plan.clusters)
        rough, rest = (decimals(total[LIKELIHOOD][0]) * _UNIT_VALUE).tolist()
        likelihood = rough * Decimal(_LOWEST) + rest
        if self.mixed is not None and self.likelihood is not None:
            rise = abs(likelihood - self.likelihood) / n
            if rise <= max(Decimal(self.plan.tolerance), _NO_RISE):
                fit = Fit(likelihood, patients, self.iteration)
                return self._told(self.mixed, fit)
        if self.iteration >= self.plan.most_rounds:
            return self.plan.nothing(NOT_CONVERGED)
        mixed = self._maximise(decimals(total[MOMENTS][0]) * _UNIT_VALUE)
        if mixed is None:
            return self.plan.nothing(VANISHED)
        return weighing(
            self.plan,
            self.conditions,
            self.space,
            mixed,
            likelihood=None if self.mixed is None else likelihood,
            iteration=self.iteration + 1,
        )

    def _maximise(self, moments: Matrix) -> Mixed | None:
        """Return the mixture that is likeliest for these shares; None without some component."""
        plan, size = self.plan, len(self.plan.features.factors)
        rows = moments[:, 0, 0]
        if min(rows) < 1:
            return None
        stretch = 2 * decimals_of(self.space.stretch[:, 0])
        means = moments[:, 0, 1 : 1 + size] / rows[:, np.newaxis] * stretch
        covariances = np.full((plan.clusters, size, size), Decimal(0), np.object_)
        for at, (each, mean) in enumerate(
            zip(moments / rows[:, np.newaxis, np.newaxis], means, strict=True)
        ):
            if plan.full:
                squares = (each[1:, 1:] + each[1:, 1:].T) / 2
                covariances[at] = squares * np.outer(stretch, stretch) - np.outer(mean, mean)
            else:
                np.fill_diagonal(covariances[at], each[0, 1 + size :] * stretch**2 - mean**2)
            covariances[at][np.diag_indices(size)] += Decimal(plan.ridge)
        return Mixed((rows / sum(rows)).tolist(), means, covariances)

    def _told(self, mixed: Mixed, fit: Fit) -> Table:
        """Return the answer, if every component has enough patients."""
        rules, n = self.conditions.rules, self.space.overall.n
        few = min(mixed.weights) * n < rules.minimum_patients
        if few or min(fit.patients) < rules.minimum_patients:
            return self.plan.nothing(self.plan.too_small(rules))
        return self.plan.told(mixed, self.space, fit=fit)
