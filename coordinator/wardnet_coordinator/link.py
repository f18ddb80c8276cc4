"""The control streams: messages in to events, and what the broker holds out to messages."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from functools import partial

from wardnet import canonical, clock, logs
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Trust
from wardnet.question import interim
from wardnet.transport.convert import causes_from_wire, envelope_from_wire, envelope_to_wire
from wardnet.transport.interceptors import Context, peer
from wardnet.transport.pieces import Messages, cut, in_pieces
from wardnet.transport.work import Ahead, Work, WorkId, sums_from_wire
from wardnet.wire.v1 import envelope_pb2, link_pb2, link_pb2_grpc
from wardnet_coordinator import catalog, decisions, revocations, studies
from wardnet_coordinator.audits import Audits, Page
from wardnet_coordinator.broker import (
    Acknowledged,
    Attachment,
    Auditing,
    Broker,
    Ended,
    Heartbeat,
    Inquiry,
    Letter,
    Notice,
    Outgoing,
    Proposed,
    Reminder,
)
from wardnet_coordinator.conductor import Conductor
from wardnet_coordinator.course import Part, Refusal, Sealed
from wardnet_coordinator.inquiries import Inquiries
from wardnet_coordinator.post import Post
from wardnet_coordinator.queries import milliseconds
from wardnet_coordinator.reminders import Reminders, Told
from wardnet_coordinator.state import Database


class LinkService(link_pb2_grpc.LinkServiceServicer):
    """Hold the hospitals' streams.

    Parameters
    ----------
    broker, conductor, inquiries, reminders, audits, post, database
        Who they are held for.
    trust : Trust
        Whose signatures count.
    heartbeat, lease : float
        Seconds of silence after which we show that we are alive; after which a node is away.
    """

    def __init__(
        self,
        *,
        broker: Broker,
        conductor: Conductor,
        inquiries: Inquiries,
        reminders: Reminders,
        audits: Audits,
        post: Post,
        database: Database,
        trust: Trust,
        heartbeat: float,
        lease: float,
    ) -> None:
        self._broker = broker
        self._conductor = conductor
        self._inquiries = inquiries
        self._reminders = reminders
        self._audits = audits
        self._post = post
        self._database = database
        self._trust = trust
        self._heartbeat = heartbeat
        self._lease = lease

    async def Attach(self, _: object, context: Context) -> None:  # noqa: N802 - the wire's name
        """Serve one stream until it ends; one task reads, this one writes."""
        hello = await self._hello(context)
        attachment = self._broker.attach(hello.hospital, epoch=hello.epoch)
        try:
            await self._hold(hello.hospital, hello.announcement)
            now = link_pb2.Welcome(now_ms=milliseconds(clock.now()))
            await context.write(link_pb2.AttachResponse(welcome=now))
            self._conductor.attached(attachment)
            logs.logger().info("attached", hospital=hello.hospital, epoch=hello.epoch)
            async with asyncio.TaskGroup() as tasks:
                listening = tasks.create_task(self._listen(attachment, context))
                await self._bring_mail(attachment, context)
                async for message in attachment.outgoing(heartbeat=self._heartbeat):
                    await self._send(attachment, message, context)
                listening.cancel()
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        finally:
            self._broker.detach(attachment)
            self._conductor.detached(attachment)
            logs.logger().info("detached", hospital=hello.hospital, epoch=hello.epoch)

    async def _send(self, attachment: Attachment, message: Outgoing, context: Context) -> None:
        try:
            pieces = message.pieces if isinstance(message, Work | Ahead) else _pieces(message)
        except WardnetError as error:
            # It could not be delivered, and whoever sent it must not cost the hospital its stream.
            if isinstance(message, Work):  # the query ends instead of losing every hospital
                refusal = Refusal.of(error)
                await self._conductor.receive(attachment, message.id, lambda: refusal)
            else:
                logs.logger().warning(
                    "not_carried", hospital=attachment.hospital, reason=error.reason.value
                )
            return
        for piece in pieces:
            await context.write(piece)

    async def Totals(  # noqa: N802 - the wire's name
        self, request: link_pb2.TotalsRequest, context: Context
    ) -> AsyncIterator[link_pb2.TotalsResponse]:
        """Yield the totals that a node has missed."""
        work, hospital = WorkId.parse(request.work_id), peer(context).id
        async for total in self._conductor.totals(work, hospital, first=request.first):
            for piece in cut(total):
                yield link_pb2.TotalsResponse(piece=piece)

    async def _bring_mail(self, attachment: Attachment, context: Context) -> None:
        """Bring every study that asks the hospital, and what all others have taken back.

        What comes in from now on is queued.
        """
        proposed = partial(studies.mail, hospital=attachment.hospital, at=clock.now())
        taken_back = partial(revocations.mail, hospital=attachment.hospital)
        for envelopes in (proposed, taken_back):
            for envelope in await self._database.read(envelopes):
                await self._send(attachment, Proposed(envelope), context)

    async def _hello(self, context: Context) -> link_pb2.Hello:
        member = peer(context)
        first = await self._read(context, member.id)
        if first is None or first.WhichOneof("message") != "hello":
            raise WardnetError(Reason.MALFORMED, field="message", rule="the first one is a hello")
        if first.hello.hospital != member.id:
            raise WardnetError(Reason.IDENTITY_MISMATCH, identity=first.hello.hospital)
        return first.hello

    async def _listen(self, attachment: Attachment, context: Context) -> None:
        messages = Messages(link_pb2.AttachRequest)
        while (request := await self._read(context, attachment.hospital)) is not None:
            # Checked anew with every message: gRPC never looks at a certificate again.
            peer(context)
            whole = messages.take(request)
            if whole is not None:
                await self._take(attachment, whole)
        attachment.close()

    async def _read(self, context: Context, hospital: str) -> link_pb2.AttachRequest | None:
        """Return the next message, or None when the node has ended the stream."""
        try:
            async with asyncio.timeout(self._lease):
                request = await context.read()
        except TimeoutError:
            raise WardnetError(
                Reason.LEASE_ENDED, hospital=hospital, seconds=round(self._lease)
            ) from None
        return request if isinstance(request, link_pb2.AttachRequest) else None

    async def _take(self, attachment: Attachment, request: link_pb2.AttachRequest) -> None:
        match request.WhichOneof("message"):
            case "heartbeat":
                pass
            case "announcement":
                await self._hold(attachment.hospital, request.announcement)
            case "part" | "answer" | "refusal" as kind:
                work = WorkId.parse(getattr(request, kind).work_id)
                await self._conductor.receive(attachment, work, partial(_result, request))
            case "decision":
                await self._decide(attachment, request.decision)
            case "revocations":
                await self._forward(attachment.hospital, request.revocations)
            case "explanation":
                causes = causes_from_wire(request.explanation.causes)
                self._inquiries.receive(attachment.hospital, request.explanation.id, causes)
            case "audit_page":
                page = request.audit_page
                causes = causes_from_wire(page.causes)
                read = Page(page.sealed, page.last or bool(causes), causes)
                self._audits.receive(attachment.hospital, page.id, read)
            case "receipt":
                made = request.receipt
                told = Told(tuple(made.proof), made.checkpoint, causes_from_wire(made.causes))
                self._reminders.receive(attachment.hospital, made.id, told)
            case "letter":
                self._deliver(attachment, request.letter)
            case _:
                raise WardnetError(Reason.MALFORMED, field="message", rule="it is not expected")

    def _deliver(self, attachment: Attachment, letter: link_pb2.Letter) -> None:
        """Carry a letter; one that cannot be read must not cost the hospital its stream."""
        try:
            self._post.take(attachment, letter.member, envelope_from_wire(letter.letter))
        except WardnetError as error:
            logs.logger().warning(
                "not_carried", hospital=attachment.hospital, reason=error.reason.value
            )

    async def _decide(self, attachment: Attachment, decision: link_pb2.StudyDecision) -> None:
        """File a decision; one that cannot be filed must not cost the hospital its stream."""
        hospital, study, at = attachment.hospital, decision.study, clock.now()
        try:
            envelope = envelope_from_wire(decision.statement)
            statement = decisions.check(
                envelope, study=study, hospital=hospital, trust=self._trust, at=at
            )
            keep = partial(
                decisions.keep, envelope=envelope, statement=statement, study=study, at=at
            )
            await self._database.write(keep)
        except WardnetError as error:
            logs.logger().warning("not_filed", hospital=hospital, reason=error.reason.value)
        else:
            attachment.acknowledge(canonical.digest(envelope.payload))

    async def _forward(self, hospital: str, message: envelope_pb2.Envelope) -> None:
        """File what a hospital has taken back and bring it to all others, if it is news.

        A forged list must not cost the hospital its stream; one that cannot be stored does, so that
        it is sent again.
        """
        at = clock.now()
        try:
            envelope = envelope_from_wire(message)
            listed = revocations.check(envelope, hospital=hospital, trust=self._trust, at=at)
        except WardnetError as error:
            logs.logger().warning("not_filed", hospital=hospital, reason=error.reason.value)
            return
        keep = partial(revocations.keep, envelope=envelope, listed=listed, at=at)
        if await self._database.write(keep):
            for attachment in self._broker.others(hospital):
                attachment.carry(Proposed(envelope))

    async def _hold(self, hospital: str, announcement: link_pb2.Announcement) -> None:
        held = {dataset.name: dataset.dictionary for dataset in announcement.datasets}
        await self._database.write(
            lambda connection: catalog.hold(connection, hospital, datasets=held)
        )


def _result(request: link_pb2.AttachRequest) -> Part | Sealed | Refusal:
    """Return what a hospital has sent; what cannot be read is a refusal, and ends the query."""
    try:
        match request.WhichOneof("message"):
            case "part":
                part = request.part
                told = part.interim if len(part.interim) <= interim.MAXIMUM_BYTES else b""
                return Part(sums_from_wire(part.sums), part.snapshot, part.transcript, told)
            case "answer" if request.answer.sealed:
                return Sealed(request.answer.sealed)
            case "refusal" if request.refusal.causes:
                return Refusal.of(*causes_from_wire(request.refusal.causes))
            case kind:
                error = WardnetError(Reason.MALFORMED, field=str(kind), rule="it is empty")
    except WardnetError as malformed:
        error = malformed
    return Refusal.of(error)


def _pieces(message: Notice) -> Iterable[link_pb2.AttachResponse]:
    return in_pieces(_to_wire(message))


def _to_wire(message: Notice) -> link_pb2.AttachResponse:
    match message:
        case Acknowledged(result=result):
            done = link_pb2.Acknowledgement(work_id=str(result))
            return link_pb2.AttachResponse(acknowledgement=done)
        case Ended(query=query):
            return link_pb2.AttachResponse(ended=link_pb2.Ended(query=query))
        case Proposed(study=study):
            return link_pb2.AttachResponse(study=envelope_to_wire(study))
        case Inquiry(id=number, query=query):
            work = link_pb2.ExplainWork(id=number, query=envelope_to_wire(query))
            return link_pb2.AttachResponse(explain=work)
        case Auditing(id=number, request=asked):
            audit = link_pb2.AuditWork(id=number, request=envelope_to_wire(asked))
            return link_pb2.AttachResponse(audit=audit)
        case Letter(member=member, envelope=envelope):
            letter = link_pb2.Letter(member=member, away=envelope is None)
            if envelope is not None:
                letter.letter.CopyFrom(envelope_to_wire(envelope))
            return link_pb2.AttachResponse(letter=letter)
        case Reminder(id=number, promise=promise):
            reminder = link_pb2.ReceiptWork(id=number, promise=envelope_to_wire(promise))
            return link_pb2.AttachResponse(receipt=reminder)
        case Heartbeat():
            return link_pb2.AttachResponse(heartbeat=link_pb2.Heartbeat())
