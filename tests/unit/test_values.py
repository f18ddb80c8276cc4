"""Values become codes and floats, and what does not fit is named."""

from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from wardnet.question.dictionary import Action, Column, ColumnType
from wardnet.question.values import Encoded, Values, code_type, encode, numbers

AGE = Column(name="age", type=ColumnType.INTEGER, minimum="0", maximum="120")
OLDPEAK = Column(name="oldpeak", type=ColumnType.REAL, minimum="-3", maximum="7", resolution="0.1")
CHOL = Column(name="chol", type=ColumnType.REAL, minimum="0", maximum="20")
SEX = Column(name="sex", type=ColumnType.CATEGORY, levels=("female", "male"))
BORN = Column(name="born", type=ColumnType.DATE, minimum="1900-01-01", maximum="2030-12-31")
SEEN = Column(name="seen", type=ColumnType.DATETIME, minimum="2000-01-01", maximum="2030-12-31")
SMOKES = Column(name="smokes", type=ColumnType.BOOLEAN)


def array(encoded: Encoded) -> NDArray[np.generic]:
    """Return the encoded column."""
    return encoded.values


def codes(column: Column, values: Values) -> list[object]:
    """Return the encoded values, after checking that nothing was refused."""
    encoded = encode(column, values)
    assert encoded.problems == ()
    return list(array(encoded).tolist())


def problems(column: Column, values: Values, **options: object) -> dict[str, list[int]]:
    """Return which rows break which rule."""
    encoded = encode(column, values, **options)  # type: ignore[arg-type]
    return {found.rule: np.flatnonzero(found.mask).tolist() for found in encoded.problems}


@pytest.mark.parametrize(
    "values",
    [
        np.array([63, 0, 120]),
        np.array([63.0, 0.0, 120.0]),
        pd.Series(["63.0", "0", "1.2e2"]),
        pd.Series([63, 0, 120], dtype="Int64"),
        pa.chunked_array([[63], [0, 120]]),
    ],
)
def test_a_whole_number_has_one_code_however_it_is_written(values: Values) -> None:
    """Integers, whole floats, text and chunks of them mean the same."""
    assert codes(AGE, values) == [63, 0, 120]


def test_a_value_off_the_grid_lies_within_its_bounds_exactly() -> None:
    """One that is outside by the rounding of a double counts as the bound itself."""
    column = Column(name="x", type=ColumnType.REAL, minimum="-8", maximum="8")
    values = np.array([np.nextafter(8, 9), 8.0, np.nextafter(-8, -9), np.nan])
    assert array(encode(column, values)).tolist()[:3] == [8.0, 8.0, -8.0]
    assert problems(column, np.array([8.00001])) == {"is out of bounds": [0]}


def test_whole_numbers_that_a_double_cannot_tell_are_refused() -> None:
    """Digits are never lost silently, however the number is written."""
    column = Column(name="x", type=ColumnType.INTEGER, minimum="0", maximum="1e17")
    for values in (np.array([2**53 - 1, 2**53 + 1]), pd.Series(["12", "9007199254740993"])):
        assert problems(column, values) == {
            "has more digits than can be kept (a whole number of 2**53 or more)": [1]
        }


def test_codes_are_as_narrow_as_the_grid_allows() -> None:
    """Every grid gets the narrowest signed type that also holds -1."""
    assert [code_type(cells).itemsize for cells in (1, 128, 129, 32768, 32769, 2**31)] == [
        1,
        1,
        2,
        2,
        4,
        4,
    ]
    assert array(encode(OLDPEAK, np.array([7.0]))).dtype == np.int8


def test_missing_stays_missing_on_and_off_the_grid() -> None:
    """Null, NaN, None and NaT become -1 or NaN."""
    assert codes(AGE, pd.Series([None, 5, np.nan], dtype=object)) == [-1, 5, -1]
    assert codes(BORN, pd.Series([pd.NaT, pd.Timestamp("1970-01-02")])) == [-1, 25567 + 1]
    assert np.isnan(array(encode(CHOL, np.array([np.nan, 2.5])))).tolist() == [True, False]


