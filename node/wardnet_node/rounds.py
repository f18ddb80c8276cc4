"""One piece of work from start to end: accept, step, compute, make durable; only then return."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from time import monotonic, perf_counter_ns
from typing import TypeAlias

from wardnet import logs
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope, sign
from wardnet.jobs import Jobs
from wardnet.question import answer as answers
from wardnet.question import interim
from wardnet.question.answer import Answer
from wardnet.sealing.answers import INTERIM, seal
from wardnet.statistics.fitting import weights
from wardnet.sums import arrays
from wardnet.sums.arrays import PackedArray
from wardnet.transport.convert import answer_to_bytes, envelope_to_bytes
from wardnet.transport.pieces import check_length
from wardnet.transport.work import Ahead, Total, Work, WorkId
from wardnet_node import messages
from wardnet_node.attempt import Attempt, part_digest
from wardnet_node.compute.pool import WorkerPool
from wardnet_node.desk.accept import Refused
from wardnet_node.desk.desk import Desk
from wardnet_node.desk.gate import Opened
from wardnet_node.outbox import Result

Missed: TypeAlias = Callable[[WorkId, int], AsyncIterator[Total]]
"""Ask the coordinator for the totals before some work, from some round on."""


@dataclass(slots=True)
class _Course:
    """Hold one query; its pieces of work are done one after the other."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    turns: int = 0
    attempt: Attempt | None = None
    released: WorkId | None = None
    taken: WorkId | None = None
    ahead: "asyncio.Task[_Computed] | None" = None

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for one's turn; until it is over, it counts."""
        self.turns += 1
        try:
            async with self.lock:
                yield
        finally:
            self.turns -= 1

    def goes_on_with(self, work: WorkId) -> bool:
        """Say whether some work is the next one of the present attempt."""
        attempt, asked = self.attempt, (work.attempt, work.round)
        return attempt is not None and asked == (attempt.number, attempt.session.round + 1)

    @property
    def busy(self) -> bool:
        """Say whether anybody has a turn or waits for one, or anything is computed."""
        return self.turns > 0 or (self.ahead is not None and not self.ahead.done())

    def reset(self) -> None:
        """Forget how far it is."""
        self.attempt = self.released = self.taken = self.ahead = None


@dataclass(frozen=True, slots=True)
class _Computed:
    """Hold the sums of a round, and how long they took."""

    sums: Sequence[PackedArray]
    microseconds: int


