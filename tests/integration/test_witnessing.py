"""Hospitals cosign each other's logs over real streams, and so does the coordinator."""

from contextlib import closing
from pathlib import Path

import pytest

from support.coordinator import run
from support.pki import TestNetwork
from support.witnessing import (
    attached,
    coordinating,
    coverage,
    held,
    hospital,
    is_covered,
    until,
    uri,
)
from wardnet.audit import checkpoint, cosigned, note
from wardnet.audit.witness import witnessed
from wardnet_coordinator import state


@pytest.fixture
def network() -> TestNetwork:
    """Return a network."""
    return TestNetwork()


def test_hospitals_and_coordinator_cosign_each_others_logs(
    network: TestNetwork, tmp_path: Path
) -> None:
    """Every log is covered by a majority of the others, the coordinator's by the nodes."""
    a, b, c = (hospital(network, tmp_path / name, name) for name in "abc")

    async def scenario() -> None:
        async with (
            coordinating(network, tmp_path / "office") as address,
            attached(address, a, b, c),
        ):
            for one in (a, b, c):
                await until(lambda one=one: is_covered(one))  # type: ignore[misc]

    run(scenario())
    found = coverage(a)
    assert (found.peers, found.needed, found.until is None) == (2, 2, found.covered == found.size)
    for witness in (b, c):
        seen = held(witness, uri("a"))
        assert seen is not None
        assert seen.size >= found.covered
    with closing(state.connect(tmp_path / "office")) as connection:
        assert witnessed(connection, uri("a")) is not None
    with a.catalog() as catalog, catalog.reading() as connection:
        signed = note.parse(checkpoint.latest(connection, before=found.covered) or "")
        names = set(note.cosignatures(signed, cosigned.keys(connection)))
    assert {uri("b"), uri("c")} <= names
