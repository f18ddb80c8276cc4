"""Simulated hospitals evaluate the reference model of the heart disease data: to 1e-10.

The file was made with scikit-learn, statsmodels and a DeLong variance on the pooled rows.
"""

import json
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from support.regressions import regression
from wardnet import simulate
from wardnet.client.models.evaluation import measures_of
from wardnet.client.queries.ask import Ask
from wardnet.question.dictionary import Column, ColumnType, Dictionary

EXPECTED = Path(__file__).parents[2].parent / "shared" / "data" / "expected"
REFERENCE = EXPECTED / "calibration.json"
HEART = EXPECTED.parent / "heart" / "heart740.csv"

pytestmark = pytest.mark.skipif(
    not REFERENCE.exists(),
    reason="the reference answers are not beside this checkout",
)

TABLE = Dictionary(
    "heart",
    1,
    (
        Column("odds", ColumnType.REAL, minimum="-16", maximum="16"),
        Column("sick", ColumnType.BOOLEAN),
    ),
)
"""The reference predicts from thirteen columns; here the log odds that it found are the column."""


@cache
def expected() -> dict[str, Any]:
    """Read the reference."""
    read: dict[str, Any] = json.loads(REFERENCE.read_text())
    return read


@cache
def evaluated(threshold: float) -> pd.DataFrame:
    """Return the evaluation at four hospitals, by measure."""
    chance = np.array(expected()["pred"])
    frame = pd.DataFrame(
        {"odds": np.log(chance / (1 - chance)), "sick": np.array(expected()["y"]).astype(bool)}
    )
    hospitals = frame.groupby(np.array(expected()["site"]))
    network = simulate([rows for _, rows in hospitals], dictionary=TABLE)
    model = regression(
        "glm", {"outcome": "sick", "terms": [["odds"]]}, {"intercept": 0.0, "odds": 1.0}
    )
    asked = Ask("evaluate", "heart", {"model": model, "threshold": threshold})
    return network.ask(asked).to_frame().set_index(["measure", "of"])


def value(measure: str, *, threshold: float = 0.5, of: str = "", column: str = "value") -> float:
    """Return one number of the evaluation."""
    return float(evaluated(threshold)[column][measure, of])


@pytest.mark.parametrize(
    ("measure", "name"),
    [
        ("auc", "auc"),
        ("brier", "brier"),
        ("log_loss", "logloss"),
        ("calibration_in_the_large", "citl"),
        ("mcc", "mcc"),
        ("balanced_accuracy", "bal_acc"),
    ],
)
def test_a_measure_is_that_of_the_pooled_rows(measure: str, name: str) -> None:
    """To 1e-10."""
    assert value(measure) == pytest.approx(expected()[name], abs=1e-10)


def test_the_area_has_the_error_of_delong() -> None:
    """To 1e-8, as standard errors are."""
    found = value("auc", column="standard_error")
    assert found == pytest.approx(expected()["auc_delong_se"], abs=1e-8)


@pytest.mark.parametrize(
    ("column", "name", "digits"),
    [("value", "cal_intercept_slope", 1e-10), ("standard_error", "cal_se", 1e-8)],
)
def test_calibration_is_that_of_the_pooled_rows(column: str, name: str, digits: float) -> None:
    """Intercept and slope with their standard errors."""
    found = [value(f"calibration_{which}", column=column) for which in ("intercept", "slope")]
    assert found == pytest.approx(expected()[name], abs=digits)


def test_the_test_by_tenths_is_that_of_the_pooled_rows() -> None:
    """Statistic and p value, with the first parts larger by one row."""
    reference = expected()["hosmer_lemeshow_deciles"]
    assert value("hosmer_lemeshow") == pytest.approx(reference["stat"], abs=1e-10)
    assert value("hosmer_lemeshow_p_value") == pytest.approx(reference["p"], abs=1e-10)


def test_the_calibration_error_is_that_of_the_pooled_rows() -> None:
    """To 1e-10 of exact fractions; the file's has shares of single precision, and is 4.5e-9 off."""
    chance, sick = np.array(expected()["pred"]), np.array(expected()["y"])
    bins = [np.flatnonzero((chance * 10).astype(int) == at) for at in range(10)]
    exact = Fraction(0)
    for rows in bins:
        exact += abs(sum(map(Fraction, chance[rows].tolist()), Fraction(-int(sick[rows].sum()))))
    exact /= chance.size
    assert value("ece") == pytest.approx(float(exact), abs=1e-10)
    single = [sick[rows].astype(np.float32).mean() - chance[rows].mean() for rows in bins]
    off = sum(abs(gap) * rows.size for gap, rows in zip(single, bins, strict=True)) / chance.size
    assert off == pytest.approx(expected()["ece_10_equal_width"], abs=1e-15)


def test_the_confusion_table_is_that_of_the_pooled_rows() -> None:
    """Cell by cell."""
    names = ("false", "true")
    found = [[value("confusion", of=f"{a} predicted as {b}") for b in names] for a in names]
    assert found == expected()["confusion_0_5"]


def test_the_net_benefit_is_that_at_the_threshold() -> None:
    """At 0.3, as the reference has it."""
    found = value("net_benefit", threshold=0.3)
    assert found == pytest.approx(expected()["net_benefit_at_0_3"], abs=1e-10)


@pytest.mark.skipif(not HEART.exists(), reason="the reference table is not beside this checkout")
def test_a_hospital_left_out_is_predicted_like_the_reference() -> None:
    """Boosted trees of three hospitals at the fourth, as scikit-learn's with the same settings.

    Trees differ in their bins, and hospitals have few rows: a standard error is 0.03 or more.
    """
    frame = pd.read_csv(HEART)
    frame = frame.drop(columns=["num", "split"]).assign(y=frame.y.astype(bool))
    tables = {str(site): rows.drop(columns="site") for site, rows in frame.groupby("site")}
    found = simulate(tables, rules=False).learn.cross_validate(
        "boosting", "y ~ .", "data", {"leaves": 31, "depth": 10}, leave_out="hospital"
    )
    reference = json.loads((EXPECTED / "ml.json").read_text())["histgb_loso"]
    for trial in found.trials:
        told, theirs = measures_of(trial.evaluation), reference[trial.name]
        assert told["auc"] == pytest.approx(theirs["auc"], abs=0.05)
        assert told["accuracy"] == pytest.approx(theirs["acc"], abs=0.05)
