"""Queries through a real coordinator: rounds, totals and answers; hospitals speak the wire."""

import asyncio
import contextlib
import secrets
import sqlite3
import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from support.coordinator import (
    SECONDS,
    Researcher,
    publish,
    question,
    refused,
    researcher,
    run,
    serving,
    soon,
)
from support.fake_node import FakeNode, nodes, part_of, sealed_by, total_of, working
from support.member import wait_until
from support.pki import TestNetwork
from support.scene import ANSWERED, COMPUTING, SENT, events, scene, states
from wardnet.audit.entry import EventType
from wardnet.errors import Reason
from wardnet.transport.work import sums_from_wire
from wardnet.wire.v1 import query_pb2
from wardnet_coordinator import queries, state


async def when_sent(ada: Researcher, hospitals: int) -> query_pb2.QueryRecord:
    """Watch the newest query until so many hospitals have sent."""
    (newest,) = await ada.recent(1)
    async for record in ada.watch(newest.query):
        if list(states(record).values()).count(SENT) == hospitals:
            return record
    raise AssertionError


def test_four_hospitals_answer(tmp_path: Path) -> None:
    """Two rounds, then four sealed answers, given out as they came."""

    async def scenario() -> None:
        async with scene(tmp_path) as (network, hospitals, ada):
            digest = await ada.submit(question(network.researcher()))
            async with working(list(hospitals.values())):
                record = await ada.end(digest)
            answers = await ada.answers(digest)
        assert (record.query, record.state) == (digest, ANSWERED)
        assert (record.attempt, record.round) == (1, 2)
        assert list(answers.items()) == [(name, sealed_by(name)) for name in "abcd"]
        assert set(states(record).values()) == {SENT}
        assert record.ended_ms >= record.submitted_ms > 0

    run(scenario())
    assert events(tmp_path) == [
        EventType.DICTIONARY_PUBLISHED,
        EventType.QUERY_SUBMITTED,
        EventType.QUERY_ANSWER,
    ]


def test_the_next_work_carries_only_the_newest_total(tmp_path: Path) -> None:
    """A stream carries every total once; the first work names query, attempt and hospitals."""

    async def scenario() -> None:
        async with scene(tmp_path) as (network, hospitals, ada):
            request = question(network.researcher())
            digest = await ada.submit(request)
            for number in range(3):
                works = [await node.work() for node in hospitals.values()]
                for work, node in zip(works, hospitals.values(), strict=True):
                    assert work.work_id == f"{digest}/1/{number}"
                    assert (work.attempt, work.round, list(work.hospitals)) == (
                        1,
                        number,
                        list("abcd"),
                    )
                    assert work.query == request.query
                    assert [total.round for total in work.totals] == [number - 1][:number]
                    await node.part(work)
                if number:
                    expected = sum(part_of(name, number - 1)["n"][0] for name in "abcd")
                    assert total_of(works[0].totals[0]) == [expected, 4]

    run(scenario())


def test_the_next_work_comes_once_the_total_is_durable(tmp_path: Path) -> None:
    """It acknowledges the parts, which are in a total on disk; an open round acknowledges none."""

    async def scenario() -> None:
        async with scene(tmp_path) as (network, hospitals, ada):
            await ada.submit(question(network.researcher()))
            works = {name: await node.work() for name, node in hospitals.items()}
            for name in "abc":
                await hospitals[name].part(works[name])
            record = await when_sent(ada, 3)
            assert states(record) == {"a": SENT, "b": SENT, "c": SENT, "d": COMPUTING}
            assert all(node.acknowledged.empty() for node in hospitals.values())
            await hospitals["d"].part(works["d"])
            for node in hospitals.values():
                assert (await node.work()).round == 1
            with contextlib.closing(state.connect(tmp_path)) as connection:
                assert connection.execute("SELECT count(*) FROM totals").fetchone() == (1,)

    run(scenario())


