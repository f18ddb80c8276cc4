"""Gaussian mixtures: overlapping clusters with shapes of their own, by expectation-maximisation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations_with_replacement
from typing import Annotated, ClassVar, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, JsonValue, TypeAdapter
from pydantic.dataclasses import dataclass as checked

from wardnet.errors import Reason, WardnetError
from wardnet.privacy.rules import DisclosureRules, Output
from wardnet.question.answer import Table
from wardnet.question.dictionary import STRICT, Dictionary
from wardnet.question.rows import Rows
from wardnet.statistics import parameters as read
from wardnet.statistics.design import COMPLETE
from wardnet.statistics.method import Part, settle
from wardnet.statistics.model import Model
from wardnet.statistics.solve import Matrix, decimals
from wardnet.statistics.unsupervised import findings
from wardnet.statistics.unsupervised.eigen import identity
from wardnet.statistics.unsupervised.features import Columns, Features, features
from wardnet.statistics.unsupervised.findings import FIT, MEAN, SIZE, Label, labels, overall_rows
from wardnet.statistics.unsupervised.gaussians import Gaussians, gaussians, shares
from wardnet.statistics.unsupervised.halves import divide
from wardnet.statistics.unsupervised.kmeans import MOST_CLUSTERS, check_start
from wardnet.statistics.unsupervised.overall import Overall, Space, decimals_of
from wardnet.statistics.unsupervised.partition import (
    PATIENTS,
    Clusters,
    Division,
    nearest,
    nobody,
    people,
)
from wardnet.statistics.unsupervised.rounds import Conditions, Stage, Structure
from wardnet.sums.accumulate import MAXIMUM_ROWS
from wardnet.sums.arrays import ArraySpec, Sums
from wardnet.sums.members import members
from wardnet.sums.products import MOST_SLICES, UNIT, cut, no_products, products, whole

MOST_ROUNDS: Final = 1000
MOST_ROUNDS_AROUND_MEANS: Final = 50
ROUND_NUMBERS: Final = 100_000
"""Most numbers of a round, so that a hospital's sums fit a message."""

MOMENTS: Final = "moments"
LIKELIHOOD: Final = "likelihood"
COVARIANCE: Final = "covariance"
WEIGHT: Final = "weight"
FACTS: Final = ("n", "log_likelihood", "parameters", "aic", "bic", "iterations")

SINGULAR: Final = (
    "singular: a component has no spread in some direction; ask for fewer components or columns, "
    "or take a ridge"
)
VANISHED: Final = "a component without rows: ask for fewer, or give another start"
NOT_CONVERGED: Final = "not converged: allow more rounds, or ask for fewer components"

_LOWEST: Final = 2.0**30
"""Where the logarithm of a row's density is cut off."""

_UNIT_VALUE: Final = Decimal(2) ** -UNIT


@checked(frozen=True, kw_only=True, config=STRICT)
class Parameters(Columns):
    """Hold what `mixture` takes.

    Parameters
    ----------
    columns, factors : tuple of str
        As `features` reads them.
    components : int
        How many, 1 to 64.
    covariance : str
        `full`, or `diagonal` for columns that are independent within a component.
    start : tuple of tuples of float
        The first means, in units, one number per column; the first weights are then equal and the
        first covariances those of independent columns over all rows. None where k-means gives them.
    ridge : float
        What is added to each variance of a standardised column, at least 0.
    tolerance : float
        Rise of the mean logarithm of a row's density below which it has converged, at least 0.
    rounds : int
        Most rounds, 1 to 1000.
    """

    components: Annotated[int, Field(ge=1, le=MOST_CLUSTERS)]
    covariance: Literal["full", "diagonal"] = "full"
    start: tuple[tuple[float, ...], ...] = ()
    ridge: Annotated[float, Field(ge=0, le=1)] = 0.0
    tolerance: Annotated[float, Field(ge=0, le=1)] = 1e-6
    rounds: Annotated[int, Field(ge=1, le=MOST_ROUNDS)] = 500


_ADAPTER: Final = TypeAdapter(Parameters)


