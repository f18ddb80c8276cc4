"""Networks that cannot reach each other, on one machine: network namespaces joined by veth pairs.

    with Islands(["north", "south"]) as islands:
        islands.inside("north")     # words before a command that runs there

Needs util-linux and iproute2, and a kernel that lets this user make namespaces; no root.
"""

import shutil
import subprocess
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Final, Self

CENTRE: Final = "10.77.0.1"
"""Address of the middle, which every island reaches."""

PROGRAMS: Final = ("unshare", "nsenter", "ip", "sleep")
SECONDS: Final = 10.0


class NoNamespacesError(Exception):
    """Say why none can be made on this machine."""


class Islands:
    """Hold one network in the middle and others around it, with no way from one to another.

    Parameters
    ----------
    names : iterable of str
        Of those around.

    Raises
    ------
    NoNamespacesError
        On entering, where none can be made.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.addresses = {name: f"10.77.{number}.2" for number, name in enumerate(names, 1)}
        self._keepers: dict[str, subprocess.Popen[bytes]] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Make the networks, and lay the cables."""
        missing = [name for name in PROGRAMS if shutil.which(name) is None]
        if missing:
            message = f"{', '.join(missing)} is not installed"
            raise NoNamespacesError(message)
        try:
            self._make()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Let the networks go: they end with the last process in them."""
        self._stack.close()

    @property
    def centre(self) -> tuple[str, ...]:
        """Return the words before a command that runs in the middle."""
        return self._enter("")

    def inside(self, name: str) -> tuple[str, ...]:
        """Return the words before a command that runs on an island."""
        return self._enter(name)

    def _enter(self, name: str) -> tuple[str, ...]:
        pid = str(self._keepers[name].pid)
        return "nsenter", "--target", pid, "--user", "--net", "--preserve-credentials", "--"

    def _make(self) -> None:
        self._keep("", ("unshare", "--user", "--map-root-user", "--net"))
        self._ip("", "link set lo up")
        self._ip("", f"address add {CENTRE}/32 dev lo")
        for number, (name, address) in enumerate(self.addresses.items(), 1):
            self._keep(name, (*self.centre, "unshare", "--net"))
            gate, cable = f"10.77.{number}.1", f"cable{number}"
            self._ip("", f"link add {cable} type veth peer name shore netns {self._pid(name)}")
            self._ip("", f"address add {gate}/24 dev {cable}")
            self._ip("", f"link set {cable} up")
            self._ip(name, "link set lo up")
            self._ip(name, f"address add {address}/24 dev shore")
            self._ip(name, "link set shore up")
            self._ip(name, f"route add {CENTRE} via {gate}")

    def _keep(self, name: str, words: tuple[str, ...]) -> None:
        """Start the process that a namespace lives with, and wait until it is in it."""
        keeper = subprocess.Popen(
            [*words, "sh", "-c", "echo in; exec sleep 3600"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._stack.callback(_end, keeper)
        self._keepers[name] = keeper
        assert keeper.stdout is not None
        assert keeper.stderr is not None
        if keeper.stdout.readline() != b"in\n":
            raise NoNamespacesError(keeper.stderr.read().decode(errors="replace").strip())

    def _pid(self, name: str) -> int:
        return self._keepers[name].pid

    def _ip(self, name: str, words: str) -> None:
        done = subprocess.run(
            [*self._enter(name), "ip", *words.split()], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            message = f"ip {words}: {done.stderr.strip()}"
            raise NoNamespacesError(message)


def _end(keeper: subprocess.Popen[bytes]) -> None:
    keeper.kill()
    keeper.wait(SECONDS)
    for stream in (keeper.stdout, keeper.stderr):
        if stream is not None:
            stream.close()
