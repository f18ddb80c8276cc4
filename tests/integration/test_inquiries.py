"""What hospitals would do: asked through a real coordinator, nothing stored."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from support.coordinator import (
    Researcher,
    publish,
    question,
    refused,
    researcher,
    run,
    serving,
    soon,
)
from support.fake_node import FakeNode, nodes
from support.pki import TestNetwork
from wardnet.errors import Reason, WardnetError
from wardnet.wire.v1 import query_pb2
from wardnet_coordinator import asking, state

ENDED = WardnetError(Reason.AGREEMENT_ENDED, hospital="b")
USED_UP = WardnetError(Reason.QUOTA_USED_UP, hospital="b")


@asynccontextmanager
async def scene(
    home: Path, names: str
) -> AsyncIterator[tuple[TestNetwork, dict[str, FakeNode], Researcher]]:
    """Serve a network whose dataset is published, with some hospitals and a researcher."""
    network = TestNetwork()
    async with serving(network, home) as address:
        await publish(address, network.node("a"))
        async with (
            nodes(address, network, names) as hospitals,
            researcher(address, network.researcher()) as ada,
        ):
            yield network, hospitals, ada


async def explained(
    ada: Researcher, request: query_pb2.SubmitRequest
) -> dict[str, list[Reason] | None]:
    """Return what each hospital says, in the order of answering."""
    return {
        name: None if causes is None else [cause.reason for cause in causes]
        async for name, causes in ada.explain(request)
    }


def test_every_hospital_says_what_it_would_do(tmp_path: Path) -> None:
    """All reasons, or none; one that is not connected is away at once."""

    async def scenario() -> None:
        async with scene(tmp_path, "abc") as (network, hospitals, ada):
            request = question(network.researcher())
            asked = asyncio.create_task(explained(ada, request))
            began = time.monotonic()
            assert await hospitals["a"].explain() == request
            await hospitals["b"].explain(ENDED, USED_UP)
            await hospitals["c"].explain()
            assert await soon(asked) == {
                "a": [],
                "b": [Reason.AGREEMENT_ENDED, Reason.QUOTA_USED_UP],
                "c": [],
                "d": None,
            }
            assert time.monotonic() - began < 1

    run(scenario())


def test_answers_are_told_as_they_come(tmp_path: Path) -> None:
    """The slowest hospital holds up nobody."""

    async def scenario() -> None:
        async with scene(tmp_path, "ab") as (network, hospitals, ada):
            asking = ada.explain(question(network.researcher(), hospitals="ab"))
            first = asyncio.ensure_future(anext(asking))
            await hospitals["b"].explain(ENDED)
            assert (await soon(first))[0] == "b"
            await hospitals["a"].explain()
            assert await soon(anext(asking)) == ("a", ())
            assert [rest async for rest in asking] == []

    run(scenario())


def test_a_hospital_that_says_nothing_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answer, when it comes, is dropped; so is one to a question of another hospital."""
    monkeypatch.setattr(asking, "PATIENCE", 0.1)

    async def scenario() -> None:
        async with scene(tmp_path, "ab") as (network, hospitals, ada):
            request = question(network.researcher(), hospitals="a")
            assert await explained(ada, request) == {"a": None}
            asked = await soon(hospitals["a"].inquiries.get())
            await hospitals["a"].send(explanation={"id": asked.id})
            for number in (asked.id, asked.id + 1):
                await hospitals["b"].send(explanation={"id": number})
            assert await explained(ada, request) == {"a": None}
            assert not hospitals["a"].over.is_set()

    run(scenario())


def test_explaining_stores_nothing(tmp_path: Path) -> None:
    """The same query can be submitted afterwards, and nothing is left waiting."""

    async def scenario() -> None:
        async with scene(tmp_path, "a") as (network, hospitals, ada):
            request = question(network.researcher(), hospitals="a")
            asked = asyncio.create_task(explained(ada, request))
            await hospitals["a"].explain()
            assert await soon(asked) == {"a": []}
            with contextlib.closing(state.connect(tmp_path)) as connection:
                assert connection.execute("SELECT count(*) FROM queries").fetchone() == (0,)
            assert await ada.recent() == []
            await ada.submit(request)
            assert (await hospitals["a"].work()).query == request.query

    run(scenario())


def test_what_could_not_be_submitted_is_not_asked_either(tmp_path: Path) -> None:
    """The signer is the caller, and the query is one that hospitals could act on."""

    async def scenario() -> None:
        async with scene(tmp_path, "a") as (network, hospitals, ada):
            forged = question(network.researcher("bob"), hospitals="a")
            await refused(explained(ada, forged), Reason.IDENTITY_MISMATCH)
            late = question(network.researcher(), hospitals="a", lasts=timedelta(minutes=-1))
            await refused(explained(ada, late), Reason.QUERY_EXPIRED)
            unknown = question(network.researcher(), hospitals="az")
            await refused(explained(ada, unknown), Reason.PARAMETER_INVALID)
            assert hospitals["a"].inquiries.empty()

    run(scenario())


def test_a_researcher_may_not_ask_about_any_number_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A place is free again when its question has been answered."""
    monkeypatch.setattr(asking, "MAXIMUM_OPEN", 1)

    async def scenario() -> None:
        async with scene(tmp_path, "a") as (network, hospitals, ada):
            request = question(network.researcher(), hospitals="a")
            first = asyncio.create_task(explained(ada, request))
            asked = await soon(hospitals["a"].inquiries.get())
            await refused(explained(ada, request), Reason.WORK_LIMIT)
            await hospitals["a"].send(explanation={"id": asked.id})
            assert await soon(first) == {"a": []}
            again = asyncio.create_task(explained(ada, request))
            await hospitals["a"].explain()
            assert await soon(again) == {"a": []}

    run(scenario())
