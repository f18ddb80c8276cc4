"""De-identified rows are what the rules say, value by value, and no rare combination is left."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from math import floor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wardnet.question.dictionary import Column, ColumnType, Dictionary, number
from wardnet.question.rows import Rows
from wardnet.question.values import encode
from wardnet.sharing.deidentification import (
    Band,
    Cap,
    ColumnRule,
    Deidentification,
    Keep,
    Patient,
    Period,
    Prefix,
    Rule,
    Shift,
    Span,
)
from wardnet_node.sharing.giving import groups
from wardnet_node.sharing.giving.deidentify import Deidentifier
from wardnet_node.sharing.giving.grant_secret import GrantSecret
from wardnet_node.sharing.giving.groups import Combinations, GroupCount

KEY = bytes(range(32))
AGE = Column(name="age", type=ColumnType.INTEGER, minimum="18", maximum="120")
MASS = Column(name="mass", type=ColumnType.REAL, minimum="-5", maximum="300", resolution="0.1")
SCORE = Column(name="score", type=ColumnType.REAL, minimum="-9", maximum="9")
DAY = Column(name="day", type=ColumnType.DATE, minimum="1950-01-01", maximum="2030-12-31")
HOUR = Column(
    name="hour",
    type=ColumnType.DATETIME,
    minimum="1950-01-01T00:00:00Z",
    maximum="2030-12-31T23:00:00Z",
    resolution="3600",
)
SECOND = Column(  # more seconds than a grid may have
    name="second",
    type=ColumnType.DATETIME,
    minimum="1950-01-01T00:00:00Z",
    maximum="2030-12-31T23:00:00Z",
)
CODE = Column(name="code", type=ColumnType.CATEGORY, levels=("I20", "I21", "J45", "J4"))


def deidentified(column: Column, rule: Rule, values: list[Any]) -> tuple[Column, list[str]]:
    """Return the column that comes out, and its values as text; empty where missing."""
    dictionary = Dictionary(name="d", version=1, columns=(column,))
    rules = Deidentification(Patient.DROP, (ColumnRule(column.name, rule),))
    one = Deidentifier(dictionary, rules, GrantSecret(KEY))
    encoded = encode(column, np.array(values, dtype=object))
    assert not encoded.problems
    rows = Rows(len(values), {column.name: encoded.values})
    patients = np.arange(len(values), dtype=np.uint32)
    (found,) = one.columns(rows, patients, [column.name]).values()
    made = one.result.column(column.name)
    return made, [_text(made, value) for value in found.tolist()]


def _text(column: Column, value: float) -> str:
    if column.cells is not None:
        assert -1 <= value < column.cells
        return "" if value < 0 else column.text(int(value))
    return "" if value != value else repr(value)  # noqa: PLR0124 - NaN


def some(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Return lists with missing values among them."""
    return st.lists(st.none() | values, min_size=1, max_size=30)


