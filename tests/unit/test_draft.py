"""A drafted dictionary fits its data and tells of no single patient."""

import numpy as np
import pandas as pd
import pytest

from wardnet.question.dictionary import NEVER_SHARED, Column, ColumnType, number
from wardnet.question.draft import clean_names, describe, draft
from wardnet.question.profile import merge, profile
from wardnet.question.values import encode


def column(values: object, name: str = "x") -> Column:
    """Draft one column, with all its levels."""
    dictionary, _ = draft(pd.DataFrame({name: values}), "d", keep_rare=True)
    return dictionary.columns[0]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([True, False, None], ColumnType.BOOLEAN),
        (["True", "false", None], ColumnType.BOOLEAN),
        ([1.0, 0.0, 1.0, 0.0, np.nan], ColumnType.INTEGER),
        (range(30), ColumnType.INTEGER),
        ([0.1, 2.35, 1.0], ColumnType.REAL),
        (["a", "b", "a", "b", None], ColumnType.CATEGORY),
        (["2020-01-01", "2021-12-31", None], ColumnType.DATE),
        ([pd.Timestamp("2020-01-01"), pd.NaT], ColumnType.DATE),
        (["2020-01-01T10:00:00", "2021-12-31"], ColumnType.DATETIME),
        (pd.to_datetime(["2020-01-01 10:00"]), ColumnType.DATETIME),
        (pd.to_datetime(["2020-01-01 10:00:00.25"]), ColumnType.TEXT),
        (["Ada", "Bob", "Cy"], ColumnType.TEXT),
        ([None, None], ColumnType.TEXT),
        (["2020-99-01"] * 4, ColumnType.CATEGORY),
        ([1, "a", None], ColumnType.TEXT),
    ],
)
def test_the_type_follows_from_all_values(values: object, kind: ColumnType) -> None:
    """Each kind of data is recognised, and doubt ends at text, which is never shared."""
    assert column(values).type is kind


def test_whole_numbers_with_few_values_have_levels() -> None:
    """They may group, on exactly their levels; with many values they have bounds only."""
    few = column([1.0, 4.0, 1.0, 4.0])
    assert (few.levels, few.minimum, few.maximum) == (("1", "4"), "1", "4")
    many = column(range(29, 78))
    assert (many.levels, many.minimum, many.maximum) == ((), "20", "80")


def test_values_that_hardly_repeat_are_not_listed() -> None:
    """A list of levels must not be a list of patients."""
    assert column(["Kuru", "flu", "gout"]).levels == ()
    assert column([17, 23, 29]).levels == ()


def test_levels_that_few_rows_have_are_not_listed() -> None:
    """Unless they are asked for: one row with a level is one patient's value."""
    frame = pd.DataFrame({"cause": ["flu"] * 60 + ["Kuru"], "stage": [0] * 30 + [1] * 30 + [13]})
    dictionary, _ = draft(frame, "d")
    assert dictionary.column("cause").levels == ("flu",)
    stage = dictionary.column("stage")
    assert (stage.levels, stage.minimum, stage.maximum) == ((), "0", "20")
    kept, _ = draft(frame, "d", keep_rare=True)
    assert kept.column("cause").levels == ("Kuru", "flu")
    assert kept.column("stage").levels == ("0", "1", "13")
    alone, _ = draft(pd.DataFrame({"cause": ["Kuru"] * 9}), "d")
    assert alone.columns[0].type is ColumnType.TEXT


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([0, 3_000_000_000] * 20, ColumnType.INTEGER),
        ([1e305, 2e305], ColumnType.TEXT),
        ([-1.7e308, 1.7e308], ColumnType.TEXT),
        ([1e-310, 2e-310], ColumnType.REAL),
        ([1e15] * 30, ColumnType.REAL),
    ],
)
def test_numbers_of_any_size_can_be_drafted(values: list[float], kind: ColumnType) -> None:
    """What no dictionary can hold is not shared; what no grid can hold is off it."""
    drafted = column(values)
    assert drafted.type is kind
    assert drafted.levels == ()


@pytest.mark.parametrize(("low", "high"), [(20, 22), (101, 107), (-13, -12), (3, 11)])
def test_bounds_of_a_narrow_range_do_not_tell_it(low: int, high: int) -> None:
    """A bound one step beyond a value would be that value's name."""
    drafted, _ = draft(pd.DataFrame({"x": [low, high, high - 1]}), "d")
    bounds = int(drafted.columns[0].minimum), int(drafted.columns[0].maximum)
    assert all(bound % 10 == 0 for bound in bounds)
    assert bounds[0] < low
    assert bounds[1] > high


