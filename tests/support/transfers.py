"""Hospitals that send and fetch sealed bytes, each as a process of its own, and a relay.

    python -m support.transfers listen|deposit|fetch HOME ORDERS

ORDERS is JSON; with `wait` it begins when it reads a line. A program prints one JSON object per
line: `address`, `at` (bytes so far), and at the end `done` or `reason`, with the most memory it
ever had (`rss`, bytes).
"""

import asyncio
import hashlib
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import IO, Any, Final

import uvloop

from support.member import write_private
from support.pki import PASSPHRASE, TestNetwork
from wardnet import clock
from wardnet.errors import WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.keystore import Keystore
from wardnet.identity.member import Member, Role
from wardnet.memory import keep_freed_memory
from wardnet.sharing.consignment import Consignment, signed
from wardnet.sharing.notice import Place, Ready
from wardnet.transport.parcels.door import Fetching
from wardnet.transport.parcels.pace import Pace
from wardnet_node.sharing.carrying.deposit import deposit
from wardnet_node.sharing.carrying.fetch import fetch
from wardnet_node.sharing.carrying.listening import Rules, listening
from wardnet_node.sharing.carrying.spool import Spool

GRANT: Final = "1" * 64
TESTS: Final = Path(__file__).resolve().parents[1]
SECONDS: Final = 60.0


def store(spool: Spool, size: int, *, header: bytes = b"sealed header") -> str:
    """Put random bytes where a sealed parcel would lie; return its name."""
    digest, path = hashlib.sha256(), spool.outgoing / "making"
    with path.open("wb") as file:
        for _ in range(0, size, 1 << 20):
            piece = secrets.token_bytes(min(1 << 20, size - file.tell()))
            digest.update(piece)
            file.write(piece)
    sealed = spool.made(digest.hexdigest())
    path.rename(sealed.body)
    sealed.header.write_bytes(header)
    return digest.hexdigest()


def ready(
    parcel: str, size: int, address: str, *, place: Place, grant: str = GRANT, header: int = 13
) -> Ready:
    """Return what the owner's notice says of a stored parcel."""
    return Ready(grant=grant, parcel=parcel, header=header, body=size, place=place, address=address)


def consignment(parcel: str, size: int, /, **changes: object) -> Consignment:
    """Return what the owner tells the relay: one fetch by hospital b, within the hour."""
    fields: dict[str, Any] = {
        "version": 1,
        "network": "heartnet",
        "owner": "a",
        "recipient": "b",
        "grant": GRANT,
        "parcel": parcel,
        "size": size,
        "until": clock.to_moment(clock.now() + timedelta(hours=1)),
        "maximum_fetches": 1,
    }
    return Consignment(**{**fields, **changes})


@dataclass
class Program:
    """A running process and what it says."""

    process: subprocess.Popen[bytes]
    said: list[dict[str, Any]] = field(default_factory=list)

    def lines(self) -> Iterator[dict[str, Any]]:
        """Yield what it says until it ends."""
        stream: IO[bytes] | None = self.process.stdout
        assert stream is not None
        for line in stream:
            self.said.append(json.loads(line))
            yield self.said[-1]

    def until(self, key: str, least: int = 0) -> dict[str, Any]:
        """Return the first line with a key whose number is large enough.

        Raises
        ------
        AssertionError
            When it ends without one.
        """
        for line in self.lines():
            if key in line and (not least or line[key] >= least):
                return line
        message = f"it ended without {key}: {self.said[-1:]}"
        raise AssertionError(message)

    def end(self) -> dict[str, Any]:
        """Return the last thing it says."""
        list(self.lines())
        self.process.wait(SECONDS)
        return self.said[-1]

    def go(self) -> None:
        """Let it begin, when it was told to `wait` for that."""
        self.until("warm")
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        """End it without warning."""
        self.process.kill()
        self.process.wait()
        self.close()

    def close(self) -> None:
        """Close what it speaks through."""
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()