@dataclass(frozen=True)
class Asked(Division):
    """Hold checked parameters; `rounds` are those around means.

    Parameters
    ----------
    full : bool
        Whether columns of a component depend on each other.
    ridge, tolerance : float
        As `Parameters` has them.
    most_rounds : int
        Most rounds of the mixture.
    """

    full: bool
    ridge: float
    tolerance: float
    most_rounds: int

    @property
    def pairs(self) -> Sequence[tuple[int, int]]:
        """Return which covariances are told."""
        size = len(self.features.factors)
        if not self.full:
            return [(place, place) for place in range(size)]
        return list(combinations_with_replacement(range(size), 2))

    @property
    def covariances(self) -> Sequence[str]:
        """Return what the told covariances are called."""
        names = self.features.names
        return [
            names[one] if one == other else f"{names[one]}:{names[other]}"
            for one, other in self.pairs
        ]

    @property
    def word(self) -> str:
        """Return what clusters are called here."""
        return "components"

    @property
    def rows(self) -> Sequence[Label]:
        """Return the keys of the answer's rows."""
        return [
            *labels(SIZE, (WEIGHT, PATIENTS)),
            *labels(MEAN, self.features.names),
            *labels(COVARIANCE, self.covariances),
            *labels(FIT, FACTS),
        ]

    @property
    def numbers(self) -> int:
        """Return how many numbers the model has."""
        each = len(self.features.factors) + len(self.pairs)
        return self.clusters * (1 + each) - 1

    def refusal(self, patients: int, rules: DisclosureRules) -> str:
        """Ask for patients for each component, and for each number that is told of a column."""
        told = 2 if not self.full else 1 + len(self.features.factors)
        return rules.too_many_clusters(
            self.clusters, patients=patients
        ) or rules.too_many_parameters(self.clusters * told, patients=patients)

    def go_on(self, known: Overall, conditions: Conditions) -> Stage | Table:
        """Begin with the given means, or look for some."""
        if known.constant:
            return self.nothing(known.constant)
        space = known.space(standardise=True)
        if not self.given:
            return divide(self, conditions, space)
        size = len(self.features.factors)
        means = space.to_z(decimals_of(np.array(self.given)))
        weights = [Decimal(1) / self.clusters] * self.clusters
        mixed = Mixed(weights, means, np.stack([identity(size)] * self.clusters))
        return weighing(self, conditions, space, mixed)

    def divided(
        self, found: Clusters, centres: NDArray[np.float64], space: Space, conditions: Conditions
    ) -> Stage:
        """Take the clusters for the first components."""
        del found
        return Weighing(self, conditions, space, centres)


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


