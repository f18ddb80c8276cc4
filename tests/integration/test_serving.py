"""The coordinator as a process: who is let in, one per folder, stopped in order, killed at will."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from support.coordinator import prepare, publish, question, refused, researcher, run, serving, soon
from support.fake_node import FakeNode, nodes
from support.pki import PASSPHRASE, TestNetwork
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import private_der
from wardnet.identity.member import Role
from wardnet.wire.v1 import (
    audit_pb2,
    catalog_pb2,
    enrolment_pb2,
    link_pb2,
    model_pb2,
    query_pb2,
    study_pb2,
    sums_pb2,
)
from wardnet_coordinator import founding
from wardnet_coordinator.doors import ALLOWED


def test_every_method_says_who_may_call_it() -> None:
    """A method that is not listed is refused to everybody, so none is forgotten."""
    modules = (
        audit_pb2,
        catalog_pb2,
        enrolment_pb2,
        link_pb2,
        model_pb2,
        query_pb2,
        study_pb2,
    )
    methods = {
        f"/{service.full_name}/{method.name}"
        for module in modules
        for service in module.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    }
    assert methods == ALLOWED.keys()


@pytest.mark.parametrize("role", [Role.NODE, Role.STEWARD, Role.AUDITOR, Role.COORDINATOR])
def test_only_researchers_ask(tmp_path: Path, role: Role) -> None:
    """A role is part of the identity that the certificate names."""

    async def scenario() -> None:
        network = TestNetwork()
        async with (
            serving(network, tmp_path) as address,
            researcher(address, network.credentials(role, "ada")) as ada,
        ):
            await refused(ada.submit(question(network.researcher())), Reason.ROLE_REFUSED)
            await refused(ada.recent(), Reason.ROLE_REFUSED)

    run(scenario())


def test_only_nodes_attach(tmp_path: Path) -> None:
    """A steward of the same id is not the hospital's node."""

    async def scenario() -> None:
        network = TestNetwork()
        async with (
            serving(network, tmp_path) as address,
            FakeNode(address, network.credentials(Role.STEWARD, "a")) as node,
        ):
            assert node.failure is not None
            assert node.failure.reason is Reason.ROLE_REFUSED

    run(scenario())


def test_two_coordinators_on_one_folder_are_refused(tmp_path: Path) -> None:
    """The second one stops before it touches anything."""

    async def scenario() -> None:
        network = TestNetwork()
        async with serving(network, tmp_path):
            with pytest.raises(WardnetError) as caught:
                async with serving(network, tmp_path):
                    raise AssertionError
        assert caught.value.reason is Reason.IN_USE
        async with serving(network, tmp_path):
            pass

    run(scenario())


def test_stopping_ends_all_streams_at_once(tmp_path: Path) -> None:
    """Nodes hear of it and can look for the next process without waiting."""

    async def scenario() -> None:
        network = TestNetwork()
        async with contextlib.AsyncExitStack() as stack:
            async with serving(network, tmp_path) as address:
                node = await stack.enter_async_context(FakeNode(address, network.node("a")))
            await soon(node.over.wait())
            assert node.failure is None

    run(scenario())


