"""Signs are found where they are, and not where they are not."""

from collections.abc import Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

from support.log_entries import ANN, BEN, COORDINATOR, NODE, SOUTH, TAG, digest, entry, later, log
from wardnet.audit.entry import Actor, Entry, EventType, Outcome
from wardnet.audit.report import REPORTS, About
from wardnet.audit.report.behaviour import NEAR_IDENTICAL_COUNT, SMALL_CELL_COUNT
from wardnet.audit.report.finding import Finding, Sign
from wardnet.audit.report.reconcile import reconcile
from wardnet.errors import Reason

SATURDAY: Final = "2026-03-07T11:00:00.000Z"
NIGHT: Final = "2026-03-02T23:00:00.000Z"
OLGA: Final = "wardnet://heartnet/auditor/olga"


def signs(entries: Sequence[Entry], **about: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - fields of About
    """Return the signs in entries and the numbers of the entries that they point to."""
    found = REPORTS["anomalies"].make(entries, About(**about))
    return [(str(row[0]), str(row[4])) for row in found.rows]


def query(kind: EventType, number: int, **more: object) -> dict[str, Any]:
    """Return the fields of an entry about a query."""
    return {"type": kind, "request_digest": digest(number), **more}


def question(number: int, **more: object) -> dict[str, Any]:
    """Return the fields of an answer to a question of one kind about the same rows."""
    about = {"dataset": "cardiology", "snapshot": "s1", "operation": "count 1"}
    return query(EventType.QUERY_ANSWER, number, parameter_digest=digest(number), **about) | more


def small(number: int, **more: object) -> dict[str, Any]:
    """Return the fields of a refusal because of too few patients."""
    return (
        query(
            EventType.QUERY_FAILED,
            number,
            outcome=Outcome.REFUSED,
            reason=Reason.COHORT_TOO_SMALL,
            parameter_digest=digest(number),
            dataset="cardiology",
        )
        | more
    )


def test_an_ordinary_log_shows_no_sign() -> None:
    """A few questions in office hours, and a restart that was announced."""
    found = log(
        {"type": EventType.STARTED, "outcome": Outcome.DONE},
        *(question(number) for number in range(NEAR_IDENTICAL_COUNT - 1)),
        {"type": EventType.STOPPED, "outcome": Outcome.DONE},
        {"type": EventType.STARTED, "outcome": Outcome.DONE},
    )
    assert signs(found, complete=True, covered={NODE: len(found)}) == []


def test_many_questions_of_one_kind_are_a_sign() -> None:
    """Whoever asks them, and only when they differ."""
    different = log(*(question(n, subject=(ANN, BEN)[n % 2]) for n in range(NEAR_IDENTICAL_COUNT)))
    same = log(*(question(1) for _ in range(NEAR_IDENTICAL_COUNT)))
    others = log(*(question(n, snapshot=f"s{n}") for n in range(NEAR_IDENTICAL_COUNT)))
    bands = log(*(question(n, cohort_size_band=f"{n}") for n in range(NEAR_IDENTICAL_COUNT)))
    assert signs(different) == [(Sign.NEAR_IDENTICAL, "1, 2, 3, 4, 5")]
    assert signs(same) == signs(others) == signs(bands) == []


def test_many_questions_over_days_are_none() -> None:
    """The same number of questions, one a day, is ordinary work."""
    apart = [
        entry(n, time=later(1441 * n), **question(n)) for n in range(1, NEAR_IDENTICAL_COUNT + 1)
    ]
    assert signs(apart) == []


def test_an_answer_soon_after_a_refusal_is_a_sign() -> None:
    """Another question of the same person about the same dataset, within the hour."""
    assert signs(log(small(1), question(2))) == [(Sign.REWORDED, "1, 2")]
    assert signs(log(small(1), question(1))) == []
    assert signs(log(small(1), question(2, subject=BEN))) == []
    assert signs(log(small(1), question(2, dataset="lung"))) == []
    assert signs([entry(1, **small(1)), entry(2, time=later(62), **question(2))]) == []


def test_a_burst_of_small_cells_is_a_sign() -> None:
    """Each query counts once, in however many entries it was refused."""
    burst = log(*(small(n) for n in range(SMALL_CELL_COUNT)))
    one = log(*(small(1) for _ in range(SMALL_CELL_COUNT)))
    assert signs(burst) == [(Sign.SMALL_CELLS, "1, 2, 3")]
    assert signs(one) == []
    apart = [entry(n, time=later(40 * n), **small(n)) for n in range(1, SMALL_CELL_COUNT + 1)]
    assert signs(apart) == []


@pytest.mark.parametrize("moment", [SATURDAY, NIGHT])
def test_work_outside_office_hours_is_a_sign(moment: str) -> None:
    """What a person does at night or on a weekend; rounds that run on are none."""
    accepted = query(EventType.QUERY_ACCEPTED, 1)
    assert signs([entry(time=moment, **accepted)]) == [(Sign.OFF_HOURS, "1")]
    assert signs([entry(time=moment, type=EventType.QUERY_PART)]) == []


@pytest.mark.parametrize(
    "kind", [EventType.SHARE_REQUESTED, EventType.SHARE_GRANTED, EventType.SHARE_READ]
)
def test_records_asked_for_granted_or_read_at_night_are_a_sign(kind: EventType) -> None:
    """By people; what another hospital's node brings at night says nothing of when it was done."""
    steward = Actor(subject=ANN, role="steward")
    node = Actor(subject=SOUTH, role="node")
    assert signs([entry(time=NIGHT, type=kind, actor=steward)]) == [(Sign.OFF_HOURS, "1")]
    assert signs([entry(time=NIGHT, type=kind, actor=node)]) == []
    assert signs([entry(type=kind, actor=steward)]) == []


def test_office_hours_are_local() -> None:
    """Eleven at night in Greenwich is a morning in Auckland."""
    late = [entry(time=NIGHT, type=EventType.QUERY_ACCEPTED)]
    assert signs(late, zone=ZoneInfo("Pacific/Auckland")) == []


def test_another_key_is_a_sign() -> None:
    """The first key of somebody is none, and neither is going back to a known one."""
    keys = [Actor(subject=ANN, key_id=digest(key)) for key in (1, 2, 1)]
    assert signs(log(*({"actor": actor} for actor in keys))) == [(Sign.NEW_KEY, "2")]


@pytest.mark.parametrize(
    ("kind", "sign"),
    [
        (EventType.LOG_LOCKED, Sign.LOG_LOCKED),
        (EventType.FORK_FOUND, Sign.FORK_FOUND),
        (EventType.LOG_EXTENDED, Sign.EXTENDED),
        (EventType.BREAK_GLASS, Sign.BREAK_GLASS),
        (EventType.KEY_REVOKED, Sign.KEY_REVOKED),
        (EventType.STEWARD_REMOVED, Sign.STEWARDS),
        (EventType.PASSWORD_CHANGED, Sign.STEWARDS),
        (EventType.AUDITOR_GRANTED, Sign.READERS),
        (EventType.DETAIL_ERASED, Sign.ERASED),
    ],
)
@pytest.mark.parametrize("outcome", [Outcome.DONE, Outcome.REFUSED])
def test_whoever_changes_who_may_do_what_is_named(
    kind: EventType, sign: Sign, outcome: Outcome
) -> None:
    """Done or only tried: each is one sign, with the entry and who it was."""
    about = {"patient_tags": (TAG,)} if kind is EventType.DETAIL_ERASED else {}
    (row,) = (
        REPORTS["anomalies"]
        .make(log({"type": kind, "outcome": outcome, "subject": BEN, **about}), About())
        .rows
    )
    assert (row[0], row[3], row[4]) == (sign, BEN, "1")
    assert ("tried, and refused" in str(row[5])) == (outcome is Outcome.REFUSED)


def test_a_grant_names_the_auditor_and_the_calendar_is_no_sign() -> None:
    """What goes because six years are over is about nobody in particular."""
    granted = {"type": EventType.AUDITOR_GRANTED, "outcome": Outcome.DONE, "recipient": OLGA}
    found = log(granted, {"type": EventType.DETAIL_ERASED, "outcome": Outcome.DONE})
    (row,) = REPORTS["anomalies"].make(found, About()).rows
    assert OLGA in str(row[5])


def test_a_missing_number_is_a_gap_in_a_whole_log() -> None:
    """Of search results numbers are missing anyway."""
    whole = log(*({} for _ in range(4)))
    assert signs([whole[0], whole[2], whole[3]], complete=True) == [(Sign.GAP, "1, 3")]
    assert signs(whole[1:], complete=True) == [(Sign.GAP, "2")]
    assert signs([whole[0], whole[2]]) == []


def test_a_clock_that_went_back_is_a_sign() -> None:
    """Half a second is how writers of one commit overtake each other; two are a step."""
    back = [entry(1, time=later(10)), entry(2, time="2026-03-02T09:09:58.000Z")]
    near = [entry(1, time=later(10)), entry(2, time="2026-03-02T09:09:59.500Z")]
    assert signs(back) == [(Sign.CLOCK_STEP, "1, 2")]
    assert signs(near) == []


def test_two_entries_in_one_place_are_a_sign() -> None:
    """A log that was told to two people in two ways is caught when they meet."""
    told = log({}, {})
    edited = entry(2, dataset="lung")
    assert signs([*told, edited]) == [(Sign.TWO_HISTORIES, "2")]
    assert signs([*told, *told]) == []


def test_a_start_without_a_stop_is_a_sign() -> None:
    """A crash, or yesterday's copy of the database."""
    started = {"type": EventType.STARTED, "outcome": Outcome.DONE}
    assert signs(log(started, {}, started)) == [(Sign.UNCLEAN_STOP, "1, 3")]


def test_an_entry_that_nobody_witnessed_for_a_day_is_a_sign() -> None:
    """A day is allowed; an idle log whose entries are all covered is never stale."""
    found = log({}, {}, {})
    day = later(24 * 60 + 3)
    assert signs(found, covered={NODE: 2}, at=later(0.1, day)) == [(Sign.STALE_WITNESS, "3")]
    assert signs(found, covered={NODE: 2}, at=day) == []
    assert signs(found, covered={NODE: 3}, at=later(99_999)) == []


def office(*kinds: dict[str, Any]) -> Sequence[Entry]:
    """Return the coordinator's log."""
    return log(*kinds, node=COORDINATOR)


def compared(hospitals: Sequence[Entry], coordinator: Sequence[Entry]) -> list[tuple[Sign, str]]:
    """Return what reconciliation finds, and in whose log."""

    def place(found: Finding) -> tuple[Sign, str]:
        return found.sign, found.node

    return [place(found) for found in reconcile(hospitals, coordinator)]


def ended(number: int, kind: EventType, **more: object) -> list[dict[str, Any]]:
    """Return the fields of a query that came and ended."""
    return [query(EventType.QUERY_ACCEPTED, number, **more), query(kind, number, **more)]


ANSWERED: Final = ended(1, EventType.QUERY_ANSWER)


def test_logs_that_fit_show_nothing() -> None:
    """The same queries, told from both sides; a refused stranger need not be known."""
    never_one = small(9)
    assert compared(log(*ANSWERED, never_one), office(*ANSWERED)) == []


def test_the_coordinators_log_is_not_held_against_itself() -> None:
    """Whoever gives all logs at once gets what the hospitals' alone would give."""
    told = office(*ANSWERED, *ended(2, EventType.QUERY_ANSWER))
    assert compared([*log(*ANSWERED), *told], told) == compared(log(*ANSWERED), told) != []


def test_a_query_that_only_a_hospital_knows_is_named() -> None:
    """The coordinator's log keeps silent about a query that a hospital worked on."""
    found = log(*ANSWERED, *ended(2, EventType.QUERY_ANSWER))
    assert compared(found, office(*ANSWERED)) == [(Sign.ONLY_AT_HOSPITAL, NODE)]


def test_a_query_that_only_the_coordinator_knows_is_named() -> None:
    """One hospital that saw it is enough for it not to be."""
    two = office(*ANSWERED, *ended(2, EventType.QUERY_ANSWER))
    south = log(*ended(2, EventType.QUERY_ANSWER), node=SOUTH)
    assert compared(log(*ANSWERED), two) == [(Sign.ONLY_AT_COORDINATOR, COORDINATOR)]
    assert compared([*log(*ANSWERED), *south], two) == []


@pytest.mark.parametrize(
    "other",
    [
        ended(1, EventType.QUERY_FAILED, outcome=Outcome.FAILED),
        ended(1, EventType.QUERY_ANSWER, subject=BEN),
        ended(1, EventType.QUERY_ANSWER, dataset="lung"),
        ended(1, EventType.QUERY_ANSWER, operation="summary 1"),
    ],
    ids=["ending", "researcher", "dataset", "operation"],
)
def test_a_contradiction_is_named(other: list[dict[str, Any]]) -> None:
    """The logs name the same query and tell it differently."""
    mine = ended(1, EventType.QUERY_ANSWER, dataset="cardiology", operation="count 1")
    assert compared(log(*mine), office(*other)) == [(Sign.CONTRADICTION, NODE)]


def test_an_answer_that_is_a_refusal_is_sealed_to_the_coordinator() -> None:
    """It carries both the same, so that its log does not contradict; hidden, it still shows."""
    small = {"outcome": Outcome.REFUSED, "reason": Reason.COHORT_TOO_SMALL}
    mine = [ANSWERED[0], query(EventType.QUERY_ANSWER, 1, **small)]
    assert compared(log(*mine), office(*ANSWERED)) == []
    failed = ended(1, EventType.QUERY_FAILED, **small)
    assert compared(log(*failed), office(*ANSWERED)) == [(Sign.CONTRADICTION, NODE)]
    assert compared(log(*mine), office()) == [(Sign.ONLY_AT_HOSPITAL, NODE)]


def test_refused_answers_are_no_answers_to_learn_from() -> None:
    """Neither many of them are near-identical questions, nor is one the rewording of another."""
    refused = {"outcome": Outcome.REFUSED}
    found = log(*(question(number, **refused) for number in range(NEAR_IDENTICAL_COUNT)))
    assert signs(found) == []


def test_a_query_that_was_held_back_is_named() -> None:
    """It came minutes after it was submitted, behind one that was submitted later."""
    submitted = office(query(EventType.QUERY_SUBMITTED, 1), query(EventType.QUERY_SUBMITTED, 2))
    came = [
        entry(1, time=later(2), **query(EventType.QUERY_ACCEPTED, 2)),
        entry(2, time=later(7), **query(EventType.QUERY_ACCEPTED, 1)),
    ]
    (found,) = reconcile(came, submitted)
    assert (found.sign, found.entries) == (Sign.HELD_BACK, (2,))
    assert "behind queries that were submitted later" in found.what
    assert compared(came[:1], submitted[1:]) == []


def test_the_report_says_what_it_could_not_check() -> None:
    """An empty list is not read as "all is well" when half of it was not looked for."""
    make = REPORTS["anomalies"].make
    assert "Not checked: gaps" in make([], About()).explanation
    about = About(complete=True, covered={NODE: 1}, coordinator=(entry(node=COORDINATOR),))
    assert "All signs were looked for." in make([], about).explanation
