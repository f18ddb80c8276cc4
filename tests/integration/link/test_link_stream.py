"""A node's stream: announced on, superseded, and ended in good order."""

import asyncio

import pytest

from support.coordinator import run, soon
from support.hospital import Hospital
from support.link import guard_round, logged, query, total
from support.pki import TestNetwork
from support.post import Post, post_office
from support.questions import DICTIONARY
from wardnet.errors import Reason, WardnetError
from wardnet.transport.work import WorkId
from wardnet_node.witness import Witnesses


def test_a_superseded_node_stops(network: TestNetwork, hospital: Hospital) -> None:
    """A newer process of the hospital has taken over; two must not release side by side."""
    error = WardnetError(Reason.SUPERSEDED, identity="a")

    async def refuse(post: Post) -> None:
        while True:  # a broken connection can hide why; then the node dials again
            await (await post.attached()).break_off(error)

    async def scenario() -> None:
        async with post_office(network) as (post, address), hospital.serving(address) as node:
            refusing = asyncio.create_task(refuse(post))
            await asyncio.wait([node.task], timeout=15)
            refusing.cancel()

    with pytest.raises(WardnetError) as caught:
        run(scenario())
    assert caught.value.reason is Reason.SUPERSEDED


def test_the_node_announces_what_a_command_has_changed(
    network: TestNetwork, hospital: Hospital
) -> None:
    """A dataset that another process drops is not offered any longer."""

    async def scenario() -> None:
        async with post_office(network) as (post, address), hospital.serving(address):
            stream = await post.attached()
            await asyncio.to_thread(drop)
            assert list((await stream.next("announcement")).datasets) == []

    def drop() -> None:
        with hospital.vault() as vault:
            vault.drop(DICTIONARY.name)

    run(scenario())


def test_a_node_that_stops_sends_what_it_has_in_hand(
    network: TestNetwork, hospital: Hospital
) -> None:
    """The part comes before the end of the stream."""
    envelope, digest = query(network)

    async def scenario() -> None:
        async with post_office(network) as (post, address):
            async with hospital.serving(address) as node:
                stream = await post.attached()
                await stream.ask(envelope, WorkId(digest, 1, 0))
                while not node.link._tasks:  # noqa: ASYNC110 - no event tells
                    await asyncio.sleep(0)
            await stream.next("part")
            await stream.over()

    run(scenario())
    assert ("query_part", "1/0") in logged(hospital)


def test_work_that_has_waited_for_longer_than_its_stream_ends_no_query(
    network: TestNetwork, hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It asks for a total over a line that is gone, and comes again over the next one."""
    parameters = {"outcome": "sex", "terms": [["age"]]}
    envelope, digest = query(network, method="glm", parameters=parameters)
    first, second = WorkId(digest, 1, 1), WorkId(digest, 1, 2)
    waits, proven, wait = asyncio.Event(), asyncio.Event(), Witnesses.wait_until_proven

    async def wait_longer(witnesses: Witnesses) -> None:
        await wait(witnesses)
        waits.set()
        await proven.wait()

    async def scenario() -> None:
        async with post_office(network) as (post, address):
            async with hospital.serving(address):
                stream = await post.attached()
                begun = total(await guard_round(stream, envelope, digest))
                await stream.ask(envelope, first, totals=[begun])
                scored = total(await stream.next("part"), 1)
            monkeypatch.setattr(Witnesses, "wait_until_proven", wait_longer)
            async with hospital.serving(address):
                stream = await post.attached()
                await stream.ask(envelope, second, totals=[scored])
                await soon(waits.wait())
                await stream.break_off(WardnetError(Reason.LEASE_ENDED, hospital="a", seconds=1))
                stream = await post.attached()
                proven.set()
                await stream.ask(envelope, second, totals=[begun, scored])
                while (await stream.next("part")).work_id != str(second):
                    pass  # those before were not acknowledged

    run(scenario())
    assert all(kind != "query_failed" for kind, _ in logged(hospital))
