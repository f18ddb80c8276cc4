"""A coordinator in this process, and hospitals and researchers that speak the wire to it."""

import asyncio
import atexit
import contextlib
import functools
import secrets
from collections.abc import AsyncIterator, Awaitable, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias, TypeVar

import grpc.aio
import numpy as np
import pytest
import uvloop

from support.pki import TestNetwork
from wardnet import clock
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials, TlsIdentity
from wardnet.identity.envelope import Envelope, sign
from wardnet.question import dictionary, query
from wardnet.question.cohort import EVERYONE
from wardnet.question.dictionary import Column, ColumnType, Dictionary
from wardnet.question.query import Query
from wardnet.sums.arrays import Sums
from wardnet.transport.channel import open_channel
from wardnet.transport.convert import (
    causes_from_wire,
    causes_to_wire,
    envelope_from_wire,
    envelope_to_wire,
    sums_from_wire,
    sums_to_wire,
)
from wardnet.transport.pieces import Joining, Messages, in_pieces
from wardnet.transport.status import error_from_rpc
from wardnet.wire.v1 import (
    catalog_pb2,
    catalog_pb2_grpc,
    link_pb2,
    link_pb2_grpc,
    query_pb2,
    query_pb2_grpc,
    sums_pb2,
)
from wardnet_coordinator import server, state
from wardnet_coordinator.settings import CoordinatorSettings

T = TypeVar("T")

Explained: TypeAlias = tuple[str, tuple[WardnetError, ...] | None]

SECONDS = 20.0
"""How long a test waits for anything."""

HEART = Dictionary(
    name="heart",
    version=1,
    columns=(Column(name="age", type=ColumnType.INTEGER, minimum="0", maximum="120"),),
)


@functools.cache
def _runner() -> asyncio.Runner:
    """Return one event loop for all scenarios: gRPC's late events must find theirs open."""
    runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    atexit.register(runner.close)
    return runner


def run(scenario: Coroutine[Any, Any, T]) -> T:
    """Run a scenario on the event loop that the daemons use."""

    async def bounded() -> T:
        async with asyncio.timeout(60):
            return await scenario

    return _runner().run(bounded())


@asynccontextmanager
async def serving(
    network: TestNetwork,
    home: Path,
    *,
    round_deadline: float = 60,
    heartbeat: float = 20,
    lease: float = 60,
) -> AsyncIterator[str]:
    """Serve a coordinator with the enrolled hospitals a, b, c and d; yield its address."""
    prepare(home, "abcd")
    values = CoordinatorSettings(
        listen="127.0.0.1:0", round_deadline=round_deadline, heartbeat=heartbeat, lease=lease
    )
    async with server.serve(
        home, credentials=network.coordinator(), issuing=network.issuing, settings=values
    ) as address:
        yield address


def prepare(home: Path, hospitals: Sequence[str]) -> None:
    """Make a database that knows hospitals, whose credentials the test network makes."""
    home.mkdir(parents=True, exist_ok=True)
    state.create(home)
    with state.writing(home) as connection:
        connection.executemany(
            "INSERT OR IGNORE INTO members VALUES ('node', ?, '2026-01-01T00:00:00.000Z')",
            [(name,) for name in hospitals],
        )


@asynccontextmanager
async def calls(address: str, identity: TlsIdentity) -> AsyncIterator[grpc.aio.Channel]:
    """Open a channel; a failed call raises the error that the coordinator named."""
    async with open_channel(identity, address) as channel:
        try:
            yield channel
        except grpc.aio.AioRpcError as error:
            raise error_from_rpc(error, address) from error


async def publish(address: str, credentials: Credentials, published: Dictionary = HEART) -> str:
    """Publish a dictionary and return its digest."""
    envelope = sign(dictionary.PAYLOAD_TYPE, dictionary.to_bytes(published), credentials.signer)
    async with calls(address, credentials) as channel:
        response = await catalog_pb2_grpc.CatalogServiceStub(channel).PublishDictionary(
            catalog_pb2.PublishDictionaryRequest(dictionary=envelope_to_wire(envelope)),
            timeout=SECONDS,
        )
    digest: str = response.digest
    return digest


