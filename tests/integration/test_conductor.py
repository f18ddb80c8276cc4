"""When things go wrong inside the coordinator: no query is lost, none hangs, none lies."""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import grpc.aio
import numpy as np
import pytest

from support.coordinator import (
    HEART,
    prepare,
    publish,
    question,
    refused,
    researcher,
    run,
    serving,
    soon,
)
from support.fake_node import FakeNode, nodes, working
from support.pki import TestNetwork
from wardnet import clock
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import sign
from wardnet.question import dictionary
from wardnet.transactions import Transactions
from wardnet.transport import pieces
from wardnet.transport.convert import envelope_from_wire
from wardnet.transport.work import Work, WorkId
from wardnet.wire.v1 import query_pb2
from wardnet_coordinator import catalog, conductor, queries, state
from wardnet_coordinator.broker import Acknowledged, Broker, Ended, Outgoing
from wardnet_coordinator.conductor import Conductor
from wardnet_coordinator.course import Refusal
from wardnet_coordinator.state import Database


def asked(home: Path, *, rounds: int = 2) -> query_pb2.QueryRecord:
    """Return how a query to four working hospitals ends."""

    async def scenario() -> query_pb2.QueryRecord:
        network = TestNetwork()
        async with serving(network, home) as address:
            await publish(address, network.node("a"))
            async with (
                nodes(address, network) as hospitals,
                researcher(address, network.researcher()) as ada,
                working(list(hospitals.values()), rounds=rounds),
            ):
                return await ada.end(await ada.submit(question(network.researcher())))

    return run(scenario())


def test_a_commit_that_fails_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk stops the query until there is space; nothing is acknowledged before."""
    keep, failures = queries.keep, iter(range(3))

    def failing(*arguments: object, **named: object) -> None:
        if next(failures, None) is not None:
            raise WardnetError(Reason.DISK_FULL, path="coordinator.db")
        keep(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(queries, "keep", failing)
    monkeypatch.setattr(conductor, "RETRY_SECONDS", 0.01)
    record = asked(tmp_path)
    assert (record.state, record.attempt) == (query_pb2.QUERY_STATE_ANSWERED, 1)
    assert next(failures, None) is None


def test_a_bug_ends_the_query_with_an_incident(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The researcher gets an id to report and no text of the exception."""

    def broken(*_: object) -> None:
        message = "a patient's value"
        raise ValueError(message)

    monkeypatch.setattr(conductor, "step", broken)
    record = asked(tmp_path)
    assert (record.state, record.reason) == (query_pb2.QUERY_STATE_FAILED, Reason.INTERNAL)
    assert len(record.details["incident"]) == 8
    assert "a patient's value" not in str(record)


