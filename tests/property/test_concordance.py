"""The concordance index of numbers and of times to an event, against all pairs one by one."""

from typing import TypeAlias

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from support.regressions import regression
from wardnet import simulate
from wardnet.client.queries.ask import Ask
from wardnet.errors import Reason, WardnetError
from wardnet.question.dictionary import Column, ColumnType, Dictionary
from wardnet.statistics.evaluation.order import MOST_CELLS

TABLE = Dictionary(
    "t",
    1,
    (
        Column("risk", ColumnType.REAL, minimum="-40", maximum="40"),
        Column("sick", ColumnType.BOOLEAN),
        Column("days", ColumnType.INTEGER, minimum="0", maximum="4000"),
        Column("died", ColumnType.BOOLEAN),
        Column("cost", ColumnType.REAL, minimum="-1000", maximum="1000", resolution="0.5"),
    ),
)
LOGISTIC = regression(
    "glm", {"outcome": "sick", "terms": [["risk"]]}, {"intercept": 0.0, "risk": 1.0}
)
NUMBER = regression(
    "linear", {"outcome": "cost", "terms": [["risk"]]}, {"intercept": -1.0, "risk": 2.0}
)
TIMES = {"time": "days", "event": "died"}
Values: TypeAlias = "np.ndarray[tuple[int], np.dtype[np.float64]]"

chances = st.floats(-30, 30) | st.sampled_from([0.0, 0.5, 0.5 + 2**-52, -7.0, 5e-324])


def index(key: Values, event: Values, score: Values) -> tuple[float, float]:
    """Compare every row with every other; return the share in order, and its standard error."""
    earlier = (key[:, np.newaxis] < key) & (event == 1)[:, np.newaxis]
    right = np.where(earlier, (np.sign(score - score[:, np.newaxis]) + 1) / 2, 0.0)
    value = right.sum() / earlier.sum()
    own = right.sum(axis=0) + right.sum(axis=1)
    expected = value * (earlier.sum(axis=0) + earlier.sum(axis=1))
    return value, np.sqrt(((own - expected) ** 2).sum()) / earlier.sum()


def told(frame: pd.DataFrame, model: JsonValue, **asked: str) -> pd.DataFrame:
    """Evaluate at two hospitals, without the rules; return the lines by what they are of."""
    parts = [frame[::2], frame[1::2]]
    network = simulate(parts, dictionary=TABLE, rules=False)
    found = network.ask(Ask("evaluate", "t", {"model": model, **asked})).to_frame()
    return found[found.measure == "concordance"].set_index("of")


rows = st.tuples(chances, st.integers(0, 6), st.booleans())


@settings(max_examples=25, deadline=None)
@given(st.lists(rows, min_size=4, max_size=50))
def test_times_are_compared_where_one_is_known_to_be_earlier(
    drawn: list[tuple[float, int, bool]],
) -> None:
    """An event precedes whatever comes later, and who had none until the same time."""
    risk, days, died = (np.array(each) for each in zip(*drawn, strict=True))
    frame = pd.DataFrame({"risk": risk, "days": days, "died": died, "sick": True, "cost": 0.0})
    line = told(frame, NUMBER, **TIMES).loc["days"]
    key = 2.0 * days + ~died
    if not ((key[:, np.newaxis] < key) & died[:, np.newaxis]).any():
        assert line[["value", "standard_error"]].isna().all()
        return
    value, error = index(key, died, 1.0 - 2.0 * risk)
    assert line.value == pytest.approx(value, abs=1e-12)
    assert line.standard_error == pytest.approx(error, abs=1e-10)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(chances, st.integers(-9, 9)), min_size=4, max_size=60))