def question(
    credentials: Credentials,
    *,
    hospitals: Sequence[str] = "abcd",
    minimum: int | None = None,
    lasts: timedelta = timedelta(hours=1),
    **changes: object,
) -> query_pb2.SubmitRequest:
    """Return a signed query, ready to submit."""
    now = clock.now()
    fields: dict[str, object] = {
        "version": 1,
        "network": credentials.member.network,
        "researcher": credentials.member.id,
        "dataset": "heart",
        "dictionary": HEART.digest,
        "method": "count",
        "method_version": 1,
        "parameters": {},
        "cohort": EVERYONE,
        "hospitals": tuple(hospitals),
        "minimum_hospitals": minimum or len(hospitals),
        "mode": "clear",
        "study": "0" * 64,
        "agreements": dict.fromkeys(hospitals, "1" * 64),
        "purpose": {},
        "minimum_patients": 10,
        "recipient": "2" * 64,
        "nonce": secrets.token_hex(16),
        "not_before": clock.to_moment(now - timedelta(hours=2)),
        "not_after": clock.to_moment(now + lasts),
    }
    payload = query.to_bytes(Query(**{**fields, **changes}))  # type: ignore[arg-type]
    envelope = sign(query.PAYLOAD_TYPE, payload, credentials.signer)
    return query_pb2.SubmitRequest(query=envelope_to_wire(envelope))


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
            case "work":
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
        for piece in in_pieces(link_pb2.AttachRequest(**message)):
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


class Researcher:
    """A researcher's calls, each with a deadline."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = query_pb2_grpc.QueryServiceStub(channel)

    async def submit(self, request: query_pb2.SubmitRequest) -> str:
        """Submit a query and return its id."""
        response = await self._stub.Submit(request, timeout=SECONDS)
        digest: str = response.query
        return digest

    async def get(self, query_id: str) -> query_pb2.QueryRecord:
        """Return how a query stands."""
        response = await self._stub.Get(query_pb2.GetRequest(query=query_id), timeout=SECONDS)
        record: query_pb2.QueryRecord = response.record
        return record

    async def answers(self, query_id: str) -> dict[str, bytes]:
        """Return the sealed answers of a query by their hospitals, in the order of delivery."""
        sealed: dict[str, bytes] = {}
        async for each in self._stub.Answers(query_pb2.AnswersRequest(query=query_id)):
            sealed[each.hospital] = sealed.get(each.hospital, b"") + each.sealed
        return sealed

    async def recent(self, limit: int = 10) -> list[query_pb2.QueryRecord]:
        """Return the newest queries."""
        response = await self._stub.List(query_pb2.ListRequest(limit=limit), timeout=SECONDS)
        return list(response.records)

    async def explain(self, request: query_pb2.SubmitRequest) -> AsyncIterator[Explained]:
        """Yield what each hospital would do: its causes, or None when it is away."""
        asked = query_pb2.ExplainRequest(query=request.query)
        async for answer in self._stub.Explain(asked):
            causes = None if answer.away else causes_from_wire(answer.causes)
            yield answer.hospital, causes

    async def cancel(self, query_id: str) -> None:
        """Cancel a query."""
        await self._stub.Cancel(query_pb2.CancelRequest(query=query_id), timeout=SECONDS)

    async def watch(self, query_id: str) -> AsyncIterator[query_pb2.QueryRecord]:
        """Yield how a query stands until it has ended."""
        async for response in self.watched(query_id):
            yield response.record

    async def watched(self, query_id: str) -> AsyncIterator[query_pb2.WatchResponse]:
        """Yield what a watcher is told, until the query has ended."""
        async for response in self._stub.Watch(query_pb2.WatchRequest(query=query_id)):
            yield response

    async def end(self, query_id: str) -> query_pb2.QueryRecord:
        """Return how a query ended."""

        async def last() -> query_pb2.QueryRecord:
            return [record async for record in self.watch(query_id)][-1]

        return await soon(last())


@asynccontextmanager
async def researcher(address: str, credentials: Credentials) -> AsyncIterator[Researcher]:
    """Connect a researcher."""
    async with calls(address, credentials) as channel:
        yield Researcher(channel)


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


async def soon(awaitable: Awaitable[T]) -> T:
    """Wait for something that must happen."""
    async with asyncio.timeout(SECONDS):
        return await awaitable


async def refused(call: Awaitable[object], reason: Reason) -> None:
    """Check that a call fails for one reason."""
    with pytest.raises((grpc.aio.AioRpcError, WardnetError)) as caught:
        await call
    error = caught.value
    named = error_from_rpc(error, "it") if isinstance(error, grpc.RpcError) else error
    assert isinstance(named, WardnetError)
    assert named.reason is reason