@pytest.mark.parametrize(
    "values",
    [
        np.arange(21, 90),
        np.arange(20, 81),
        -np.arange(21, 90),
        np.arange(0.5, 40, 0.5),
        np.random.default_rng(1).normal(size=50),
        [7.25],
        pd.date_range("2001-01-01", "2003-12-31", freq="D"),
    ],
)
def test_bounds_are_nobodys_value(values: object) -> None:
    """Every drafted bound lies strictly outside the data."""
    drafted = column(values)
    series = pd.Series(values)
    if drafted.type is ColumnType.DATE:
        days = (series - pd.Timestamp(0)).dt.days
        low, high = int(days.min()), int(days.max())
    else:
        low, high = series.min(), series.max()
    assert number(drafted.type, drafted.minimum) < low
    assert number(drafted.type, drafted.maximum) > high


def test_zero_may_stay_a_bound() -> None:
    """Counts start at 0 for everybody."""
    assert column(np.arange(0, 40)).minimum == "0"


@pytest.mark.parametrize(
    ("values", "resolution"),
    [([1.5, 2.0], "0.1"), ([0.001234, 5.0], "0.000001"), ([1 / 3, 0.5], ""), ([1e14 + 0.5], "")],
)
def test_the_resolution_is_the_fewest_decimals_that_hold_all(
    values: list[float], resolution: str
) -> None:
    """Beyond what a double can tell, the column is off grid."""
    assert column(values).resolution == resolution


def test_names_become_unique_and_allowed() -> None:
    """Any header gives names that a dictionary takes, and remembers where they came from."""
    sources = ["mean radius (cm)", "mean radius", "Mean-Radius", "2nd", "", "é" * 80, "x" * 99]
    names = clean_names(sources)
    assert list(names.values())[:4] == ["mean_radius_cm", "mean_radius", "Mean_Radius_2", "x2nd"]
    assert len({name.lower() for name in names.values()}) == len(sources)
    frame = pd.DataFrame([[1.5] * len(sources)], columns=sources)
    dictionary, back = draft(frame, "d")
    assert [back[column.name] for column in dictionary.columns] == sources


def test_the_patient_and_what_looks_like_an_identifier_are_identifiers() -> None:
    """The named patient column, and record numbers, are never shared."""
    frame = pd.DataFrame({"who": [7, 8, 9], "case_id": [1, 2, 3], "age": [30, 40, 50]})
    dictionary, _ = draft(frame, "d", patient="who")
    assert dictionary.patient == "who"
    assert [c.name for c in dictionary.columns if c.type in NEVER_SHARED] == ["who", "case_id"]


def test_blocks_of_a_column_profile_like_the_whole() -> None:
    """Merging the profiles of any blocks gives the draft of all rows."""
    columns: list[list[object]] = [
        [1, 2, 3, 2.5, None, 7],
        ["a", "b", "a", None, "c", "a"],
        ["1", "2", "x", "4", None, "2"],
        ["2020-01-01", "2020-01-02", "2020-01-01T10:00:00", None, "2019-01-01", "2020-01-01"],
        list(range(100)),
    ]
    for values in columns:
        texts = pd.Series([None if value is None else str(value) for value in values])
        blocks = [texts[:2], texts[2:3], texts[3:]]
        whole, _ = describe({"x": profile(texts)}, "d")
        merged, _ = describe({"x": merge(profile(block) for block in blocks)}, "d")
        assert merged == whole


def test_a_draft_fits_the_table_it_was_drafted_from() -> None:
    """Every column that may be shared encodes without a problem."""
    rng = np.random.default_rng(7)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 95, 200).astype(float),
            "sex (m/f)": rng.choice(["m", "f"], 200),
            "chol": np.round(rng.normal(5, 1, 200), 2),
            "score": rng.normal(size=200),
            "born": pd.to_datetime(rng.integers(-20_000, 15_000, 200), unit="D"),
            "stage": rng.integers(1, 5, 200),
        }
    )
    frame.iloc[::17, :4] = None
    dictionary, sources = draft(frame, "d")
    assert [c.name for c in dictionary.columns][:2] == ["age", "sex_m_f"]
    for drafted in dictionary.columns:
        assert encode(drafted, frame[sources[drafted.name]]).problems == ()
