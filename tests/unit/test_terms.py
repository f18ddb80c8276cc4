"""The terms of a grant: what a steward writes is what is signed, or refused in words."""

from dataclasses import replace
from pathlib import Path

import pytest

from support.pki import TestNetwork
from support.sharing import asked_by
from wardnet.errors import Reason, WardnetError
from wardnet.question.dictionary import Column, ColumnType, Dictionary
from wardnet.question.grammar import parse
from wardnet.sharing.deidentification import Band, Cap, Keep, Patient, Period, Prefix, Shift, Span
from wardnet.sharing.grant import Grant, check_within, grant_whole
from wardnet.sharing.request import ShareRequest
from wardnet.sharing.result import result
from wardnet_node.desk.shares.terms import Terms, deidentification, narrowed, rule_of, written
from wardnet_node.desk.shares.terms_file import read_terms, write_terms

TABLE = Dictionary(
    name="cardiology",
    version=1,
    patient="record",
    columns=(
        Column(name="record", type=ColumnType.IDENTIFIER),
        Column(name="age", type=ColumnType.INTEGER, minimum="0", maximum="120", resolution="1"),
        Column(
            name="seen",
            type=ColumnType.DATE,
            minimum="2015-01-01",
            maximum="2030-12-31",
            resolution="1",
        ),
        Column(name="sex", type=ColumnType.CATEGORY, levels=("female", "male")),
    ),
)
MADE = "2026-03-01T08:00:00.000Z"

RULES = {
    "keep": Keep(),
    "drop": None,
    "year": Period(Span.YEAR),
    "week": Period(Span.WEEK),
    "band 10": Band("10"),
    "band 10 20..90": Band("10", "20", "90"),
    "cap ..90": Cap(high="90"),
    "cap 2020-01-01..": Cap(low="2020-01-01"),
    "prefix 3": Prefix(3),
    "shift 30": Shift(30),
}


@pytest.fixture(scope="module")
def request_() -> ShareRequest:
    """Return a request for three columns of the table."""
    network = TestNetwork()
    asked, _ = asked_by(
        network, "b", columns=("age", "seen", "sex"), cohort=parse("age >= 18"), hours=4
    )
    return asked


def whole(request: ShareRequest, terms: Terms) -> Grant:
    """Return the grant that terms make."""
    rules = deidentification(request, terms, dictionary=TABLE)
    drafted = grant_whole(request, deidentification=rules, snapshot="1:" + "0" * 64, made=MADE)
    return narrowed(drafted, terms)


@pytest.mark.parametrize(("text", "rule"), RULES.items())
def test_a_rule_is_read_as_it_is_written(text: str, rule: object) -> None:
    """Both ways."""
    assert rule_of(text, column="age") == rule
    assert written(rule_of(text, column="age")) == text


@pytest.mark.parametrize(
    "text",
    ["", "band", "band x", "cap 90", "prefix -1", "prefix ٣", "shift 99999", "hide", "a b c"],
)
def test_what_is_no_rule_is_refused_with_the_rules_there_are(text: str) -> None:
    """The sentence names the column and what can be written."""
    with pytest.raises(WardnetError) as refusal:
        deidentification_of(text)
    assert refusal.value.reason is Reason.DEIDENTIFICATION_INVALID
    assert "age cannot be de-identified this way" in str(refusal.value)


def deidentification_of(text: str) -> None:
    """Read a rule and try it on a column."""
    rule = rule_of(text, column="age")
    made = deidentification(
        replace(asked_by(TestNetwork(), "b")[0], columns=("age",)),
        Terms(rules={"age": rule}),
        dictionary=TABLE,
    )
    result(TABLE, made)


def test_without_terms_all_that_was_asked_for_leaves_under_pseudonyms(
    request_: ShareRequest,
) -> None:
    """Numbers of patients leave only when a steward says so."""
    grant = whole(request_, Terms())
    assert grant.columns == request_.columns
    assert grant.deidentification.patient is Patient.PSEUDONYM
    assert grant.until == "2026-03-01T12:00:00.000Z"
    assert check_within(grant, request_) == ()


def test_terms_narrow_every_way(request_: ShareRequest) -> None:
    """Columns, dates, patients, time and conditions; the result is within the request."""
    terms = Terms(
        rules={"sex": None, "age": Band("10")},
        shift=30,
        patient=Patient.DROP,
        hours=0.5,
        fetches=3,
        cohort=parse("sex == 'female'"),
        obligations=("Tell us what becomes of them.",),
    )
    grant = whole(request_, terms)
    assert {item.name: item.rule for item in grant.deidentification.columns} == {
        "age": Band("10"),
        "seen": Shift(30),
    }
    assert grant.until == "2026-03-01T08:30:00.000Z"
    assert (grant.maximum_fetches, grant.obligations) == (3, ("Tell us what becomes of them.",))
    assert grant.cohort == parse("age >= 18 and sex == 'female'")
    assert check_within(grant, request_) == ()


@pytest.mark.parametrize("hours", [1e300, float("nan"), float("inf")])
def test_hours_that_are_no_time_are_refused(request_: ShareRequest, hours: float) -> None:
    """In words, not as a crash."""
    with pytest.raises(WardnetError) as refusal:
        whole(request_, Terms(hours=hours))
    assert refusal.value.reason is Reason.SHARE_TOO_WIDE


def test_a_grant_of_nothing_and_of_what_was_not_asked_for_is_refused(
    request_: ShareRequest,
) -> None:
    """The first is a decline."""
    with pytest.raises(WardnetError, match="decline"):
        whole(request_, Terms(rules=dict.fromkeys(request_.columns)))
    with pytest.raises(WardnetError, match="the request does not ask for it"):
        whole(request_, Terms(rules={"record": Keep()}))


def test_a_written_file_is_read_back_as_the_same_grant(
    request_: ShareRequest, tmp_path: Path
) -> None:
    """What the preview has shown is what the edited file starts from."""
    terms = Terms(
        rules={"age": Band("10", high="90"), "sex": None},
        shift=10,
        quasi_identifiers=("age",),
        minimum_group=5,
        hours=2.5,
        cohort=parse("age < 60"),
        obligations=("Ask us first.",),
    )
    path = tmp_path / "terms.toml"
    path.write_text(write_terms(request_, whole(request_, terms), terms))
    assert whole(request_, read_terms(path)) == whole(request_, terms)


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ('hours = "two"', "hours: it must be a number without quotes"),
        ("colour = 1", "colour: there is no such field"),
        ("fetches = 1.5", "fetches"),
        ("hours = ", "the document"),
    ],
)
def test_a_mistake_in_the_file_is_said_with_its_place(
    request_: ShareRequest, tmp_path: Path, line: str, rule: str
) -> None:
    """Nobody signs what could not be read."""
    path = tmp_path / "terms.toml"
    name = line.partition(" ")[0]
    text = write_terms(request_, whole(request_, Terms()), Terms())
    kept = "\n".join(one for one in text.split("\n") if not one.startswith(f"{name} ="))
    path.write_text(f"{line}\n{kept}")
    with pytest.raises(WardnetError) as refusal:
        read_terms(path)
    assert refusal.value.reason is Reason.GRANT_INVALID
    assert rule in str(refusal.value)
