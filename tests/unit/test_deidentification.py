"""Rules of de-identification are read strictly, checked, and say what comes out."""

from dataclasses import replace

import pytest

from support.vaults import VISITS
from wardnet.errors import Reason, WardnetError
from wardnet.question.dictionary import Column, ColumnType, Dictionary
from wardnet.sharing import deidentification
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
    kept,
)
from wardnet.sharing.result import in_words, result

POSTCODE = Column(name="postcode", type=ColumnType.CATEGORY, levels=("10115", "10117", "80331"))
ARRIVED = Column(
    name="arrived",
    type=ColumnType.DATETIME,
    minimum="2000-01-01T00:00:00Z",
    maximum="2030-12-31T23:00:00Z",
    resolution="3600",
)
STAYS = replace(VISITS, columns=(*VISITS.columns, POSTCODE, ARRIVED))


def rules(**columns: Rule) -> Deidentification:
    """Return the rules of some columns, with pseudonyms."""
    named = tuple(ColumnRule(name, rule) for name, rule in sorted(columns.items()))
    return Deidentification(Patient.PSEUDONYM, named)


@pytest.mark.parametrize(
    ("name", "rule", "expected"),
    [
        ("sex", Keep(), ("category", "", "", "")),
        ("age", Keep(), ("integer", "0", "120", "")),
        ("age", Band("5", high="90"), ("integer", "0", "90", "5")),
        ("age", Band("50", low="50"), ("integer", "50", "100", "50")),
        ("age", Cap("18", "90"), ("integer", "18", "90", "")),
        ("mass", Band("0.5"), ("real", "0", "300", "0.5")),
        ("score", Band("2"), ("real", "-10", "8", "2")),
        ("score", Cap(high="3.5"), ("real", "-9", "3.5", "")),
        ("seen", Period(Span.YEAR), ("date", "2000-01-01", "2030-01-01", "1")),
        ("seen", Period(Span.MONTH), ("date", "2000-01-01", "2030-12-01", "1")),
        ("seen", Period(Span.WEEK), ("date", "1999-12-27", "2030-12-30", "1")),
        ("seen", Shift(30), ("date", "1999-12-02", "2031-01-30", "1")),
        ("arrived", Period(Span.MONTH), ("date", "2000-01-01", "2030-12-01", "1")),
        (
            "arrived",
            Shift(1),
            ("datetime", "1999-12-31T00:00:00Z", "2031-01-01T23:00:00Z", "3600"),
        ),
    ],
)
def test_the_result_has_the_type_and_bounds_that_the_rule_leaves(
    name: str, rule: Rule, expected: tuple[str, ...]
) -> None:
    """Type, bounds and resolution follow from dictionary and rule, never from data."""
    column = result(STAYS, rules(**{name: rule})).column(name)
    assert (column.type, column.minimum, column.maximum, column.resolution) == expected


def test_levels_that_share_a_prefix_become_one() -> None:
    """The first characters of a postcode take the place of all."""
    assert result(STAYS, rules(postcode=Prefix(3))).column("postcode").levels == ("101", "803")


def test_levels_of_whole_numbers_become_the_bands_they_lie_in() -> None:
    """An integer column that groups still has levels, of bands now."""
    grade = Column(
        name="grade", type=ColumnType.INTEGER, levels=("1", "2", "4"), minimum="0", maximum="4"
    )
    stays = replace(STAYS, columns=(*STAYS.columns, grade))
    assert result(stays, rules(grade=Band("2"))).column("grade").levels == ("0", "2", "4")
    assert result(stays, rules(grade=Cap(high="2"))).column("grade").levels == ("1", "2")


@pytest.mark.parametrize(("low", "high"), [("1e1", "2.0e1"), ("10.0", "20"), ("+10", "020")])
def test_a_limit_is_written_as_the_dictionary_writes_it(low: str, high: str) -> None:
    """However a steward writes ten and twenty, one value has one spelling."""
    grade = Column(
        name="grade", type=ColumnType.INTEGER, levels=("5", "20", "30"), minimum="0", maximum="30"
    )
    stays = replace(STAYS, columns=(*STAYS.columns, grade))
    found = result(stays, rules(grade=Cap(low, high))).column("grade")
    assert (found.levels, found.minimum, found.maximum) == (("10", "20"), "10", "20")
    score = result(stays, rules(score=Cap("-1e0", "3.50"))).column("score")
    assert (score.minimum, score.maximum) == ("-1", "3.5")


def test_columns_that_are_not_granted_are_not_in_the_result() -> None:
    """Only what is named leaves, and the id only as the rules say."""
    some = rules(age=Keep(), sex=Keep())
    assert [column.name for column in result(STAYS, some).columns] == ["record", "sex", "age"]
    without = replace(some, patient=Patient.DROP)
    assert [column.name for column in result(STAYS, without).columns] == ["sex", "age"]
    assert result(STAYS, without).patient is None