@settings(deadline=None)
@given(values=some(st.integers(18, 120)), width=st.integers(1, 40), top=st.integers(4, 20))
def test_whole_numbers_fall_into_their_bands(
    values: list[int | None], width: int, top: int
) -> None:
    """The lower end of the band, with all above the limit put together."""
    high = width * (120 // width) if width * top > 120 or width * top < 18 else width * top
    if high < 18:
        high = 0
    rule = Band(str(width), high=str(high) if high else "")
    _, found = deidentified(AGE, rule, values)
    expected = [
        "" if value is None else str(min(value, high or value) // width * width) for value in values
    ]
    assert found == expected


@settings(deadline=None)
@given(values=some(st.integers(-50, 3000)), steps=st.integers(1, 300))
def test_decimal_numbers_fall_into_their_bands_exactly(
    values: list[int | None], steps: int
) -> None:
    """0.3 lies in the band that begins at 0.3, though no double is 0.3."""
    width = Fraction(steps, 10)
    tenths = [None if value is None else value / 10 for value in values]
    made, found = deidentified(MASS, Band(f"{steps / 10}"), tenths)
    expected = [
        "" if value is None else floor(Fraction(value, 10) / width) * width for value in values
    ]
    assert [text and number(made.type, text) for text in found] == expected


@settings(deadline=None)
@given(values=some(st.floats(-9, 9)))
def test_measurements_without_a_grid_are_put_into_bands_and_capped(
    values: list[float | None],
) -> None:
    """A band of them has a grid; what is capped has none."""
    _, bands = deidentified(SCORE, Band("0.5", low="-4", high="4"), values)
    capped = [None if value is None else min(max(value, -4.0), 4.0) for value in values]
    for text, value in zip(bands, capped, strict=True):
        assert (text == "") == (value is None)
        assert value is None or float(text) - 1e-9 <= value < float(text) + 0.5
    _, limited = deidentified(SCORE, Cap("-4", "4"), values)
    assert limited == ["" if value is None else repr(value) for value in capped]


@settings(deadline=None)
@given(values=some(st.dates(date(1950, 1, 1), date(2030, 12, 31))), span=st.sampled_from(Span))
def test_dates_become_the_first_day_of_their_span(values: list[date | None], span: Span) -> None:
    """Monday, the first of the month, or New Year's Day, as the calendar has them."""
    _, found = deidentified(DAY, Period(span), values)
    assert found == ["" if value is None else _first(value, span).isoformat() for value in values]


@pytest.mark.parametrize("column", [HOUR, SECOND], ids=lambda column: column.name)
@settings(deadline=None)
@given(data=st.data(), span=st.sampled_from(Span))
def test_times_become_the_first_day_of_their_span(
    column: Column, data: st.DataObject, span: Span
) -> None:
    """By UTC, whether or not the column has more cells than a grid may have."""
    hours = data.draw(some(st.integers(-175_000, 500_000)))
    moments = [
        None if hour is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=hour)
        for hour in hours
    ]
    _, found = deidentified(column, Period(span), moments)
    assert found == [
        "" if moment is None else _first(moment.date(), span).isoformat() for moment in moments
    ]


@pytest.mark.parametrize("column", [DAY, HOUR, SECOND], ids=lambda column: column.name)
@settings(deadline=None)
@given(data=st.data(), days=st.integers(1, 3650))
def test_every_time_moves_by_its_patients_shift(
    column: Column, data: st.DataObject, days: int
) -> None:
    """By whole days: the hour of a time stays, and what is missing stays missing."""
    numbers = data.draw(some(st.integers(-7300, 22_000)))
    begin = datetime(1970, 1, 1, tzinfo=UTC)
    moments = [None if value is None else begin + timedelta(days=value) for value in numbers]
    made, found = deidentified(column, Shift(days), moments)
    shifts = GrantSecret(KEY).shifts(np.arange(len(numbers), dtype=np.uint32), days)
    assert np.all(np.abs(shifts) <= days)
    for text, value, shift in zip(found, numbers, shifts.tolist(), strict=True):
        if value is None:
            assert text == ""
        else:
            unit = 1 if column is DAY else 86_400
            moved = Fraction(float(text)) if made.cells is None else number(made.type, text)
            assert moved == (value + shift) * unit


@settings(deadline=None)
@given(values=some(st.sampled_from(CODE.levels)), length=st.integers(1, 4))
def test_levels_become_their_first_characters(values: list[str | None], length: int) -> None:
    """A level that is shorter stays whole."""
    _, found = deidentified(CODE, Prefix(length), values)
    assert found == ["" if value is None else value[:length] for value in values]


@pytest.mark.parametrize(
    "column", [AGE, MASS, SCORE, DAY, HOUR, SECOND, CODE], ids=lambda column: column.name
)
def test_what_is_kept_is_kept_to_the_bit(column: Column) -> None:
    """Also what is missing."""
    values = [None, column.levels[0] if column.levels else column.minimum]
    made, found = deidentified(column, Keep(), values)
    assert (made, found[0]) == (column, "")


@settings(deadline=None)
@given(key=st.binary(min_size=32, max_size=32), other=st.binary(min_size=32, max_size=32))
def test_two_grants_have_nothing_in_common(key: bytes, other: bytes) -> None:
    """One grant gives a patient one pseudonym and one shift; another gives others."""
    patients = np.arange(500, dtype=np.uint32)
    one, again = GrantSecret.of(key, "a" * 64), GrantSecret.of(key, "a" * 64)
    assert one.pseudonyms(patients).equals(again.pseudonyms(patients[::-1])[::-1])
    assert np.array_equal(one.shifts(patients, 365), again.shifts(patients, 365))
    names = set(one.pseudonyms(patients).to_pylist())
    assert len(names) == 500
    for secret in (GrantSecret.of(key, "b" * 64), GrantSecret.throwaway()):
        assert names.isdisjoint(secret.pseudonyms(patients).to_pylist())
        correlation = np.corrcoef(one.shifts(patients, 365), secret.shifts(patients, 365))[0, 1]
        assert abs(correlation) < 0.3  # of 500 pairs: 6.7 standard errors
    if key != other:
        assert names.isdisjoint(GrantSecret.of(other, "a" * 64).pseudonyms(patients).to_pylist())


def test_shifts_are_drawn_evenly() -> None:
    """Every day from -N to N comes as often as another."""
    patients = np.arange(70_000, dtype=np.uint32)
    counts = np.bincount(GrantSecret(KEY).shifts(patients, 3) + 3)
    assert counts.shape == (7,)
    assert np.all(np.abs(counts - 10_000) < 500)  # five standard deviations


@settings(max_examples=200, deadline=None)
@given(data=st.data(), minimum=st.integers(1, 4), direct=st.sampled_from([0, 1 << 20]))
def test_groups_count_distinct_patients(data: st.DataObject, minimum: int, direct: int) -> None:
    """However rows come in batches, small or large groups: the counts are those of a plain loop."""
    dictionary = Dictionary(name="d", version=1, columns=(AGE, CODE))
    row = st.tuples(st.integers(-1, 3), st.integers(-1, 3), st.integers(0, 9))
    batches = data.draw(st.lists(st.lists(row, min_size=1, max_size=30), max_size=5))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups, "DIRECT", direct)
        patch.setattr(groups, "LARGE", 3)
        patch.setattr(groups, "_PENDING", 20)
        combinations = Combinations(dictionary, ("age", "code"))
        count = GroupCount(patients=10, minimum=minimum)
        numbers = []
        for batch in batches:
            ages, codes, patients = (np.array(values) for values in zip(*batch, strict=True))
            columns = {"age": ages.astype(np.int8), "code": codes.astype(np.int8)}
            found = combinations.numbers(columns, rows=len(batch))
            count.add(found, patients.astype(np.uint32), size=combinations.size)
            numbers += found.tolist()
        result = count.groups()
    rows = [row for batch in batches for row in batch]
    members: dict[tuple[int, int], set[int]] = defaultdict(set)
    for age, code, patient in rows:
        members[age, code].add(patient)
    sizes = [min(len(group), count.at_most) for group in members.values()]
    left = [size for size in sizes if size >= minimum]
    stays = [len(members[age, code]) >= minimum for age, code, _ in rows]
    assert [bool(result.stays[number]) for number in numbers] == stays
    assert result.rows == sum(stays)
    leaving = {patient for (_, _, patient), stay in zip(rows, stays, strict=True) if stay}
    assert set(np.flatnonzero(result.patients).tolist()) == leaving
    assert result.smallest == min(sizes, default=0)
    assert result.smallest_left == min(left, default=0)


def _first(day: date, span: Span) -> date:
    if span is Span.WEEK:
        return day - timedelta(days=day.isoweekday() - 1)
    return day.replace(day=1) if span is Span.MONTH else day.replace(day=1, month=1)
