"""Queries that a hospital leaves, refuses or spoils: each ends by its rule, with its reason."""

import time
from pathlib import Path

import pytest

from support.coordinator import question, run, soon
from support.fake_node import working
from support.scene import ANSWERED, AWAY, FAILED, LOST, REFUSED, SENT, events, scene, states
from wardnet.audit.entry import EventType
from wardnet.errors import Reason
from wardnet.transport.convert import causes_from_wire
from wardnet.wire.v1 import link_pb2


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
            assert (record.attempt, len(await ada.answers(digest))) == (2, 3)
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