def weighing(
    plan: Asked,
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

    plan: Asked
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
            rise = (likelihood - self.likelihood) / n
            if rise <= Decimal(self.plan.tolerance):
                return self._answer(self.mixed, likelihood, patients)
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

    def _answer(self, mixed: Mixed, likelihood: Decimal, patients: tuple[int, ...]) -> Table:
        plan, known, rules = self.plan, self.space.overall, self.conditions.rules
        rows = (weight * known.n for weight in mixed.weights)
        if min([*map(Decimal, patients), *rows]) < rules.minimum_patients:
            return plan.nothing(f"more components than the rule allows: one with {rules.cell_rule}")
        divisors = self.space.divisors
        spread = known.n * sum((each.ln() for each in divisors), start=Decimal(0))
        worth, count = likelihood - spread, plan.numbers
        facts = (
            known.n,
            worth,
            count,
            2 * (count - worth),
            count * Decimal(known.n).ln() - 2 * worth,
            self.iteration,
        )
        means = zip(known.means, self.space.to_units(mixed.means).T, strict=True)
        units = mixed.covariances * np.outer(divisors, divisors)
        told = {
            (SIZE, WEIGHT): (1, *mixed.weights),
            (SIZE, PATIENTS): (None, *patients),
            **{
                label: (overall, *each)
                for label, (overall, each) in zip(
                    labels(MEAN, plan.features.names), means, strict=True
                )
            },
            **{
                (COVARIANCE, name): (known.covariance[one, other], *units[:, one, other])
                for name, (one, other) in zip(plan.covariances, plan.pairs, strict=True)
            },
            **overall_rows(FIT, FACTS, facts),
        }
        return findings.findings(told, parts=plan.parts)


class Mixture(Structure[Asked]):
    """Find overlapping clusters with shapes of their own: a mixture of Gaussian distributions.

    Notes
    -----
    Expectation-maximisation: each round shares every row out to the components by their densities;
    the hospitals add up the shares, and the columns and their products weighted by them, on a fixed
    grid. It begins with given means, or with the clusters of k-means.

    Examples
    --------
    Parameters: ``{"columns": ["age", "chol"], "components": 2, "covariance": "full"}``.

    References
    ----------
    Dempster, Laird, Rubin (1977), Maximum likelihood from incomplete data via the EM algorithm,
    Journal of the Royal Statistical Society B 39(1).
    """

    name: ClassVar[str] = "mixture"
    version: ClassVar[int] = 1
    maximum_rounds: ClassVar[int] = MOST_CLUSTERS + MOST_ROUNDS_AROUND_MEANS + MOST_ROUNDS + 3
    output: ClassVar[Output] = Output.CLUSTERS
    parameter: ClassVar[str] = "components"

    def bind(self, parameters: Mapping[str, JsonValue], dictionary: Dictionary) -> Asked:
        """Check parameters against the dictionary."""
        given = read.read(self.name, _ADAPTER, parameters)
        full = given.covariance == "full"
        asked = features(self.name, given, dictionary, crossed=full)
        size = len(asked.factors)
        check_start(self.name, given.start, clusters=given.components, columns=size)
        if given.components * (1 + size) ** 2 > ROUND_NUMBERS:
            read.refuse(self.name, "components", "are too many for so many columns; ask for fewer")
        plan = Asked(
            asked,
            given.components,
            given.start,
            MOST_ROUNDS_AROUND_MEANS,
            full,
            given.ridge,
            given.tolerance,
            given.rounds,
        )
        self.check_size(plan)
        return plan

    def model(self, parameters: Asked, table: Table) -> Model:
        """Return what tells rows the probability of each component."""
        held = findings.numbers(self.name, table, parameters.rows, parts=parameters.parts)
        names, size = parameters.features.names, len(parameters.features.factors)
        middle = held.overall(MEAN, names)
        variances = held.overall(COVARIANCE, parameters.covariances)
        covariances = np.zeros((parameters.clusters, size, size))
        scales = np.zeros(size)
        told = held.of(COVARIANCE, parameters.covariances).T
        for (one, other), overall, each in zip(parameters.pairs, variances, told, strict=True):
            covariances[:, one, other] = covariances[:, other, one] = each
            if one == other:
                scales[one] = np.sqrt(max(overall, 0.0))
        weights = held.of(SIZE, (WEIGHT,))[:, 0]
        if min(*scales, *weights) <= 0:
            raise WardnetError(Reason.MALFORMED, field="table", rule="a spread or a weight of 0")
        means = (held.of(MEAN, names) - middle) / scales
        mixed = gaussians(
            list(map(Decimal, weights.tolist())),
            decimals_of(means),
            decimals_of(covariances / np.outer(scales, scales)),
        )
        if mixed is None:
            raise WardnetError(Reason.MALFORMED, field="table", rule="a singular covariance")
        between = (weights[:, np.newaxis] * means**2).sum(axis=0)
        return Components(parameters.features, middle, scales, mixed, between)


@dataclass(frozen=True)
class Components(Model):
    """Tell rows the probability of each component.

    Parameters
    ----------
    features : Features
        The columns.
    means, scales : ndarray of float64, shape (features,)
        Of all rows, in units.
    mixed : Gaussians
        The components' densities.
    between : ndarray of float64, shape (features,)
        Share of each column's variance that is between the components' means.
    """

    features: Features
    means: NDArray[np.float64]
    scales: NDArray[np.float64]
    mixed: Gaussians
    between: NDArray[np.float64]

    @property
    def columns(self) -> Sequence[str]:
        """Return the features' columns."""
        return sorted(self.features.columns)

    @property
    def outcome(self) -> str:
        """Return nothing: a component is no column."""
        return ""

    @property
    def classes(self) -> Sequence[str]:
        """Return the components' numbers."""
        return findings.values(len(self.mixed.means))[1:]

    def predict(self, rows: Rows) -> NDArray[np.float64]:
        """Return the probability of each component, shape (rows.size, components)."""
        z = (self.features.units(rows) - self.means[:, np.newaxis]) / self.scales[:, np.newaxis]
        known = ~np.isnan(z[0])
        found, _ = shares(self.mixed.logarithms(np.where(known, z, 0.0)))
        return np.where(known[:, np.newaxis], found.T, np.nan)

    def importance(self) -> Mapping[str, float]:
        """Return each column's share of the variance between the components."""
        return self.features.shares(self.between)