def test_the_noise_of_floating_point_is_not_a_finer_value() -> None:
    """A double that stands for a decimal on the grid is on the grid, at every code."""
    grid = np.array([round(-3 + code * 0.1, 1) for code in range(101)])
    assert codes(OLDPEAK, grid) == list(range(101))
    assert codes(OLDPEAK, np.array([0.1 + 0.2])) == [33]
    assert codes(OLDPEAK, grid.astype(np.float32)) == list(range(101))


def test_a_value_between_two_codes_is_refused_unless_rounding_is_declared() -> None:
    """Finer values break a rule; a declared rounding takes the nearest code and is counted."""
    values = np.array([0.24, 0.2])
    assert problems(OLDPEAK, values) == {"is finer than the resolution": [0]}
    assert problems(AGE, np.array([1.0, 40.5])) == {"is not a whole number": [1]}
    rounded = encode(OLDPEAK, values, round_to_resolution=True)
    assert array(rounded).tolist() == [32, 32]
    assert rounded.adjusted == {"rounded to the resolution": 1}


@pytest.mark.parametrize(
    ("action", "values", "adjusted"),
    [
        (Action.REJECT, [-1, 5, -1], {}),
        (Action.MISSING, [-1, 5, -1], {"out of bounds, set to missing": 2}),
        (Action.CLAMP, [0, 5, 10], {"out of bounds, clamped": 2}),
    ],
)
def test_values_out_of_bounds_meet_the_declared_action(
    action: Action, values: list[int], adjusted: dict[str, int]
) -> None:
    """Reject, set to missing or clamp, as the dictionary says, and count it."""
    column = Column(
        name="x",
        type=ColumnType.REAL,
        minimum="0",
        maximum="10.4",
        resolution="1",
        out_of_bounds=action,
    )
    encoded = encode(column, np.array([-2.0, 5.0, 11.0]))
    assert array(encoded).tolist() == values
    assert dict(encoded.adjusted) == adjusted
    assert [found.mask.tolist() for found in encoded.problems] == (
        [[True, False, True]] if action is Action.REJECT else []
    )


def test_off_grid_bounds_are_inclusive() -> None:
    """The bounds themselves fit; the next double does not."""
    column = Column(name="x", type=ColumnType.REAL, minimum="0.1", maximum="0.3")
    assert codes(column, np.array([0.1, 0.3])) == [0.1, 0.3]
    assert problems(column, np.array([0.0999, 0.3001])) == {"is out of bounds": [0, 1]}


@pytest.mark.parametrize("text", ["", "x", "1,5", "0x1A", "1_000", "nan", "inf", "-", "1 2", "٣"])
def test_text_that_is_no_finite_number_is_refused(text: str) -> None:
    """Only plain finite decimal text is a number, and one bad cell spoils no other."""
    floats, bad = numbers(pa.array([text, "1.5", None]))
    assert bad.tolist() == [True, False, False]
    assert floats[1] == 1.5
    assert np.isnan(floats[[0, 2]]).all()


def test_levels_are_matched_as_text_and_strangers_refused() -> None:
    """A category takes its levels and nothing else; an integer column with levels too."""
    assert codes(SEX, pd.Series(["male", None, "female"], dtype="category")) == [1, -1, 0]
    assert problems(SEX, pd.Series(["Male", "male"])) == {"is not one of the levels": [0]}
    numbered = Column(
        name="n", type=ColumnType.INTEGER, minimum="3", maximum="7", levels=("3", "6", "7")
    )
    assert codes(numbered, np.array([3.0, 6.0, 7.0])) == [0, 3, 4]
    assert problems(numbered, np.array([3, 4])) == {"is not one of the levels": [1]}
    coded = Column(name="c", type=ColumnType.CATEGORY, levels=("1", "2"))
    assert codes(coded, np.array([2.0, np.nan, 1.0])) == [1, -1, 0]


