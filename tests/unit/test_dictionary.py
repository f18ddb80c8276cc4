"""A dictionary gives every value one code and refuses contradictions by name."""

from fractions import Fraction

import pytest
from pydantic import ValidationError

from wardnet.errors import Reason, WardnetError
from wardnet.question import dictionary
from wardnet.question.dictionary import Column, ColumnType, Dictionary, decimal_text

AGE = Column("age", ColumnType.INTEGER, minimum="20", maximum="80")
OLDPEAK = Column("oldpeak", ColumnType.REAL, minimum="-3", maximum="7", resolution="0.1")
SEX = Column("sex", ColumnType.CATEGORY, levels=("f", "m"))
WHEN = Column("seen", ColumnType.DATE, minimum="2020-01-01", maximum="2020-12-31")
AT = Column(
    "at", ColumnType.DATETIME, minimum="2020-01-01T00:00:00Z", maximum="2020-01-02T00:00:00Z"
)
SMOKER = Column("smoker", ColumnType.BOOLEAN)
TABLE = Dictionary(
    "cardiology",
    1,
    (Column("record", ColumnType.IDENTIFIER), AGE, OLDPEAK, SEX, WHEN, SMOKER),
    patient="record",
)


@pytest.mark.parametrize(
    ("column", "cells"),
    [(AGE, 61), (OLDPEAK, 101), (SEX, 2), (WHEN, 366), (AT, 86401), (SMOKER, 2)],
)
def test_codes_and_values_correspond_one_to_one(column: Column, cells: int) -> None:
    """Text to code and back is the identity on the whole grid's ends."""
    assert column.cells == cells
    for code in (0, 1, cells - 1):
        assert column.code(column.text(code)) == code


@pytest.mark.parametrize(
    ("column", "value"), [(AGE, "19"), (AGE, "20.5"), (SEX, "x"), (AGE, "NaN")]
)
def test_a_value_off_the_grid_has_no_code(column: Column, value: str) -> None:
    """Out of bounds, between two codes, or no number: refused."""
    with pytest.raises(ValueError, match=r".+"):
        column.code(value)


def test_a_real_column_without_a_resolution_is_off_grid() -> None:
    """Off-grid columns have no cells, and so do grids too fine to count."""
    assert Column("x", ColumnType.REAL, minimum="0", maximum="1").cells is None
    fine = Column("x", ColumnType.REAL, minimum="0", maximum="10", resolution="0.000000001")
    assert fine.cells is None


@pytest.mark.parametrize(
    "parts",
    [
        {"type": ColumnType.CATEGORY},
        {"type": ColumnType.CATEGORY, "levels": ("a", "a")},
        {"type": ColumnType.REAL, "levels": ("1",), "minimum": "0", "maximum": "1"},
        {"type": ColumnType.REAL},
        {"type": ColumnType.REAL, "minimum": "2", "maximum": "1"},
        {"type": ColumnType.REAL, "minimum": "0", "maximum": "Infinity"},
        {"type": ColumnType.REAL, "minimum": "0.05", "maximum": "1", "resolution": "0.1"},
        {"type": ColumnType.REAL, "minimum": "0", "maximum": "1", "resolution": "-0.1"},
        {"type": ColumnType.INTEGER, "minimum": "0", "maximum": "9", "resolution": "0.5"},
        {"type": ColumnType.INTEGER, "minimum": "0", "maximum": "9", "levels": ("10",)},
        {"type": ColumnType.TEXT, "minimum": "0"},
        {"type": ColumnType.DATE, "minimum": "2020-02-30", "maximum": "2020-03-01"},
    ],
    ids=repr,
)
def test_a_column_that_contradicts_itself_is_refused(parts: dict[str, object]) -> None:
    """No dictionary with a wrong column can exist."""
    with pytest.raises(ValidationError):
        Column(name="x", **parts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("columns", "patient"), [((), None), ((AGE, AGE), None), ((AGE,), "age"), ((AGE,), "nobody")]
)
def test_a_dictionary_that_contradicts_itself_is_refused(
    columns: tuple[Column, ...], patient: str | None
) -> None:
    """Columns are unique and the patient key is an identifier."""
    with pytest.raises(ValidationError):
        Dictionary("t", 1, columns, patient=patient)


def test_unknown_and_forbidden_columns_get_the_same_sentence() -> None:
    """Nobody learns from a refusal which columns a hospital holds."""
    sentences = []
    for name in ("record", "nothing"):
        with pytest.raises(WardnetError) as caught:
            TABLE.column(name)
        assert caught.value.reason is Reason.COLUMN_UNAVAILABLE
        sentences.append(str(caught.value).replace(name, "X"))
    assert sentences[0] == sentences[1]


def test_the_digest_covers_every_word() -> None:
    """Bytes round-trip, and another label is another dictionary."""
    assert dictionary.from_bytes(dictionary.to_bytes(TABLE)) == TABLE
    other = Dictionary("cardiology", 1, TABLE.columns, patient="record", label="x")
    assert other.digest != TABLE.digest


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Fraction(-23, 10), "-2.3"),
        (Fraction(0), "0"),
        (Fraction(10**9), "1000000000"),
        (Fraction(1, 10**9), "0.000000001"),
    ],
)
def test_decimals_are_written_without_exponents(value: Fraction, text: str) -> None:
    """People read decimals, and so does `code`."""
    assert decimal_text(value) == text
