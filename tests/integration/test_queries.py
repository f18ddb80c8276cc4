"""Queries through a real coordinator: gRPC, mutual TLS, SQLite; hospitals speak the wire."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from support.coordinator import (
    FakeNode,
    Researcher,
    nodes,
    part_of,
    publish,
    question,
    refused,
    researcher,
    run,
    sealed_by,
    serving,
    soon,
    total_of,
    working,
)
from support.pki import TestNetwork
from wardnet.audit import log
from wardnet.audit.entry import EventType
from wardnet.errors import Reason
from wardnet.transport.convert import causes_from_wire
from wardnet.wire.v1 import link_pb2, query_pb2
from wardnet_coordinator import state

ANSWERED = query_pb2.QUERY_STATE_ANSWERED
FAILED = query_pb2.QUERY_STATE_FAILED
AWAY = query_pb2.HOSPITAL_STATE_AWAY
COMPUTING = query_pb2.HOSPITAL_STATE_COMPUTING
SENT = query_pb2.HOSPITAL_STATE_SENT
LOST = query_pb2.HOSPITAL_STATE_LOST
REFUSED = query_pb2.HOSPITAL_STATE_REFUSED


@asynccontextmanager
async def scene(
    home: Path,
    names: Sequence[str] = "abcd",
    *,
    round_deadline: float = 60,
    heartbeat: float = 20,
    lease: float = 60,
) -> AsyncIterator[tuple[TestNetwork, dict[str, FakeNode], Researcher]]:
    """Serve a network whose dataset is published, with some hospitals attached and a researcher."""
    network = TestNetwork()
    server = serving(network, home, round_deadline=round_deadline, heartbeat=heartbeat, lease=lease)
    async with server as address:
        await publish(address, network.node("a"))
        async with (
            nodes(address, network, names) as hospitals,
            researcher(address, network.researcher()) as ada,
        ):
            yield network, hospitals, ada


def states(record: query_pb2.QueryRecord) -> dict[str, int]:
    """Return how far each hospital is."""
    return {progress.hospital: progress.state for progress in record.hospitals}


def events(home: Path) -> list[EventType]:
    """Return the types of all entries of the coordinator's log, which must be whole."""
    with contextlib.closing(state.connect(home)) as connection:
        log.verify(connection)
        return [entry.type for entry in log.entries(connection)]


def test_four_hospitals_answer(tmp_path: Path) -> None:
    """Two rounds, then four sealed answers, given out as they came."""

    async def scenario() -> None:
        async with scene(tmp_path) as (network, hospitals, ada):
            digest = await ada.submit(question(network.researcher()))
            async with working(list(hospitals.values())):
                record = await ada.end(digest)
        assert (record.query, record.state) == (digest, ANSWERED)
        assert (record.attempt, record.round) == (1, 2)
        assert [answer.hospital for answer in record.answers] == list("abcd")
        assert [answer.sealed for answer in record.answers] == list(map(sealed_by, "abcd"))
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


def test_results_are_acknowledged_once_their_total_is_durable(tmp_path: Path) -> None:
    """An acknowledged part is in a total on disk; an open round acknowledges nothing."""

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
            for name, node in hospitals.items():
                assert await soon(node.acknowledged.get()) == works[name].work_id
            with contextlib.closing(state.connect(tmp_path)) as connection:
                assert connection.execute("SELECT count(*) FROM totals").fetchone() == (1,)

    run(scenario())


async def when_sent(ada: Researcher, hospitals: int) -> query_pb2.QueryRecord:
    """Watch the newest query until so many hospitals have sent."""
    (newest,) = await ada.recent(1)
    async for record in ada.watch(newest.query):
        if list(states(record).values()).count(SENT) == hospitals:
            return record
    raise AssertionError


def test_totals_are_deleted_with_the_end_of_their_query(tmp_path: Path) -> None:
    """The coordinator keeps no total longer than it needs it."""

    async def scenario() -> None:
        async with scene(tmp_path) as (network, hospitals, ada):
            digest = await ada.submit(question(network.researcher()))
            async with working(list(hospitals.values())):
                await ada.end(digest)

    run(scenario())
    with contextlib.closing(state.connect(tmp_path)) as connection:
        assert connection.execute("SELECT count(*) FROM totals").fetchone() == (0,)


