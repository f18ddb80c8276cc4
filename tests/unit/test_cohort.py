"""A cohort selects by three-valued logic over codes, exactly."""

import math
from datetime import datetime

import numpy as np
import pandas as pd
import pytest

from wardnet.errors import Reason, WardnetError
from wardnet.question.cohort import And, Cohort, Or, Term, check, col, columns_of, select
from wardnet.question.dictionary import Column, ColumnType, Dictionary
from wardnet.question.rows import Rows

NAN = math.nan  # a name of its own: nothing is compared with it here

TABLE = Dictionary(
    "t",
    1,
    (
        Column("age", ColumnType.INTEGER, minimum="20", maximum="80"),
        Column("oldpeak", ColumnType.REAL, minimum="-3", maximum="7", resolution="0.1"),
        Column("bmi", ColumnType.REAL, minimum="10", maximum="60"),
        Column("sex", ColumnType.CATEGORY, levels=("f", "m")),
        Column("smoker", ColumnType.BOOLEAN),
        Column("seen", ColumnType.DATE, minimum="2020-01-01", maximum="2020-12-31"),
        Column("record", ColumnType.IDENTIFIER),
    ),
)
ROWS = Rows(
    4,
    {
        "age": np.array([0, 20, 60, -1], dtype=np.int8),  # 20 40 80 missing
        "oldpeak": np.array([53, 30, -1, 100], dtype=np.int8),  # 2.3 0.0 missing 7.0
        "bmi": np.array([18.5, np.nan, 25.0, 30.1]),
        "sex": np.array([0, 1, -1, 1], dtype=np.int8),
        "smoker": np.array([1, 0, 1, -1], dtype=np.int8),
        "seen": np.array([0, 31, 365, -1], dtype=np.int16),
    },
)


@pytest.mark.parametrize(
    ("term", "selected"),
    [
        (col("age") >= 40, [1, 2]),
        (col("age") > 40, [2]),
        (col("age") >= 40.5, [2]),
        (col("age") <= 40.5, [0, 1]),
        (col("age") < 40.5, [0, 1]),
        (col("age") > 40.5, [2]),
        (col("age") < 40, [0]),
        (col("age") == 40.5, []),
        (col("age") != 40.5, [0, 1, 2]),
        (col("age") < 1000, [0, 1, 2]),
        (col("age") > -1000, [0, 1, 2]),
        (~(col("age") >= 40), [0]),
        (col("age").missing(), [3]),
        (~col("age").missing(), [0, 1, 2]),
        (col("oldpeak") == 2.3, [0]),
        (col("oldpeak").between(0, 2.3), [0, 1]),
        (col("bmi") == 18.5, [0]),
        (col("bmi") > 18.5, [2, 3]),
        (~(col("bmi") > 18.5), [0]),
        (col("sex") == "m", [1, 3]),
        (col("sex").isin(["f", "m"]), [0, 1, 3]),
        (col("sex").isin([]), []),
        (col("smoker") == True, [0, 2]),  # noqa: E712 - builds a condition
        (col("seen") >= "2020-02-01", [1, 2]),
        ((col("age") >= 40) & (col("sex") == "m"), [1]),
        ((col("age") >= 40) | (col("sex") == "m"), [1, 2, 3]),
        (~((col("age") >= 40) | (col("sex") == "m")), [0]),
        (~((col("age") >= 40) & (col("sex") == "m")), [0]),
    ],
    ids=lambda value: None if isinstance(value, list) else str(value.cohort)[:60],
)
def test_a_condition_selects_by_kleene_logic(term: Term, selected: list[int]) -> None:
    """Missing is unknown, unknown is not selected, and negation keeps it unknown."""
    assert np.flatnonzero(select(term.cohort, TABLE, ROWS)).tolist() == selected