class Rounds:
    """Do the work of all queries.

    Parameters
    ----------
    desk : Jobs of Desk
        Decides and records.
    pool : WorkerPool
        Computes.
    credentials : Credentials
        The hospital's; sign its answers.
    log_key : bytes
        Under which the log digests its sums.
    """

    def __init__(
        self,
        *,
        desk: Jobs[Desk],
        pool: WorkerPool,
        credentials: Credentials,
        log_key: bytes,
    ) -> None:
        self._desk = desk
        self._pool = pool
        self._credentials = credentials
        self._log_key = log_key
        self._courses: dict[str, _Course] = {}

    async def do(self, work: Work, *, missed: Missed) -> Result | None:
        """Return the durable result of some work; None when nobody waits for it any more.

        Parameters
        ----------
        missed : callable
            Yields totals that did not come with the work.

        Raises
        ------
        WardnetError
            When nothing could be made durable, e.g. `DISK_FULL`: then nothing may be sent.
        """
        course = self._courses.setdefault(work.id.query, _Course())
        async with course.turn():
            try:
                return await self._made(course, work, missed)
            except Refused as refused:
                reasons = refused.reasons
            except WardnetError as error:
                if error.reason is Reason.COORDINATOR_AWAY:
                    course.reset()
                    return None  # it asks again
                reasons = (error,)
            except Exception as error:  # noqa: BLE001 - a bug ends the query, not the daemon
                reasons = (_incident(error, work),)
            # 3. Otherwise it is refused, with every reason, unless it has ended meanwhile.
            course.reset()
            if self._courses.get(work.id.query) is not course:
                return None
            return await self._desk.do(lambda desk: desk.refuse(work, reasons))

    async def _made(self, course: _Course, work: Work, missed: Missed) -> Result | None:
        taken, course.taken = course.taken, None
        if taken not in {None, work.id}:
            course.reset()  # what came ahead was for other work: begin from what is durable
        made = None
        if taken != work.id:  # else nothing was ever made for it
            opened = course.attempt.opened if course.attempt else None
            made = await self._desk.do(partial(Desk.take_up, work_id=work.id, opened=opened))
        if made is not None and made.acknowledged:
            return None
        # 1. Take the totals, also those of work that was done before a reconnect: they do not come
        # again with later work.
        attempt = await self._follow(course, work, missed)
        # 2. What was ever made for this work is sent again, and never anything else.
        if made is None:
            made = await self._result(course, attempt, work)
        elif not made.message:
            made = await self._again(attempt, work, made.digest)
        course.released = work.id
        return made

    async def prepare(self, ahead: Ahead) -> None:
        """Begin to compute what will be asked for, once its total is durable.

        Nothing of it is released before that, or stays after the stream. One that does not come in
        turn is passed over: the work asks for it.

        Raises
        ------
        WardnetError
            As `Attempt.take`; the query stays where it was.
        """
        course = self._courses.get(ahead.id.query)
        if course is None or course.turns:  # nothing waits: it would fill the memory
            return
        async with course.turn():
            attempt, before = course.attempt, replace(ahead.id, round=ahead.id.round - 1)
            if attempt is None or course.released != before or not course.goes_on_with(ahead.id):
                return
            await asyncio.to_thread(attempt.take, ahead.total)
            if self._courses.get(ahead.id.query) is not course or course.attempt is not attempt:
                return  # meanwhile the query, or the stream, has ended
            course.taken = ahead.id
            if attempt.session.answer is None:
                course.ahead = asyncio.create_task(self._computed(attempt, ahead.id.query))
                course.ahead.add_done_callback(_ignore)

    async def end(self, query: str) -> None:
        """Forget a query that has ended."""
        self._courses.pop(query, None)
        self._pool.forget(query)
        await self._desk.do(lambda desk: desk.end(query))

    def forget_all(self) -> None:
        """Forget what the coordinator sends again after a reconnect, from the first total on."""
        idle = [query for query, course in self._courses.items() if not course.busy]
        for query in idle:
            del self._courses[query]
            self._pool.forget(query)
        for course in self._courses.values():
            course.reset()

    async def _follow(self, course: _Course, work: Work, missed: Missed) -> Attempt:
        attempt = course.attempt
        if attempt is None or attempt.number != work.id.attempt:
            course.reset()
            attempt = course.attempt = await self._begin(work)
        first = work.totals[0].round if work.totals else work.id.round
        if attempt.session.round < first:
            async for total in missed(work.id, attempt.session.round):
                await asyncio.to_thread(attempt.take, total)
        if work.totals:
            await asyncio.to_thread(attempt.catch_up, work)
        else:  # nothing to do but to compare
            attempt.catch_up(work)
        return attempt

    async def _result(self, course: _Course, attempt: Attempt, work: Work) -> Result | None:
        opened, answer = attempt.opened, attempt.session.answer
        message: bytes | Callable[[Envelope], bytes]
        digest, kept, own, microseconds = "", b"", b"", 0
        if answer is None:
            ahead, course.ahead = course.ahead, None
            computed = await (ahead or self._computed(attempt, work.id.query))
            sums, microseconds = computed.sums, computed.microseconds
            told = attempt.interim(work.id, at=monotonic())
            reported = self._reported(told, opened, work) if told else b""
            message = _part(attempt, work, sums, interim=reported)
            content = arrays.digest(sums)
            digest = part_digest(content, key=self._log_key)
            event = attempt.part_event(work.id, content, key=self._log_key, interim=told)
        else:
            message = partial(self._sealed, answer, opened, work)
            kept = answers.to_bytes(answer)
            own = await self._own(attempt, answer, work.id.query)
            event = attempt.answer_event(work.id, answer)
        release = partial(
            Desk.release,
            work_id=work.id,
            opened=opened,
            message=message,
            transcripts=attempt.transcripts,
            event=event,
            digest=digest,
            answer=kept,
            own=own,
            microseconds=microseconds,
        )
        return await self._desk.do(release)

    async def _again(self, attempt: Attempt, work: Work, digest: str) -> Result | None:
        """Make a part again whose message was not kept: it is logged, and is the same.

        What was told with it is not: the next report tells more.
        """
        sums = (await self._computed(attempt, work.id.query)).sums
        if part_digest(arrays.digest(sums), key=self._log_key) != digest:
            raise WardnetError(Reason.ROUNDS_DIVERGED, rule="a part came out changed")
        recall = partial(
            Desk.recall, work_id=work.id, opened=attempt.opened, transcripts=attempt.transcripts
        )
        wanted = await self._desk.do(recall)
        return Result(str(work.id), _part(attempt, work, sums)) if wanted else None

    async def _computed(self, attempt: Attempt, query: str) -> _Computed:
        snapshot, tally = attempt.opened.snapshot, attempt.session.tally
        begun = perf_counter_ns()
        sums = await self._pool.tally(query, snapshot=snapshot, tally=tally)
        return _Computed(sums, (perf_counter_ns() - begun) // 1000)

    async def _own(self, attempt: Attempt, answer: Answer, query: str) -> bytes:
        """Return the weights of an answered model that are our own: from the rows of its query."""
        fitting = attempt.session.fitting(answer)
        if fitting is None:
            return b""
        snapshot = attempt.opened.snapshot
        found = await self._pool.tally(query, snapshot=snapshot, tally=fitting)
        return weights(arrays.unpack(found)).astype("<f8").tobytes()

    def _sealed(self, answer: Answer, opened: Opened, work: Work, promise: Envelope) -> bytes:
        """Return the answer as this hospital signs it, for the researcher's eyes only.

        Parameters
        ----------
        promise : Envelope
            Where it stands in the log.
        """
        data = answers.to_bytes(answer)
        envelope = sign(answers.PAYLOAD_TYPE, data, self._credentials.signer)
        sealed = seal(
            answer_to_bytes(envelope, promise),
            opened.query.recipient,
            query=work.id.query,
            hospital=self._credentials.member.id,
        )
        return _bounded(messages.answer(work.id, sealed))

    def _reported(self, told: bytes, opened: Opened, work: Work) -> bytes:
        """Return what is told before the answer, signed and sealed as the answer will be.

        It leaves with the part, and so only if the query is still permitted at that moment.
        """
        envelope = sign(interim.PAYLOAD_TYPE, told, self._credentials.signer)
        return seal(
            envelope_to_bytes(envelope),
            opened.query.recipient,
            query=work.id.query,
            hospital=self._credentials.member.id,
            kind=INTERIM,
        )

    async def _begin(self, work: Work) -> Attempt:
        opened = await self._desk.do(lambda desk: desk.open(work))
        return Attempt(
            opened,
            number=work.id.attempt,
            hospitals=work.hospitals,
            hospital=self._credentials.member.id,
        )


def _ignore(done: asyncio.Task[_Computed]) -> None:
    """Take note of a failure, which whoever waits for it hears of, if anybody does."""
    if not done.cancelled():
        done.exception()


def _part(
    attempt: Attempt, work: Work, sums: Sequence[PackedArray], *, interim: bytes = b""
) -> bytes:
    return _bounded(
        messages.part(
            work.id,
            sums,
            snapshot=attempt.opened.snapshot.id,
            transcript=attempt.session.transcript,
            interim=interim,
        )
    )


def _bounded(message: bytes) -> bytes:
    check_length(len(message))
    return message


def _incident(error: Exception, work: Work) -> WardnetError:
    incident = secrets.token_hex(4)
    logs.logger().error(
        "incident",
        incident=incident,
        work=str(work.id),
        error=type(error).__name__,
        place=logs.place(error),
    )
    return WardnetError(Reason.INTERNAL, incident=incident)
