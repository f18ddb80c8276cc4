"""The course of a query, event by event."""

from itertools import permutations

import numpy as np
import pytest

from wardnet.errors import Reason, WardnetError
from wardnet.sums.arrays import Sums
from wardnet.transport.work import WorkId
from wardnet_coordinator.course import (
    Course,
    Failure,
    Outcome,
    Part,
    Refusal,
    Sealed,
    Standing,
)
from wardnet_coordinator.rounds import (
    Cancelled,
    DeadlinePassed,
    Event,
    Received,
    Step,
    step,
)

HOSPITALS = ("a", "b", "c", "d")
QUERY = "0" * 64


def course(*, minimum: int = 4) -> Course:
    """Return a query to four hospitals that nobody has worked on."""
    return Course(QUERY, HOSPITALS, minimum, HOSPITALS)


def sums(*entries: int) -> Sums:
    """Return sums of one narrow and one wide array."""
    return {"n": np.array(entries, np.int64), "wide": np.array([e << 100 for e in entries], object)}


def part(value: int = 1, *, snapshot: str = "1:x", transcript: str = "t") -> Part:
    """Return one hospital's part."""
    return Part(sums(value, 2 * value), snapshot, transcript)


def sealed(name: str) -> Sealed:
    """Return one hospital's answer."""
    return Sealed(name.encode())


def received(before: Course, hospital: str, result: Part | Sealed | Refusal) -> Received:
    """Return the event that a hospital has sent its result of the present round."""
    return Received(hospital, before.work, result)


def run(before: Course, *events: Event) -> Step:
    """Return the last of several steps."""
    last = Step(before)
    for event in events:
        last = step(last.course, event)
    return last


def everyone(before: Course, result: Part | None = None) -> Step:
    """Return the step after every hospital of the attempt has sent a part, or its answer."""
    return run(
        before,
        *(received(before, name, result or sealed(name)) for name in before.hospitals),
    )


def test_the_last_part_closes_the_round_with_the_sum_of_all_parts() -> None:
    """A total is the entrywise sum and names its participants in order."""
    start = course()
    events = [received(start, name, part(n)) for n, name in enumerate(HOSPITALS, start=1)]
    last = run(start, *events)
    total = last.course.total
    assert total is not None
    assert total.sums["n"].tolist() == [10, 20]
    assert total.sums["wide"].tolist() == [10 << 100, 20 << 100]
    assert [p.hospital for p in total.participants] == list(HOSPITALS)
    assert last.course.work == WorkId(QUERY, 1, 1)
    assert last.durable


def test_parts_are_acknowledged_only_when_their_total_is_to_be_stored() -> None:
    """A coordinator that dies in mid-round loses nothing: nodes still hold their parts."""
    start = course()
    events = [received(start, name, part()) for name in HOSPITALS]
    open_round = run(start, *events[:3])
    assert open_round.acknowledge == ()
    assert not open_round.durable
    closed = step(open_round.course, events[3])
    assert closed.acknowledge == tuple((name, start.work) for name in HOSPITALS)


def test_the_order_of_arrival_does_not_change_the_course() -> None:
    """All 24 orders of four parts lead to the same totals."""
    start = course()
    events = [received(start, name, part(n)) for n, name in enumerate(HOSPITALS)]
    courses = [run(start, *order).course for order in permutations(events)]
    totals = [c.total for c in courses if c.total is not None]
    assert {total.sums["n"].tobytes() for total in totals} == {sums(6, 12)["n"].tobytes()}
    assert len(totals) == 24
    assert (
        len({(c.work, total.participants) for c, total in zip(courses, totals, strict=True)}) == 1
    )


def test_a_repeated_part_counts_once() -> None:
    """A part that is sent again after a reconnect is the same part."""
    start = course()
    again = run(start, received(start, "a", part(5)), received(start, "a", part(5)))
    assert again.course.results.keys() == {"a"}
    assert again.acknowledge == ()


@pytest.mark.parametrize("late", [WorkId(QUERY, 1, 0), WorkId(QUERY, 7, 0), WorkId(QUERY, 1, 9)])
def test_a_part_of_another_round_is_acknowledged_and_ignored(late: WorkId) -> None:
    """Past rounds and attempts are over; nobody needs their parts."""
    second = everyone(course(), part()).course
    after = step(second, Received("a", late, part()))
    assert after == Step(second, (("a", late),))


def test_a_hospital_that_was_not_asked_changes_nothing() -> None:
    """The hospitals of a query are fixed by its signature."""
    start = course()
    after = step(start, Received("z", start.work, part()))
    assert after == Step(start, (("z", start.work),))


def test_a_query_is_answered_when_every_participant_has_sent_its_answer() -> None:
    """They are kept as they came: only the researcher can open and compare them."""
    second = everyone(course(), part()).course
    last = everyone(second)
    assert last.course.outcome is Outcome.ANSWERED
    assert last.course.answers == {name: name.encode() for name in HOSPITALS}
    assert last.durable
    assert len(last.acknowledge) == 4
    assert last.course.total is None


@pytest.mark.parametrize(
    ("odd", "rule"),
    [
        (part(transcript="other"), "different totals"),
        (sealed("d"), "d reached the end and a, b, c did not"),
    ],
    ids=["transcript", "early answer"],
)
def test_hospitals_that_diverge_end_the_query(odd: Part | Sealed, rule: str) -> None:
    """Nobody adds what belongs to different states."""
    start = course()
    events = [received(start, name, part()) for name in "abc"]
    last = run(start, *events, received(start, "d", odd))
    assert last.course.outcome is Outcome.FAILED
    assert last.course.failure is not None
    assert last.course.failure.reason is Reason.ROUNDS_DIVERGED
    assert rule in last.course.failure.details["rule"]


