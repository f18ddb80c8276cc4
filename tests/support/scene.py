"""A coordinator with a published dataset, hospitals on the wire and a researcher."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from support.coordinator import Researcher, publish, researcher, serving
from support.fake_node import FakeNode, nodes
from support.pki import TestNetwork
from wardnet.audit import log
from wardnet.audit.entry import EventType
from wardnet.wire.v1 import query_pb2
from wardnet_coordinator import state

ANSWERED: Final = query_pb2.QUERY_STATE_ANSWERED
FAILED: Final = query_pb2.QUERY_STATE_FAILED
AWAY: Final = query_pb2.HOSPITAL_STATE_AWAY
COMPUTING: Final = query_pb2.HOSPITAL_STATE_COMPUTING
SENT: Final = query_pb2.HOSPITAL_STATE_SENT
LOST: Final = query_pb2.HOSPITAL_STATE_LOST
REFUSED: Final = query_pb2.HOSPITAL_STATE_REFUSED


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