@pytest.mark.parametrize(
    "values", [[True, False, None], [1.0, 0.0, np.nan], ["TRUE", "false", None], ["1", "0", None]]
)
def test_booleans_are_read_from_their_usual_spellings(values: list[object]) -> None:
    """True and false as booleans, 1 and 0, or words."""
    assert codes(SMOKES, pd.Series(values)) == [1, 0, -1]


def test_a_boolean_refuses_other_numbers() -> None:
    """2 is neither true nor false."""
    assert problems(SMOKES, np.array([1, 2])) == {"is neither true nor false": [1]}


@pytest.mark.parametrize(
    ("values", "date_format"),
    [
        ([date(2020, 2, 29), date(2020, 3, 1)], ""),
        (["2020-02-29", "2020-03-01"], ""),
        (["2020-02-29", "20200301"], ""),
        (["2020-2-29", "2020-3-1"], ""),
        (["29.2.2020", "01.03.2020"], "%d.%m.%Y"),
        (["02/29/2020", "3/1/2020"], "%m/%d/%Y"),
        (pd.to_datetime(["2020-02-29", "2020-03-01"]), ""),
    ],
)
def test_dates_are_days_however_they_are_written(values: object, date_format: str) -> None:
    """ISO text, declared formats and typed dates give the same codes."""
    encoded = encode(BORN, pd.Series(values), date_format=date_format)
    assert encoded.problems == ()
    assert [BORN.text(int(code)) for code in array(encoded)] == ["2020-02-29", "2020-03-01"]


@pytest.mark.parametrize(
    ("values", "date_format"),
    [
        (["2020-02-30", "2020-01-01", "x"], ""),
        (["30.02.2020", "01.01.2020", "32.01.2020"], "%d.%m.%Y"),
        (["31.04.2020", "01.01.2020", "2020-01-01"], "%d.%m.%Y"),
    ],
)
def test_days_that_do_not_exist_are_refused(values: list[str], date_format: str) -> None:
    """30 February is no date, whatever a lenient parser makes of it."""
    assert problems(BORN, pd.Series(values), date_format=date_format) == {
        "is not a valid date or time": [0, 2]
    }


def test_dates_out_of_range_are_out_of_bounds() -> None:
    """A year with a typing error breaks the bounds, also where it overflows smaller clocks."""
    assert problems(BORN, pd.Series(["0202-01-01", "9999-12-31", "2020-01-01"])) == {
        "is out of bounds": [0, 1]
    }


def test_times_keep_their_zone_and_default_to_utc() -> None:
    """An offset is applied; without one a time is UTC; mixed spellings are read one by one."""
    texts = ["2020-01-01T10:00:00Z", "2020-01-01T10:00:00+02:00", "2020-01-01 10:00", "2020-01-01"]
    for values in (pd.Series(texts), pd.Series([pd.Timestamp(text) for text in texts[:2]])):
        encoded = encode(SEEN, values)
        assert [SEEN.text(int(code))[11:19] for code in array(encoded)] == [
            "10:00:00",
            "08:00:00",
            "10:00:00",
            "00:00:00",
        ][: len(values)]


def test_a_time_of_day_does_not_fit_a_date() -> None:
    """A date column has days; hours are finer."""
    assert problems(BORN, pd.Series(["2020-01-01T10:00:00"])) == {
        "is finer than the resolution": [0]
    }


def test_types_that_cannot_carry_the_value_are_refused_not_guessed() -> None:
    """A number is no date, a date no number, a list nothing at all."""
    assert problems(BORN, np.array([18000])) == {"is not a valid date or time": [0]}
    assert problems(AGE, pd.Series([date(2020, 1, 1)])) == {"is not a number": [0]}
    assert problems(AGE, pd.Series([[1], None])) == {"is not a number": [0]}
    assert problems(AGE, pd.Series([1, "x"], dtype=object)) == {"is not a number": [1]}


def test_a_column_that_is_never_shared_cannot_be_encoded() -> None:
    """Identifiers and free text have no code."""
    column = Column(name="name", type=ColumnType.TEXT)
    with pytest.raises(ValueError, match="no values"):
        encode(column, pd.Series(["a"]))
