"""Simulated hospitals give the reference answers of a real table, to 1e-10.

The file was made with pandas and scipy on the pooled rows and checked against R.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from wardnet import simulate
from wardnet.simulation import SimulatedNetwork

DATA = Path(__file__).parents[2].parent / "shared" / "data"
TABLE = DATA / "heart" / "heart920.csv"
EXPECTED = DATA / "expected" / "descriptive.json"

pytestmark = pytest.mark.skipif(
    not (TABLE.exists() and EXPECTED.exists()),
    reason="the reference table and its answers are not beside this checkout",
)

STATISTICS: Mapping[str, str] = {
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
"""What a summary calls a statistic, and what the file calls it."""

NUMBERS = ["age", "trestbps", "chol", "thalach", "oldpeak"]


@pytest.fixture(scope="module")
def expected() -> Any:  # noqa: ANN401 - JSON is read by its keys here
    """Read the reference answers."""
    return json.loads(EXPECTED.read_text())


@pytest.fixture(scope="module")
def network() -> SimulatedNetwork:
    """Deal the table to its four hospitals, without the rules: it has cells under 10."""
    return simulate(hospitals(), dataset="heart", rules=False)


def hospitals() -> Mapping[str, pd.DataFrame]:
    """Return the rows of each hospital."""
    frame = pd.read_csv(TABLE)
    return {str(site): rows for site, rows in frame.groupby("site")}


def check_summary(row: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Compare all statistics that the file holds for one cell."""
    compared = 0
    for name, reference in STATISTICS.items():
        if expected.get(reference) is not None:
            assert row[name] == pytest.approx(expected[reference], rel=1e-10, abs=1e-12), name
            compared += 1
    assert compared >= 5


def rows(answer: Mapping[str, Any], *keys: str) -> Mapping[tuple[str, ...], Mapping[str, Any]]:
    """Return the rows of an answer by some of their keys."""
    return {tuple(row[key] for key in keys): row for row in answer["rows"]}


def test_pooled_summaries_equal_the_reference(network: SimulatedNetwork, expected: Any) -> None:  # noqa: ANN401
    """All hospitals together, column by column."""
    found = rows(network.summary("heart", NUMBERS).to_dict(), "variable")
    for name in NUMBERS:
        check_summary(found[(name,)], expected["pooled"][name])


@pytest.mark.parametrize("group", ["site", "y"])
def test_summaries_by_group_equal_the_reference(
    network: SimulatedNetwork,
    expected: Any,  # noqa: ANN401
    group: str,
) -> None:
    """By a column that divides the hospitals, and by one that is inside them."""
    found = rows(network.summary("heart", NUMBERS, by=group).to_dict(), "variable", group)
    for level, columns in expected[f"by_{group}"].items():
        for name, statistics in columns.items():
            check_summary(found[name, level], statistics)


def test_summaries_by_site_and_sex_equal_the_reference(
    network: SimulatedNetwork,
    expected: Any,  # noqa: ANN401
) -> None:
    """By two columns at once."""
    answer = network.summary("heart", ["age", "chol"], by=["site", "sex"]).to_dict()
    found = rows(answer, "variable", "site", "sex")
    for cell, columns in expected["by_site_sex"].items():
        for name, statistics in columns.items():
            check_summary(found[name, *cell.split("|")], statistics)


def test_counts_equal_the_reference(network: SimulatedNetwork, expected: Any) -> None:  # noqa: ANN401
    """Level by level; rows without a value are asked for by name."""
    for name, counts in expected["counts"].items():
        found = rows(network.count("heart", by=name).to_dict(), name)
        known = {level: count for level, count in counts.items() if level != "nan"}
        assert {str(int(float(level))): count for level, count in known.items()} == {
            level: row["rows"] for (level,), row in found.items()
        }
        absent = network.count("heart", where=f"missing({name})").to_dict()["rows"]
        assert absent == [{"rows": counts.get("nan", 0), "patients": counts.get("nan", 0)}]


def test_quantiles_equal_the_reference_exactly(network: SimulatedNetwork, expected: Any) -> None:  # noqa: ANN401
    """Type 7, to the last bit."""
    for name in NUMBERS:
        reference = expected["pooled"][name]["quantiles"]["linear"]
        probabilities = [float(text) for text in reference]
        answer = network.quantiles("heart", name, probabilities=probabilities).to_dict()
        (found,) = rows(answer, "variable").values()
        assert {text: found[text] for text in reference} == reference


def test_the_histogram_equals_the_reference(network: SimulatedNetwork, expected: Any) -> None:  # noqa: ANN401
    """Bins of five years."""
    reference = expected["hist_age_5y"]
    answer = network.histogram("heart", "age", edges=reference["edges"])
    assert answer.to_frame()["rows"].tolist() == reference["counts"]


def test_with_rules_a_cell_under_ten_is_withheld_by_name() -> None:
    """The same table through the rules: six women of a Veterans' hospital stay hidden."""
    answer = simulate(hospitals(), dataset="heart").count("heart", by=["site", "sex"])
    held = [dict(each.cell) for each in answer.table.withheld]
    assert held == [{"site": "va", "sex": "0"}]
    assert "withheld" in repr(answer)
    row = rows(answer.to_dict(), "site", "sex")["va", "0"]
    assert row["rows"] is None
    assert row["patients"] is None
