"""What a stream carries: always how things stand now, each total once."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope
from wardnet.transport.work import Total, Work, WorkId
from wardnet_coordinator.broker import (
    MAXIMUM_WAITING,
    Acknowledged,
    Attachment,
    Broker,
    Ended,
    Heartbeat,
    Inquiry,
    Outgoing,
    Proposed,
    asked,
)
from wardnet_coordinator.course import Course, Outcome

QUERY = "0" * 64
ENVELOPE = Envelope("query", b"{}", ())
COURSE = Course(QUERY, ("a", "b"), 1, ("a", "b"))


def advanced(course: Course) -> Course:
    """Return a course one round further."""
    total = Total(course.round, {"n": np.zeros(1, np.int64)}, ())
    return replace(course, round=course.round + 1, total=total)


def carried(*steps: Callable[[Attachment], None]) -> list[Outgoing]:
    """Return what one stream to `a` carries when each step is sent before the next."""

    async def scenario() -> list[Outgoing]:
        attachment = Attachment("a", 1)
        outgoing = attachment.outgoing(heartbeat=60)
        messages = []
        for step in steps:
            step(attachment)
            mark = WorkId("mark", 1, 0)
            attachment.acknowledge(mark)
            while (message := await anext(outgoing)) != Acknowledged(mark):
                messages.append(message)
        await outgoing.aclose()
        return messages

    return asyncio.run(scenario())


def tell(course: Course) -> Callable[[Attachment], None]:
    """Return the step that a query stands like this."""
    return lambda attachment: attachment.tell(course, asked(course, ENVELOPE))


def test_work_brings_the_newest_total() -> None:
    """Earlier ones a hospital has, or asks for."""
    second = advanced(advanced(COURSE))
    third = advanced(second)
    first, next_ = carried(tell(second), tell(third))
    assert isinstance(first, Work)
    assert isinstance(next_, Work)
    assert [total.round for total in first.totals] == [1]
    assert [total.round for total in next_.totals] == [2]
    assert (next_.id, next_.hospitals, next_.query) == (third.work, ("a", "b"), ENVELOPE)


def test_work_is_carried_once() -> None:
    """Whatever changes without a new round is no news to a hospital."""
    assert len(carried(tell(COURSE), tell(COURSE))) == 1


def test_later_work_acknowledges_what_came_before_it() -> None:
    """No acknowledgement follows work of a later round; without such work there is one."""

    def result(attachment: Attachment) -> None:
        attachment.acknowledge(COURSE.work)

    later = advanced(COURSE)
    assert carried(tell(COURSE), tell(later), result) == carried(tell(COURSE), tell(later))
    assert carried(tell(COURSE), result)[1:] == [Acknowledged(COURSE.work)]


def test_a_new_attempt_starts_from_the_beginning() -> None:
    """Its totals rest on other hospitals."""
    again = advanced(replace(COURSE, attempt=2, hospitals=("a",)))
    _, work = carried(tell(advanced(COURSE)), tell(again))
    assert isinstance(work, Work)
    assert [total.round for total in work.totals] == [0]


def test_a_newer_state_takes_the_place_of_an_older_one() -> None:
    """A slow stream costs no memory and carries no stale work."""

    def both(attachment: Attachment) -> None:
        tell(COURSE)(attachment)
        tell(advanced(COURSE))(attachment)

    (work,) = carried(both)
    assert isinstance(work, Work)
    assert work.id.round == 1


@pytest.mark.parametrize(
    "then",
    [
        replace(COURSE, outcome=Outcome.CANCELLED),
        replace(COURSE, attempt=2, hospitals=("b",)),
        advanced(advanced(COURSE)),
    ],
    ids=["ended", "lost", "later"],
)
def test_a_total_waits_only_for_the_work_that_comes_next(then: Course) -> None:
    """A hospital that reads nothing would keep the last total of every query in memory."""
    after = advanced(COURSE)
    ahead = asked(after, ENVELOPE).ahead
    assert ahead is not None

    def prepare(attachment: Attachment) -> None:
        attachment.prepare(ahead)

    def both(attachment: Attachment) -> None:
        prepare(attachment)
        tell(then)(attachment)

    assert ahead in carried(tell(COURSE), prepare, tell(after))
    assert ahead not in carried(tell(COURSE), both)


@pytest.mark.parametrize(
    "over",
    [replace(COURSE, outcome=Outcome.FAILED), replace(COURSE, hospitals=("b",), attempt=2)],
    ids=["ended", "lost"],
)
def test_a_query_without_more_work_is_named_once_and_only_if_it_had_work(over: Course) -> None:
    """A hospital hears of the end of what it was asked for."""
    assert carried(tell(COURSE), tell(over), tell(over))[1:] == [Ended(QUERY)]
    assert carried(tell(over)) == []


def test_a_study_that_still_waits_is_carried_once_and_every_inquiry() -> None:
    """A study is the same whenever it comes; two inquiries are two questions."""

    def several(attachment: Attachment) -> None:
        for number in (1, 2):
            attachment.carry(Proposed(ENVELOPE))
            attachment.carry(Inquiry(number, ENVELOPE))

    assert carried(several) == [Proposed(ENVELOPE), Inquiry(1, ENVELOPE), Inquiry(2, ENVELOPE)]


def test_silence_is_filled_with_heartbeats() -> None:
    """A stream without work still shows that we live."""

    async def scenario() -> Outgoing:
        return await anext(Attachment("a", 1).outgoing(heartbeat=0))

    assert asyncio.run(scenario()) == Heartbeat()


def test_closing_in_order_carries_what_waits_and_closing_with_an_error_does_not() -> None:
    """A fenced process gets nothing any more."""

    async def scenario(error: WardnetError | None) -> list[Outgoing]:
        attachment = Attachment("a", 1)
        attachment.acknowledge(COURSE.work)
        attachment.close(error)
        attachment.acknowledge(WorkId(QUERY, 9, 9))
        return [message async for message in attachment.outgoing(heartbeat=60)]

    assert asyncio.run(scenario(None)) == [Acknowledged(COURSE.work)]
    with pytest.raises(WardnetError):
        asyncio.run(scenario(WardnetError(Reason.SUPERSEDED, identity="a")))


def test_a_stream_that_nobody_reads_is_cut_off() -> None:
    """What waits for one hospital is bounded."""

    async def scenario() -> None:
        attachment = Attachment("a", 1)
        for number in range(MAXIMUM_WAITING + 1):
            attachment.acknowledge(WorkId(QUERY, 1, number))
        await anext(attachment.outgoing(heartbeat=60))

    with pytest.raises(WardnetError) as caught:
        asyncio.run(scenario())
    assert caught.value.reason is Reason.WORK_LIMIT


def test_the_newest_stream_of_a_process_counts() -> None:
    """A reconnect takes the place of the stream before, which ends in order."""

    async def scenario() -> None:
        broker = Broker()
        older = broker.attach("a", epoch=3)
        newer = broker.attach("a", epoch=3)
        assert broker.find("a") is newer
        assert [message async for message in older.outgoing(heartbeat=60)] == []
        broker.detach(older)
        assert broker.find("a") is newer
        broker.detach(newer)
        assert broker.find("a") is None

    asyncio.run(scenario())
