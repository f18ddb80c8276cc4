"""Run the queries: one task each, from its first round to its end.

A task takes one event after the other, makes what follows from it durable, and only then lets
anybody know. Nothing is lost when the process dies: results come again until they are
acknowledged, and everything else is in the database.
"""

import asyncio
import secrets
from collections.abc import (
    AsyncIterator,
    Callable,
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Final, TypeVar

from wardnet import clock, logs
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope, Trust
from wardnet.identity.member import Member
from wardnet.transport.work import Work, WorkId
from wardnet_coordinator import queries
from wardnet_coordinator.broker import Attachment, Broker, asked
from wardnet_coordinator.course import Course, Failure, Outcome, Part, Refusal, Sealed
from wardnet_coordinator.queries import Record
from wardnet_coordinator.rounds import Cancelled, DeadlinePassed, Event, Received, Step, step
from wardnet_coordinator.state import Database, Job

T = TypeVar("T")

WATCH_SECONDS: Final = 0.1
"""Shortest time between two changes that a watcher is told; the end is told at once."""

RETRY_SECONDS: Final = 1.0
"""Pause after a commit that failed, e.g. on a full disk; the query waits."""


@dataclass(slots=True)
class _Run:
    """A running query: how it stands, what has happened, and who wants to hear of it."""

    record: Record
    inbox: asyncio.Queue[Event] = field(default_factory=partial(asyncio.Queue, 64))
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def course(self) -> Course:
        return self.record.course

    def announce(self) -> None:
        """Wake everybody who watches; whoever comes later waits for the next change."""
        self.changed.set()
        self.changed = asyncio.Event()


class Conductor:
    """Run all queries of a coordinator.

    Parameters
    ----------
    database : Database
        Where everything is durable.
    broker : Broker
        The streams to the hospitals.
    trust : Trust
        Whose signatures count.
    round_deadline : float
        Seconds after which a hospital without a result is lost.
    """

    def __init__(
        self, *, database: Database, broker: Broker, trust: Trust, round_deadline: float
    ) -> None:
        self._database = database
        self._broker = broker
        self._trust = trust
        self._round_deadline = round_deadline
        self._runs: dict[str, _Run] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def resume(self) -> None:
        """Take up all queries that were running when the coordinator stopped."""
        for record in await self._database.read(queries.running):
            self._start(record)
        self._spawn(self._forget_totals())

    async def close(self) -> None:
        """Stop where things stand; `resume` goes on from there."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def submit(self, envelope: Envelope, caller: Member) -> str:
        """Store a signed query durably, open its first round, and return its id.

        Raises
        ------
        WardnetError
            What `queries.check` and `queries.insert` refuse.
        """
        at = clock.now()
        record = queries.check(envelope, caller=caller, trust=self._trust, at=at)
        # A caller that hangs up now must not leave a stored query that nobody runs.
        await asyncio.shield(self._spawn(self._accept(record, at=at)))
        return record.course.query

    async def cancel(self, query: str, researcher: str) -> None:
        """End a query, unless it has ended."""
        found = await self.find(query, researcher)
        run = self._runs.get(found.course.query)
        if run is not None:
            await self._put(run, Cancelled())
            while run.course.running:
                await run.changed.wait()

    async def find(self, query: str, researcher: str) -> Record:
        """Return how a researcher's query stands.

        Parameters
        ----------
        query : str
            Its id, or an unambiguous beginning.

        Raises
        ------
        WardnetError
            `QUERY_UNKNOWN`, also for somebody else's.
        """
        find = partial(queries.find, query=query, researcher=researcher)
        return self._present(await self._database.read(find))

    async def recent(self, researcher: str, *, limit: int) -> Sequence[Record]:
        """Return a researcher's queries, newest first."""
        recent = partial(queries.recent, researcher=researcher, limit=limit)
        return [self._present(record) for record in await self._database.read(recent)]

    async def watch(self, query: str, researcher: str) -> AsyncIterator[Record]:
        """Yield how a query stands, now and after changes, until it has ended."""
        record = await self.find(query, researcher)
        run = self._runs.get(record.course.query)
        while run is not None and run.course.running:
            changed = run.changed
            yield run.record
            await changed.wait()
            with suppress(TimeoutError):  # rounds may be faster than anybody can read
                async with asyncio.timeout(WATCH_SECONDS):
                    await run.ended.wait()
        yield await self.find(record.course.query, researcher)

    async def answers(self, query: str, researcher: str) -> AsyncIterator[tuple[str, bytes]]:
        """Yield the sealed answers of a researcher's query, by hospital; one is in memory."""
        found, hospital = await self.find(query, researcher), ""
        read = partial(queries.answer, query=found.course.query)
        while answer := await self._database.read(partial(read, after=hospital)):
            hospital = answer[0]
            yield answer

    async def totals(self, work: WorkId, hospital: str, *, first: int) -> AsyncIterator[bytes]:
        """Yield the totals that a hospital has missed, as they are stored; one is in memory.

        Raises
        ------
        WardnetError
            `QUERY_UNKNOWN` when the hospital has no part in such work any more.
        """
        for number in range(first, work.round):
            run = self._runs.get(work.query)
            total = None
            if run is not None and run.course.work == work and hospital in run.course.hospitals:
                read = partial(queries.total, query=work.query, round_=number)
                total = await self._database.read(read)
            if total is None:
                raise WardnetError(Reason.QUERY_UNKNOWN, query=work.query)
            yield total

    def attached(self, attachment: Attachment) -> None:
        """Give a hospital that has just attached all its work."""
        for run in self._runs.values():
            if attachment.hospital in run.course.asked:
                attachment.tell(run.course, asked(run.course, run.record.envelope))
                run.announce()

    def detached(self, attachment: Attachment) -> None:
        """Let watchers see that a hospital has gone."""
        for run in self._runs.values():
            if attachment.hospital in run.course.asked:
                run.announce()

    async def receive(
        self, attachment: Attachment, work: WorkId, read: Callable[[], Part | Sealed | Refusal]
    ) -> None:
        """Take a hospital's result; one that nobody waits for is not read.

        Parameters
        ----------
        read : callable
            Returns the result, unpacked only when called: it may be millions of numbers.
        """
        hospital = attachment.hospital
        run = self._runs.get(work.query)
        if run is None or hospital not in run.course.hospitals:
            attachment.acknowledge(work)
            attachment.dismiss(work.query)
        elif work != run.course.work:  # its round is over: nobody needs to keep it
            attachment.acknowledge(work)
        elif hospital not in run.course.results:  # else it is kept until the round's end is durable
            await self._put(run, Received(hospital, work, read()))

    def _present(self, record: Record) -> Record:
        run = self._runs.get(record.course.query)
        return record if run is None else run.record

    async def _accept(self, record: Record, *, at: datetime) -> None:
        if await self._database.write(partial(queries.insert, record=record, at=at)):
            self._start(record)

    def _start(self, record: Record) -> None:
        self._runs[record.course.query] = run = _Run(record)
        self._tell(run, asked(record.course, record.envelope))
        self._spawn(self._conduct(run))

    def _spawn(self, doing: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(doing)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _conduct(self, run: _Run) -> None:
        loop = asyncio.get_running_loop()
        while run.course.running:
            work, deadline = run.course.work, loop.time() + self._round_deadline
            while run.course.running and run.course.work == work:
                await self._apply(run, await _next(run.inbox, work, deadline))
        del self._runs[run.course.query]
        run.ended.set()
        self._drain(run)
        await self._forget_totals()

    async def _apply(self, run: _Run, event: Event) -> None:
        outcome, at = _step(run.course, event), clock.now()
        ended = 0 if outcome.course.running else queries.milliseconds(at)
        told = {**run.record.interim, **_told(event)}
        after = replace(run.record, course=outcome.course, ended=ended, interim=told)
        work = asked(after.course, after.envelope)
        if outcome.durable:
            await self._store(after, work, at=at)
        # Answers are for the researcher who asks for them, and in the database.
        run.record = replace(after, course=replace(after.course, answers={}))
        if outcome.durable:
            self._tell(run, work)
        for hospital, done in outcome.acknowledge:
            self._acknowledge(hospital, done)
        run.announce()

    async def _put(self, run: _Run, event: Event) -> None:
        await run.inbox.put(event)
        if not run.course.running:  # it ended while the inbox was full, and others wait behind
            self._drain(run)

    def _drain(self, run: _Run) -> None:
        """Answer what came in while the query was ending."""
        while not run.inbox.empty():
            event = run.inbox.get_nowait()
            if isinstance(event, Received):
                self._acknowledge(event.hospital, event.work)

    def _acknowledge(self, hospital: str, work: WorkId) -> None:
        attachment = self._broker.find(hospital)
        if attachment is not None:
            attachment.acknowledge(work)

    async def _forget_totals(self) -> None:
        """Delete the totals of queries that have ended."""
        while await self._write(queries.forget_totals):
            pass

    async def _write(self, job: Job[T], *, query: str = "") -> T:
        """Commit; until that has succeeded nothing goes on."""
        while True:
            try:
                return await self._database.write(job)
            except Exception as error:  # noqa: BLE001 - logged, and tried until it works
                logs.logger().error("not_stored", query=query, error=type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)

    async def _store(self, after: Record, work: Work, *, at: datetime) -> None:
        """Commit a step; while the disk writes, bring the hospitals the total that is written.

        They compute with it, and release nothing before they are asked.
        """
        if after.course.running and work.ahead is not None:
            with suppress(WardnetError):  # too large: whoever sends the work hears of it
                _ = work.ahead.pieces
                for attachment in self._attached(after.course.hospitals):
                    attachment.prepare(work.ahead)
        await self._write(partial(queries.keep, after=after, at=at), query=work.id.query)

    def _tell(self, run: _Run, work: Work) -> None:
        for attachment in self._attached(run.course.asked):
            attachment.tell(run.course, work)

    def _attached(self, hospitals: Iterable[str]) -> Iterator[Attachment]:
        found = map(self._broker.find, hospitals)
        return (attachment for attachment in found if attachment is not None)


async def _next(inbox: asyncio.Queue[Event], work: WorkId, deadline: float) -> Event:
    try:
        async with asyncio.timeout_at(deadline):
            return await inbox.get()
    except TimeoutError:
        return DeadlinePassed(work)


def _told(event: Event) -> Mapping[str, bytes]:
    """Return what a hospital tells the researcher beside its part; usually nothing."""
    match event:
        case Received(hospital=hospital, result=Part(interim=sealed)) if sealed:
            return {hospital: sealed}
        case _:
            return {}


def _step(course: Course, event: Event) -> Step:
    """Take a step; a bug ends the one query that met it, with an incident id."""
    try:
        return step(course, event)
    except Exception as error:  # noqa: BLE001 - logged here, once
        incident = secrets.token_hex(4)
        logs.logger().error(
            "incident",
            incident=incident,
            query=course.query,
            error=type(error).__name__,
            place=logs.place(error),
        )
        failure = Failure(Reason.INTERNAL, {"incident": incident})
        ended = replace(course, outcome=Outcome.FAILED, failure=failure, total=None)
        return Step(ended, durable=True)