def test_a_hospital_that_never_answers_costs_one_deadline_and_is_named(tmp_path: Path) -> None:
    """The survivors start over once; the answer says who was lost."""

    async def scenario() -> None:
        async with scene(tmp_path, round_deadline=1) as (network, hospitals, ada):
            began = time.monotonic()
            digest = await ada.submit(question(network.researcher(), minimum=3))
            async with working([hospitals[name] for name in "abc"]):
                record = await ada.end(digest)
            assert time.monotonic() - began < 2
            assert record.state == ANSWERED
            assert (record.attempt, len(record.answers)) == (2, 3)
            assert states(record) == {"a": SENT, "b": SENT, "c": SENT, "d": LOST}
            assert await soon(hospitals["d"].ended.get()) == digest

    run(scenario())


def test_a_hospital_that_is_away_costs_one_deadline_too(tmp_path: Path) -> None:
    """A round waits for a hospital that may come back; then it is lost."""

    async def scenario() -> None:
        async with scene(tmp_path, "abc", round_deadline=1) as (network, hospitals, ada):
            digest = await ada.submit(question(network.researcher(), minimum=3))
            assert states(await ada.get(digest))["d"] == AWAY
            async with working(list(hospitals.values())):
                record = await ada.end(digest)
            assert (record.state, record.attempt) == (ANSWERED, 2)
            assert states(record)["d"] == LOST

    run(scenario())


def test_too_few_survivors_end_the_query_by_its_own_rule(tmp_path: Path) -> None:
    """Without --min-hospitals every hospital must answer."""

    async def scenario() -> None:
        async with scene(tmp_path, "abc", round_deadline=1) as (network, hospitals, ada):
            digest = await ada.submit(question(network.researcher()))
            async with working(list(hospitals.values())):
                record = await ada.end(digest)
            assert record.state == FAILED
            assert record.reason == Reason.HOSPITALS_LOST
            assert record.details == {"hospitals": "d"}

    run(scenario())
    assert events(tmp_path)[-1] is EventType.QUERY_FAILED


def test_a_refusal_ends_the_query_and_names_the_hospital(tmp_path: Path) -> None:
    """All reasons are told; the others hear of it and drop the query."""

    async def scenario() -> None:
        async with scene(tmp_path) as (network, hospitals, ada):
            digest = await ada.submit(question(network.researcher(), minimum=1))
            works = {name: await node.work() for name, node in hospitals.items()}
            unavailable = link_pb2.Cause(reason="dataset_unavailable", details={"dataset": "heart"})
            ended = link_pb2.Cause(reason="agreement_ended", details={"hospital": "b"})
            await hospitals["b"].refuse(works["b"], unavailable, ended)
            record = await ada.end(digest)
            assert record.state == FAILED
            assert record.reason == Reason.HOSPITAL_REFUSED
            assert record.details["hospital"] == "b"
            assert states(record)["b"] == REFUSED
            assert list(record.hospitals[1].causes) == [unavailable, ended]
            for cause in causes_from_wire(record.hospitals[1].causes):
                assert str(cause) in record.details["rule"]
            for node in hospitals.values():
                assert await soon(node.ended.get()) == digest

    run(scenario())


def test_a_reason_that_is_unknown_here_still_ends_the_query(tmp_path: Path) -> None:
    """A newer node may refuse for reasons that only it knows."""

    async def scenario() -> None:
        async with scene(tmp_path) as (network, hospitals, ada):
            digest = await ada.submit(question(network.researcher()))
            node = hospitals["a"]
            await node.refuse(await node.work(), link_pb2.Cause(reason="bad_weather"))
            record = await ada.end(digest)
            assert record.reason == Reason.HOSPITAL_REFUSED

    run(scenario())


def test_diverging_transcripts_end_the_query(tmp_path: Path) -> None:
    """Hospitals that saw different totals are never added."""

    async def scenario() -> None:
        async with scene(tmp_path) as (network, hospitals, ada):
            digest = await ada.submit(question(network.researcher()))
            for name, node in hospitals.items():
                await node.part(await node.work(), transcript=("f" if name == "c" else "0") * 64)
            record = await ada.end(digest)
            assert (record.state, record.reason) == (FAILED, Reason.ROUNDS_DIVERGED)

    run(scenario())


