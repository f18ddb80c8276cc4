"""Principal components: the directions in which rows differ most, from exact cross products."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from wardnet.statistics.unsupervised import findings
from wardnet.statistics.unsupervised.eigen import eigen
from wardnet.statistics.unsupervised.features import Columns, features
from wardnet.statistics.unsupervised.findings import FIT, MEAN, SCALE, Label, labels, overall_rows
from wardnet.statistics.unsupervised.overall import Overall
from wardnet.statistics.unsupervised.rounds import Conditions, Plan, Structure
from wardnet.statistics.unsupervised.unlabelled import Unlabelled

COMPONENT: Final = "component"
VARIANCE: Final = "variance"
EIGENVALUE: Final = "eigenvalue"
RATIO: Final = "ratio"

ALL_CONSTANT: Final = "every column is the same in all rows"


@checked(frozen=True, config=STRICT)
class Parameters(Columns):
    """Hold what `pca` takes.

    Parameters
    ----------
    columns, factors : tuple of str
        As `features` reads them.
    standardise : bool
        Whether columns are divided by their standard deviations.
    components : int or None
        How many are told; all when None.
    """

    standardise: bool = True
    components: Annotated[int | None, Field(ge=1)] = None


_ADAPTER: Final = TypeAdapter(Parameters)


@dataclass(frozen=True)
class Asked(Plan):
    """Hold checked parameters."""

    standardise: bool
    components: int

    @property
    def parts(self) -> int:
        """Return how many components are told."""
        return self.components

    @property
    def rows(self) -> Sequence[Label]:
        """Return the keys of the answer's rows."""
        names = self.features.names
        return [
            *labels(VARIANCE, (EIGENVALUE, RATIO)),
            *labels(COMPONENT, names),
            *labels(MEAN, names),
            *labels(SCALE, names),
            (FIT, "n"),
        ]

    def refusal(self, patients: int, rules: DisclosureRules) -> str:
        """Ask for patients for each number that is told of a column: its mean and its products."""
        return rules.too_many_parameters(1 + len(self.features.factors), patients=patients)

    def go_on(self, known: Overall, conditions: Conditions) -> Table:
        """Return the components."""
        del conditions
        if self.standardise and known.constant:
            return self.nothing(known.constant)
        divisors = known.space(standardise=self.standardise).divisors
        found = eigen(known.covariance / np.outer(divisors, divisors))
        whole = sum(found.values, start=Decimal(0))
        if not whole:
            return self.nothing(ALL_CONSTANT)
        told = slice(self.components)
        components = zip(self.features.names, found.vectors[told].T, strict=True)
        rows = {
            (VARIANCE, EIGENVALUE): (whole, *found.values[told]),
            (VARIANCE, RATIO): (1, *(found.values / whole)[told]),
            **{(COMPONENT, name): (None, *loadings) for name, loadings in components},
            **overall_rows(MEAN, self.features.names, known.means),
            **overall_rows(SCALE, self.features.names, divisors),
            (FIT, "n"): (known.n,),
        }
        return findings.findings(rows, parts=self.parts)


class Pca(Structure[Asked]):
    """Find the directions in which rows differ most: principal components.

    Notes
    -----
    The hospitals add up the cross products of the columns without rounding; the components are the
    eigenvectors of the correlations, or of the covariances, found with fifty digits.

    Examples
    --------
    Parameters: ``{"columns": ["age", "chol", "thalach"], "components": 2}``.

    References
    ----------
    Jolliffe (2002), Principal component analysis, sections 2.1 and 2.3.
    """

    name: ClassVar[str] = "pca"
    version: ClassVar[int] = 1
    maximum_rounds: ClassVar[int] = 1
    output: ClassVar[Output] = Output.COMPONENTS
    parameter: ClassVar[str] = "components"

    def bind(self, parameters: Mapping[str, JsonValue], dictionary: Dictionary) -> Asked:
        """Check parameters against the dictionary."""
        given = read.read(self.name, _ADAPTER, parameters)
        asked = features(self.name, given, dictionary, crossed=True)
        most = len(asked.factors)
        if given.components is not None and given.components > most:
            read.refuse(self.name, "components", f"is more than the {most} columns there are")
        plan = Asked(asked, given.standardise, given.components or most)
        self.check_size(plan)
        return plan

    def model(self, parameters: Asked, table: Table) -> Model:
        """Return what gives rows their scores."""
        held = findings.numbers(self.name, table, parameters.rows, parts=parameters.parts)
        names = parameters.features.names
        return Components(
            parameters.features,
            held.overall(MEAN, names),
            held.overall(SCALE, names),
            held.of(COMPONENT, names),
            held.of(VARIANCE, (EIGENVALUE,))[:, 0],
            held.of(VARIANCE, (RATIO,))[:, 0],
        )


@dataclass(frozen=True)
class Components(Unlabelled):
    """Give rows their scores.

    Parameters
    ----------
    features : Features
        The columns.
    means, scales : ndarray of float64, shape (features,)
        In units.
    loadings : ndarray of float64, shape (components, features)
        Of length 1 each.
    variances, ratios : ndarray of float64, shape (components,)
        Of the scores, and their shares of the variance of all columns.
    """

    means: NDArray[np.float64]
    scales: NDArray[np.float64]
    loadings: NDArray[np.float64]
    variances: NDArray[np.float64]
    ratios: NDArray[np.float64]

    @property
    def classes(self) -> Sequence[str]:
        """Return nothing: scores are numbers."""
        return ()

    def predict(self, rows: Rows) -> NDArray[np.float64]:
        """Return the score of each component, shape (rows.size, components)."""
        scores = np.zeros((rows.size, len(self.loadings)))
        for place, values in enumerate(self.features.units(rows)):
            z = (values - self.means[place]) / self.scales[place]
            scores += z[:, np.newaxis] * self.loadings[:, place]
        return scores

    def importance(self) -> Mapping[str, float]:
        """Return each column's share: its squared loadings, weighted by the components' ratios."""
        weights = (self.ratios[:, np.newaxis] * self.loadings**2).sum(axis=0)
        return self.features.shares(weights)
