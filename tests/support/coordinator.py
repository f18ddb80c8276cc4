"""A coordinator in this process, and researchers that speak the wire to it."""

import asyncio
import atexit
import functools
import secrets
from collections.abc import AsyncIterator, Awaitable, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import grpc.aio
import pytest
import uvloop

from support.pki import TestNetwork
from wardnet import clock
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials, TlsIdentity
from wardnet.identity.envelope import sign
from wardnet.question import dictionary, query
from wardnet.question.cohort import EVERYONE
from wardnet.question.dictionary import Column, ColumnType, Dictionary
from wardnet.question.query import Query
from wardnet.transport.channel import open_channel
from wardnet.transport.convert import causes_from_wire, envelope_to_wire
from wardnet.transport.status import error_from_rpc
from wardnet.wire.v1 import catalog_pb2, catalog_pb2_grpc, query_pb2, query_pb2_grpc
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
