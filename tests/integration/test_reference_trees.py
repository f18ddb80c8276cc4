"""Trees of simulated hospitals rank patients of real tables like scikit-learn's on pooled rows.

The file was made with `HistGradientBoostingClassifier` (`histgb`: as it is; `histgb_small`: 50
trees of 8 leaves), with 100 boosted trees of depth 3 and with 500 trees of a random forest. Ours
are trained with the disclosure rules in force, which ask for 10 rows in each bin.
"""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import JsonValue
from sklearn.metrics import roc_auc_score

from wardnet import simulate

DATA = Path(__file__).parents[2].parent / "shared" / "data"
TABLE = DATA / "heart" / "heart740.csv"
EXPECTED = DATA / "expected" / "ml.json"

pytestmark = pytest.mark.skipif(
    not (TABLE.exists() and EXPECTED.exists()),
    reason="the reference table and its models are not beside this checkout",
)

NUMBERS = ["age", "trestbps", "chol", "thalach", "oldpeak"]
LEVELS = ["sex", "fbs", "exang", "cp", "restecg"]
FORMULA = "y ~ " + " + ".join([*NUMBERS, *LEVELS])
SETTINGS: dict[str, dict[str, JsonValue]] = {
    "histgb": {"trees": 100, "depth": 12, "leaves": 31},
    "histgb_small": {"trees": 50, "depth": 12, "leaves": 8},
    "gb100": {"trees": 100, "depth": 3},
    "rf500": {"trees": 100, "depth": 6},
}


@pytest.fixture(scope="module")
def expected() -> Any:  # noqa: ANN401 - JSON is read by its keys here
    """Read the reference models' areas under the curve."""
    return json.loads(EXPECTED.read_text())


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """Read the table; levels are text, so that each is asked for by name."""
    table = pd.read_csv(TABLE)
    named = {name: name[0] + table[name].astype(int).astype(str) for name in LEVELS}
    return table.assign(**named, train=table["split"] == "train").drop(columns=["split", "num"])


def area(method: str, rows: pd.DataFrame, tested: pd.DataFrame, **asked: Any) -> float:  # noqa: ANN401
    """Return the area under the curve of a model of four hospitals on some rows."""
    tables = {str(site): table for site, table in rows.groupby("site")}
    network = simulate(tables, dataset="heart")
    fit = partial(getattr(network.learn, method), FORMULA, "heart")
    chances = fit(**asked).model.predict_proba(tested)[:, 1]
    return float(roc_auc_score(tested["y"], chances))


@pytest.mark.parametrize("name", SETTINGS)
def test_trees_rank_like_those_of_the_pooled_rows(
    name: str,
    rows: pd.DataFrame,
    expected: Any,  # noqa: ANN401
) -> None:
    """On patients that were not trained on, the area is lower by 0.005 at most."""
    method = "forest" if name == "rf500" else "boosting"
    tested = rows[~rows["train"]]
    found = area(method, rows, tested, where="train = true", **SETTINGS[name])
    reference = expected[name]
    assert found > reference.get("auc", reference.get("auc_mean")) - 0.005


def test_trees_rank_the_patients_of_a_hospital_left_out(
    rows: pd.DataFrame,
    expected: Any,  # noqa: ANN401
) -> None:
    """Trained at three hospitals and tested at the fourth, over all four no worse than theirs."""
    sites = sorted(rows["site"].unique())
    lost = []
    for site in sites:
        others = [other for other in sites if other != site]
        tested = rows[rows["site"] == site]
        found = area("boosting", rows, tested, hospitals=others, **SETTINGS["histgb_small"])
        lost.append(expected["histgb_loso"][site]["auc"] - found)
    assert sum(lost) / len(lost) < 0.005