class Process:
    """A coordinator as a process of its own.

    Parameters
    ----------
    folder : Path
        Where its home lies.
    network : TestNetwork
        Which it serves; the hospitals a, b, c and d belong to it.
    """

    def __init__(self, folder: Path, network: TestNetwork) -> None:
        self.home = folder / "home"
        prepare(self.home, "abcd")
        keystore = network.settle(self.home, Role.COORDINATOR, "coordinator")
        keystore.seal("authority", private_der(network.issuing.key))
        certificate = network.issuing.certificate.public_bytes(Encoding.PEM)
        (self.home / founding.ISSUING_FILE).write_bytes(certificate)
        passphrase = folder / "passphrase"
        passphrase.touch(mode=0o600)
        passphrase.write_text(PASSPHRASE)
        self.environment = {
            **os.environ,
            "WARDNET_COORDINATOR_HOME": str(self.home),
            "WARDNET_COORDINATOR_PASSPHRASE_FILE": str(passphrase),
            "WARDNET_COORDINATOR_LISTEN": "127.0.0.1:0",
        }

    def start(self) -> subprocess.Popen[str]:
        """Start `serve`."""
        return subprocess.Popen(
            [Path(sys.executable).with_name("wardnet-coordinator"), "serve"],
            env=self.environment,
            stderr=subprocess.PIPE,
            text=True,
        )

    @contextmanager
    def serving(self) -> Iterator[tuple[subprocess.Popen[str], str]]:
        """Serve while the block runs, on the same port every time; yield process and address."""
        with self.start() as process:
            try:
                assert process.stderr is not None
                line = json.loads(process.stderr.readline())
                assert line["event"] == "serving"
                assert (self.home / "address").read_text() == f"{line['address']}\n"
                self.environment["WARDNET_COORDINATOR_LISTEN"] = line["address"]
                yield process, line["address"]
            finally:
                process.kill()


def test_a_killed_coordinator_goes_on_at_the_same_round(tmp_path: Path) -> None:
    """After SIGKILL in mid-round the hospitals repeat their parts and the query completes."""
    network = TestNetwork()
    process = Process(tmp_path, network)

    async def begin(address: str, kill: Callable[[], None]) -> tuple[str, sums_pb2.Total]:
        await publish(address, network.node("a"))
        async with (
            nodes(address, network) as hospitals,
            researcher(address, network.researcher()) as ada,
        ):
            digest = await ada.submit(question(network.researcher()))
            for node in hospitals.values():
                await node.part(await node.work())
            works = [await node.work() for node in hospitals.values()]
            await hospitals["a"].part(works[0])
            await hospitals["b"].part(works[1])
            kill()
            await soon(hospitals["a"].over.wait())
            return digest, works[0].totals[0]

    async def finish(address: str, digest: str, total: sums_pb2.Total) -> None:
        async with (
            nodes(address, network) as hospitals,
            researcher(address, network.researcher()) as ada,
        ):
            for node in hospitals.values():
                work = await node.work()
                assert work.work_id == f"{digest}/1/1"
                assert list(work.totals) == [total]
                await node.part(work)
            for node in hospitals.values():
                await node.answer(await node.work())
            record = await ada.end(digest)
            answers = await ada.answers(digest)
        assert record.state == query_pb2.QUERY_STATE_ANSWERED
        assert (record.attempt, record.round, len(answers)) == (1, 2, 4)

    with process.serving() as (running, address):
        digest, total = run(begin(address, running.kill))
    with process.serving() as (_, again):
        assert again == address
        run(finish(again, digest, total))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_in_order(tmp_path: Path, number: signal.Signals) -> None:
    """Exit code 0, and a database that needs no recovery."""
    process = Process(tmp_path, TestNetwork())
    with process.serving() as (running, _):
        running.send_signal(number)
        assert running.wait(10) == 0
    assert {path.name for path in process.home.glob("*.db*")} == {"coordinator.db"}


def test_a_taken_port_is_one_sentence(tmp_path: Path) -> None:
    """Two coordinators never share a port, and the second says why it stops."""
    process = Process(tmp_path, TestNetwork())
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        process.environment["WARDNET_COORDINATOR_LISTEN"] = address
        with process.start() as running:
            _, said = running.communicate(timeout=20)
    assert running.returncode == WardnetError(Reason.IN_USE, path="", rule="").row.exit_code
    assert said.splitlines()[-1].startswith(f"Error: {address} is in use")


def test_serving_loads_no_data_library() -> None:
    """The coordinator sees sums only, and starts quickly."""
    program = "import sys, wardnet_coordinator.cli; print({'pandas', 'pyarrow'} & {*sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"
