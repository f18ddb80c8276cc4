"""What two hospitals sign about records: one value has one spelling, and a grant is never wider."""

from dataclasses import replace

import pytest

from wardnet.errors import Reason, WardnetError
from wardnet.question.cohort import EVERYONE, And, col
from wardnet.question.dictionary import Column, ColumnType, Dictionary
from wardnet.sharing import grant as grants
from wardnet.sharing import notice as notices
from wardnet.sharing import request as requests
from wardnet.sharing.deidentification import Patient, kept
from wardnet.sharing.grant import Grant, check_within, grant_whole
from wardnet.sharing.notice import (
    Cause,
    Declined,
    Destroyed,
    Fetched,
    Notice,
    Opened,
    Place,
    Ready,
    Refused,
    Revoked,
    Said,
)
from wardnet.sharing.request import Basis, ShareRequest, check_asked

D = "5f" * 32
MADE = "2026-03-01T12:00:00.000Z"

DICTIONARY = Dictionary(
    name="cardiology",
    version=1,
    columns=(
        Column(name="number", type=ColumnType.IDENTIFIER),
        Column(name="sex", type=ColumnType.CATEGORY, levels=("female", "male")),
        Column(name="age", type=ColumnType.INTEGER, minimum="0", maximum="120"),
        Column(name="note", type=ColumnType.TEXT),
    ),
    patient="number",
)


def request(**changes: object) -> ShareRequest:
    """Return a request of b to a for the treatment of two patients."""
    made = ShareRequest(
        version=1,
        network="heartnet",
        owner="a",
        recipient="b",
        number="0" * 32,
        basis=Basis.TREATMENT,
        study=None,
        purpose="Two patients have moved to us.",
        dataset="cardiology",
        dictionary=DICTIONARY.digest,
        columns=("age", "sex"),
        cohort=(col("age") >= 40).cohort,
        patients=("P-1", "P-2"),
        identifiers=False,
        hours=2,
        key="ab" * 1216,
        made=MADE,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def grant(asked: ShareRequest, **changes: object) -> Grant:
    """Return the grant of all that was asked for."""
    whole = grant_whole(
        asked,
        deidentification=kept(Patient.PSEUDONYM, asked.columns),
        snapshot=f"3:{D}",
        made="2026-03-02T08:00:00.000Z",
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


def test_statements_come_back_from_their_bytes() -> None:
    """What is signed is what is read."""
    asked = request()
    assert requests.from_bytes(requests.to_bytes(asked)) == asked
    assert grants.from_bytes(grants.to_bytes(grant(asked))) == grant(asked)


@pytest.mark.parametrize(
    "said",
    [
        Declined("Not for us."),
        Refused(D, cause="share_replayed", words="It came before."),
        Revoked(D, reason="A mistake."),
        Ready(D, parcel=D, header=1, body=2, place=Place.DIRECT, address="a.example:7443"),
        Fetched(D, parcel=D),
        Opened(D, parcel=D),
        Destroyed(D, cause=Cause.EXPIRED),
    ],
)
def test_every_notice_comes_back_from_its_bytes(said: Said) -> None:
    """Of each kind."""
    notice = Notice(
        version=1, network="heartnet", sender="a", recipient="b", request=D, said=said, made=MADE
    )
    assert notices.from_bytes(notices.to_bytes(notice)) == notice


@pytest.mark.parametrize(
    "changes",
    [
        {"recipient": "a"},
        {"basis": Basis.STUDY},
        {"study": D},
        {"patients": ("P-2", "P-1")},
        {"patients": ("P-1 ",)},
        {"patients": ("P\u202e1",)},
        {"columns": ()},
        {"hours": 0},
        {"key": "ab" * 32},
        {"purpose": "for \x1b[2J"},
    ],
)
def test_a_request_that_contradicts_itself_cannot_be_made(changes: dict[str, object]) -> None:
    """Nor read: the same rules hold for what comes in."""
    with pytest.raises(ValueError, match=r"."):
        request(**changes)


def test_what_was_asked_for_may_be_granted_whole() -> None:
    """With the patients' numbers when both sides want it so."""
    asked = request(identifiers=True)
    assert check_asked(asked, DICTIONARY) == ()
    whole = grant(asked, deidentification=kept(Patient.KEEP, asked.columns))
    assert check_within(whole, asked) == ()
    assert whole.until == "2026-03-02T10:00:00.000Z"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"columns": ("age", "number")}, Reason.COLUMN_UNAVAILABLE),
        ({"columns": ("age", "note")}, Reason.COLUMN_UNAVAILABLE),
        ({"columns": ("age", "shoes")}, Reason.COLUMN_UNAVAILABLE),
        ({"cohort": (col("shoes") >= 40).cohort}, Reason.COLUMN_UNAVAILABLE),
        ({"dictionary": D}, Reason.DICTIONARY_OUTDATED),
        (
            {"identifiers": True, "basis": Basis.STUDY, "study": D},
            Reason.SHARE_IDENTIFIERS,
        ),
    ],
)
def test_what_nobody_may_ask_for_is_named(changes: dict[str, object], reason: Reason) -> None:
    """A column that never leaves is refused like one that does not exist."""
    assert [error.reason for error in check_asked(request(**changes), DICTIONARY)] == [reason]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"request": D}, "request"),
        ({"recipient": "c"}, "recipient"),
        ({"deidentification": kept(Patient.DROP, ("age", "note"))}, "columns"),
        ({"cohort": EVERYONE}, "cohort"),
        ({"cohort": (col("age") >= 39).cohort}, "cohort"),
        ({"until": "2026-03-02T10:00:00.001Z"}, "until"),
        ({"until": "2026-03-02T08:00:00.000Z"}, "until"),
    ],
)
def test_a_wider_grant_is_named(changes: dict[str, object], field: str) -> None:
    """By its field."""
    asked = request()
    (error,) = check_within(grant(asked, **changes), asked)
    assert (error.reason, error.details["field"]) == (Reason.SHARE_TOO_WIDE, field)


def test_numbers_that_were_not_asked_for_are_not_granted() -> None:
    """Both sides have to sign so."""
    asked = request()
    wide = grant(asked, deidentification=kept(Patient.KEEP, asked.columns))
    assert [error.reason for error in check_within(wide, asked)] == [Reason.SHARE_IDENTIFIERS]


def test_a_narrower_grant_is_within() -> None:
    """Fewer columns, further conditions, a shorter time."""
    asked = request()
    narrow = grant(
        asked,
        deidentification=kept(Patient.DROP, ("age",)),
        cohort=And(of=(asked.cohort, (col("sex") == "male").cohort)),
        until="2026-03-02T08:00:05.000Z",
    )
    assert check_within(narrow, asked) == ()


def test_other_spellings_of_a_request_are_not_read() -> None:
    """One value, one sequence of bytes."""
    data = requests.to_bytes(request())
    with pytest.raises(WardnetError) as caught:
        requests.from_bytes(data.replace(b'"hours":2', b'"hours":2.0'))
    assert caught.value.reason is Reason.MALFORMED
