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
from wardnet.statistics.model import Model
from wardnet.statistics.unsupervised import findings
from wardnet.statistics.unsupervised.eigen import identity
from wardnet.statistics.unsupervised.expectation import Blend, Fit, Mixed, weighing
from wardnet.statistics.unsupervised.features import Columns, features
from wardnet.statistics.unsupervised.findings import FIT, MEAN, SIZE, Label, labels, overall_rows
from wardnet.statistics.unsupervised.gaussians import Gaussians, gaussians, shares
from wardnet.statistics.unsupervised.halves import divide
from wardnet.statistics.unsupervised.kmeans import MOST_CLUSTERS, check_start
from wardnet.statistics.unsupervised.overall import Overall, Space, decimals_of
from wardnet.statistics.unsupervised.partition import (
    PATIENTS,
)
from wardnet.statistics.unsupervised.rounds import Conditions, Stage, Structure
from wardnet.statistics.unsupervised.unlabelled import Unlabelled

MOST_ROUNDS: Final = 1000
MOST_ROUNDS_AROUND_MEANS: Final = 50
ROUND_NUMBERS: Final = 100_000
"""Most numbers of a round, so that a hospital's sums fit a message."""

COVARIANCE: Final = "covariance"
WEIGHT: Final = "weight"
FACTS: Final = ("n", "log_likelihood", "parameters", "aic", "bic", "iterations")


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
        Change of the mean logarithm of a row's density at which it has converged, at least 0.
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
class Asked(Blend):
    """Hold checked parameters."""

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
            self.clusters, patients=patients, word=self.word
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

    def told(self, mixed: Mixed, space: Space, *, fit: Fit) -> Table:
        """Return the components in units."""
        known, divisors = space.overall, space.divisors
        spread = known.n * sum((each.ln() for each in divisors), start=Decimal(0))
        worth, count = fit.likelihood - spread, self.numbers
        facts = (
            known.n,
            worth,
            count,
            2 * (count - worth),
            count * Decimal(known.n).ln() - 2 * worth,
            fit.iterations,
        )
        means = zip(known.means, space.to_units(mixed.means).T, strict=True)
        units = mixed.covariances * np.outer(divisors, divisors)
        rows = {
            (SIZE, WEIGHT): (1, *mixed.weights),
            (SIZE, PATIENTS): (None, *fit.patients),
            **{
                label: (overall, *each)
                for label, (overall, each) in zip(
                    labels(MEAN, self.features.names), means, strict=True
                )
            },
            **{
                (COVARIANCE, name): (known.covariance[one, other], *units[:, one, other])
                for name, (one, other) in zip(self.covariances, self.pairs, strict=True)
            },
            **overall_rows(FIT, FACTS, facts),
        }
        return findings.findings(rows, parts=self.parts)


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
            0,
            0,
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
        with np.errstate(all="ignore"):  # what overflows is refused by name
            means = (held.of(MEAN, names) - middle) / scales
            covariances /= np.outer(scales, scales)
        if not (np.isfinite(means).all() and np.isfinite(covariances).all()):
            rule = "numbers that are too far apart"
            raise WardnetError(Reason.MALFORMED, field="table", rule=rule)
        mixed = gaussians(
            list(map(Decimal, weights.tolist())),
            decimals_of(means),
            decimals_of(covariances),
        )
        if mixed is None:
            raise WardnetError(Reason.MALFORMED, field="table", rule="a singular covariance")
        between = (weights[:, np.newaxis] * means**2).sum(axis=0)
        return Components(parameters.features, middle, scales, mixed, between)


@dataclass(frozen=True)
class Components(Unlabelled):
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

    means: NDArray[np.float64]
    scales: NDArray[np.float64]
    mixed: Gaussians
    between: NDArray[np.float64]

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
