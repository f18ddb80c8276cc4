"""A node follows the totals of an attempt, and refuses a history that is not one."""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import pytest

from support.pki import TestNetwork
from support.questions import DICTIONARY, count_query, signed
from wardnet.audit.entry import EventType, Outcome
from wardnet.errors import Reason, WardnetError
from wardnet.question.answer import Participant
from wardnet.question.query import Query
from wardnet.statistics.session import Session
from wardnet.sums import arrays
from wardnet.sums.arrays import Sums, zeros
from wardnet.transport.work import Total, Work, WorkId
from wardnet_node.attempt import Attempt
from wardnet_node.desk.accept import take_up
from wardnet_node.desk.events import of_query
from wardnet_node.desk.gate import Opened
from wardnet_node.vault.snapshot import Snapshot

HOSPITALS = ("a", "b")
SNAPSHOT = "1:aa"
PARTICIPANTS = (Participant("a", SNAPSHOT), Participant("b", "7:bb"))


@cache
def network() -> TestNetwork:
    """Return one network for all tests of this module."""
    return TestNetwork()


@pytest.fixture
def attempt() -> Attempt:
    """Return the first attempt of a count by sex, at hospital a."""
    return attempted(count_query(network(), at=network().at))


def attempted(query: Query) -> Attempt:
    """Return the first attempt of a query among hospitals a and b, at hospital a."""
    at, envelope = network().at, signed(network(), query)
    snapshot = Snapshot("cardiology", 1, SNAPSHOT, DICTIONARY, (), rows=50, patients=50)
    permitted = take_up(envelope, snapshot=snapshot)
    event = of_query(network().node("a").member, query=query, envelope=envelope, snapshot=SNAPSHOT)
    return Attempt(Opened(permitted, at, event), number=1, hospitals=HOSPITALS, hospital="a")


def guards(attempt: Attempt, *, women: int = 30, men: int = 20) -> Sums:
    """Return the guard total of so many women and men."""
    sums = {spec.name: zeros(spec) for spec in attempt.session.tally.specs}
    whole = women + men
    for name, array in sums.items():
        array[...] = whole if name in {"dataset", "cohort"} else np.array([women, men])
    return sums


def work(
    attempt: Attempt,
    number: int,
    totals: Sequence[Sums],
    *,
    participants: tuple[Participant, ...] = PARTICIPANTS,
    hospitals: tuple[str, ...] = HOSPITALS,
) -> Work:
    """Return work for one round, with the totals of the last rounds before it."""
    identity = WorkId(attempt.session.transcript[:64].ljust(64, "0"), 1, number)
    first = number - len(totals)
    numbered = enumerate(totals, start=first)
    envelope = signed(network(), attempt.opened.query)
    return Work(
        identity,
        envelope,
        hospitals,
        tuple(Total(position, sums, participants) for position, sums in numbered),
    )


def diverged(catch_up: Callable[[], None]) -> bool:
    """Say whether the work is refused as another history."""
    with pytest.raises(WardnetError) as caught:
        catch_up()
    return caught.value.reason is Reason.ROUNDS_DIVERGED


def test_a_total_leads_to_the_next_round(attempt: Attempt) -> None:
    """Every total is stepped here, and its digest joins the transcript."""
    attempt.catch_up(work(attempt, 0, []))
    attempt.catch_up(work(attempt, 1, [guards(attempt)]))
    assert attempt.session.round == 1
    assert len(set(attempt.transcripts)) == 2


def test_a_history_may_come_again_unchanged(attempt: Attempt) -> None:
    """After a reconnect the coordinator sends every total again."""
    again = work(attempt, 1, [guards(attempt)])
    attempt.catch_up(again)
    before = list(attempt.transcripts)
    attempt.catch_up(again)
    assert attempt.transcripts == before


def test_a_changed_total_is_refused(attempt: Attempt) -> None:
    """Two totals for one round would show two answers."""
    first, second = guards(attempt), guards(attempt, women=31)
    attempt.catch_up(work(attempt, 1, [first]))
    assert diverged(lambda: attempt.catch_up(work(attempt, 1, [second])))


