"""The network as a researcher sees it; the same for the real one and for the simulation."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal, Unpack, overload

from wardnet.client.models.evaluation import Validation, parameters_of
from wardnet.client.models.learn import Learn
from wardnet.client.models.validation import evaluate_apart
from wardnet.client.printing.listing import Columns, Dataset, Hospital, Listing
from wardnet.client.queries.ask import (
    Ask,
    Names,
    Parameters,
    Whose,
    ask_for,
    names,
    numbers,
    to_bins,
)
from wardnet.client.queries.result import Result


class Network(ABC):
    """Ask hospitals; every statistic is one method.

    All take the keywords of `Whose` besides their own: `where` (a condition such as
    `col("age") >= 40`, a line such as `"age >= 40"`, or None for everyone), `hospitals` (ids; None
    for all that hold the dataset and have agreed to the study), `min_hospitals` (fewest that the
    answer may rest on; None for all that are asked) and `study` (beginning of the id of the study
    that the question belongs to; None where only one comes into question; a simulation needs none).
    A single name may stand where several are meant.

    All raise `WardnetError`: `COLUMN_UNAVAILABLE` and `DATASET_UNAVAILABLE` for what does not exist
    or is not shared, `PARAMETER_INVALID` and `COHORT_SYNTAX` for what cannot be asked, and
    `COHORT_TOO_SMALL` or `COMPLEMENT_TOO_SMALL` when a disclosure rule refuses. The real network
    also raises `STUDY_NEEDED` where no hospital has agreed, and `HOSPITAL_REFUSED`.
    """

    @abstractmethod
    def datasets(self) -> Listing[Dataset]:
        """Return the datasets of the network."""

    @abstractmethod
    def dictionary(self, dataset: str) -> Columns:
        """Return the columns of a dataset that questions may name."""

    @abstractmethod
    def hospitals(self) -> Listing[Hospital]:
        """Return the hospitals of the network."""

    @abstractmethod
    def ask(self, ask: Ask) -> Result:
        """Ask, and wait for the answer."""

    @property
    def learn(self) -> Learn:
        """Return what fits models: `net.learn.boosting("died ~ age + sex", "cardiology")`."""
        return Learn(self)

    @overload
    def evaluate(
        self,
        fitted: Result,
        dataset: str | None = None,
        *,
        threshold: float = 0.5,
        time: str | None = None,
        event: str | None = None,
        by_hospital: Literal[False] = False,
        **whose: Unpack[Whose],
    ) -> Result: ...
    @overload
    def evaluate(
        self,
        fitted: Result,
        dataset: str | None = None,
        *,
        threshold: float = 0.5,
        time: str | None = None,
        event: str | None = None,
        by_hospital: Literal[True],
        **whose: Unpack[Whose],
    ) -> Validation: ...
    def evaluate(
        self,
        fitted: Result,
        dataset: str | None = None,
        *,
        threshold: float = 0.5,
        time: str | None = None,
        event: str | None = None,
        by_hospital: bool = False,
        **whose: Unpack[Whose],
    ) -> Result | Validation:
        """Tell how well a fitted model predicts the rows of a cohort.

        Parameters
        ----------
        fitted : Result
            Of a method of `learn`.
        dataset : str or None
            The one that it was fitted to when None.
        threshold : float
            From which probability on the second of two classes is predicted.
        time, event : str or None
            Columns of times, and of whether the event was then or not until then: how well the
            predictions put these times in order, as risks, is told as well.
        by_hospital : bool
            Whether every hospital is asked by itself; the results are set side by side.
        """
        parameters = parameters_of(fitted, threshold=threshold, time=time, event=event)
        ask = ask_for("evaluate", dataset or fitted.question.dataset, parameters, whose)
        return evaluate_apart(self, ask) if by_hospital else self.ask(ask)

    def count(
        self,
        dataset: str,
        *,
        by: Names | None = None,
        **whose: Unpack[Whose],
    ) -> Result:
        """Count patients and rows.

        Parameters
        ----------
        by : str or sequence of str
            Up to three columns with levels; one row per combination.
        """
        return self.ask(ask_for("count", dataset, {"by": names(by)}, whose))

    def summary(
        self,
        dataset: str,
        columns: Names,
        *,
        by: Names | None = None,
        **whose: Unpack[Whose],
    ) -> Result:
        """Describe columns: n, missing, mean, variance (ddof 1), sd, skewness, kurtosis.

        Parameters
        ----------
        columns : str or sequence of str
            Columns of numbers.
        by : str or sequence of str
            Up to two columns with levels.
        """
        parameters: Parameters = {"columns": names(columns), "by": names(by)}
        return self.ask(ask_for("summary", dataset, parameters, whose))

    def quantiles(
        self,
        dataset: str,
        columns: Names,
        *,
        probabilities: float | Sequence[float] = (0.25, 0.5, 0.75),
        by: Names | None = None,
        **whose: Unpack[Whose],
    ) -> Result:
        """Find quantiles of columns (type 7, as numpy's default).

        Parameters
        ----------
        columns : str or sequence of str
            Columns of numbers, on the dictionary's resolution.
        probabilities : float or sequence of float
            From 0.05 to 0.95.
        by : str or sequence of str
            Up to two columns with levels.
        """
        parameters: Parameters = {
            "columns": names(columns),
            "probabilities": numbers(probabilities, method="quantiles", parameter="probabilities"),
            "by": names(by),
        }
        return self.ask(ask_for("quantiles", dataset, parameters, whose))

    def histogram(
        self,
        dataset: str,
        column: str,
        *,
        bins: int | None = None,
        edges: Sequence[float] | None = None,
        by: Names | None = None,
        **whose: Unpack[Whose],
    ) -> Result:
        """Count the values of a column in bins.

        Parameters
        ----------
        bins : int or None
            How many bins of equal width between the dictionary's bounds; 10 when nothing is said.
        edges : sequence of float or None
            Where bins begin and end instead; the last bin holds its upper edge, too.
        by : str or sequence of str
            At most one column with levels.
        """
        parameters: Parameters = {
            "column": column,
            "bins": to_bins(bins=bins, edges=edges),
            "by": names(by),
        }
        return self.ask(ask_for("histogram", dataset, parameters, whose))

    def crosstab(
        self,
        dataset: str,
        rows: str,
        columns: str,
        **whose: Unpack[Whose],
    ) -> Result:
        """Count patients in every combination of the levels of two columns.

        Parameters
        ----------
        rows, columns : str
            Columns with levels: down and across.
        """
        parameters: Parameters = {"rows": rows, "columns": columns}
        return self.ask(ask_for("crosstab", dataset, parameters, whose))

    def pca(
        self,
        dataset: str,
        columns: Names,
        *,
        factors: Names | None = None,
        standardise: bool = True,
        components: int | None = None,
        **whose: Unpack[Whose],
    ) -> Result:
        """Find the directions in which rows differ most: principal components.

        The result's `model` gives rows their scores.

        Parameters
        ----------
        columns : str or sequence of str
            Numbers; and booleans and categories, by their levels.
        factors : str or sequence of str
            The columns of whole numbers among them that are taken by their levels.
        standardise : bool
            Whether columns are divided by their standard deviations.
        components : int or None
            How many are told; all when None.
        """
        parameters: Parameters = {
            "columns": names(columns),
            "factors": names(factors),
            "standardise": standardise,
            "components": components,
        }
        return self.ask(ask_for("pca", dataset, parameters, whose))

    def kmeans(
        self,
        dataset: str,
        columns: Names,
        clusters: int,
        *,
        factors: Names | None = None,
        start: Sequence[Sequence[float]] = (),
        standardise: bool = True,
        rounds: int = 300,
        searches: int = 1,
        seed: int = 0,
        **whose: Unpack[Whose],
    ) -> Result:
        """Divide rows into clusters around their means: k-means.

        The result's `model` tells rows their cluster.

        Parameters
        ----------
        columns, factors, standardise
            As `pca` takes them.
        clusters : int
            How many, 1 to 64.
        start : sequence of sequences of float
            The first centre of each, in units, one number per column; found when none is given.
        rounds : int
            Most rounds, 1 to 300.
        searches : int
            How many first centres are tried, 1 to 20; the clusters with the least inertia count.
        seed : int
            Of all but the first of them.
        """
        parameters: Parameters = {
            "columns": names(columns),
            "factors": names(factors),
            "clusters": clusters,
            "start": [numbers(each, method="kmeans", parameter="start") for each in start],
            "standardise": standardise,
            "rounds": rounds,
            "searches": searches,
            "seed": seed,
        }
        return self.ask(ask_for("kmeans", dataset, parameters, whose))

    def mixture(
        self,
        dataset: str,
        columns: Names,
        components: int,
        *,
        factors: Names | None = None,
        covariance: str = "full",
        start: Sequence[Sequence[float]] = (),
        ridge: float = 0.0,
        tolerance: float = 1e-6,
        rounds: int = 500,
        **whose: Unpack[Whose],
    ) -> Result:
        """Find overlapping clusters with shapes of their own: a mixture of Gaussian distributions.

        The result's `model` tells rows the probability of each.

        Parameters
        ----------
        columns, factors
            As `pca` takes them.
        components : int
            How many, 1 to 64.
        covariance : str
            `full` or `diagonal`.
        start : sequence of sequences of float
            The first means, as `kmeans` takes its centres.
        ridge : float
            Added to the variances of standardised columns, 0 to 1.
        tolerance : float
            Change of the mean log-likelihood of a row at which it ends, 0 to 1.
        rounds : int
            Most rounds, 1 to 1000.
        """
        parameters: Parameters = {
            "columns": names(columns),
            "factors": names(factors),
            "components": components,
            "covariance": covariance,
            "start": [numbers(each, method="mixture", parameter="start") for each in start],
            "ridge": ridge,
            "tolerance": tolerance,
            "rounds": rounds,
        }
        return self.ask(ask_for("mixture", dataset, parameters, whose))
