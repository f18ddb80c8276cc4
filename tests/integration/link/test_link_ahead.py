"""Totals that come ahead of their work: computed with, and nothing of it released."""

import asyncio
from dataclasses import replace
from typing import TypeAlias

import pytest

from support.coordinator import run, soon
from support.hospital import Hospital
from support.link import guard_round, logged, query, total
from support.pki import TestNetwork
from support.post import Attached, post_office
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope
from wardnet.transport.work import WorkId
from wardnet.wire.v1.link_pb2 import RoundPart
from wardnet_node.compute.pool import WorkerPool

Asked: TypeAlias = tuple[Envelope, str]
Computed: TypeAlias = asyncio.Queue[str]


@pytest.fixture
def asked(network: TestNetwork) -> Asked:
    """Return a question of three rounds, and its digest."""
    return query(network, method="summary", parameters={"columns": ["age"], "by": []})


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> Computed:
    """Return the queries that something is computed for, as soon as it is."""
    done, tally = asyncio.Queue[str](), WorkerPool.tally

    async def noted(pool: WorkerPool, name: str, **named: object) -> object:
        sums = await tally(pool, name, **named)  # type: ignore[arg-type]
        done.put_nowait(name)
        return sums

    monkeypatch.setattr(WorkerPool, "tally", noted)
    return done


async def sent_nothing(stream: Attached, envelope: Envelope) -> None:
    """Check that the node has sent nothing before what it is asked now."""
    await stream.explain(1, envelope)
    assert not isinstance(await stream.next("part", "explanation"), RoundPart)


def test_what_comes_ahead_is_computed_and_waits_for_its_work(
    network: TestNetwork,
    hospital: Hospital,
    asked: tuple[Envelope, str],
    computed: asyncio.Queue[str],
) -> None:
    """The work, which says that the total is durable, needs not bring it again."""
    envelope, digest = asked
    second = WorkId(digest, 1, 1)

    async def scenario() -> None:
        async with post_office(network) as (post, address):
            async with hospital.serving(address):
                stream = await post.attached()
                part = await guard_round(stream, envelope, digest)
                await stream.bring(second, total(part))
                assert [await soon(computed.get()) for _ in range(2)] == [digest] * 2
                await sent_nothing(stream, envelope)
                assert ("query_part", "1/1") not in logged(hospital)
                await stream.ask(envelope, second)
                moments = await stream.next("part")
                assert computed.empty()
            async with hospital.serving(address):
                stream = await post.attached()
                await stream.ask(envelope, second, totals=[total(part)])
                assert await stream.next("part") == moments

    run(scenario())
    assert logged(hospital).count(("query_part", "1/1")) == 1


def test_what_came_ahead_is_forgotten_with_its_stream(
    network: TestNetwork,
    hospital: Hospital,
    asked: tuple[Envelope, str],
    computed: asyncio.Queue[str],
) -> None:
    """The coordinator may have lost it; the hospital goes on from what is durable."""
    envelope, digest = asked
    second = WorkId(digest, 1, 1)

    async def scenario() -> None:
        async with post_office(network) as (post, address), hospital.serving(address):
            stream = await post.attached()
            part = await guard_round(stream, envelope, digest)
            lost = total(part)
            more = {name: array * 2 for name, array in lost.sums.items()}
            await stream.bring(second, replace(lost, sums=more))
            assert [await soon(computed.get()) for _ in range(2)] == [digest] * 2
            await stream.break_off(WardnetError(Reason.LEASE_ENDED, hospital="a", seconds=1))
            stream = await post.attached()
            assert await stream.next("part") == part  # sent again: it may have been lost
            await stream.ask(envelope, second, totals=[total(part)])
            moments = await stream.next("part")
            await stream.ask(envelope, WorkId(digest, 1, 2), totals=[total(moments, 1)])
            await stream.next("answer")

    run(scenario())


def test_only_one_round_is_computed_ahead(
    network: TestNetwork,
    hospital: Hospital,
    asked: tuple[Envelope, str],
    computed: asyncio.Queue[str],
) -> None:
    """Nobody leads a hospital through rounds of which it never releases a part."""
    envelope, digest = asked
    second, third = WorkId(digest, 1, 1), WorkId(digest, 1, 2)

    async def scenario() -> None:
        async with post_office(network) as (post, address), hospital.serving(address):
            stream = await post.attached()
            part = await guard_round(stream, envelope, digest)
            await stream.bring(second, total(part))
            await stream.bring(third, total(part, 1))
            assert [await soon(computed.get()) for _ in range(2)] == [digest] * 2
            await stream.ask(envelope, second)
            assert (await stream.next("part")).work_id == str(second)
            assert computed.empty()

    run(scenario())