@pytest.mark.parametrize("kind", ["answer", "refusal"])
def test_an_empty_result_is_a_refusal(tmp_path: Path, kind: str) -> None:
    """It ends the query by name instead of counting as an answer, or as no reason at all."""

    async def scenario() -> None:
        async with scene(tmp_path) as (network, hospitals, ada):
            digest = await ada.submit(question(network.researcher()))
            work = await hospitals["b"].work()
            if kind == "answer":
                await hospitals["b"].answer(work, b"")
            else:
                await hospitals["b"].refuse(work)
            record = await ada.end(digest)
            assert record.reason == Reason.HOSPITAL_REFUSED
            (cause,) = causes_from_wire(record.hospitals[1].causes)
            assert (cause.reason, cause.details["field"]) == (Reason.MALFORMED, kind)

    run(scenario())


def test_a_list_carries_no_answers(tmp_path: Path) -> None:
    """Whoever lists her queries fetches the answers one by one."""

    async def scenario() -> None:
        async with scene(tmp_path) as (network, hospitals, ada):
            async with working(list(hospitals.values())):
                record = await ada.end(await ada.submit(question(network.researcher())))
            assert len((await ada.get(record.query)).answers) == 4
            assert [len(listed.answers) for listed in await ada.recent()] == [0]

    run(scenario())


def test_a_hospital_that_comes_back_gets_all_totals(tmp_path: Path) -> None:
    """A new stream starts from the beginning: the node may have forgotten everything."""

    async def scenario() -> None:
        async with scene(tmp_path) as (network, hospitals, ada):
            await ada.submit(question(network.researcher()))
            for _ in range(2):
                for node in hospitals.values():
                    await node.part(await node.work())
            async with FakeNode(hospitals["a"].address, network.node("a")) as again:
                work = await again.work()
                assert work.round == 2
                assert [total.round for total in work.totals] == [0, 1]

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
                assert await soon(again.acknowledged.get()) == works["a"].work_id
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


def test_a_newer_process_fences_the_older_one_for_good(tmp_path: Path) -> None:
    """Only the newest epoch of a hospital is served."""

    async def scenario() -> None:
        network = TestNetwork()
        async with serving(network, tmp_path) as address:
            async with (
                FakeNode(address, network.node("a"), epoch=4) as older,
                FakeNode(address, network.node("a"), epoch=5) as newer,
            ):
                await soon(older.over.wait())
                assert older.failure is not None
                assert older.failure.reason is Reason.SUPERSEDED
                assert not newer.over.is_set()
            async with FakeNode(address, network.node("a"), epoch=4) as again:
                assert again.failure is not None
                assert again.failure.reason is Reason.SUPERSEDED

    run(scenario())


def test_a_silent_node_loses_its_lease_and_a_beating_one_does_not(tmp_path: Path) -> None:
    """A process that hangs behind an open connection is away."""

    async def scenario() -> None:
        async with scene(tmp_path, "ab", lease=0.5, heartbeat=0.1) as (_, hospitals, _ada):
            alive, silent = hospitals["a"], hospitals["b"]
            while not silent.over.is_set():
                await alive.send(heartbeat={})
                await asyncio.sleep(0.05)
            assert silent.failure is not None
            assert silent.failure.reason is Reason.LEASE_ENDED
            assert not alive.over.is_set()
            assert alive.heartbeats.qsize() >= 2

    run(scenario())


def test_a_node_that_names_another_hospital_is_refused(tmp_path: Path) -> None:
    """The certificate decides who attaches."""

    async def scenario() -> None:
        network = TestNetwork()
        async with serving(network, tmp_path) as address:
            node = FakeNode(address, network.node("a"))
            node.hello.hospital = "b"
            async with node:
                assert node.failure is not None
                assert node.failure.reason is Reason.IDENTITY_MISMATCH

    run(scenario())