def test_a_total_comes_ahead_of_its_work_while_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hospitals compute meanwhile; the work, without the total, says that it is durable."""
    written, keep = threading.Event(), queries.keep

    def slowly(connection: sqlite3.Connection, *, after: queries.Record, at: datetime) -> None:
        written.wait(SECONDS)
        keep(connection, after=after, at=at)

    async def scenario() -> None:
        async with scene(tmp_path) as (network, hospitals, ada):
            digest = await ada.submit(question(network.researcher()))
            works = {name: await node.work() for name, node in hospitals.items()}
            monkeypatch.setattr(queries, "keep", slowly)
            for name, node in hospitals.items():
                await node.part(works[name])
            expected = sum(part_of(name, 0)["n"][0] for name in "abcd")
            for node in hospitals.values():
                ahead = await soon(node.aheads.get())
                assert ahead.work_id == f"{digest}/1/1"
                assert total_of(ahead.total) == [expected, 4]
                assert node.works.empty()
            with contextlib.closing(sqlite3.connect(tmp_path / state.FILE)) as connection:
                assert connection.execute("SELECT count(*) FROM totals").fetchone() == (0,)
            written.set()
            for node in hospitals.values():
                assert (await node.work()).round == 1

    run(scenario())


def test_totals_are_deleted_after_the_end_of_their_query(tmp_path: Path) -> None:
    """The coordinator keeps no total longer than it needs it."""

    async def scenario() -> None:
        async with scene(tmp_path) as (network, hospitals, ada):
            digest = await ada.submit(question(network.researcher()))
            async with working(list(hospitals.values())):
                await ada.end(digest)
            await when_forgotten(tmp_path)

    run(scenario())


def test_totals_that_a_crash_has_left_are_deleted_at_the_next_start(tmp_path: Path) -> None:
    """However many there are; those of a running query stay."""

    async def scenario() -> None:
        async with scene(tmp_path) as (network, hospitals, ada):
            ended = await ada.submit(question(network.researcher()))
            async with working(list(hospitals.values())):
                await ada.end(ended)
            await when_forgotten(tmp_path)
            running = await ada.submit(question(network.researcher()))
            works = {name: await node.work() for name, node in hospitals.items()}
            for name, work in works.items():
                await hospitals[name].part(work)
            assert [(await node.work()).round for node in hospitals.values()] == [1] * 4
        rounds = range(3 * queries.TOTALS_AT_ONCE)
        with contextlib.closing(state.connect(tmp_path)) as connection:
            left = [(ended, number, b"left") for number in rounds]
            connection.executemany("INSERT INTO totals VALUES (?, ?, ?)", left)
        async with serving(network, tmp_path):
            await when_forgotten(tmp_path, but=[(running, 0)])

    run(scenario())


async def when_forgotten(home: Path, *, but: Sequence[tuple[str, int]] = ()) -> None:
    """Wait until the database holds no totals but these."""

    def forgotten() -> bool:
        with contextlib.closing(state.connect(home)) as connection:
            return connection.execute("SELECT query, round FROM totals").fetchall() == list(but)

    assert await asyncio.to_thread(wait_until, forgotten, seconds=SECONDS)


def test_a_hospital_that_comes_back_can_ask_for_all_totals(tmp_path: Path) -> None:
    """The node may have forgotten everything; nobody else may ask, nor about other work."""

    async def scenario() -> None:
        async with scene(tmp_path) as (network, hospitals, ada):
            await ada.submit(question(network.researcher()))
            for _ in range(2):
                for node in hospitals.values():
                    await node.part(await node.work())
            async with FakeNode(hospitals["a"].address, network.node("a")) as again:
                work = await again.work()
                assert work.round == 2
                assert [total.round for total in work.totals] == [1]
                totals = await again.totals(work)
                assert [total.round for total in totals] == [0, 1]
                assert totals[1:] == list(work.totals)
                work.work_id = work.work_id[:-1] + "3"
                await refused(again.totals(work), Reason.QUERY_UNKNOWN)

    run(scenario())


def test_an_update_of_a_million_numbers_goes_both_ways(tmp_path: Path) -> None:
    """Eight megabytes from each hospital, and their total to each; then twelve of sealed model."""
    size, sealed = 1_000_000, secrets.token_bytes(12_000_000)

    async def scenario() -> None:
        async with scene(tmp_path) as (network, hospitals, ada):
            digest = await ada.submit(question(network.researcher()))
            for number, node in enumerate(hospitals.values(), start=1):
                await node.part(await node.work(), {"n": np.full(size, number, np.int64)})
            for node in hospitals.values():
                work = await node.work()
                (total,) = work.totals
                sums = sums_from_wire(total.sums)
                assert (sums["n"] == 10).all()
                assert sums["n"].size == size
                await node.answer(work, sealed)
            await ada.end(digest)
            assert await ada.answers(digest) == dict.fromkeys("abcd", sealed)

    run(scenario())


def test_a_part_that_is_sent_twice_counts_once(tmp_path: Path) -> None:
    """A node repeats what was not acknowledged before its stream broke."""

    async def scenario() -> None:
        async with scene(tmp_path) as (network, hospitals, ada):
            await ada.submit(question(network.researcher()))
            works = {name: await node.work() for name, node in hospitals.items()}
            await hospitals["a"].part(works["a"])
            await when_sent(ada, 1)
            async with FakeNode(hospitals["a"].address, network.node("a")) as again:
                await again.part(works["a"])
                for name in "bcd":
                    await hospitals[name].part(works[name])
                (total,) = (await hospitals["b"].work()).totals
            assert total_of(total) == [sum(part_of(name, 0)["n"][0] for name in "abcd"), 4]

    run(scenario())


def test_a_late_part_is_acknowledged_and_the_query_named_as_ended(tmp_path: Path) -> None:
    """A node's outbox must not hold a result for ever."""

    async def scenario() -> None:
        async with scene(tmp_path) as (network, hospitals, ada):
            digest = await ada.submit(question(network.researcher()))
            work = await hospitals["a"].work()
            await ada.cancel(digest)
            assert await soon(hospitals["a"].ended.get()) == digest
            await hospitals["a"].part(work)
            assert await soon(hospitals["a"].acknowledged.get()) == work.work_id
            assert await soon(hospitals["a"].ended.get()) == digest

    run(scenario())


def test_a_stopped_coordinator_goes_on_at_the_same_round(tmp_path: Path) -> None:
    """Totals and attempts are on disk; a restart asks for the present round again."""
    network = TestNetwork()

    async def begin() -> str:
        async with serving(network, tmp_path) as address:
            await publish(address, network.node("a"))
            async with (
                nodes(address, network) as hospitals,
                researcher(address, network.researcher()) as ada,
            ):
                digest = await ada.submit(question(network.researcher()))
                for _ in range(2):
                    for node in hospitals.values():
                        await node.part(await node.work())
                await hospitals["a"].work()
                return digest

    async def finish(digest: str) -> None:
        async with (
            serving(network, tmp_path) as address,
            nodes(address, network) as hospitals,
            researcher(address, network.researcher()) as ada,
        ):
            for node in hospitals.values():
                work = await node.work()
                assert work.work_id == f"{digest}/1/2"
                assert [total.round for total in work.totals] == [1]
                assert [total.round for total in await node.totals(work)] == [0, 1]
                await node.answer(work)
            record = await ada.end(digest)
            assert (record.state, record.round) == (ANSWERED, 2)

    run(finish(run(begin())))
