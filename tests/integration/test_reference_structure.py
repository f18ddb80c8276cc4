"""Simulated hospitals give the components and clusters of a real table: 1e-10.

The file was made with scikit-learn on the pooled rows, its columns in single precision first where
they have decimals.
"""

import json
from collections.abc import Mapping, Sequence
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from wardnet import simulate
from wardnet.simulation import SimulatedNetwork
from wardnet.statistics.distributions import TAU

DATA = Path(__file__).parents[2].parent / "shared" / "data"

pytestmark = pytest.mark.skipif(
    not (DATA / "expected" / "ml.json").exists(),
    reason="the reference tables and their answers are not beside this checkout",
)

COLUMNS = ("age", "sex", "trestbps", "chol", "fbs", "thalach", "exang", "oldpeak", "cp", "restecg")
FACTORS = ("cp", "restecg")
"""Taken by their levels, the first left out: cp 2, 3, 4 and restecg 1, 2."""

OF_MIXTURES = ("age", "sex", "trestbps", "thalach")
Rows = Mapping[tuple[str, str], Mapping[str, Any]]


def expected(name: str) -> Any:  # noqa: ANN401 - JSON is read by its keys here
    """Read reference answers."""
    return json.loads((DATA / "expected" / "ml.json").read_text())[name]


def heart() -> pd.DataFrame:
    """Return the table as the file's columns were."""
    frame = pd.read_csv(DATA / "heart" / "heart740.csv")
    frame["oldpeak"] = frame["oldpeak"].astype("float32").astype("float64")
    return frame


def network() -> SimulatedNetwork:
    """Deal the table to its four hospitals, without the rules: it has levels under 10."""
    hospitals = {f"h{number}": rows for number, (_, rows) in enumerate(heart().groupby("site"))}
    return simulate(hospitals, dataset="heart", rules=False)


def by_label(answer: Mapping[str, Any]) -> Rows:
    """Return the rows of an answer by part and term."""
    return {(row["part"], row["term"]): row for row in answer["rows"]}


def matrix(rows: Rows, part: str, parts: int) -> np.ndarray[Any, Any]:
    """Return one part's numbers, shape (components or clusters, terms)."""
    found = [row for (name, _), row in rows.items() if name == part]
    return np.array([[row[str(number)] for row in found] for number in range(1, parts + 1)])


def overall(rows: Rows, part: str) -> np.ndarray[Any, Any]:
    """Return one part's numbers of all rows together, shape (terms,)."""
    return np.array([row["all"] for (name, _), row in rows.items() if name == part])


@pytest.mark.parametrize("name", ["pca_standardised_ddof1", "pca_raw_centred"])
def test_components_equal_the_reference(name: str) -> None:
    """All eigenvalues, ratios and loadings of thirteen columns."""
    standardise = "standardised" in name
    reference = expected(name)
    answer = network().pca("heart", COLUMNS, factors=FACTORS, standardise=standardise)
    rows = by_label(answer.to_dict())
    values = matrix(rows, "variance", 13)
    assert values[:, 0] == pytest.approx(reference["eigenvalues"], rel=1e-10)
    loadings = np.array(reference["components_sign_fixed"])
    assert matrix(rows, "component", 13) == pytest.approx(loadings, abs=1e-10)
    if standardise:
        assert values[:, 1] == pytest.approx(reference["ratio"], rel=1e-10)
    else:
        assert overall(rows, "mean") == pytest.approx(reference["mean"], rel=1e-10)


def points(places: Sequence[int]) -> list[list[float]]:
    """Return some rows in units, in the order of an answer's columns."""
    frame = heart()
    levels = {f"cp{level}": frame["cp"] == level for level in (2, 3, 4)}
    levels |= {f"restecg{level}": frame["restecg"] == level for level in (1, 2)}
    whole = pd.concat([frame[list(COLUMNS[:8])], pd.DataFrame(levels)], axis=1).astype(float)
    return [[float(number) for number in whole.iloc[place]] for place in places]


@pytest.mark.parametrize("clusters", [2, 3, 4])
def test_clusters_equal_the_reference(clusters: int) -> None:
    """Centres, sizes, inertia and iterations from the same first centres."""
    reference = expected(f"kmeans_k{clusters}")
    answer = network().kmeans(
        "heart", COLUMNS, clusters, factors=FACTORS, start=points(reference["init_rows"])
    )
    rows = by_label(answer.to_dict())
    scaled = (matrix(rows, "mean", clusters) - overall(rows, "mean")) / overall(rows, "scale")
    assert scaled == pytest.approx(np.array(reference["centers"]), abs=1e-10)
    assert matrix(rows, "size", clusters)[:, 0].tolist() == reference["sizes"]
    assert rows["fit", "inertia"]["all"] == pytest.approx(reference["inertia"], rel=1e-10)
    assert rows["fit", "iterations"]["all"] == reference["iters"]
    assert rows["fit", "converged"]["all"] == 1


