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
from wardnet.audit.correspondence import Said
from wardnet.audit.witness import witnessed
from wardnet.errors import Reason, WardnetError
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


def test_a_node_that_cannot_write_its_log_stays_attached(
    network: TestNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk or a hash that is gone is said, not dialled away; then its log is shown again."""
    a, b = (hospital(network, tmp_path / name, name, known="ab") for name in "ab")
    cover, failing = cosigned.cover, [0]

    def failed(*arguments: object, **named: object) -> int:
        if len(failing) < 9:
            failing.append(0)
            raise WardnetError(Reason.DISK_FULL, path="catalog.db")
        return cover(*arguments, **named)  # type: ignore[arg-type]

    async def scenario() -> None:
        async with (
            coordinating(network, tmp_path / "office") as address,
            attached(address, a, b) as (node, _),
        ):
            await until(lambda: is_covered(a))
            stream = node.link._stream
            monkeypatch.setattr(cosigned, "cover", failed)
            await until(lambda: len(failing) == 9)
            offered = await node.link._witnesses._correspondence.offer_all()
            assert Said.REFUSED not in offered.values()
            assert node.link._stream is stream is not None

    run(scenario())
