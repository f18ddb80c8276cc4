"""Reports about records that went from hospital to hospital say what both logs say."""

from collections.abc import Sequence
from typing import Any, Final

import pytest

from support.log_entries import COORDINATOR, NODE, SOUTH, TAG, digest, entry, later, log
from wardnet.audit import lending
from wardnet.audit.entry import Actor, Entry, EventType, Outcome
from wardnet.audit.lending import Lending
from wardnet.audit.report import REPORTS, About, Report
from wardnet.audit.report.behaviour import FETCH_COUNT
from wardnet.audit.report.finding import Sign
from wardnet.audit.report.lent import GRACE
from wardnet.errors import Reason

_T: Final = EventType
UNTIL: Final = later(60)
TERMS: Final = Lending(columns=("age", "sex"), owner=NODE, patients="drop", until=UNTIL)
LONG_AFTER: Final = later(60 + GRACE.seconds // 60 + 1)
OWNS: Final = (_T.SHARE_DECLINED, _T.SHARE_GRANTED, _T.SHARE_REVOKED, _T.SHARE_READY)


def told(kind: EventType, number: int = 1, **more: object) -> dict[str, Any]:
    """Return the fields of an entry about a share of NODE's records that SOUTH asks for."""
    author = NODE if kind in OWNS else SOUTH
    granted = kind is _T.SHARE_GRANTED
    return {
        "type": kind,
        "outcome": Outcome.DONE,
        "request_digest": digest(number),
        "result_digest": digest(1000 * number + list(EventType).index(kind)),
        "recipient": SOUTH,
        "actor": Actor(subject=author),
        "purpose": "treatment",
        "dataset": "cardiology",
        "statement": lending.write(TERMS) if granted else None,
        **more,
    }


def both(*kinds: EventType) -> list[Entry]:
    """Return both logs of one share, with the owner's release of its patients."""
    north = [
        told(kind, outcome=Outcome.RELEASED, patient_tags=(TAG, "6" * 64))
        if kind is _T.SHARE_READY
        else told(kind)
        for kind in kinds
    ]
    return [*log(*north), *log(*map(told, kinds), node=SOUTH)]


ALL: Final = (
    _T.SHARE_REQUESTED, _T.SHARE_GRANTED, _T.SHARE_READY, _T.SHARE_FETCHED, _T.SHARE_OPENED,
    _T.SHARE_DESTROYED,
)  # fmt: skip


def row(entries: Sequence[Entry], at: str = "") -> dict[str, Any]:
    """Return the one row of the report on shares."""
    made = REPORTS["shares"].make(entries, About(at=at))
    (found,) = (dict(zip(made.columns, cells, strict=True)) for cells in made.rows)
    return found


def signs(entries: Sequence[Entry], at: str) -> list[tuple[str, str]]:
    """Return the signs in entries, and in whose log each is."""
    made: Report = REPORTS["anomalies"].make(entries, About(at=at))
    return [(str(found[0]), str(found[1])) for found in made.rows]


def test_a_share_is_one_line_whatever_logs_tell_of_it() -> None:
    """Who, from whom, what, until when, and what became of it."""
    found = row(both(*ALL))
    assert found == {
        "share": digest(1),
        "owner": NODE,
        "recipient": SOUTH,
        "dataset": "cardiology",
        "what": "age, sex",
        "patients": 2,
        "purpose": "treatment",
        "study": "",
        "granted": later(2),
        "until": UNTIL,
        "fetched": later(4),
        "opened": later(5),
        "times read": 0,
        "destroyed": later(6),
        "standing": "destroyed",
        "logs": "north, south",
    }


@pytest.mark.parametrize(
    ("steps", "at", "standing"),
    [
        (1, later(9), "asked"),
        (2, later(9), "granted"),
        (3, later(9), "ready"),
        (4, later(9), "fetched"),
        (5, later(9), "opened"),
        (5, UNTIL, "ended"),
        (5, LONG_AFTER, "overdue"),
        (6, LONG_AFTER, "destroyed"),
    ],
)
def test_a_share_stands_where_its_last_step_and_its_time_put_it(
    steps: int, at: str, standing: str
) -> None:
    """An hour after its end it is overdue, unless the receipt has come."""
    assert row(both(*ALL[:steps]), at)["standing"] == standing


def test_a_share_that_was_taken_back_ends_then() -> None:
    """Its end is the moment of the revocation, not that of the grant."""
    found = row(both(*ALL[:5], _T.SHARE_REVOKED), later(9))
    assert (found["standing"], found["until"]) == ("ended", later(6))
    assert row(both(_T.SHARE_REQUESTED, _T.SHARE_DECLINED))["standing"] == "declined"


def test_a_search_that_shows_a_part_shows_no_sign() -> None:
    """Who looks for a patient finds the release alone, in one log: nothing follows from that."""
    released = [one for one in both(*ALL) if one.type is _T.SHARE_READY]
    assert row(released, LONG_AFTER)["standing"] == "not told"
    assert signs(released, LONG_AFTER) == []
    assert signs([*released[:1], entry(1, node=SOUTH)], LONG_AFTER) == []


def test_what_was_refused_is_no_step() -> None:
    """An attempt to open leaves a share where it was."""
    tried = told(_T.SHARE_OPENED, outcome=Outcome.REFUSED, reason=Reason.PARCEL_DAMAGED)
    north = log(*map(told, ALL[:4]), tried)
    assert row(north)["standing"] == "fetched"


def test_one_use_of_many_patients_counts_once() -> None:
    """It takes several entries of one moment."""
    reads = [
        entry(seq, node=SOUTH, **told(_T.SHARE_READ), time=later(minute))
        for seq, minute in ((10, 8), (11, 8), (12, 9))
    ]
    assert row([*both(*ALL[:5]), *reads])["times read"] == 2


def test_a_missing_receipt_is_a_sign_in_both_logs() -> None:
    """Once the share is over for an hour, and never before."""
    found = both(*ALL[:5])
    missing = [(Sign.NOT_DESTROYED.value, NODE), (Sign.NOT_DESTROYED.value, SOUTH)]
    assert signs(found, LONG_AFTER) == missing
    assert signs(found, UNTIL) == []
    assert signs(both(*ALL), LONG_AFTER) == []
    assert signs(both(*ALL[:2]), LONG_AFTER) == []  # nothing was released


def test_what_one_side_hides_the_other_shows() -> None:
    """Either way round, by the digests of what was signed; also a share that is hidden whole."""
    entries = both(*ALL)
    for node, other in ((NODE, SOUTH), (SOUTH, NODE)):
        kept = [one for one in entries if one.node == node or one.type not in (ALL[2], ALL[4])]
        assert signs(kept, LONG_AFTER) == [(Sign.ONE_SIDED.value, node)]
        mine = [one for one in entries if one.node == node]
        silent = entry(1, node=other, type=_T.STARTED, outcome=Outcome.DONE)
        assert signs([*mine, silent], LONG_AFTER) == [(Sign.ONE_SIDED.value, node)]
        assert signs(mine, LONG_AFTER) == []  # the other log was not given


def test_what_is_still_on_its_way_is_no_sign() -> None:
    """A letter may take an hour."""
    kept = [one for one in both(*ALL) if (one.node, one.type) != (NODE, _T.SHARE_DESTROYED)]
    assert signs(kept, later(7)) == []
    assert (Sign.ONE_SIDED.value, SOUTH) in signs(kept, LONG_AFTER)


def test_a_fetch_at_the_owners_door_is_no_statement() -> None:
    """The recipient signs that it has fetched; that a fetch began, only the owner knows."""
    begun = told(
        _T.SHARE_FETCHED, outcome=Outcome.RELEASED, result_digest=digest(5), request_id="f"
    )
    assert signs([*both(*ALL), entry(20, **begun)], LONG_AFTER) == []


def test_the_reconciliation_tells_of_shares_as_well() -> None:
    """In the same table as queries."""
    entries = both(*ALL)[:-1]
    office = (entry(1, node=COORDINATOR, type=_T.STARTED, outcome=Outcome.DONE),)
    made = REPORTS["reconciliation"].make(entries, About(at=LONG_AFTER, coordinator=office))
    ((sign, node, *_, what),) = made.rows
    assert (sign, node) == (Sign.ONE_SIDED.value, NODE)
    assert str(what).startswith("share_destroyed: ")


def test_fetches_that_are_refused_again_and_again_are_a_sign() -> None:
    """Several fetches of one hospital; one that is tried again is one."""
    tries = [
        {
            "type": _T.SHARE_FETCHED,
            "outcome": Outcome.REFUSED,
            "reason": Reason.PARCEL_UNKNOWN,
            "subject": SOUTH,
            "agreement": digest(1),
            "request_id": f"{number:032x}",
        }
        for number in range(FETCH_COUNT)
    ]
    assert signs(log(*tries), later(9)) == [(Sign.FETCHES.value, NODE)]
    assert signs(log(*[tries[0]] * 9), later(9)) == []
    assert signs(log(*tries[1:]), later(9)) == []


def test_an_entry_that_says_nothing_readable_is_not_guessed_at() -> None:
    """Neither another form nor another kind of entry is taken for terms."""
    assert lending.read(entry(**told(_T.SHARE_GRANTED))) == TERMS
    assert lending.read(entry(**told(_T.SHARE_GRANTED, statement='{"owner":1}'))) is None
    assert lending.read(entry(**told(_T.SHARE_FETCHED, statement=lending.write(TERMS)))) is None
    assert row(log(told(_T.SHARE_GRANTED, statement="no JSON")))["what"] == ""
