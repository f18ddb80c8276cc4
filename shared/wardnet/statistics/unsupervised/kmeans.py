"""k-means: clusters of rows around their means, the same for any split of the rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Annotated, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, JsonValue, TypeAdapter
from pydantic.dataclasses import dataclass as checked

from wardnet.privacy.rules import DisclosureRules, Output
from wardnet.question.answer import Table
from wardnet.question.dictionary import STRICT, Dictionary
from wardnet.question.rows import Rows
from wardnet.statistics import parameters as read
from wardnet.statistics.model import Model
from wardnet.statistics.solve import Matrix
from wardnet.statistics.unsupervised import findings
from wardnet.statistics.unsupervised.features import Columns, features
from wardnet.statistics.unsupervised.findings import (
    FIT,
    MEAN,
    SCALE,
    SIZE,
    Label,
    labels,
    overall_rows,
)
from wardnet.statistics.unsupervised.halves import divide
from wardnet.statistics.unsupervised.overall import Overall, Space, vector
from wardnet.statistics.unsupervised.partition import EMPTY, Clusters, Division, nearest
from wardnet.statistics.unsupervised.rounds import Conditions, Stage, Structure
from wardnet.statistics.unsupervised.unlabelled import Unlabelled

MOST_CLUSTERS: Final = 64
MOST_ROUNDS: Final = 300
MOST_SEARCHES: Final = 20

FACTS: Final = ("n", "inertia", "iterations", "converged")


@checked(frozen=True, kw_only=True, config=STRICT)
class Parameters(Columns):
    """Hold what `kmeans` takes.

    Parameters
    ----------
    columns, factors : tuple of str
        As `features` reads them.
    clusters : int
        How many, 1 to 64.
    start : tuple of tuples of float
        The first centres, in units, one number per column; none where halves of the rows give them.
    standardise : bool
        Whether columns are divided by their standard deviations before distances are taken.
    rounds : int
        Most rounds around means, 1 to 300.
    searches : int
        How many first centres are tried, 1 to 20; the clusters with the least inertia are told.
    seed : int
        Of the directions in which rows are cut for all but the first, at least 0.
    """

    clusters: Annotated[int, Field(ge=1, le=MOST_CLUSTERS)]
    start: tuple[tuple[float, ...], ...] = ()
    standardise: bool = True
    rounds: Annotated[int, Field(ge=1, le=MOST_ROUNDS)] = MOST_ROUNDS
    searches: Annotated[int, Field(ge=1, le=MOST_SEARCHES)] = 1
    seed: Annotated[int, Field(ge=0, lt=1 << 53)] = 0


_ADAPTER: Final = TypeAdapter(Parameters)


@dataclass(frozen=True)
class Found:
    """Hold the clusters of one search.

    Parameters
    ----------
    clusters : Clusters
        Theirs.
    means : ndarray of Decimal, shape (clusters, features)
        In z.
    inertia : Decimal
        The squared distances of all rows from them.
    """

    clusters: Clusters
    means: Matrix
    inertia: Decimal


@dataclass(frozen=True)
class Asked(Division):
    """Hold checked parameters, and what the searches so far have found.

    Parameters
    ----------
    standardise : bool
        Whether columns are divided by their standard deviations.
    searches : int
        How many there are.
    best : Found or None
        The clusters with the least inertia.
    """

    standardise: bool
    searches: int
    best: Found | None = None

    @property
    def word(self) -> str:
        """Return what clusters are called here."""
        return "clusters"

    @property
    def rows(self) -> Sequence[Label]:
        """Return the keys of the answer's rows."""
        names = self.features.names
        return [
            *labels(SIZE, ("rows", "patients")),
            *labels(MEAN, names),
            *labels(SCALE, names),
            *labels(FIT, FACTS),
        ]

    def refusal(self, patients: int, rules: DisclosureRules) -> str:
        """Ask for patients for each cluster."""
        return rules.too_many_clusters(self.clusters, patients=patients, word=self.word)

    def go_on(self, known: Overall, conditions: Conditions) -> Stage | Table:
        """Divide the rows."""
        if self.standardise and known.constant:
            return self.nothing(known.constant)
        return divide(self, conditions, known.space(standardise=self.standardise))

    def divided(
        self, found: Clusters, centres: NDArray[np.float64], space: Space, conditions: Conditions
    ) -> Stage | Table:
        """Keep the better clusters, and search again."""
        del centres
        means = space.from_t(found.means)
        within = _within(space.overall, found, means, space.divisors)
        best = self.best
        if best is None or within < best.inertia:
            best = Found(found, means, within)
        return replace(self, best=best)._again(EMPTY, space, conditions)  # noqa: SLF001 - its own

    def failed(self, rule: str, space: Space, conditions: Conditions) -> Stage | Table:
        """Search again."""
        return self._again(rule, space, conditions)

    def _again(self, rule: str, space: Space, conditions: Conditions) -> Stage | Table:
        """Begin the next search, or end with what is best."""
        if self.search + 1 < self.searches:
            return divide(replace(self, search=self.search + 1), conditions, space)
        return self.nothing(rule) if self.best is None else self._told(self.best, space)

    def _told(self, best: Found, space: Space) -> Table:
        """Return clusters in units."""
        known, names, found = space.overall, self.features.names, best.clusters
        facts = (known.n, best.inertia, found.iterations, int(found.converged))
        sizes = (found.rows, found.patients)
        means = zip(known.means, space.to_units(best.means).T, strict=True)
        rows = {
            **{
                label: (None, *size)
                for label, size in zip(labels(SIZE, ("rows", "patients")), sizes, strict=True)
            },
            **{
                label: (whole, *each)
                for label, (whole, each) in zip(labels(MEAN, names), means, strict=True)
            },
            **overall_rows(SCALE, names, space.divisors),
            **overall_rows(FIT, FACTS, facts),
        }
        return findings.findings(rows, parts=self.parts)


