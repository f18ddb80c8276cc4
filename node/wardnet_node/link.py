"""The node's side of the control stream: dial, introduce itself, work, and dial again.

The outbox is the truth and a stream is only a pipe. Whatever a lost stream did not carry is sent
again over the next one, and the coordinator sends its work again, from the first total on.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final, TypeVar

from wardnet import logs
from wardnet.agreement.revocation import LIST_PAYLOAD_TYPE
from wardnet.audit.entry import EventType
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.jobs import Jobs
from wardnet.transport import work as works
from wardnet.transport.channel import BULK, open_channel
from wardnet.transport.convert import envelope_from_wire
from wardnet.transport.work import ahead_from_wire, work_from_wire
from wardnet.wire.v1 import envelope_pb2, link_pb2
from wardnet.wire.v1.link_pb2 import (
    AttachResponse,
    AuditWork,
    ExplainWork,
    Letter,
    ReceiptWork,
    Work,
)
from wardnet.wire.v1.link_pb2_grpc import LinkServiceStub
from wardnet_node import messages, newer
from wardnet_node.desk.auditors import Auditors
from wardnet_node.desk.desk import Desk
from wardnet_node.health import warn_of_certificate, warn_of_clock
from wardnet_node.letters import Letters
from wardnet_node.messages import Held
from wardnet_node.outbox import Result
from wardnet_node.rounds import Rounds
from wardnet_node.settings import NodeSettings
from wardnet_node.stream import Stream
from wardnet_node.witness import Witnesses

M = TypeVar("M")
T = TypeVar("T")

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 5.0
"""Seconds; pauses double from the first to the longest, each fully random (full jitter)."""

WATCH_SECONDS: Final = 1.0
"""How often the node looks whether somebody has decided or changed a dataset."""

FINAL: Final = frozenset(
    {
        Reason.SUPERSEDED,
        Reason.CERTIFICATE_REFUSED,
        Reason.IDENTITY_MISMATCH,
        Reason.ROLE_REFUSED,
        Reason.TLS_TOO_OLD,
    }
)
"""Why it makes no sense to dial again."""


class Link:
    """Keep a node attached to its coordinator.

    Parameters
    ----------
    credentials : Credentials
        The hospital's.
    settings : NodeSettings
        Address and times.
    epoch : int
        Of this process.
    desk : Jobs of Desk
        Outbox and datasets.
    auditors : Jobs of Auditors
        Shows auditors what they were granted; beside the desk, so that no query waits for it.
    rounds : Rounds
        Does the work.
    witnesses : Witnesses
        Keep the log cosigned.
    letters : Letters
        Of the witnesses and of all others who write to members.
    """

    def __init__(
        self,
        *,
        credentials: Credentials,
        settings: NodeSettings,
        epoch: int,
        desk: Jobs[Desk],
        auditors: Jobs[Auditors],
        rounds: Rounds,
        witnesses: Witnesses,
        letters: Letters,
    ) -> None:
        self._credentials = credentials
        self._settings = settings
        self._epoch = epoch
        self._desk = desk
        self._auditors = auditors
        self._rounds = rounds
        self._witnesses = witnesses
        self._letters = letters
        self._stream: Stream | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._draining = False
        self._attached = False
        self._served = False
        self._unlisted = ""
        self._clock_difference: timedelta | None = None

    async def run(self) -> None:
        """Stay attached, dialling again after every loss, until `drain` or for ever.

        Raises
        ------
        WardnetError
            When the coordinator will not have this process again, e.g. `SUPERSEDED`.
        """
        warn_of_certificate(self._credentials)
        pause, told = FIRST_PAUSE, ""
        while not self._draining:
            try:
                await self._attach()
            except WardnetError as error:
                if error.reason in FINAL:
                    raise
                if str(error) != told:  # once, not at every attempt
                    logs.logger().warning("away", reason=error.reason.value, error=str(error))
                    warn_of_certificate(self._credentials)
                told = str(error)
            if self._was_attached():
                pause, told = FIRST_PAUSE, ""
            if not self._draining:
                await asyncio.sleep(random.uniform(0, pause))  # noqa: S311 - spreads load
            pause = min(2 * pause, LONGEST_PAUSE)

    async def drain(self, seconds: float) -> None:
        """Finish and send the work in hand, within a time, and take no more."""
        self._draining = True
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        if self._stream is not None:
            await self._stream.finish()

    @property
    def attached(self) -> bool:
        """Say whether there is a stream now."""
        return self._stream is not None

    @property
    def clock_difference(self) -> timedelta | None:
        """Return our clock before the coordinator's, as of the last welcome; None before it."""
        return self._clock_difference

    def _was_attached(self) -> bool:
        attached, self._attached = self._attached, False
        return attached

    async def _attach(self) -> None:
        """Hold one stream from its beginning to its end."""
        address = self._settings.address
        self._rounds.forget_all()
        held = await self._desk.do(Desk.held)
        async with open_channel(self._credentials, address, more=BULK) as channel:
            service = LinkServiceStub(channel)
            stream = Stream(service, address=address, lease=self._settings.lease)
            hello = messages.hello(self._credentials.member.id, epoch=self._epoch, held=held)
            await stream.send(hello)
            try:
                async with asyncio.TaskGroup() as tasks:
                    others = [
                        tasks.create_task(stream.write_all()),
                        tasks.create_task(self._beat(stream)),
                        tasks.create_task(self._watch(stream, held)),
                        tasks.create_task(newer.watch(channel, self._desk)),
                        tasks.create_task(self._letters.run(stream)),
                    ]
                    await self._read(stream)
                    for task in others:
                        task.cancel()
            except ExceptionGroup as errors:
                raise errors.exceptions[0] from None
            finally:
                self._stream = None
                stream.cancel()

    async def _read(self, stream: Stream) -> None:
        while (response := await stream.read()) is not None:
            await self._take(stream, response)

    async def _take(self, stream: Stream, response: AttachResponse) -> None:
        match response.WhichOneof("message"):
            case "welcome":
                await self._welcomed(stream, response.welcome.now_ms)
            case "work" if not self._draining:
                self._start(self._work(stream, response.work))
            case "ahead" if not self._draining:
                self._start(self._ahead(response.ahead))
            case "acknowledgement":
                await self._acknowledged(stream, response.acknowledgement.work_id)
            case "explain":
                self._start(self._explain(stream, response.explain))
            case "audit":
                self._start(self._audit(stream, response.audit))
            case "receipt":
                self._start(self._receipt(stream, response.receipt))
            case "letter":
                self._start(self._letter(response.letter))
            case "ended":
                self._start(self._end(response.ended.query))
            case "study":
                self._start(self._study(response.study))
            case _:
                pass  # a heartbeat, or what a later version says

    async def _welcomed(self, stream: Stream, now_ms: int) -> None:
        """Take up the stream: from here on, results go out over it."""
        self._clock_difference = warn_of_clock(now_ms)
        self._attached = True
        self._stream = stream
        for result in await self._desk.do(Desk.unacknowledged):
            await stream.send_result(result)
        await self._send_decisions(stream)
        await self._send_list(stream)
        log, address = logs.logger(), self._settings.address
        log.info("attached", address=address, epoch=self._epoch)
        if not self._served:
            self._served = True
            log.info("serving", hospital=self._credentials.member.id, address=address)

    def _start(self, doing: Coroutine[None, None, None]) -> None:
        """Do something beside the stream, whatever becomes of it."""
        task = asyncio.create_task(doing)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, stream: Stream, message: Work) -> None:
        """Do some work and send its result; without a stream it waits in the outbox."""
        with _logged_errors(message.work_id):
            work = await self._read_message(EventType.QUERY_FAILED, work_from_wire, message)
            stream.asked(work.id.query)
            result = await self._do(work, stream)
            if result is not None and self._stream is not None:
                await self._stream.send_result(result)

    async def _ahead(self, message: link_pb2.Ahead) -> None:
        """Begin with work that will come."""
        with _logged_errors(message.work_id):
            kind = EventType.QUERY_FAILED
            ahead = await self._read_message(kind, ahead_from_wire, message)
            try:
                await self._rounds.prepare(ahead)
            except WardnetError as error:
                await self._refuse_message(kind, error)
                raise

    async def _do(self, work: works.Work, stream: Stream) -> Result | None:
        """Do some work once others have confirmed that our log is whole."""
        try:
            await self._witnesses.wait_until_proven()
        except WardnetError as error:
            reason = error
            return await self._desk.do(lambda desk: desk.refuse(work, [reason]))
        return await self._rounds.do(work, missed=stream.missed)

    async def _receipt(self, stream: Stream, message: ReceiptWork) -> None:
        """Show what keeps a promise, or say why not."""
        with _logged_errors("receipt"):
            try:
                made = await self._witnesses.receipt(envelope_from_wire(message.promise))
            except WardnetError as error:
                await stream.send(messages.receipt_refusal(message.id, error))
            else:
                await stream.send(messages.receipt(message.id, made))

    async def _letter(self, letter: Letter) -> None:
        """Take what another member says."""
        with _logged_errors("letter"):
            envelope = None if letter.away else envelope_from_wire(letter.letter)
            await self._letters.receive(letter.member, envelope)

    async def _explain(self, stream: Stream, message: ExplainWork) -> None:
        """Say what would be done with a query; whoever asked waits only as long as the stream."""
        with _logged_errors("explain"):
            kind = EventType.QUERY_EXPLAINED
            envelope = await self._read_message(kind, envelope_from_wire, message.query)
            reasons = await self._desk.do(lambda desk: desk.explain(envelope))
            await stream.send(messages.explanation(message.id, reasons))

    async def _audit(self, stream: Stream, message: AuditWork) -> None:
        """Show an auditor what is granted, or say why not."""
        with _logged_errors("audit"):
            try:
                kind = EventType.LOG_READ
                envelope = await self._read_message(kind, envelope_from_wire, message.request)
                pages = await self._auditors.do(lambda auditors: auditors.answer(envelope))
            except WardnetError as error:
                await stream.send(messages.audit_refusal(message.id, error))
                return
            for number, page in enumerate(pages, start=1):
                last = number == len(pages)
                await stream.send(messages.audit_page(message.id, page, last=last))

    async def _end(self, query: str) -> None:
        with _logged_errors(query):
            await self._rounds.end(query)

    async def _study(self, message: envelope_pb2.Envelope) -> None:
        """Take in a study, or a list of what another organisation has taken back."""
        with _logged_errors("study"):
            kind = EventType.STUDY_RECEIVED
            envelope = await self._read_message(kind, envelope_from_wire, message)
            if envelope.payload_type == LIST_PAYLOAD_TYPE:
                await self._desk.do(lambda desk: desk.decisions.receive_list(envelope))
            else:
                await self._desk.do(lambda desk: desk.decisions.receive(envelope))

    async def _read_message(self, kind: EventType, read: Callable[[M], T], message: M) -> T:
        """Return what a message says; one that says nothing stands in the access log, too."""
        try:
            return read(message)
        except WardnetError as error:
            refused = error
        await self._refuse_message(kind, refused)
        raise refused

    async def _refuse_message(self, kind: EventType, error: WardnetError) -> None:
        await self._desk.do(lambda desk: desk.decisions.refuse_message(kind, error))

    async def _send_decisions(self, stream: Stream) -> None:
        for statement in await self._desk.do(lambda desk: desk.decisions.unsent()):
            await stream.send_decision(statement)

    async def _send_list(self, stream: Stream) -> None:
        """Tell what this hospital has taken back, whenever its list was signed anew."""
        try:
            await stream.send_list(await self._desk.do(lambda desk: desk.decisions.own_list()))
            self._unlisted = ""
        except WardnetError as error:
            if str(error) != self._unlisted:  # once, not every second
                logs.logger().error("no_list", reason=error.reason.value, error=str(error))
            self._unlisted = str(error)

    async def _acknowledged(self, stream: Stream, name: str) -> None:
        """Note that the coordinator has a result (`query/attempt/round`) or a decision (digest)."""
        stream.acknowledged(name)
        if "/" in name:
            await self._desk.do(lambda desk: desk.acknowledge(name))
        else:
            await self._desk.do(lambda desk: desk.decisions.acknowledge(name))

    async def _beat(self, stream: Stream) -> None:
        while True:
            await asyncio.sleep(self._settings.heartbeat)
            await stream.send(messages.heartbeat())

    async def _watch(self, stream: Stream, announced: tuple[Held, ...]) -> None:
        """Tell what people of this hospital have changed: decisions, keys and datasets."""
        changes = await self._desk.do(Desk.changes)
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if self._stream is stream:
                await self._send_decisions(stream)
                await self._send_list(stream)
            if (now := await self._desk.do(Desk.changes)) == changes:
                continue
            changes, held = now, await self._desk.do(Desk.held)
            if held != announced:
                announced = held
                await stream.send(messages.announcement(held))


@contextmanager
def _logged_errors(work: str) -> Iterator[None]:
    """Log what nothing can be done about here, e.g. a full disk: nothing was released then."""
    try:
        yield
    except WardnetError as error:
        logs.logger().error(
            "work_failed", work=work[:80], reason=error.reason.value, error=str(error)
        )
    except Exception as error:  # noqa: BLE001 - a bug ends this piece of work, not the daemon
        logs.logger().error(
            "work_failed", work=work[:80], error=type(error).__name__, place=logs.place(error)
        )
