"""Worker processes compute a hospital's sums from its encrypted segments."""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path

import pytest

from support.coordinator import run
from support.hospital import Hospital, rows
from support.pki import TestNetwork
from support.questions import DICTIONARY, count_query
from wardnet import canonical
from wardnet.errors import Reason, WardnetError
from wardnet.question.query import to_bytes
from wardnet.statistics.session import Session, Tally
from wardnet.sums import arrays
from wardnet.sums.arrays import Sums
from wardnet_node.compute.cache import RowsCache
from wardnet_node.compute.pool import Packed, WorkerPool
from wardnet_node.compute.worker import Bug, Task, _reply
from wardnet_node.vault.snapshot import Snapshot

MORE = {"female": 7, "male": 11}


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """Return a snapshot of four segments."""
    hospital = Hospital(TestNetwork(), tmp_path_factory.mktemp("hospitals") / "a")
    for _ in range(3):
        hospital.load(MORE, append=True)
    with hospital.vault() as vault:
        snapshot = vault.pin(DICTIONARY.name)
    assert len(snapshot.segments) == 4
    return snapshot


@pytest.fixture(scope="module")
def tally() -> Tally:
    """Return the guard round of a count by sex."""
    query = count_query(TestNetwork())
    digest = canonical.digest(to_bytes(query))
    return Session(query, digest=digest, dictionary=DICTIONARY).tally


def with_pool(
    workers: int, scenario: Callable[[WorkerPool], Coroutine[None, None, Packed]]
) -> Sums:
    """Run a scenario with warm workers and return its sums."""

    async def through() -> Packed:
        async with WorkerPool(workers=workers, memory=1 << 20) as pool:
            return await scenario(pool)

    return arrays.unpack(run(through()))


@pytest.mark.parametrize("workers", [1, 3])
def test_the_sums_are_those_of_all_rows_whatever_the_number_of_workers(
    snapshot: Snapshot, tally: Tally, workers: int
) -> None:
    """In the first round and again from memory, the sums equal those of the rows in one process."""
    everybody = [rows({"female": 30, "male": 20}), *[rows(MORE)] * 3]
    expected = arrays.digest(tally.sums(tally.part(everybody)))

    async def twice(pool: WorkerPool) -> Packed:
        first = await pool.tally("q", snapshot=snapshot, tally=tally)
        assert arrays.digest(first) == expected
        return await pool.tally("q", snapshot=snapshot, tally=tally)

    assert arrays.digest(with_pool(workers, twice)) == expected


def test_a_killed_worker_fails_its_work_and_is_replaced(snapshot: Snapshot, tally: Tally) -> None:
    """The work ends with an incident id; the next one is done by a new process."""

    async def scenario(pool: WorkerPool) -> Packed:
        worker = pool._workers[0]
        process = worker.warm()._process
        process.send_signal(signal.SIGSTOP)
        working = asyncio.create_task(pool.tally("q", snapshot=snapshot, tally=tally))
        await asyncio.sleep(0.1)
        process.kill()
        with pytest.raises(WardnetError) as caught:
            await working
        assert caught.value.reason is Reason.INTERNAL
        return await pool.tally("q", snapshot=snapshot, tally=tally)

    assert int(with_pool(1, scenario)["cohort"][0]) == 50 + 3 * 18


def test_a_query_that_has_ended_is_computed_no_longer(snapshot: Snapshot, tally: Tally) -> None:
    """Neither what a worker does nor what waits for it keeps others from their turn."""

    async def scenario(pool: WorkerPool) -> Packed:
        pool._workers[0].warm()._process.send_signal(signal.SIGSTOP)  # busy without an end
        names = ("endless", "waits", "other")
        tasks = []
        for name in names:
            tasks.append(asyncio.create_task(pool.tally(name, snapshot=snapshot, tally=tally)))
            await asyncio.sleep(0.05)
        for name in ("waits", "endless"):
            pool.forget(name)
        for task in tasks[:2]:
            with pytest.raises(WardnetError) as caught:
                await task
            assert caught.value.reason is Reason.INTERNAL
        return await tasks[2]

    assert int(with_pool(1, scenario)["cohort"][0]) == 50 + 3 * 18


def test_a_worker_that_died_at_rest_costs_nothing(snapshot: Snapshot, tally: Tally) -> None:
    """Nobody's work is lost when a worker was not working."""

    async def scenario(pool: WorkerPool) -> Packed:
        process = pool._workers[0].warm()._process
        process.kill()
        process.wait()
        return await pool.tally("q", snapshot=snapshot, tally=tally)

    assert int(with_pool(1, scenario)["cohort"][0]) == 50 + 3 * 18


def test_a_changed_segment_is_damage_not_a_result(
    snapshot: Snapshot, tally: Tally, tmp_path: Path
) -> None:
    """A flipped byte in a file is named, not summed."""
    reference = snapshot.segments[0]
    data = bytearray(reference.path.read_bytes())
    data[len(data) // 2] ^= 1
    copy = tmp_path / reference.path.name
    copy.write_bytes(data)
    damaged = replace(snapshot, segments=(replace(reference, path=copy),))

    async def scenario(pool: WorkerPool) -> Packed:
        return await pool.tally("q", snapshot=damaged, tally=tally)

    with pytest.raises(WardnetError) as caught:
        with_pool(1, scenario)
    assert caught.value.reason is Reason.VAULT_DAMAGED


def test_workers_do_not_listen_to_signals_for_the_daemon(snapshot: Snapshot, tally: Tally) -> None:
    """Ctrl-C and a service manager's SIGTERM reach the whole group; a drain needs its workers."""

    async def scenario(pool: WorkerPool) -> Packed:
        process = pool._workers[0].warm()._process
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(process.pid, number)
        sums = await pool.tally("q", snapshot=snapshot, tally=tally)
        assert process.poll() is None
        return sums

    with_pool(1, scenario)


def test_a_bug_is_reported_without_its_text(snapshot: Snapshot) -> None:
    """An exception's text may quote a patient's value; its type and place do not."""

    class Broken:
        columns = frozenset({"age"})

        def part(self, _: object) -> None:
            message = "cannot convert 'Smith'"
            raise ValueError(message)

    reply = _reply(Task("q", snapshot, Broken(), alone=True), RowsCache(0))  # type: ignore[arg-type]
    assert isinstance(reply, Bug)
    assert reply.error == "ValueError"
    assert "Smith" not in repr(reply)
    assert "test_pool.py" in reply.place
