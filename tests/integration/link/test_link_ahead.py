"""Totals that come ahead of their work: computed with, and nothing of it released."""

import asyncio
import secrets
from dataclasses import replace
from typing import TypeAlias

import pytest

from support.coordinator import run, soon
from support.hospital import Hospital
from support.link import guard_round, logged, query, reasons, total
from support.pki import TestNetwork
from support.post import Attached, post_office
from support.questions import DICTIONARY
from wardnet.audit.entry import EventType
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope
from wardnet.transport.work import Ahead, Total, WorkId
from wardnet.wire.v1.link_pb2 import RoundPart
from wardnet_node import outbox
from wardnet_node.compute.pool import WorkerPool
from wardnet_node.intake.local_part import LocalPart
from wardnet_node.rounds import Rounds

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
    network: TestNetwork, hospital: Hospital, asked: Asked, computed: Computed
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
    network: TestNetwork, hospital: Hospital, asked: Asked, computed: Computed
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
    network: TestNetwork, hospital: Hospital, asked: Asked, computed: Computed
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


def test_sums_of_one_round_are_not_released_as_those_of_another(
    network: TestNetwork, hospital: Hospital, computed: Computed
) -> None:
    """A coordinator that passes over work gets what it asks for, and so says the log."""

    async def scenario() -> None:
        async with post_office(network) as (post, address), hospital.serving(address):
            stream = await post.attached()
            parts, more = list[RoundPart](), list[Total]()
            for ahead in (False, True):
                parameters = {"outcome": "sex", "terms": [["age"]]}
                nonce = secrets.token_hex(16)
                envelope, digest = query(network, method="glm", parameters=parameters, nonce=nonce)
                totals = [total(await guard_round(stream, envelope, digest))]
                await soon(computed.get())
                if ahead:
                    await stream.bring(WorkId(digest, 1, 1), totals[0])
                    await soon(computed.get())
                else:
                    await stream.ask(envelope, WorkId(digest, 1, 1), totals=totals)
                    more = [total(await stream.next("part"), 1)]
                    await soon(computed.get())
                await stream.ask(envelope, WorkId(digest, 1, 2), totals=[*totals, *more])
                parts.append(await stream.next("part"))
                await soon(computed.get())
            assert parts[0].sums == parts[1].sums

    run(scenario())


@pytest.mark.parametrize("longest", [0, 1 << 16], ids=["made again", "kept"])
def test_work_that_comes_again_after_the_next_total_is_done_again(
    network: TestNetwork,
    hospital: Hospital,
    asked: Asked,
    monkeypatch: pytest.MonkeyPatch,
    longest: int,
) -> None:
    """Work comes at least once, in any order with what comes ahead."""
    monkeypatch.setattr(outbox, "LONGEST_KEPT_PART", longest)
    envelope, digest = asked
    second, third = WorkId(digest, 1, 1), WorkId(digest, 1, 2)

    async def scenario() -> None:
        async with post_office(network) as (post, address), hospital.serving(address):
            stream = await post.attached()
            begun = total(await guard_round(stream, envelope, digest))
            await stream.ask(envelope, second, totals=[begun])
            moments = await stream.next("part")
            await stream.bring(third, total(moments, 1))
            await stream.ask(envelope, second, totals=[begun])
            assert await stream.next("part", "refusal") == moments
            await stream.ask(envelope, third, totals=[begun, total(moments, 1)])
            await stream.next("answer")

    run(scenario())
    assert logged(hospital).count(("query_part", "1/1")) == 1


def test_a_false_total_that_comes_ahead_is_logged(
    network: TestNetwork, hospital: Hospital, asked: Asked
) -> None:
    """One that cannot be read, and one that the hospital has no part in."""
    envelope, digest = asked

    def failed() -> int:
        return sum(entry.type is EventType.QUERY_FAILED for entry in hospital.entries())

    async def scenario() -> None:
        async with post_office(network) as (post, address), hospital.serving(address):
            stream = await post.attached()
            part = await guard_round(stream, envelope, digest)
            await stream.bring(WorkId(digest, 1, 3), total(part))
            await sent_nothing(stream, envelope)
            assert failed() == 1
            await stream.bring(WorkId(digest, 1, 1), replace(total(part), participants=()))
            await stream.ask(envelope, WorkId(digest, 1, 1), totals=[total(part)])
            await stream.next("part")
            assert failed() == 2

    run(scenario())


def test_what_comes_while_a_round_is_computed_does_not_wait(
    network: TestNetwork,
    hospital: Hospital,
    asked: Asked,
    computed: Computed,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However many a coordinator sends, they take no memory; the work brings the total."""
    envelope, digest = asked
    second = WorkId(digest, 1, 1)
    go, tally = asyncio.Event(), WorkerPool.tally
    passed, prepare = asyncio.Queue[Ahead](), Rounds.prepare

    async def noted(rounds: Rounds, ahead: Ahead) -> None:
        await prepare(rounds, ahead)
        passed.put_nowait(ahead)

    monkeypatch.setattr(Rounds, "prepare", noted)

    async def slowly(pool: WorkerPool, name: str, **named: object) -> object:
        await go.wait()
        return await tally(pool, name, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(WorkerPool, "tally", slowly)

    async def scenario() -> None:
        async with post_office(network) as (post, address), hospital.serving(address):
            stream = await post.attached()
            go.set()
            begun = total(await guard_round(stream, envelope, digest))
            go.clear()
            await stream.ask(envelope, second, totals=[begun])
            for _ in range(5):
                await stream.bring(second, begun)
                await soon(passed.get())
            go.set()
            assert (await stream.next("part")).work_id == str(second)
            assert computed.qsize() == 2

    run(scenario())


@pytest.mark.parametrize("anew", [False, True], ids=["gone", "adopted anew"])
@pytest.mark.parametrize("ahead", [False, True], ids=["with its work", "ahead"])
def test_nothing_is_released_of_a_dataset_that_was_dropped(
    network: TestNetwork,
    hospital: Hospital,
    asked: Asked,
    computed: Computed,
    *,
    ahead: bool,
    anew: bool,
) -> None:
    """Its rows may still be in a worker's memory, or its sums computed already."""
    envelope, digest = asked
    second = WorkId(digest, 1, 1)

    def drop() -> None:
        with hospital.vault() as vault:
            vault.drop(DICTIONARY.name)
            if anew:
                vault.adopt(DICTIONARY, LocalPart())
        if anew:
            hospital.load({"female": 30, "male": 20})

    async def scenario() -> None:
        async with post_office(network) as (post, address), hospital.serving(address):
            stream = await post.attached()
            begun = total(await guard_round(stream, envelope, digest))
            if ahead:
                await stream.bring(second, begun)
                assert [await soon(computed.get()) for _ in range(2)] == [digest] * 2
            await asyncio.to_thread(drop)
            await stream.ask(envelope, second, totals=[begun])
            assert reasons(await stream.next("refusal")) == [Reason.DATASET_UNAVAILABLE]

    run(scenario())
    assert ("query_part", "1/1") not in logged(hospital)
