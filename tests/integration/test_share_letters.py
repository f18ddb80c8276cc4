"""Letters about shares go from node to node through a coordinator, and wait for who is away."""

from collections.abc import Callable
from pathlib import Path

import pytest

from support.coordinator import run
from support.pki import TestNetwork
from support.sharing import PARCEL, Side, sharing_hospital, sides
from support.witnessing import attached, coordinating, until
from wardnet_node.desk.shares.state import State


@pytest.fixture
def network() -> TestNetwork:
    """Return a network."""
    return TestNetwork()


def stands(side: Side, digest: str, state: State) -> Callable[[], bool]:
    """Return whether a share stands so and nothing waits to be acknowledged."""

    def look() -> bool:
        found = {share.digest: share for share in side.shares.list()}.get(digest)
        return found is not None and (found.state, found.undelivered) == (state, 0)

    return look


def test_nodes_agree_through_the_coordinator(network: TestNetwork, tmp_path: Path) -> None:
    """What a steward signs in another process goes out, and both sides come to stand alike."""
    hospitals = [sharing_hospital(network, tmp_path / name, name) for name in "ab"]

    async def scenario() -> None:
        with sides(network, *hospitals) as (a, b):
            asked = b.request()
            async with (
                coordinating(network, tmp_path / "office") as address,
                attached(address, *hospitals),
            ):
                await until(stands(a, asked.digest, State.ASKED))
                a.grant(asked)
                await until(stands(b, asked.digest, State.GRANTED))
                a.ready(asked)
                await until(stands(b, asked.digest, State.READY))
                b.shares.mark_fetched(asked.digest, parcel=PARCEL)
                await until(stands(a, asked.digest, State.FETCHED))
                await until(stands(b, asked.digest, State.FETCHED))

    run(scenario())


def test_a_letter_waits_until_the_other_side_is_there(network: TestNetwork, tmp_path: Path) -> None:
    """A request made while the owner is away arrives once it dials, from a restarted node."""
    a_home, b_home = (sharing_hospital(network, tmp_path / name, name) for name in "ab")

    async def scenario() -> None:
        with sides(network, a_home, b_home) as (a, b):
            async with coordinating(network, tmp_path / "office") as address:
                asked = b.request()
                async with attached(address, b_home):
                    assert b.shares.show(asked.digest).undelivered == 1
                assert a.shares.list() == ()
                async with attached(address, a_home, b_home):
                    await until(stands(a, asked.digest, State.ASKED))
                    await until(stands(b, asked.digest, State.ASKED))

    run(scenario())