@pytest.mark.parametrize(("searches", "above"), [(1, 1.05), (20, 1.0001)])
@pytest.mark.parametrize("clusters", [2, 3, 4])
def test_clusters_that_are_searched_are_nearly_the_best(
    clusters: int, searches: int, above: float
) -> None:
    """Without any row as a centre, inertia is that of the best of fifty starts, or nearly so."""
    answer = network().kmeans("heart", COLUMNS, clusters, factors=FACTORS, searches=searches)
    inertia = by_label(answer.to_dict())["fit", "inertia"]["all"]
    assert inertia < above * expected(f"kmeans_k{clusters}")["best_of_50"]


def of_one_sex_each(variances: Sequence[Sequence[float | None]]) -> float:
    """Return the mean log-likelihood of the components that are all women and all men.

    Parameters
    ----------
    variances : sequence of sequences of float or None
        By component and column, standardised; None for that of its rows and the ridge.

    Notes
    -----
    With fifty digits. No row is of the other component but for less than e**-1000000.
    """
    frame, likelihood = heart()[list(OF_MIXTURES)], Decimal(0)
    with localcontext(Context(prec=50)):
        for own, (_, rows) in zip(variances, frame.groupby("sex"), strict=True):
            share, n = Decimal(len(rows)) / len(frame), len(rows)
            likelihood += n * share.ln()
            for variance, column in zip(own, OF_MIXTURES, strict=True):
                spread = square(rows[column]) / n / square(frame[column]) * (len(frame) - 1)
                held = spread + Decimal("1e-6") if variance is None else Decimal(variance)
                likelihood -= n * ((TAU * held).ln() + spread / held) / 2
        return float(likelihood / len(frame))


def square(values: "pd.Series[Any]") -> Decimal:
    """Return the sum of squares around the mean, exact before it is rounded."""
    exact = [Fraction(float(each)) for each in values]
    total = sum((each - sum(exact) / len(exact)) ** 2 for each in exact)
    return Decimal(Fraction(total).numerator) / Fraction(total).denominator


def test_the_reference_has_a_likelihood_of_variances_that_are_off() -> None:
    """Those that are the ridge alone, by 1e-9 of them: they give its likelihood, exact ones not."""
    reference = expected("gmm2_diag")
    theirs, exact = of_one_sex_each(reference["cov"]), of_one_sex_each([[None] * 4] * 2)
    assert theirs == pytest.approx(reference["mean_loglik"], abs=1e-10)
    assert abs(exact - reference["mean_loglik"]) > 1e-9


@pytest.mark.parametrize(("name", "covariance"), [("gmm2_full", "full"), ("gmm2_diag", "diagonal")])
def test_mixtures_equal_the_reference(name: str, covariance: str) -> None:
    """Weights, means, covariances, likelihood and BIC from the same first means."""
    reference = expected(name)
    frame = heart()[list(OF_MIXTURES)]
    answer = network().mixture(
        "heart",
        OF_MIXTURES,
        2,
        covariance=covariance,
        start=frame.iloc[[0, 300]].to_numpy().tolist(),
        ridge=1e-6,
        tolerance=0.0,
    )
    rows = by_label(answer.to_dict())
    deviations = np.sqrt([rows["covariance", column]["all"] for column in OF_MIXTURES])
    means = (matrix(rows, "mean", 2) - overall(rows, "mean")) / deviations
    assert means == pytest.approx(np.array(reference["means"]), abs=1e-10)
    assert matrix(rows, "size", 2)[:, 0] == pytest.approx(reference["weights"], rel=1e-10)
    for component in range(2):
        for one, first in enumerate(OF_MIXTURES):
            for other, second in list(enumerate(OF_MIXTURES))[one:]:
                term = first if one == other else f"{first}:{second}"
                theirs = np.array(reference["cov"][component])
                if theirs.ndim == 1 and one != other:
                    continue
                found = rows["covariance", term][str(component + 1)]
                true = theirs[one] if theirs.ndim == 1 else theirs[one, other]
                scaled = found / deviations[one] / deviations[other]
                assert scaled == pytest.approx(true, abs=1e-10), term
    # A density in units is that of standardised columns, divided by their deviations.
    shift = len(frame) * sum(map(log, deviations))
    likelihood = rows["fit", "log_likelihood"]["all"] + shift
    full = covariance == "full"
    exact = reference["mean_loglik"] if full else of_one_sex_each([[None] * 4] * 2)
    assert likelihood / len(frame) == pytest.approx(exact, rel=1e-10)
    bic = rows["fit", "bic"]["all"] - 2 * shift
    off = 2 * len(frame) * (exact - reference["mean_loglik"])
    assert bic == pytest.approx(reference["bic"] - off, rel=1e-10)