def test_a_total_that_fits_into_no_message_ends_the_query(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Work that could never be delivered would lose every hospital.

    An entry of a part takes 4 bytes here, and one of the total 8.
    """
    monkeypatch.setattr(pieces, "LONGEST_BYTES", 2 << 20)

    async def scenario() -> None:
        network = TestNetwork()
        async with serving(network, tmp_path) as address:
            await publish(address, network.node("a"))
            async with (
                nodes(address, network) as hospitals,
                researcher(address, network.researcher()) as ada,
            ):
                digest = await ada.submit(question(network.researcher()))
                large = {"n": np.full((2 << 20) // 4 - 60, 1 << 30)}
                for node in hospitals.values():
                    await node.part(await node.work(), large)
                record = await ada.end(digest)
        assert record.reason == Reason.HOSPITAL_REFUSED
        assert record.hospitals[0].causes[0].reason == Reason.MESSAGE_TOO_LARGE

    run(scenario())


def test_a_message_that_is_too_long_ends_the_stream_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sends it may attach again; nobody else notices."""
    monkeypatch.setattr(pieces, "LONGEST_BYTES", 2 << 20)

    async def scenario() -> None:
        network = TestNetwork()
        async with serving(network, tmp_path) as address:
            await publish(address, network.node("a"))
            async with (
                nodes(address, network) as hospitals,
                researcher(address, network.researcher()) as ada,
            ):
                digest = await ada.submit(question(network.researcher()))
                node = hospitals.pop("d")
                with contextlib.suppress(grpc.aio.AioRpcError):  # the end may come in between
                    await node.part(await node.work(), {"n": np.full(400_000, 1 << 40)})
                await soon(node.over.wait())
                assert node.failure is not None
                assert node.failure.reason is Reason.MESSAGE_TOO_LARGE
                async with (
                    FakeNode(address, network.node("d")) as again,
                    working([*hospitals.values(), again]),
                ):
                    record = await ada.end(digest)
        assert record.state == query_pb2.QUERY_STATE_ANSWERED

    run(scenario())


def test_a_researcher_may_not_take_all_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit counts running queries; an ended one gives its place back."""
    monkeypatch.setattr(queries, "MAXIMUM_RUNNING", 2)

    async def scenario() -> None:
        network = TestNetwork()
        async with serving(network, tmp_path) as address:
            await publish(address, network.node("a"))
            async with researcher(address, network.researcher()) as ada:
                first = await ada.submit(question(network.researcher()))
                await ada.submit(question(network.researcher()))
                await refused(ada.submit(question(network.researcher())), Reason.WORK_LIMIT)
                await ada.cancel(first)
                await ada.submit(question(network.researcher()))

    run(scenario())


def test_many_queries_at_once_all_end(tmp_path: Path) -> None:
    """Forty queries over the same four hospitals, each in its own time."""

    async def scenario() -> None:
        network = TestNetwork()
        async with serving(network, tmp_path) as address:
            await publish(address, network.node("a"))
            async with contextlib.AsyncExitStack() as stack:
                hospitals = await stack.enter_async_context(nodes(address, network))
                await stack.enter_async_context(working(list(hospitals.values())))
                ada = await stack.enter_async_context(researcher(address, network.researcher()))
                digests = await asyncio.gather(
                    *(ada.submit(question(network.researcher())) for _ in range(40))
                )
                records = await asyncio.gather(*(ada.end(digest) for digest in digests))
                assert {record.state for record in records} == {query_pb2.QUERY_STATE_ANSWERED}
                assert len(await ada.recent(100)) == 40

    run(scenario())


def test_a_caller_that_hangs_up_leaves_no_query_that_nobody_runs(tmp_path: Path) -> None:
    """What is stored is run, whoever still waits for the answer to Submit."""

    async def scenario() -> None:
        network, gate = TestNetwork(), threading.Event()
        ada = network.researcher()
        prepare(tmp_path, "abcd")
        with contextlib.closing(state.connect(tmp_path)) as connection:
            publish_directly(connection, network.node("a"))
        database, broker = Database(tmp_path), Broker()
        office = Conductor(database=database, broker=broker, trust=network.trust, round_deadline=60)
        holding = asyncio.create_task(database.write(lambda _: gate.wait(10)))
        envelope = envelope_from_wire(question(ada).query)
        calling = asyncio.create_task(office.submit(envelope, ada.member))
        await asyncio.sleep(0.01)
        calling.cancel()
        await asyncio.wait([calling])
        attachment = broker.attach("a", epoch=1)
        gate.set()
        await holding
        work = await soon(anext(attachment.outgoing(heartbeat=60)))
        assert isinstance(work, Work)
        assert work.query == envelope
        await office.close()
        await database.close()

    run(scenario())


def publish_directly(connection: sqlite3.Connection, publisher: Credentials) -> None:
    """Publish the dictionary without a server."""
    payload = dictionary.to_bytes(HEART)
    with Transactions(connection).transaction():
        catalog.publish(
            connection,
            envelope=sign(dictionary.PAYLOAD_TYPE, payload, publisher.signer),
            dictionary=HEART,
            publisher=publisher.member,
            at=clock.now(),
        )


@contextlib.asynccontextmanager
async def conducting(
    path: Path,
) -> AsyncIterator[tuple[Conductor, Broker, Database, Credentials, str]]:
    """Conduct one query of ada's to hospitals that are all away; yield her and its id, too."""
    network = TestNetwork()
    ada = network.researcher()
    prepare(path, "abcd")
    with contextlib.closing(state.connect(path)) as connection:
        publish_directly(connection, network.node("a"))
    database, broker = Database(path), Broker()
    office = Conductor(database=database, broker=broker, trust=network.trust, round_deadline=60)
    query = await office.submit(envelope_from_wire(question(ada).query), ada.member)
    try:
        yield office, broker, database, ada, query
    finally:
        await office.close()
        await database.close()


def test_a_query_cancelled_many_times_at_once_keeps_no_hospital_waiting(tmp_path: Path) -> None:
    """More than its inbox holds, and a result behind them: all are heard when it has ended."""

    async def scenario() -> None:
        gate = threading.Event()
        async with conducting(tmp_path) as (office, broker, database, ada, query):
            holding = asyncio.create_task(database.write(lambda _: gate.wait(10)))
            cancelling = [
                asyncio.create_task(office.cancel(query, ada.member.id)) for _ in range(300)
            ]
            await asyncio.sleep(0.2)
            refusal = Refusal.of(WardnetError(Reason.QUERY_EXPIRED))
            attachment = broker.attach("a", epoch=1)
            told = asyncio.create_task(
                office.receive(attachment, WorkId(query, 1, 0), lambda: refusal)
            )
            await asyncio.sleep(0.01)
            gate.set()
            await soon(asyncio.gather(holding, told, *cancelling))

    run(scenario())


def test_a_result_that_nobody_waits_for_is_not_read(tmp_path: Path) -> None:
    """Its sums may be millions of numbers: of an unknown query, another round, another hospital."""

    def read() -> Refusal:
        raise AssertionError

    async def scenario() -> None:
        async with conducting(tmp_path) as (office, broker, _, _, query):
            member, stranger = broker.attach("a", epoch=1), broker.attach("e", epoch=1)
            unknown, other = WorkId("0" * 64, 1, 0), WorkId(query, 1, 1)
            await office.receive(member, unknown, read)
            await office.receive(member, other, read)
            await office.receive(stranger, WorkId(query, 1, 0), read)
            with pytest.raises(AssertionError):
                await office.receive(member, WorkId(query, 1, 0), read)
            told, outgoing = list[Outgoing](), member.outgoing(heartbeat=60)
            while len(told) < 3:
                told.append(await soon(anext(outgoing)))
            assert told == [Acknowledged(unknown), Ended(unknown.query), Acknowledged(other)]

    run(scenario())