def test_the_label_says_what_was_done() -> None:
    """The recipient reads in the dictionary that a date is the first of its month."""
    label = result(STAYS, rules(seen=Period(Span.MONTH))).column("seen").label
    assert label == "first day of the month"
    assert in_words(Keep()) == ""


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("sex", Band("5")),
        ("sex", Cap("1")),
        ("sex", Shift(3)),
        ("age", Prefix(1)),
        ("age", Period(Span.YEAR)),
        ("age", Shift(3)),
        ("age", Cap()),
        ("age", Cap("90", "18")),
        ("age", Cap("-1")),
        ("age", Cap("x")),
        ("age", Cap("1.5")),
        ("age", Band("0")),
        ("age", Band("-5")),
        ("age", Band("2.5")),
        ("age", Band("five")),
        ("age", Band("5", high="88")),
        ("mass", Band("0.25")),
        ("seen", Band("7")),
        ("seen", Cap("2020")),
    ],
)
def test_a_rule_that_means_nothing_to_the_column_is_refused(name: str, rule: Rule) -> None:
    """The sentence names the column and what is wrong."""
    with pytest.raises(WardnetError) as caught:
        result(STAYS, rules(**{name: rule}))
    assert caught.value.reason is Reason.DEIDENTIFICATION_INVALID
    assert caught.value.details["column"] == name


@pytest.mark.parametrize("name", ["record", "note", "elsewhere"])
def test_what_is_never_shared_cannot_be_named(name: str) -> None:
    """Ids and free text are as unavailable as a column that is not there."""
    with pytest.raises(WardnetError) as caught:
        result(STAYS, rules(**{name: Keep()}))
    assert caught.value.reason is Reason.COLUMN_UNAVAILABLE


@pytest.mark.parametrize("rule", [Keep(), Cap(low="2010-01-01T00:00:00Z")])
def test_a_date_that_stays_beside_a_shifted_one_is_refused(rule: Rule) -> None:
    """It would tell by how many days the other moved."""
    with pytest.raises(WardnetError, match="other dates of the patient are shifted"):
        result(STAYS, rules(seen=Shift(30), arrived=rule))
    both = rules(seen=Shift(30), arrived=Period(Span.MONTH))
    assert result(STAYS, both).column("arrived").type is ColumnType.DATE


def test_a_shift_out_of_the_calendar_is_refused() -> None:
    """No date lies before the year 1."""
    first = Column(name="day", type=ColumnType.DATE, minimum="0001-01-01", maximum="0001-02-01")
    with pytest.raises(WardnetError, match="leaves the calendar"):
        result(replace(STAYS, columns=(*STAYS.columns, first)), rules(day=Shift(1)))


def test_ids_of_a_dataset_without_any_can_only_be_dropped() -> None:
    """Where every row is a patient of its own there is nothing to link."""
    alone = Dictionary(name="alone", version=1, columns=(POSTCODE,))
    with pytest.raises(WardnetError, match="no patient ids"):
        result(alone, kept(Patient.PSEUDONYM, ("postcode",)))
    assert result(alone, kept(Patient.DROP, ("postcode",))).patient is None


@pytest.mark.parametrize(
    ("names", "rule"),
    [(("score",), Keep()), (("seen",), Shift(3))],
)
def test_groups_form_only_by_values_that_can_be_counted(names: tuple[str, ...], rule: Rule) -> None:
    """A measurement without a grid, or a date that moves, forms no groups."""
    some = replace(rules(**dict.fromkeys(names, rule)), quasi_identifiers=names, minimum_group=2)
    with pytest.raises(WardnetError) as caught:
        result(STAYS, some)
    assert caught.value.reason is Reason.DEIDENTIFICATION_INVALID


@pytest.mark.parametrize(
    "change",
    [
        {"columns": ()},
        {"columns": (ColumnRule("b", Keep()), ColumnRule("a", Keep()))},
        {"columns": (ColumnRule("a", Keep()), ColumnRule("a", Keep()))},
        {"quasi_identifiers": ("sex",)},
        {"minimum_group": 5},
        {"minimum_group": 0},
        {"columns": (ColumnRule("a", Shift(1)), ColumnRule("b", Shift(2)))},
    ],
)
def test_parts_that_contradict_each_other_are_refused(change: dict[str, object]) -> None:
    """Order, completeness and one shift for all dates belong to the form."""
    with pytest.raises(ValueError, match=r".+"):
        replace(rules(age=Keep()), **change)  # type: ignore[arg-type]


def test_canonical_bytes_come_back_and_nothing_else_is_read() -> None:
    """One value, one sequence of bytes; an unknown rule is no rule."""
    some = replace(
        rules(age=Band("5", high="90"), seen=Shift(30), sex=Prefix(1)),
        quasi_identifiers=("age", "sex"),
        minimum_group=5,
    )
    data = deidentification.to_bytes(some)
    assert deidentification.from_bytes(data) == some
    for changed in (data.replace(b'"shift"', b'"shove"'), data.replace(b":30,", b":true,")):
        with pytest.raises(WardnetError) as caught:
            deidentification.from_bytes(changed)
        assert caught.value.reason is Reason.MALFORMED
