"""The whole network in one process."""

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import wardnet
from wardnet import simulate
from wardnet.errors import Reason, WardnetError
from wardnet.question.dictionary import Column, ColumnType, Dictionary

FRAME = pd.DataFrame(
    {
        "age": [30.0, 41.0, np.nan, 52.0, 63.0, 40.0] * 10,
        "mean bmi": [20.5, 31.2, 24.0, np.nan, 28.9, 22.1] * 10,
        "sex": ["f", "m", "m", "f", "m", "m"] * 10,
        "name": [f"somebody {number}" for number in range(60)],
    }
)
HALVES = {"north": FRAME[:17], "south": FRAME[17:]}


def test_the_answer_is_that_of_all_rows_together() -> None:
    """Counts and means are those of the pooled table."""
    answer = simulate(HALVES, rules=False).summary("data", ["age", "mean_bmi"], by="sex")
    pooled = FRAME.groupby("sex")[["age", "mean bmi"]].mean()
    found = answer.to_frame().set_index(["variable", "sex"])["mean"]
    for sex in "fm":
        assert found["age", sex] == pytest.approx(pooled.loc[sex, "age"], rel=1e-12)
        assert found["mean_bmi", sex] == pytest.approx(pooled.loc[sex, "mean bmi"], rel=1e-12)


def test_the_rules_apply_unless_they_are_switched_off() -> None:
    """A cell under 10 is withheld by name; here alone it can be seen."""
    frame = pd.DataFrame({"sex": ["f"] * 9 + ["m"] * 21})
    hidden = simulate({"a": frame}).count("data", by="sex")
    assert [(dict(held.cell), held.rule) for held in hidden.table.withheld] == [
        ({"sex": "f"}, "fewer than 10 patients")
    ]
    assert "withheld" in repr(hidden)
    shown = simulate({"a": frame}, rules=False).count("data", by="sex")
    assert shown.to_frame()["patients"].tolist() == [9, 21]
    assert "switched off" in repr(shown)


def test_an_answer_may_hold_numbers_of_any_size() -> None:
    """A variance of 1e17 and an edge at 1e17 travel like any other number."""
    frame = pd.DataFrame({"cost": np.arange(1000) * 900_000})
    network = simulate({"a": frame[:400], "b": frame[400:]})
    found = network.summary("data", "cost").to_frame()
    assert found["variance"][0] > 2**53
    assert found["variance"][0] == pytest.approx(frame["cost"].var(), rel=1e-12)
    bins = network.histogram("data", "cost", edges=[0, 1e17])
    assert bins.to_dict()["rows"] == [
        {"bin": "[0, 1e+17]", "low": 0, "high": 1e17, "rows": 1000, "patients": 1000}
    ]


def test_patients_are_counted_and_not_their_rows() -> None:
    """With a patient's column, ten rows of one patient are one patient."""
    frame = pd.DataFrame({"who": np.repeat(np.arange(12), 10), "sex": ["f", "m"] * 60})
    answer = simulate({"a": frame}, patient="who").count("data")
    assert answer.to_dict()["rows"] == [{"rows": 120, "patients": 12}]
    assert [column.name for column in simulate({"a": frame}, patient="who").dictionary("data")] == [
        "sex"
    ]


def test_hospitals_can_be_chosen() -> None:
    """The same keywords as in the real network."""
    network = simulate([FRAME[:20], FRAME[20:]])
    assert [each.hospital for each in network.hospitals()] == ["hospital-1", "hospital-2"]
    answer = network.count("data", hospitals="hospital-1", min_hospitals=1)
    assert answer.hospitals == ("hospital-1",)
    assert answer.to_dict()["rows"] == [{"rows": 20, "patients": 20}]


def test_a_dictionary_can_be_given() -> None:
    """Then it alone says what columns mean; the tables may hold more."""
    dictionary = Dictionary(
        "heart", 7, (Column("age", ColumnType.INTEGER, minimum="0", maximum="120"),)
    )
    network = simulate(HALVES, dictionary=dictionary)
    assert [each.version for each in network.datasets()] == [7]
    assert network.summary("heart", "age").to_frame()["missing"].tolist() == [10]


