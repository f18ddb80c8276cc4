"""The product on real rows of four hospitals, against reference answers computed elsewhere."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pytest

from support.member import Member
from support.network import Network
from wardnet import simulate
from wardnet.client import connect

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
HEART = DATA / "heart" / "heart920.csv"
EXPECTED = DATA / "expected" / "descriptive.json"
DATASET = "heart"
COLUMNS = ("age", "trestbps", "chol", "thalach", "oldpeak")
PROBABILITIES = ("0.05", "0.1", "0.25", "0.5", "0.75", "0.9", "0.95")
STATISTICS = {
    "n": "n",
    "missing": "missing",
    "mean": "mean",
    "variance": "var",
    "sd": "sd",
    "skewness": "skew_g1",
    "skewness_adjusted": "skew_G1",
    "kurtosis": "kurt_g2",
    "kurtosis_adjusted": "kurt_G2",
}
"""Our names and the file's."""

Answer: TypeAlias = Mapping[str, Any]

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        not (HEART.exists() and EXPECTED.exists()),
        reason="the heart disease table and its expected answers do not lie beside the checkout",
    ),
]


@pytest.fixture(scope="module")
def ada(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Member]:
    """Give a researcher of a network whose four hospitals hold their own rows of the table."""
    folder = tmp_path_factory.mktemp("network")
    frame = pd.read_csv(HEART, dtype=str, keep_default_na=False)
    tables = {str(site): folder / f"{site}.csv" for site in frame["site"].unique()}
    for site, path in tables.items():
        frame[frame["site"] == site].to_csv(path, index=False)
    with Network(folder) as network:
        network.start(tables, dataset=DATASET, table=HEART, patient=None, out=folder)
        ada = network.enrol_researcher("ada")
        network.agree(ada, DATASET)
        yield ada
        network.stop()


@pytest.fixture(scope="module")
def expected() -> Answer:
    """Give the reference answers."""
    answers: Answer = json.loads(EXPECTED.read_text())
    return answers


def row(answer: Answer, **keys: str) -> Answer:
    """Return the only row of an answer with these keys."""
    (found,) = (
        row for row in answer["rows"] if all(row[name] == key for name, key in keys.items())
    )
    return found  # type: ignore[no-any-return]


def test_pooled_moments(ada: Member, expected: Answer) -> None:
    """N and missing are equal; mean, variance, sd, skewness and kurtosis to 1e-10."""
    answer = ada.json("query", "summary", DATASET, *COLUMNS)
    for column in COLUMNS:
        ours, theirs = row(answer, variable=column), expected["pooled"][column]
        for name, other in STATISTICS.items():
            assert ours[name] == pytest.approx(theirs[other], rel=1e-10), (column, name)


def test_moments_by_outcome(ada: Member, expected: Answer) -> None:
    """The same within each of the two groups."""
    answer = ada.json("query", "summary", DATASET, *COLUMNS, "--by", "y")
    for level, columns in expected["by_y"].items():
        for column in COLUMNS:
            ours, theirs = row(answer, variable=column, y=level), columns[column]
            for name, other in STATISTICS.items():
                assert ours[name] == pytest.approx(theirs[other], rel=1e-10), (level, column, name)


def test_pooled_quantiles(ada: Member, expected: Answer) -> None:
    """Every quantile equals the type 7 one of the pooled values to the last bit."""
    answer = ada.json(
        "query", "quantiles", DATASET, *COLUMNS, "--probabilities", ",".join(PROBABILITIES)
    )
    for column in COLUMNS:
        for probability in PROBABILITIES:
            ours = row(answer, variable=column)[probability]
            theirs = expected["pooled"][column]["quantiles"]["linear"][probability]
            assert ours == theirs, (column, probability)


@pytest.mark.parametrize("column", ["sex", "cp", "fbs", "restecg", "exang", "slope"])
def test_frequencies(ada: Member, expected: Answer, column: str) -> None:
    """Every level with ten patients or more is counted exactly."""
    answer = ada.json("query", "count", DATASET, "--by", column)
    for level, count in expected["counts"][column].items():
        if level != "nan":
            label = str(int(float(level)))
            assert row(answer, **{column: label})["patients"] == count


def test_histogram(ada: Member, expected: Answer) -> None:
    """Every bin is exact; the two with fewer than ten patients are withheld by name."""
    histogram = expected["hist_age_5y"]
    edges = ",".join(map(str, histogram["edges"]))
    answer = ada.json("query", "histogram", DATASET, "age", "--edges", edges)
    counts = [row["patients"] for row in answer["rows"]]
    assert counts == [count if count >= 10 else None for count in histogram["counts"]]
    assert len(answer["withheld"]) == 2


@pytest.mark.parametrize("where", [None, "age >= 50"])
def test_trees_of_real_hospitals_are_those_of_a_simulation(ada: Member, where: str | None) -> None:
    """The same model, to the last bit, over the network and in one process."""
    frame = pd.read_csv(HEART)
    tables = {str(site): rows for site, rows in frame.groupby("site")}
    formula = "y ~ age + sex + chol + thalach + oldpeak"
    with connect(ada.home, passphrase_file=ada.passphrase_file) as net:
        found = net.learn.boosting(formula, DATASET, trees=5, depth=3, where=where)
        simulated = simulate(tables, dictionary=net.dictionary(DATASET).dictionary)
        chances = found.model.predict_proba(frame)
    expected = simulated.learn.boosting(formula, DATASET, trees=5, depth=3, where=where)
    assert found.table == expected.table
    assert np.array_equal(chances, expected.model.predict_proba(frame))


def test_a_validation_at_real_hospitals_is_that_of_a_simulation(ada: Member) -> None:
    """The same evaluation of every fold, to the last bit."""
    frame = pd.read_csv(HEART)
    tables = {str(site): rows for site, rows in frame.groupby("site")}
    formula = "y ~ age + sex + thalach"
    with connect(ada.home, passphrase_file=ada.passphrase_file) as net:
        found = net.learn.cross_validate("logistic", formula, DATASET, folds=2, seed=3)
        simulated = simulate(tables, dictionary=net.dictionary(DATASET).dictionary)
    expected = simulated.learn.cross_validate("logistic", formula, DATASET, folds=2, seed=3)
    assert found.to_dict() == expected.to_dict()
    assert found.mean("auc") is not None
    assert all(trial.evaluation.envelope is not None for trial in found.trials)
