"""A daemon that runs for months computes its log anew every day, and answers no more if edited."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from support.coordinator import run
from support.forger import edit
from support.hospital import Hospital
from support.pki import TestNetwork
from support.questions import count_query, signed
from support.witnessing import until
from wardnet import canonical
from wardnet.errors import Reason, WardnetError
from wardnet.jobs import Jobs
from wardnet.transport.work import Work, WorkId
from wardnet_node import server
from wardnet_node.desk.accept import Refused
from wardnet_node.desk.desk import Desk


@pytest.fixture
def network() -> TestNetwork:
    """Return a network."""
    return TestNetwork()


@pytest.fixture
def hospital(network: TestNetwork, tmp_path: Path) -> Hospital:
    """Return a hospital whose daemon has not started."""
    return Hospital(network, tmp_path / "a")


@contextmanager
def watching(hospital: Hospital, desk: Jobs[Desk], looks: list[None]) -> Iterator[None]:
    """Run the daily jobs, a day taking no time; note each look at the log."""

    def look() -> WardnetError | None:
        looks.append(None)
        return server._damage(hospital.home, hospital.keystore, hospital.credentials)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server, "DAY_SECONDS", 0.01)
        task = asyncio.create_task(server._every_day(desk, years=6, damage=look))
        yield
        task.cancel()


def test_an_edited_entry_stops_a_running_node(network: TestNetwork, hospital: Hospital) -> None:
    """It answered until then; it stays locked although the entry is put back."""

    def asked(desk: Desk, nonce: str) -> None:
        envelope = signed(network, count_query(network, nonce=nonce * 32))
        desk.open(Work(WorkId(canonical.digest(envelope.payload), 1, 0), envelope, ("a", "b"), ()))

    async def scenario() -> None:
        desk, looks = Jobs(hospital._desk, together=Desk.together), list[None]()
        await desk.do(Desk.start)
        with watching(hospital, desk, looks):
            await until(lambda: len(looks) > 1)
            await desk.do(partial(asked, nonce="1"))
            with hospital.catalog() as catalog, catalog.transaction() as connection:
                row = "SELECT entry FROM access_log WHERE seq = 3"
                (before,) = connection.execute(row).fetchone()
                edit(connection, 3, rehashed=False)
            since = len(looks)
            await until(lambda: len(looks) > since + 1)
            assert "entry 3, its bytes were changed" in str(await desk.do(Desk.locked))
            with hospital.catalog() as catalog, catalog.transaction() as connection:
                connection.execute("UPDATE access_log SET entry = ? WHERE seq = 3", (before,))
            since = len(looks)
            await until(lambda: len(looks) > since + 1)
            with pytest.raises(Refused) as caught:
                await desk.do(partial(asked, nonce="2"))
        assert [error.reason for error in caught.value.reasons] == [Reason.NODE_LOCKED]
        await desk.close(Desk.stop)

    run(scenario())


def test_entries_that_come_while_it_is_looked_are_no_damage(hospital: Hospital) -> None:
    """The look sees one moment of the log, whatever is written beside it."""

    async def scenario() -> None:
        desk, looks = Jobs(hospital._desk, together=Desk.together), list[None]()
        await desk.do(Desk.start)
        with watching(hospital, desk, looks):
            while len(looks) < 5:
                await desk.do(partial(Desk.clock_stepped, by=timedelta(seconds=9)))
        assert await desk.do(Desk.locked) is None
        await desk.close(Desk.stop)

    run(scenario())