def test_equal_questions_to_equal_data_have_equal_bytes() -> None:
    """No clock and no chance: a simulation can be repeated."""
    first, second = (simulate(HALVES).count("data").to_dict() for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: simulate({}), "the hospitals are missing"),
        (lambda: simulate({"North Clinic": FRAME}), "hospital name 'North Clinic' must be"),
        (lambda: simulate(HALVES, dataset="my data"), "dataset name 'my data' must be"),
        (lambda: simulate(HALVES, patient="who"), "patient's column who stands in no table"),
        (
            lambda: simulate({"a": FRAME, "b": FRAME.drop(columns="sex")}),
            "the column sex stands in only one of the tables a and b",
        ),
        (
            lambda: simulate(
                {"a": FRAME},
                dictionary=Dictionary(
                    "d", 1, (Column("age", ColumnType.INTEGER, minimum="0", maximum="50"),)
                ),
            ),
            "the value of age in row 4 of a is out of bounds",
        ),
        (
            lambda: simulate(
                {"a": FRAME}, dictionary=Dictionary("d", 1, (Column("x", ColumnType.BOOLEAN),))
            ),
            "the table of a has no column x",
        ),
        (
            lambda: simulate(
                {"a": pd.DataFrame({"who": [1, None], "x": [True, False]})}, patient="who"
            ),
            "the value of who in row 2 of a names no patient",
        ),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_in_words(
    make: Callable[[], object], sentence: str
) -> None:
    """Hospital, column, row and rule; never a value."""
    with pytest.raises(WardnetError) as caught:
        make()
    assert caught.value.reason is Reason.PARAMETER_INVALID
    assert sentence in str(caught.value)


def test_another_dataset_is_not_available() -> None:
    """A simulation holds one."""
    with pytest.raises(WardnetError) as caught:
        simulate(HALVES).count("heart")
    assert caught.value.reason is Reason.DATASET_UNAVAILABLE


def test_the_package_loads_the_simulation_only_on_demand() -> None:
    """The daemons import `wardnet` and do without pandas."""
    code = "import wardnet, sys; assert 'wardnet.simulation' not in sys.modules; wardnet.simulate"
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="stimulate"):
        wardnet.stimulate  # noqa: B018 - the look-up is the test


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        (FRAME, "are one per hospital"),
        ("north", "are one per hospital"),
        ({"north": FRAME["age"]}, "the table of north is no pandas DataFrame"),
        ([FRAME, 7], "the table of hospital-2 is no pandas DataFrame"),
        ({"north": pd.DataFrame()}, "the table of north has no columns"),
        (
            {"north": pd.DataFrame([[1, 2]], columns=[1, "1"])},
            "the table of north has two columns named 1",
        ),
        (
            {"north": pd.DataFrame({"sex": pd.Series(["f", "\ud800"], dtype=object)})},
            "the value of sex in row 2 of north is not valid Unicode",
        ),
        (
            {"north": pd.DataFrame([[1]], columns=pd.Index(["\udfff"], dtype=object))},
            "has a column whose name is not valid Unicode",
        ),
        (
            {
                "north": pd.DataFrame({"age": [40.5, 50.0]}),
                "south": pd.DataFrame({"age": [40.0, 60.0]}),
                "west": pd.DataFrame({"age": ["51", "old"]}, dtype="category"),
            },
            "the value of age in row 2 of west is no number, as those of north are",
        ),
        (
            {"north": pd.DataFrame({"age": [40.0, 50.0, float("-inf")]})},
            "the value of age in row 3 of north is infinite",
        ),
    ],
    ids=[
        *("frame", "text", "series", "number", "empty", "twice", "surrogate", "name"),
        *("words", "infinite"),
    ],
)
def test_what_is_no_table_is_refused_in_a_sentence(tables: object, said: str) -> None:
    """Nobody has to read a traceback to learn how tables are given."""
    with pytest.raises(WardnetError) as caught:
        simulate(tables)  # type: ignore[arg-type]
    assert caught.value.reason is Reason.PARAMETER_INVALID
    assert said in str(caught.value)


def test_a_column_with_levels_too_far_apart_is_not_said_to_have_none() -> None:
    """Two levels a million apart are levels; counting by them would need a million counters."""
    frame = pd.DataFrame({"code": [1, 2_000_000] * 20})
    with pytest.raises(WardnetError, match="needs levels closer together than those of code"):
        simulate({"north": frame}).count("data", by="code")


def test_a_grid_too_fine_for_quantiles_is_not_said_to_be_missing() -> None:
    """The column has a resolution; its bounds are too wide for it."""
    dictionary = Dictionary(
        name="data",
        version=1,
        columns=(
            Column(
                name="cost",
                type=ColumnType.REAL,
                minimum="0",
                maximum="1000000000",
                resolution="0.01",
            ),
        ),
    )
    network = simulate({"a": pd.DataFrame({"cost": [1.0] * 20})}, dictionary=dictionary)
    with pytest.raises(WardnetError, match="needs a coarser resolution, or narrower bounds"):
        network.quantiles("data", "cost")
