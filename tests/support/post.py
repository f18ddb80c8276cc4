"""A coordinator that only does what a test tells it to: it delivers, and notes what it gets."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio

from support.pki import TestNetwork
from wardnet import canonical, clock
from wardnet.audit import letters
from wardnet.audit.letters import Reply
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope, sign
from wardnet.identity.member import Member, Role
from wardnet.transport.channel import SERVER, server_credentials
from wardnet.transport.convert import envelope_from_wire, envelope_to_wire
from wardnet.transport.interceptors import Guard
from wardnet.transport.work import Total, Work, WorkId, work_to_wire
from wardnet.wire.v1.link_pb2 import (
    Acknowledgement,
    AttachRequest,
    AttachResponse,
    Ended,
    ExplainWork,
    Hello,
    Letter,
    TotalsRequest,
    TotalsResponse,
    Welcome,
)
from wardnet.wire.v1.link_pb2_grpc import (
    LinkServiceServicer,
    add_LinkServiceServicer_to_server,
)

METHODS = ("/wardnet.wire.v1.LinkService/Attach", "/wardnet.wire.v1.LinkService/Totals")
SECONDS = 20.0


class Attached:
    """One stream of one node."""

    def __init__(self, hello: Hello) -> None:
        self.hello = hello
        self.outgoing: asyncio.Queue[AttachResponse | WardnetError | None] = asyncio.Queue()
        self.incoming: asyncio.Queue[AttachRequest | None] = asyncio.Queue()

    async def ask(
        self,
        envelope: Envelope,
        work_id: WorkId,
        *,
        hospitals: Sequence[str] = ("a", "b"),
        totals: Sequence[Total] = (),
    ) -> None:
        """Deliver some work."""
        work = work_to_wire(Work(work_id, envelope, tuple(hospitals), tuple(totals)))
        await self.outgoing.put(AttachResponse(work=work))

    async def bring(self, work_id: WorkId, total: Total) -> None:
        """Deliver a total ahead of some work."""
        message = AttachResponse()
        message.ahead.work_id = str(work_id)
        message.ahead.total.CopyFrom(total.wire)
        await self.outgoing.put(message)

    async def acknowledge(self, work_id: WorkId) -> None:
        """Deliver an acknowledgement."""
        done = Acknowledgement(work_id=str(work_id))
        await self.outgoing.put(AttachResponse(acknowledgement=done))

    async def explain(self, number: int, envelope: Envelope) -> None:
        """Ask what the node would do with a query."""
        question = ExplainWork(id=number, query=envelope_to_wire(envelope))
        await self.outgoing.put(AttachResponse(explain=question))

    async def end(self, query: str) -> None:
        """Deliver the end of a query."""
        await self.outgoing.put(AttachResponse(ended=Ended(query=query)))

    async def break_off(self, error: WardnetError) -> None:
        """End the stream with an error."""
        await self.outgoing.put(error)

    async def next(self, *kinds: str) -> Any:  # noqa: ANN401 - one of the messages of the link
        """Return the next message of one of these kinds; others before it are passed over."""
        async with asyncio.timeout(SECONDS):
            while (message := await self.incoming.get()) is not None:
                kind = message.WhichOneof("message")
                if kind in kinds:
                    return getattr(message, kind)
        ended = f"the node has ended the stream before it sent a {' or '.join(kinds)}"
        raise AssertionError(ended)

    async def over(self) -> None:
        """Wait until the node has ended the stream."""
        async with asyncio.timeout(SECONDS):
            while await self.incoming.get() is not None:
                pass


class Post(LinkServiceServicer):
    """Serve the link; every stream goes to the test.

    Parameters
    ----------
    network : TestNetwork
        Its other hospitals answer letters: they witness no log.
    """

    def __init__(self, network: TestNetwork) -> None:
        self._network = network
        self._attached: asyncio.Queue[Attached] = asyncio.Queue()

    async def attached(self) -> Attached:
        """Return the next stream."""
        async with asyncio.timeout(SECONDS):
            return await self._attached.get()

    async def Attach(  # noqa: N802 - the wire's name
        self, requests: AsyncIterator[AttachRequest], _: object
    ) -> AsyncIterator[AttachResponse]:
        """Hold one stream."""
        first = await anext(requests)
        stream = Attached(first.hello)
        listening = asyncio.create_task(self._listen(requests, stream))
        now_ms = int(clock.now().timestamp() * 1000)
        yield AttachResponse(welcome=Welcome(now_ms=now_ms))
        self._attached.put_nowait(stream)
        try:
            while (message := await stream.outgoing.get()) is not None:
                if isinstance(message, WardnetError):
                    raise message
                yield message
        finally:
            listening.cancel()

    async def Totals(  # noqa: N802 - the wire's name
        self, _request: TotalsRequest, _context: object
    ) -> AsyncIterator[TotalsResponse]:
        """Have no totals."""
        for response in list[TotalsResponse]():
            yield response

    async def _listen(self, requests: AsyncIterator[AttachRequest], stream: Attached) -> None:
        try:
            async for request in requests:
                if request.WhichOneof("message") == "letter":
                    answer = AttachResponse(letter=self._answer(request.letter))
                    stream.outgoing.put_nowait(answer)
                stream.incoming.put_nowait(request)
        finally:
            stream.incoming.put_nowait(None)
            stream.outgoing.put_nowait(None)

    def _answer(self, letter: Letter) -> Letter:
        """Answer as the hospital that a letter is for; the coordinator itself is silent."""
        member = Member.from_uri(letter.member)
        if member.role is not Role.NODE:
            return Letter(member=letter.member, away=True)
        request = canonical.digest(envelope_from_wire(letter.letter).payload)
        data = letters.reply_to_bytes(Reply(request=request, refusal=Reason.LOG_UNKNOWN))
        reply = sign(letters.REPLY, data, self._network.node(member.id).signer)
        return Letter(member=letter.member, letter=envelope_to_wire(reply))


@asynccontextmanager
async def post_office(
    network: TestNetwork, *, address: str = "127.0.0.1:0"
) -> AsyncIterator[tuple[Post, str]]:
    """Serve while the block runs; give the post and its address. Streams break at the end."""
    credentials = network.coordinator()
    guard = Guard(network=network.name, allowed=dict.fromkeys(METHODS, frozenset({Role.NODE})))
    server = grpc.aio.server(interceptors=[guard], options=SERVER)
    post = Post(network)
    add_LinkServiceServicer_to_server(post, server)
    port = server.add_secure_port(address, server_credentials(credentials))
    await server.start()
    try:
        yield post, f"127.0.0.1:{port}"
    finally:
        await server.stop(None)