def test_numbers_are_in_order_where_larger_ones_are_predicted_larger(
    drawn: list[tuple[float, int]],
) -> None:
    """Of two different outcomes; equal predictions count half."""
    risk, cost = (np.array(each, np.float64) for each in zip(*drawn, strict=True))
    frame = pd.DataFrame({"risk": risk, "cost": cost, "sick": True, "days": 1, "died": True})
    line = told(frame, NUMBER).loc[""]
    if np.unique(cost).size == 1:
        assert pd.isna(line.value)
        return
    value, error = index(cost, np.ones(cost.size), -1.0 + 2.0 * risk)
    assert line.value == pytest.approx(value, abs=1e-12)
    assert line.standard_error == pytest.approx(error, abs=1e-10)


def many(n: int) -> pd.DataFrame:
    """Return rows whose risk tells something of their times and costs."""
    generator = np.random.default_rng(6)
    risk = generator.normal(size=n)
    days = np.minimum(generator.exponential(500 * np.exp(-risk)), 4000).astype(int)
    cost = np.round(100 * risk + generator.normal(size=n) * 80) / 2
    died = generator.random(n) < 0.6
    return pd.DataFrame({"risk": risk, "days": days, "died": died, "cost": cost, "sick": cost > 0})


def test_of_many_rows_the_index_is_that_of_all_pairs_to_six_digits() -> None:
    """Pairs that no bin tells apart count half; here they are few."""
    frame = many(4000)
    line = told(frame, LOGISTIC, **TIMES).loc["days"]
    key = 2.0 * frame.days.to_numpy() + ~frame.died.to_numpy()
    value, error = index(key, frame.died.to_numpy(), -frame.risk.to_numpy())
    assert line.value == pytest.approx(value, abs=1e-6)
    assert line.standard_error == pytest.approx(error, abs=1e-6)
    assert line.low == pytest.approx(value - 1.959964 * error, abs=1e-5)


def test_outcomes_off_the_grid_are_told_apart_by_cells() -> None:
    """As many as stated, over the column's bounds: no two of these rows are in one."""
    columns = [column for column in TABLE.columns if column.name != "cost"]
    real = Column("cost", ColumnType.REAL, minimum="-1000", maximum="1000")
    frame = many(300)
    frame["cost"] = np.linspace(-900.0, 900.0, 300)[np.argsort(np.argsort(frame.cost))]
    assert 2000 / MOST_CELLS < 1800 / 300
    network = simulate([frame], dictionary=Dictionary("t", 1, (*columns, real)), rules=False)
    found = network.ask(Ask("evaluate", "t", {"model": NUMBER})).to_frame()
    value, _ = index(frame.cost.to_numpy(), np.ones(300), frame.risk.to_numpy())
    assert found[found.measure == "concordance"].value.item() == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize(("died", "hidden"), [(9, True), (10, False), (91, True), (100, False)])
def test_the_index_needs_patients_with_an_event_and_without(died: int, *, hidden: bool) -> None:
    """Or none without; the other measures are told anyway."""
    frame = many(100).assign(died=np.arange(100) < died)
    network = simulate([frame[:60], frame[60:]], dictionary=TABLE)
    found = network.ask(Ask("evaluate", "t", {"model": LOGISTIC, **TIMES})).to_frame()
    lines = found.set_index(["measure", "of"]).value
    assert pd.isna(lines["concordance", "days"]) == hidden
    assert pd.notna(lines["auc", ""])


def test_a_fitted_model_is_evaluated_as_the_risk_of_an_event() -> None:
    """By the names of two columns; one of them alone is refused."""
    frame = many(200)
    network = simulate([frame[:60], frame[60:]], dictionary=TABLE)
    fitted = network.learn.logistic("sick ~ risk", "t")
    found = network.evaluate(fitted, time="days", event="died").to_frame()
    line = found[found.measure == "concordance"].set_index("of").loc["days"]
    key = 2.0 * frame.days.to_numpy() + ~frame.died.to_numpy()
    value, _ = index(key, frame.died.to_numpy(), -frame.risk.to_numpy())
    assert line.value == pytest.approx(value, abs=1e-12)
    with pytest.raises(WardnetError) as caught:
        network.evaluate(fitted, time="days")
    assert caught.value.reason is Reason.PARAMETER_INVALID