@pytest.mark.parametrize(
    ("cohort", "reason"),
    [
        ((col("nothing") == 1).cohort, Reason.COLUMN_UNAVAILABLE),
        ((col("record") == "1").cohort, Reason.COLUMN_UNAVAILABLE),
        ((col("sex") < "m").cohort, Reason.PARAMETER_INVALID),
        ((col("sex") == "x").cohort, Reason.PARAMETER_INVALID),
        ((col("age") == "old").cohort, Reason.PARAMETER_INVALID),
        ((col("age") == "1e999999999").cohort, Reason.PARAMETER_INVALID),
        ((col("bmi") == "1e-999999999").cohort, Reason.PARAMETER_INVALID),
        ((col("bmi") == "0." + "1" * 1_000_000).cohort, Reason.PARAMETER_INVALID),
        ((col("seen") > "2020-13-01").cohort, Reason.PARAMETER_INVALID),
        (And(of=()), Reason.PARAMETER_INVALID),
    ],
)
def test_a_cohort_without_meaning_is_refused_before_any_data(
    cohort: Cohort, reason: Reason
) -> None:
    """The dictionary alone decides whether a cohort can be asked."""
    with pytest.raises(WardnetError) as caught:
        check(cohort, TABLE)
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    ("fits", "too_large"),
    [
        (col("age").isin(range(20, 80)), col("age").isin([40] * 1000)),
        (
            Term(Or(of=(col("smoker").missing().cohort,) * 999)),
            Term(Or(of=(col("smoker").missing().cohort,) * 1000)),
        ),
        (~col("age").isin([40] * 998), ~~col("age").isin([40] * 998)),
    ],
)
def test_a_cohort_is_bounded_in_all_its_parts(fits: Term, too_large: Term) -> None:
    """Conditions and values each cost a pass over all rows at every hospital."""
    check(fits.cohort, TABLE)
    with pytest.raises(WardnetError, match="more than 1000 conditions and values") as caught:
        check(too_large.cohort, TABLE)
    assert caught.value.reason is Reason.PARAMETER_INVALID


def test_a_fraction_of_a_second_counts_in_a_condition() -> None:
    """On a grid of seconds, half past is after the second and before the next."""
    column = Column(
        "at", ColumnType.DATETIME, minimum="2020-01-01T00:00:00Z", maximum="2020-01-01T00:00:09Z"
    )
    table = Dictionary("t", 1, (column,))
    rows = Rows(3, {"at": np.array([3, 4, 5], np.int8)})
    half = "2020-01-01T00:00:04.5Z"
    assert select((col("at") > half).cohort, table, rows).tolist() == [False, False, True]
    assert select((col("at") <= half).cohort, table, rows).tolist() == [True, True, False]
    assert not select((col("at") == half).cohort, table, rows).any()


@pytest.mark.parametrize(
    ("term", "selected"),
    [
        (col("smoker") == 1, [0, 2]),
        (col("smoker") == np.True_, [0, 2]),
        (col("smoker") == 0, [1]),
        (col("seen") == pd.Timestamp("2020-02-01"), [1]),
        (col("seen") > datetime(2020, 2, 1), [2]),  # noqa: DTZ001 - as people write it
    ],
)
def test_values_of_other_libraries_mean_the_same(term: Term, selected: list[int]) -> None:
    """A timestamp at midnight is a date, and numpy's booleans and 1 and 0 are booleans."""
    assert np.flatnonzero(select(term.cohort, TABLE, ROWS)).tolist() == selected


@pytest.mark.parametrize("value", [NAN, None, pd.NaT])
def test_a_missing_value_is_not_compared_with(value: float) -> None:
    """It says how to ask for missing values instead."""
    with pytest.raises(WardnetError, match=r"missing\(\)"):
        _ = col("age") == value


def test_columns_of_names_every_column_looked_at() -> None:
    """Projection reads exactly these."""
    term = (col("age") > 1) & ~(col("sex").isin(["f"]) | col("bmi").missing())
    assert columns_of(term.cohort) == {"age", "sex", "bmi"}


def test_conditions_refuse_python_and() -> None:
    """`a and b` would silently drop a condition."""
    with pytest.raises(TypeError, match="&"):
        (col("age") > 1) and (col("age") < 3)
