"""Queries through a real coordinator: gRPC, mutual TLS, SQLite; hospitals speak the wire."""

import asyncio
import time
from pathlib import Path

from support.coordinator import (
    part_of,
    nodes,
    publish,
    question,
    researcher,
    run,
    serving,
    soon,
    total_of,
    working,
)
from support.pki import TestNetwork
from wardnet.wire.v1 import query_pb2

ANSWERED = query_pb2.QUERY_STATE_ANSWERED
FAILED = query_pb2.QUERY_STATE_FAILED


def test_four_hospitals_answer(tmp_path: Path) -> None:
    """Two rounds, then an answer that all four have signed."""

    async def scenario() -> None:
        network = TestNetwork()
        async with serving(network, tmp_path) as address:
            await publish(address, network.node("a"))
            async with (
                nodes(address, network) as hospitals,
                researcher(address, network.researcher()) as ada,
                working(list(hospitals.values())),
            ):
                digest = await ada.submit(question(network.researcher()))
                record = await ada.end(digest)
        assert record.query == digest
        assert record.state == ANSWERED
        assert (record.attempt, record.round) == (1, 2)
        assert len(record.answer.signatures) == 4
        assert record.answer.payload == b"{}"
        assert {h.state for h in record.hospitals} == {query_pb2.HOSPITAL_STATE_SENT}
        assert record.ended_ms >= record.submitted_ms > 0

    run(scenario())
