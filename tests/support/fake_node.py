"""Hospitals that speak the wire to a coordinator, and send what a test tells them to."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

import grpc.aio
import numpy as np

from support.coordinator import HEART, SECONDS, soon
from support.pki import TestNetwork
from wardnet.errors import WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope
from wardnet.sums.arrays import Sums
from wardnet.transport.channel import open_channel
from wardnet.transport.convert import causes_to_wire, envelope_from_wire, envelope_to_wire
from wardnet.transport.pieces import Joining, Messages, bytes_in_pieces
from wardnet.transport.status import error_from_rpc
from wardnet.transport.work import sums_from_wire, sums_to_wire
from wardnet.wire.v1 import link_pb2, link_pb2_grpc, query_pb2, sums_pb2


class FakeNode:
    """A hospital's end of the control stream; sends what a test tells it to.

    Parameters
    ----------
    address : str
        Of the coordinator.
    credentials : Credentials
        Of the node.
    epoch : int
        Of its process.
    datasets : dict of str to str
        What it announces: name to digest.
    """

    def __init__(
        self,
        address: str,
        credentials: Credentials,
        *,
        epoch: int = 1,
        datasets: dict[str, str] | None = None,
    ) -> None:
        self.name = credentials.member.id
        self.credentials = credentials
        self.works: asyncio.Queue[link_pb2.Work] = asyncio.Queue()
        self.acknowledged: asyncio.Queue[str] = asyncio.Queue()
        self.ended: asyncio.Queue[str] = asyncio.Queue()
        self.studies: asyncio.Queue[Envelope] = asyncio.Queue()
        self.inquiries: asyncio.Queue[link_pb2.ExplainWork] = asyncio.Queue()
        self.audits: asyncio.Queue[link_pb2.AuditWork] = asyncio.Queue()
        self.letters: asyncio.Queue[link_pb2.Letter] = asyncio.Queue()
        self.heartbeats: asyncio.Queue[None] = asyncio.Queue()
        self.over = asyncio.Event()
        self.aheads: asyncio.Queue[link_pb2.Ahead] = asyncio.Queue()
        self._ahead = link_pb2.Ahead()
        self.failure: WardnetError | None = None
        self.address = address
        held = [
            link_pb2.HeldDataset(name=name, dictionary=digest)
            for name, digest in (datasets or {"heart": HEART.digest}).items()
        ]
        self.hello = link_pb2.Hello(
            hospital=self.name, epoch=epoch, announcement=link_pb2.Announcement(datasets=held)
        )

    async def __aenter__(self) -> Self:
        """Attach, and wait to be welcomed or turned away."""
        self._channel = open_channel(self.credentials, self.address)
        self._service = link_pb2_grpc.LinkServiceStub(self._channel)
        self._stream = self._service.Attach()
        self._messages = Messages(link_pb2.AttachResponse)
        self._reader = asyncio.create_task(self._read())
        self._welcomed = asyncio.Event()
        with contextlib.suppress(grpc.aio.AioRpcError):  # turned away already: the reader hears why
            await self._stream.write(link_pb2.AttachRequest(hello=self.hello))
        async with asyncio.timeout(SECONDS):
            await self._welcomed.wait()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Go away without a word."""
        self._reader.cancel()
        self._stream.cancel()
        await self._channel.close()

    async def _read(self) -> None:
        try:
            async for response in self._stream:
                message = self._messages.take(response)
                if message is not None:
                    self._sort(message)
        except grpc.aio.AioRpcError as error:
            self.failure = error_from_rpc(error, self.address)
        self.over.set()
        self._welcomed.set()

    def _sort(self, response: link_pb2.AttachResponse) -> None:
        match response.WhichOneof("message"):
            case "welcome":
                self._welcomed.set()
            case "ahead":
                self._ahead = response.ahead
                self.aheads.put_nowait(response.ahead)
            case "work":
                if response.work.work_id == self._ahead.work_id:
                    assert not response.work.totals
                    response.work.totals.append(self._ahead.total)
                self.works.put_nowait(response.work)
            case "acknowledgement":
                self.acknowledged.put_nowait(response.acknowledgement.work_id)
            case "ended":
                self.ended.put_nowait(response.ended.query)
            case "study":
                self.studies.put_nowait(envelope_from_wire(response.study))
            case "explain":
                self.inquiries.put_nowait(response.explain)
            case "audit":
                self.audits.put_nowait(response.audit)
            case "letter":
                self.letters.put_nowait(response.letter)
            case "heartbeat":
                self.heartbeats.put_nowait(None)

    async def work(self) -> link_pb2.Work:
        """Return the next work."""
        return await soon(self.works.get())

    async def send(self, **message: Any) -> None:  # noqa: ANN401 - one field of the wire message
        """Send one message."""
        data = link_pb2.AttachRequest(**message).SerializeToString()  # however long
        for piece in bytes_in_pieces(link_pb2.AttachRequest, data):
            await self._stream.write(piece)

    async def totals(self, work: link_pb2.Work, *, first: int = 0) -> list[sums_pb2.Total]:
        """Ask for the totals before some work."""
        request = link_pb2.TotalsRequest(work_id=work.work_id, first=first)
        joining, totals = Joining(), []
        async for response in self._service.Totals(request):
            data = joining.take(response.piece)
            if data is not None:
                totals.append(sums_pb2.Total.FromString(data))
        return totals

    async def part(
        self,
        work: link_pb2.Work,
        sums: Sums | None = None,
        *,
        interim: bytes = b"",
        **changes: str,
    ) -> None:
        """Send a part; two numbers that depend on the hospital and the round."""
        value = part_of(self.name, work.round) if sums is None else sums
        fields = {"snapshot": f"1:{self.name}", "transcript": f"{work.round}" * 64} | changes
        packed = sums_to_wire(value)
        part = link_pb2.RoundPart(work_id=work.work_id, sums=packed, interim=interim, **fields)
        await self.send(part=part)

    async def answer(self, work: link_pb2.Work, sealed: bytes | None = None) -> None:
        """Send an answer that the coordinator cannot open."""
        data = sealed_by(self.name) if sealed is None else sealed
        await self.send(answer=link_pb2.SignedAnswer(work_id=work.work_id, sealed=data))

    async def refuse(self, work: link_pb2.Work, *causes: link_pb2.Cause) -> None:
        """Refuse the work."""
        await self.send(refusal=link_pb2.Refusal(work_id=work.work_id, causes=causes))

    async def decide(self, study: str, statement: Envelope) -> None:
        """Send a decision on a study."""
        message = link_pb2.StudyDecision(study=study, statement=envelope_to_wire(statement))
        await self.send(decision=message)

    async def take_back(self, listed: Envelope) -> None:
        """Send a list of what the hospital has taken back."""
        await self.send(revocations=envelope_to_wire(listed))

    async def explain(self, *causes: WardnetError) -> query_pb2.SubmitRequest:
        """Wait to be asked what the hospital would do, say so, and return the query."""
        asked = await soon(self.inquiries.get())
        explanation = link_pb2.Explanation(id=asked.id, causes=causes_to_wire(causes))
        await self.send(explanation=explanation)
        return query_pb2.SubmitRequest(query=asked.query)

    async def obey(self, *, rounds: int = 2) -> None:
        """Work for ever: a part in each of so many rounds, then the answer."""
        while True:
            work = await self.works.get()
            if work.round < rounds:
                await self.part(work)
            else:
                await self.answer(work)


def sealed_by(hospital: str) -> bytes:
    """Return what a fake hospital sends as its sealed answer."""
    return f"sealed by {hospital}".encode()


def part_of(hospital: str, number: int) -> Sums:
    """Return what a fake hospital sends in a round."""
    value = ord(hospital[0]) * 100 + number
    return {"n": np.array([value, 1], np.int64), "wide": np.array([value << 100], object)}


def total_of(total: sums_pb2.Total) -> list[int]:
    """Return the first array of a total."""
    entries: list[int] = sums_from_wire(total.sums)["n"].tolist()
    return entries


@asynccontextmanager
async def nodes(
    address: str, network: TestNetwork, names: Sequence[str] = "abcd"
) -> AsyncIterator[dict[str, FakeNode]]:
    """Attach several hospitals."""
    async with contextlib.AsyncExitStack() as stack:
        attached = [FakeNode(address, network.node(name)) for name in names]
        yield {node.name: await stack.enter_async_context(node) for node in attached}


@asynccontextmanager
async def working(each: Sequence[FakeNode], *, rounds: int = 2) -> AsyncIterator[None]:
    """Let hospitals work while the block runs."""
    tasks = [asyncio.create_task(node.obey(rounds=rounds)) for node in each]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