def test_a_missing_total_is_refused(attempt: Attempt) -> None:
    """Work for a later round needs every total before it."""
    assert diverged(lambda: attempt.catch_up(work(attempt, 1, [])))
    assert diverged(lambda: attempt.catch_up(work(attempt, 2, [guards(attempt)])))


@pytest.mark.parametrize(
    "participants",
    [
        (Participant("a", SNAPSHOT),),
        (Participant("a", SNAPSHOT), Participant("c", "7:bb")),
        (Participant("a", "2:cc"), Participant("b", "7:bb")),
    ],
    ids=["a hospital less", "another hospital", "another snapshot of ours"],
)
def test_a_total_rests_on_the_attempts_hospitals_and_our_snapshot(
    attempt: Attempt, participants: tuple[Participant, ...]
) -> None:
    """What the total says of us must be what we sent."""
    assert diverged(
        lambda: attempt.catch_up(work(attempt, 1, [guards(attempt)], participants=participants))
    )


def test_the_hospitals_of_an_attempt_do_not_change(attempt: Attempt) -> None:
    """A smaller set is another attempt."""
    assert diverged(lambda: attempt.catch_up(work(attempt, 0, [], hospitals=("a",))))


def test_the_log_says_whose_question_was_answered_with_what(attempt: Attempt) -> None:
    """The entry names researcher, data, method and digests, and nothing of the content."""
    event = attempt.part_event(
        work(attempt, 0, []).id, arrays.digest(guards(attempt)), key=b"secret"
    )
    assert (event.type, event.outcome) == (EventType.QUERY_PART, Outcome.RELEASED)
    assert event.actor.subject == "wardnet://heartnet/researcher/ada"
    assert (event.dataset, event.snapshot, event.operation) == ("cardiology", SNAPSHOT, "count 1")
    assert event.request_id is not None
    assert event.request_id.endswith("/1/0")
    assert event.result_digest is not None


def test_the_log_digests_sums_under_a_key(attempt: Attempt) -> None:
    """A hospital's sums are few enough to be tried; without its key no try is confirmed."""
    identity, sums = work(attempt, 0, []).id, guards(attempt)

    def digest(sums: Sums, key: bytes) -> str | None:
        return attempt.part_event(identity, arrays.digest(sums), key=key).result_digest

    assert digest(sums, b"ours") == digest(sums, b"ours") != digest(sums, b"theirs")
    assert digest(sums, b"ours") != digest(guards(attempt, women=31), b"ours")
    assert digest(sums, b"ours") != arrays.digest(sums)


def test_a_report_is_told_once_and_the_next_a_second_later(
    attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what is new is told, by a clock that the caller reads."""

    def told(loss: float, *, at: float) -> bool:
        monkeypatch.setattr(Session, "interim", {"loss": loss})
        return bool(attempt.interim(WorkId("0" * 64, 1, 2), at=at))

    assert [told(0.5, at=7.0), told(0.5, at=9.0)] == [True, False]
    assert [told(0.4, at=7.9), told(0.4, at=8.0)] == [False, True]


def test_nothing_is_told_of_some_hospitals_where_others_may_join(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The coordinator says who takes part: after two as few as allowed, it may bring all three."""
    query = count_query(network(), at=network().at, hospitals=("a", "b", "c"))
    assert query.minimum_hospitals == len(HOSPITALS)
    monkeypatch.setattr(Session, "interim", {"loss": 0.5})
    assert not attempted(query).interim(WorkId("0" * 64, 1, 2), at=7.0)


def test_the_log_digests_a_report_together_with_its_part(attempt: Attempt) -> None:
    """What was told cannot be changed afterwards, and the entry names who was told."""
    identity, sums = work(attempt, 0, []).id, guards(attempt)
    plain, first, other = (
        attempt.part_event(identity, arrays.digest(sums), key=b"secret", interim=report)
        for report in (b"", b"0.5", b"0.4")
    )
    assert len({each.result_digest for each in (plain, first, other)}) == 3
    assert [each.recipient for each in (plain, first)] == [None, plain.actor.subject]