class Transfers:
    """A network in a folder: hospitals a and b, and where the relay keeps house.

    Parameters
    ----------
    folder : Path
        New.
    network : TestNetwork
        Of all.
    """

    def __init__(self, folder: Path, network: TestNetwork | None = None) -> None:
        self.network = network or TestNetwork()
        self.folder = folder
        self.passphrase = folder / "passphrase"
        write_private(self.passphrase, PASSPHRASE + "\n")
        self._programs: list[Program] = []
        self.port = 0
        for name in ("a", "b"):
            self.home(name).mkdir()
            self.network.settle(self.home(name), Role.NODE, name)
        self.relay_home = folder / "relay"
        self.relay_home.mkdir()
        self.network.settle(self.relay_home, Role.COORDINATOR, "coordinator")

    def home(self, name: str) -> Path:
        """Return the home of a hospital."""
        return self.folder / name

    def spool(self, name: str) -> Spool:
        """Return the spool of a hospital."""
        return Spool(self.home(name))

    def start(self, role: str, name: str, **orders: object) -> Program:
        """Start a hospital's program."""
        command = [sys.executable, "-m", "support.transfers", role, str(self.home(name))]
        program = Program(
            subprocess.Popen(
                [*command, json.dumps(orders)],
                cwd=TESTS,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
            )
        )
        self._programs.append(program)
        return program

    def relay(self, **settings: object) -> Program:
        """Start the relay, always at the same port; wait until it listens."""
        lines = {"relay_listen": f"127.0.0.1:{self.port}", **settings}
        text = "".join(f"{name} = {json.dumps(value)}\n" for name, value in lines.items())
        (self.relay_home / "settings.toml").write_text(text)
        address = self.relay_home / "relay.address"
        address.unlink(missing_ok=True)
        with (self.folder / "relay.log").open("ab") as log:
            process = subprocess.Popen(
                [Path(sys.executable).parent / "wardnet-coordinator", "relay"],
                env=os.environ
                | {
                    "WARDNET_COORDINATOR_HOME": str(self.relay_home),
                    "WARDNET_COORDINATOR_PASSPHRASE_FILE": str(self.passphrase),
                },
                stderr=log,
                start_new_session=True,
            )
        program = Program(process)
        self._programs.append(program)
        until = time.monotonic() + SECONDS
        while not address.exists():
            assert process.poll() is None, (self.folder / "relay.log").read_text()
            assert time.monotonic() < until
            time.sleep(0.02)
        self.port = int(address.read_text().rpartition(":")[2])
        return program

    @property
    def relay_address(self) -> str:
        """Return where the relay listens."""
        return f"localhost:{self.port}"

    def close(self) -> None:
        """End whatever still runs."""
        for program in self._programs:
            if program.process.poll() is None:
                os.killpg(program.process.pid, signal.SIGKILL)
                program.process.wait()
            program.close()


def main() -> None:
    """Run one program."""
    role, home, orders = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
    credentials = Credentials.load(home, Keystore.unlock(home, PASSPHRASE))
    run = {"listen": _listen, "deposit": _deposit, "fetch": _fetch}[role]
    keep_freed_memory(alone=True)
    if orders.get("wait"):
        _say(warm=1)
        sys.stdin.readline()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            runner.run(run(Spool(home), credentials, orders))
            said: dict[str, object] = {"done": 1}
        except WardnetError as error:
            said = {"reason": error.reason.value, "error": str(error)}
    _say(**said, rss=peak("self"))


def peak(process: int | str) -> int:
    """Return the most memory that a process ever had, in bytes (Linux)."""
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{process}/status").read_text())
    return int(found[1]) << 10 if found else 0


async def _listen(spool: Spool, credentials: Credentials, orders: dict[str, Any]) -> None:
    async def decide(asked: Fetching, recipient: Member) -> None:
        _say(asked=asked.fetch, recipient=recipient.id)

    rules = Rules(decide, decide, spool, orders.get("listen", "127.0.0.1:0"), orders.get("rate", 0))
    async with listening(rules, credentials=credentials) as address:
        _say(address=address)
        await asyncio.Event().wait()


async def _deposit(spool: Spool, credentials: Credentials, orders: dict[str, Any]) -> None:
    parcel, size = orders["parcel"], orders["size"]
    said = consignment(parcel, size, **orders.get("changes", {}))
    await deposit(
        parcel,
        size,
        consignment=signed(said, credentials.signer),
        address=orders["address"],
        spool=spool,
        credentials=credentials,
        progress=_Told(),
        pace=Pace(orders.get("rate", 0)),
    )


async def _fetch(spool: Spool, credentials: Credentials, orders: dict[str, Any]) -> None:
    place = Place(orders["place"])
    await fetch(
        ready(
            orders["parcel"],
            orders["size"],
            orders["address"],
            place=place,
            grant=orders.get("grant", GRANT),
        ),
        owner="a",
        spool=spool,
        credentials=credentials,
        progress=_Told(),
        pace=Pace(orders.get("rate", 0)),
        patience=orders.get("patience", 30),
    )


class _Told:
    """Say every 16th part of the way."""

    def __init__(self) -> None:
        self._next = 0

    def __call__(self, there: int, size: int) -> None:
        if there >= self._next:
            _say(at=there)
            self._next = there + size // 16


def _say(**line: object) -> None:
    print(json.dumps(line), flush=True)  # noqa: T201 - its one way to speak


if __name__ == "__main__":
    main()