def test_submitting_the_same_bytes_again_changes_nothing(tmp_path: Path) -> None:
    """A client that lost the response may simply repeat itself."""

    async def scenario() -> None:
        async with scene(tmp_path) as (network, hospitals, ada):
            request = question(network.researcher())
            assert await ada.submit(request) == await ada.submit(request)
            async with working(list(hospitals.values())):
                record = await ada.end(await ada.submit(request))
            await ada.submit(request)
            assert [r.query for r in await ada.recent()] == [record.query]
            assert (await ada.get(record.query)).state == ANSWERED

    run(scenario())
    assert events(tmp_path).count(EventType.QUERY_SUBMITTED) == 1


def test_queries_of_others_are_invisible(tmp_path: Path) -> None:
    """To another researcher they do not exist, whatever she calls."""

    async def scenario() -> None:
        network = TestNetwork()
        async with serving(network, tmp_path) as address:
            await publish(address, network.node("a"))
            async with (
                researcher(address, network.researcher("ada")) as ada,
                researcher(address, network.researcher("bob")) as bob,
            ):
                digest = await ada.submit(question(network.researcher("ada")))
                assert await bob.recent() == []
                for call in (bob.get, bob.cancel, bob.end):
                    await refused(call(digest), Reason.QUERY_UNKNOWN)
                assert (await ada.get(digest[:6])).query == digest
                await refused(ada.get(digest[:5]), Reason.QUERY_UNKNOWN)

    run(scenario())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"lasts": timedelta(minutes=-1)}, Reason.QUERY_EXPIRED),
        ({"dataset": "lungs"}, Reason.DATASET_UNAVAILABLE),
        ({"dictionary": "0" * 64}, Reason.DICTIONARY_OUTDATED),
        ({"hospitals": "az"}, Reason.PARAMETER_INVALID),
        ({"researcher": "bob"}, Reason.IDENTITY_MISMATCH),
        ({"network": "lungnet"}, Reason.IDENTITY_MISMATCH),
    ],
    ids=str,
)
def test_a_query_that_nobody_could_answer_is_refused_at_once(
    tmp_path: Path, changes: dict[str, object], reason: Reason
) -> None:
    """The coordinator forwards only what fits the network; the hospitals check the rest."""

    async def scenario() -> None:
        async with scene(tmp_path, "") as (network, _, ada):
            request = question(network.researcher(), **changes)  # type: ignore[arg-type]
            await refused(ada.submit(request), reason)
            assert await ada.recent() == []

    run(scenario())


def test_a_query_signed_by_somebody_else_is_refused(tmp_path: Path) -> None:
    """Nobody submits in another's name."""

    async def scenario() -> None:
        async with scene(tmp_path, "") as (network, _, ada):
            forged = question(network.researcher("bob"))
            await refused(ada.submit(forged), Reason.IDENTITY_MISMATCH)

    run(scenario())


def test_watching_shows_every_hospital_as_it_comes_and_goes(tmp_path: Path) -> None:
    """A researcher sees at once who works, who has sent, and who is away."""

    async def scenario() -> None:
        async with scene(tmp_path, "abc") as (network, hospitals, ada):
            digest = await ada.submit(question(network.researcher()))
            watching = ada.watch(digest)
            assert states(await soon(anext(watching)))["d"] == AWAY
            node = hospitals["a"]
            await node.part(await node.work())
            assert states(await soon(anext(watching)))["a"] == SENT
            await hospitals["b"].__aexit__(None, None, None)
            assert states(await soon(anext(watching)))["b"] == AWAY

    run(scenario())


def test_a_cancelled_query_ends_for_everybody(tmp_path: Path) -> None:
    """Cancelling is final; cancelling again changes nothing."""

    async def scenario() -> None:
        async with scene(tmp_path) as (network, hospitals, ada):
            digest = await ada.submit(question(network.researcher()))
            await hospitals["a"].work()
            await ada.cancel(digest)
            await ada.cancel(digest)
            record = await ada.get(digest)
            assert record.state == query_pb2.QUERY_STATE_CANCELLED
            assert record.reason == Reason.QUERY_CANCELLED
            assert await soon(hospitals["a"].ended.get()) == digest

    run(scenario())
    assert events(tmp_path)[-1] is EventType.QUERY_CANCELLED


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
                assert [total.round for total in work.totals] == [0, 1]
                await node.answer(work)
            record = await ada.end(digest)
            assert (record.state, record.round) == (ANSWERED, 2)

    run(finish(run(begin())))
