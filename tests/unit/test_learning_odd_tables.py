"""Odd tables: what diverges, what is constant, what is missing, and how columns are scaled."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from support.learning import asked, learn, table, why
from wardnet.errors import Reason, WardnetError
from wardnet.learning.learned import read
from wardnet.question.rows import Rows


@pytest.mark.parametrize("estimator", ["SGDRegressor", "MLPRegressor"])
def test_a_learning_rate_that_diverges_is_named(estimator: str) -> None:
    """No model, no bits of infinity: the answer says what to do, with the rounds so far."""
    result = learn(
        [table(80), table(80, seed=2)],
        outcome="y",
        estimator=estimator,
        learning_rate=1000,
        epochs=500,
        batch_size=4,
    )
    assert why(result) == ["learning diverged: take a smaller learning rate"]
    assert not result.table.tensors


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"ill": True}, "one outcome only"),
        ({"x": np.nan}, "no row to train on"),
    ],
)
def test_a_table_that_teaches_nothing_has_a_named_outcome(
    change: Mapping[str, Any], rule: str
) -> None:
    """One class everywhere, or a column without any value."""
    result = learn([table(60).assign(**change), table(60, seed=2).assign(**change)], outcome="ill")
    assert why(result)[0].startswith(rule)
    with pytest.raises(WardnetError) as refusal:
        read("fedavg", asked(outcome="ill"), result.table)
    assert refusal.value.reason is Reason.NO_MODEL


def test_a_constant_outcome_has_a_named_outcome() -> None:
    """A number that is the same in all rows needs no model."""
    result = learn([table(60).assign(y=1.0)], outcome="y", estimator="SGDRegressor")
    assert why(result) == ["one outcome only: all rows to train on have the same"]


def test_a_constant_feature_is_named_and_does_nothing() -> None:
    """It does not make the others' scaling infinite."""
    result = learn([table(60).assign(z=5.0), table(60, seed=2).assign(z=5.0)], outcome="ill")
    assert [held.cell for held in result.table.withheld] == [{"input": "z"}]
    model = read("fedavg", asked(outcome="ill"), result.table)
    assert model.importance() == {"x": 1.0, "z": 0.0}


def test_missing_values_count_as_the_mean_or_leave_a_row_out() -> None:
    """Also at prediction: a row without a value has a prediction only where values are filled."""
    rows = table(200)
    rows.loc[:49, "x"] = np.nan
    rows.loc[60:69, "kind"] = None
    rows_with = Rows(
        2,
        {
            "x": np.array([np.nan, 1.0]),
            "z": np.array([0.0, 0.0]),
            "kind": np.array([0, -1], np.int8),
        },
    )
    asks: dict[str, Any] = {"outcome": "ill", "features": ["x", "z", "kind"]}
    filled = learn([rows], **asks, missing="mean")
    model = read("fedavg", asked(**asks, missing="mean"), filled.table)
    assert np.isfinite(model.predict(rows_with)).all()
    left = learn([rows], **asks)
    assert np.isnan(read("fedavg", asked(**asks), left.table).predict(rows_with)).all()
    fill = next(each.array() for each in filled.table.tensors if each.name == "inputs")[2]
    assert fill[0] == pytest.approx(rows["x"].mean(), rel=1e-12)
    most = rows["kind"].value_counts().idxmax()
    assert fill[2:].tolist() == [float(level == most) for level in "abc"]


def test_the_scaling_is_the_pooled_mean_and_standard_deviation() -> None:
    """Exact sums: as if all rows stood in one table."""
    tables = [table(70, spread=9.0), table(31, seed=4)]
    result = learn(tables, outcome="y", estimator="SGDRegressor", rounds=1)
    found = {each.name: each.array() for each in result.table.tensors}
    rows = pd.concat(tables)
    assert found["inputs"][0] == pytest.approx(rows[["x", "z"]].mean().to_numpy(), rel=1e-12)
    assert found["inputs"][1] == pytest.approx(rows[["x", "z"]].std(ddof=0).to_numpy(), rel=1e-12)
    assert found["outcome"] == pytest.approx([rows["y"].mean(), rows["y"].std(ddof=0)], rel=1e-12)