def _within(known: Overall, found: Clusters, z: Matrix, divisors: Matrix) -> Decimal:
    """Return the squared distances of all rows from their clusters' means."""
    spread = (np.diagonal(known.covariance) / divisors**2).sum() * (known.n - 1)
    between = (vector(map(Decimal, found.rows)) * (z**2).sum(axis=1)).sum()
    return Decimal(max(spread - between, Decimal(0)))


class Kmeans(Structure[Asked]):
    """Divide rows into clusters around their means: k-means.

    Notes
    -----
    Each round puts every row to its nearest centre; the hospitals add up rows and columns by
    cluster without rounding, and the next centres are the means. The first centres are given, or
    the means of parts: the part with the largest squares is cut in halves until there are enough.
    Of several searches the clusters with the least inertia are told.

    Examples
    --------
    Parameters: ``{"columns": ["age", "chol"], "clusters": 3}``.

    References
    ----------
    Lloyd (1982), Least squares quantization in PCM, IEEE Transactions on Information Theory 28(2).
    Su, Dy (2007), In search of deterministic methods for initializing k-means and Gaussian mixture
    clustering, Intelligent Data Analysis 11(4).
    """

    name: ClassVar[str] = "kmeans"
    version: ClassVar[int] = 1
    maximum_rounds: ClassVar[int] = MOST_SEARCHES * (MOST_CLUSTERS + MOST_ROUNDS)
    output: ClassVar[Output] = Output.CLUSTERS
    parameter: ClassVar[str] = "clusters"

    def bind(self, parameters: Mapping[str, JsonValue], dictionary: Dictionary) -> Asked:
        """Check parameters against the dictionary."""
        given = read.read(self.name, _ADAPTER, parameters)
        asked = features(self.name, given, dictionary, crossed=False)
        check_start(self.name, given.start, clusters=given.clusters, columns=len(asked.factors))
        if given.start and given.searches > 1:
            read.refuse(self.name, "searches", "has to be 1 where a start is given")
        plan = Asked(
            asked,
            given.clusters,
            given.start,
            given.rounds,
            given.seed,
            0,
            given.standardise,
            given.searches,
        )
        self.check_size(plan)
        return plan

    def model(self, parameters: Asked, table: Table) -> Model:
        """Return what tells rows their nearest cluster."""
        held = findings.numbers(self.name, table, parameters.rows, parts=parameters.parts)
        names = parameters.features.names
        return Nearest(
            parameters.features,
            held.overall(SCALE, names),
            held.overall(MEAN, names),
            held.of(MEAN, names),
            held.of(SIZE, ("rows",))[:, 0],
        )


def check_start(
    method: str, start: Sequence[Sequence[float]], *, clusters: int, columns: int
) -> None:
    """Refuse first centres that are not one per cluster, or not of all columns."""
    if start and len(start) != clusters:
        read.refuse(method, "start", f"needs one centre for each of the {clusters} clusters")
    if any(len(centre) != columns for centre in start):
        read.refuse(method, "start", f"needs {columns} numbers for each centre, one per column")
    if any(abs(number) > read.LARGEST_NUMBER for centre in start for number in centre):
        read.refuse(method, "start", "needs smaller numbers")


@dataclass(frozen=True)
class Nearest(Unlabelled):
    """Tell rows their nearest cluster.

    Parameters
    ----------
    features : Features
        The columns.
    scales, means : ndarray of float64, shape (features,)
        What distances are divided by, and where all rows' mean is, in units.
    centres : ndarray of float64, shape (clusters, features)
        In units.
    sizes : ndarray of float64, shape (clusters,)
        Rows.
    """

    scales: NDArray[np.float64]
    means: NDArray[np.float64]
    centres: NDArray[np.float64]
    sizes: NDArray[np.float64]

    @property
    def classes(self) -> Sequence[str]:
        """Return the clusters' numbers."""
        return findings.values(len(self.centres))[1:]

    def predict(self, rows: Rows) -> NDArray[np.float64]:
        """Return 1 for the nearest cluster and 0 for others, shape (rows.size, clusters)."""
        units = self.features.units(rows) / self.scales[:, np.newaxis]
        known = ~np.isnan(units[0])
        at = nearest(np.where(known, units, 0.0), self.centres / self.scales)
        chosen = np.equal(at[:, np.newaxis], np.arange(len(self.centres)))
        return np.where(known[:, np.newaxis], chosen.astype(np.float64), np.nan)

    def importance(self) -> Mapping[str, float]:
        """Return each column's share of the squares between the clusters."""
        apart = ((self.centres - self.means) / self.scales) ** 2
        return self.features.shares((self.sizes[:, np.newaxis] * apart).sum(axis=0))
