"""The node as a process: killed, stopped, started twice."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.coordinator import run
from support.hospital import Hospital
from support.member import wait_until
from support.pki import PASSPHRASE, TestNetwork
from support.post import Post, post_office
from support.questions import count_query, signed
from wardnet import canonical
from wardnet.audit.entry import EventType
from wardnet.errors import CATALOGUE, Reason
from wardnet.transport.work import WorkId


@pytest.fixture
def network() -> TestNetwork:
    """Return a network."""
    return TestNetwork()


@pytest.fixture
def hospital(network: TestNetwork, tmp_path: Path) -> Hospital:
    """Return hospital a, with a passphrase file."""
    hospital = Hospital(network, tmp_path / "a")
    secret = tmp_path / "passphrase"
    secret.touch(mode=0o600)
    secret.write_text(PASSPHRASE)
    return hospital


@contextmanager
def daemon(hospital: Hospital, address: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run `wardnet-node serve` while the block runs; kill it at the end if it still runs."""
    environment = {
        "WARDNET_NODE_HOME": str(hospital.home),
        "WARDNET_NODE_PASSPHRASE_FILE": str(hospital.home.parent / "passphrase"),
        "WARDNET_NODE_ADDRESS": address,
        "WARDNET_NODE_WORKERS": "2",
    }
    process = subprocess.Popen(
        [Path(sys.executable).parent / "wardnet-node", "serve"],
        env=os.environ | environment,
        stderr=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_killed_node_takes_its_workers_along_and_releases_nothing_twice(
    network: TestNetwork, hospital: Hospital
) -> None:
    """Killed at two moments of its work and started again, it logs every work id once."""
    work: list[str] = []

    async def kill(post: Post, address: str, number: int) -> None:
        envelope = signed(network, count_query(network, nonce=f"{number:032x}"))
        work_id = WorkId(canonical.digest(envelope.payload), 1, 0)
        work.append(str(work_id))
        with daemon(hospital, address) as process:
            stream = await post.attached()
            await stream.ask(envelope, work_id)
            await asyncio.sleep(0.01 * number)
            workers = children(process.pid)
            assert len(workers) == 2
            process.kill()
            process.wait()
            await stream.over()
            gone = wait_until(
                lambda: not any(Path(f"/proc/{worker}").exists() for worker in workers), seconds=5
            )
            assert gone
        with daemon(hospital, address):
            stream = await post.attached()
            await stream.ask(envelope, work_id)
            while (await stream.next("part")).work_id != str(work_id):
                pass  # results of the queries before, which nobody has acknowledged

    async def scenario() -> None:
        async with post_office(network) as (post, address):
            for number in range(2):
                await kill(post, address, number)

    run(scenario())
    entries = [entry for entry in hospital.entries() if entry.type is EventType.QUERY_PART]
    assert Counter(entry.request_id for entry in entries) == Counter(work)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_node_that_is_asked_to_stop_ends_in_order(
    network: TestNetwork, hospital: Hospital, number: signal.Signals
) -> None:
    """It leaves with exit code 0, and the log says so."""

    async def scenario() -> None:
        async with post_office(network) as (post, address):
            with daemon(hospital, address) as process:
                stream = await post.attached()
                process.send_signal(number)
                await stream.over()
                assert await asyncio.to_thread(process.wait, 10) == 0

    run(scenario())
    assert hospital.entries()[-1].type is EventType.STOPPED


def test_one_daemon_per_vault(network: TestNetwork, hospital: Hospital) -> None:
    """The second one says that the vault is in use, and leaves the first one alone."""

    async def scenario() -> None:
        async with post_office(network) as (post, address):
            with daemon(hospital, address) as first:
                await post.attached()
                with daemon(hospital, address) as second:
                    code = await asyncio.to_thread(second.wait, 20)
                    assert second.stderr is not None
                    sentence = second.stderr.read().decode()
                assert code == CATALOGUE[Reason.IN_USE].exit_code
                assert "is in use by another process" in sentence
                assert first.poll() is None

    run(scenario())


def test_a_node_waits_for_a_coordinator_that_is_away(
    network: TestNetwork, hospital: Hospital
) -> None:
    """It says once what is wrong, keeps on dialling, and attaches when there is somebody."""

    async def scenario() -> None:
        async with post_office(network) as (_, address):
            pass
        with daemon(hospital, address) as process:
            assert process.stderr is not None
            line = b"{}"
            while json.loads(line).get("event") != "away":
                line = await asyncio.to_thread(process.stderr.readline)
            assert b"cannot be reached: nothing listens there" in line
            async with post_office(network, address=address) as (post, _):
                assert (await post.attached()).hello.hospital == "a"

    run(scenario())
