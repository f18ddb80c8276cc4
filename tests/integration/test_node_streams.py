"""The streams of nodes: one process per hospital, alive or away, and who it says it is."""

import asyncio
from pathlib import Path

from support.coordinator import run, serving, soon
from support.fake_node import FakeNode
from support.pki import TestNetwork
from support.scene import scene
from wardnet.errors import Reason


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