def test_a_snapshot_that_changes_between_rounds_ends_the_query() -> None:
    """Totals of one attempt rest on the same data."""
    second = everyone(course(), part(snapshot="1:x")).course
    last = everyone(second, part(snapshot="2:y"))
    assert last.course.failure is not None
    assert last.course.failure.reason is Reason.ROUNDS_DIVERGED


@pytest.mark.parametrize(
    "wrong",
    [
        {"n": np.array([1, 2], np.int64)},
        {"n": np.array([1], np.int64), "wide": np.array([1, 2], object)},
        {"n": np.array([1 << 49, 2], np.int64), "wide": np.array([1, 2], object)},
        {"n": np.array([1, 2], np.int64), "wide": np.array([-(1 << 243), 2], object)},
    ],
    ids=["names", "shape", "narrow range", "wide range"],
)
def test_parts_that_cannot_be_added_end_the_query(wrong: Sums) -> None:
    """Sums neither broadcast nor wrap."""
    start = course()
    events = [received(start, name, part()) for name in "abc"]
    last = run(start, *events, received(start, "d", Part(wrong, "1:x", "t")))
    assert last.course.failure is not None
    assert last.course.failure.reason is Reason.IMPLAUSIBLE_TOTAL
    assert last.course.total is None


def test_a_refusal_ends_the_query_and_names_the_hospital() -> None:
    """A refusal is a veto, never a dropout."""
    start = course(minimum=1)
    causes = (
        WardnetError(Reason.DATASET_UNAVAILABLE, dataset="heart"),
        WardnetError(Reason.AGREEMENT_ENDED, hospital="b"),
    )
    refusal = Refusal.of(*causes)
    last = run(start, received(start, "a", part()), received(start, "b", refusal))
    assert last.course.outcome is Outcome.FAILED
    assert last.course.failure is not None
    assert last.course.failure.reason is Reason.HOSPITAL_REFUSED
    assert last.course.failure.details["hospital"] == "b"
    assert last.course.failure.details["rule"] == " ".join(map(str, causes))
    assert last.course.refusals == {"b": refusal}
    assert last.course.standing("b", connected=True) is Standing.REFUSED
    assert last.acknowledge == (("a", start.work), ("b", start.work))


def test_a_missed_deadline_starts_over_with_the_survivors() -> None:
    """Totals never mix sets of hospitals: the next attempt begins with round 0."""
    second = everyone(course(minimum=3), part()).course
    events = [received(second, name, part()) for name in "abc"]
    last = run(second, *events, DeadlinePassed(second.work))
    assert last.course.work == WorkId(QUERY, 2, 0)
    assert last.course.hospitals == ("a", "b", "c")
    assert last.course.lost == ("d",)
    assert last.course.total is None
    assert last.acknowledge == tuple((name, second.work) for name in "abc")
    assert last.durable


def test_a_lost_hospital_stays_out() -> None:
    """A part of a hospital that came back late is acknowledged and ignored."""
    start = course(minimum=3)
    events = [received(start, name, part()) for name in "abc"]
    second = run(start, *events, DeadlinePassed(start.work)).course
    after = step(second, Received("d", second.work, part()))
    assert after == Step(second, (("d", second.work),))
    assert second.standing("d", connected=True) is Standing.LOST


def test_too_few_survivors_end_the_query_naming_the_lost() -> None:
    """The minimum is the researcher's."""
    start = course(minimum=3)
    events = [received(start, name, part()) for name in "bc"]
    last = run(start, *events, DeadlinePassed(start.work))
    assert last.course.outcome is Outcome.FAILED
    assert last.course.failure == Failure(Reason.HOSPITALS_LOST, {"hospitals": "a, d"})


def test_nobody_answering_ends_the_query_even_with_a_minimum_of_one() -> None:
    """An answer rests on at least one hospital."""
    start = course(minimum=1)
    last = step(start, DeadlinePassed(start.work))
    assert last.course.failure == Failure(Reason.HOSPITALS_LOST, {"hospitals": "a, b, c, d"})


def test_the_deadline_of_a_past_round_changes_nothing() -> None:
    """A timer may fire just after its round has closed."""
    start = course()
    second = everyone(start, part()).course
    assert step(second, DeadlinePassed(start.work)) == Step(second)


def test_cancelling_ends_a_running_query_only() -> None:
    """An answer that is there stays."""
    start = course()
    cancelled = run(start, received(start, "a", part()), Cancelled())
    assert cancelled.course.outcome is Outcome.CANCELLED
    assert cancelled.acknowledge == (("a", start.work),)
    answered = everyone(everyone(start, part()).course).course
    assert step(answered, Cancelled()) == Step(answered)


def test_an_ended_query_acknowledges_whatever_comes_late() -> None:
    """A node must not keep a result for ever."""
    start = course()
    ended = step(start, Cancelled()).course
    assert step(ended, Received("a", start.work, part())) == Step(ended, (("a", start.work),))


def test_standings_follow_results_and_connections() -> None:
    """A hospital without a result computes while it is connected, and is away while not."""
    start = course()
    after = step(start, received(start, "a", part())).course
    assert after.standing("a", connected=False) is Standing.SENT
    assert after.standing("b", connected=True) is Standing.COMPUTING
    assert after.standing("b", connected=False) is Standing.AWAY
