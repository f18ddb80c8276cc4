"""One member of a network on this machine: its home, passphrase, commands and daemon."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

READY_SECONDS: Final = 30.0
STOP_SECONDS: Final = 20.0

PREFIXES: Final = {
    "wardnet": "WARDNET_",
    "wardnet-node": "WARDNET_NODE_",
    "wardnet-coordinator": "WARDNET_COORDINATOR_",
}
"""Environment prefix of each command."""

BYTECODE: Final = Path(sys.prefix) / "bytecode"
"""Where commands keep what they have compiled. A network takes dozens of them, and where the
environment forbids bytecode beside the sources, compiling is half of what each of them does."""

Watch = Callable[["Member", Sequence[str]], None]
"""Is told of every command before it runs."""


class CommandError(Exception):
    """Report a command that failed, with what it said."""


class Member:
    """Run one member's command with its own home and passphrase, once or as a daemon.

    Parameters
    ----------
    name : str
        The id within the network.
    program : str
        A key of `PREFIXES`.
    folder : Path
        Where its home, passphrase file and daemon log lie.
    watch : Watch, optional
        Told of every command.
    within : Sequence of str
        Words before each command: of another program that runs it elsewhere.
    """

    def __init__(
        self,
        name: str,
        program: str,
        folder: Path,
        *,
        watch: Watch | None = None,
        within: Sequence[str] = (),
    ) -> None:
        self.name = name
        self.within = within
        self.program = program
        self.home = folder / name
        self.log = folder / f"{name}.log"
        self.settings: dict[str, str] = {}
        self.daemon: subprocess.Popen[bytes] | None = None
        self._watch = watch
        self.passphrase_file = folder / f"{name}.passphrase"
        write_private(self.passphrase_file, secrets.token_urlsafe(24) + "\n")

    @property
    def variables(self) -> Mapping[str, str]:
        """Return the environment variables that make the command this member's."""
        prefix = PREFIXES[self.program]
        own = {"HOME": str(self.home), "PASSPHRASE_FILE": str(self.passphrase_file)}
        return {prefix + name: value for name, value in (own | self.settings).items()}

    @property
    def command(self) -> Path:
        """Return the installed command, of the environment that runs this."""
        return Path(sys.executable).parent / self.program

    def run(self, *arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the command to its end.

        Raises
        ------
        CommandError
            If it fails and `check` is true.
        """
        words = [str(argument) for argument in arguments]
        if self._watch:
            self._watch(self, words)
        done = subprocess.run(
            [*self.within, self.command, *words],
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode != 0:
            message = (
                f"{self.name}: {self.program} {' '.join(words)} ended with exit code "
                f"{done.returncode}\n{done.stdout}{done.stderr}"
            )
            raise CommandError(message)
        return done

    def start(self, *arguments: str | Path) -> subprocess.Popen[bytes]:
        """Start the command and return at once; its output is lost."""
        return subprocess.Popen(
            [*self.within, self.command, *map(str, arguments)],
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def json(self, *arguments: str | Path) -> Any:  # noqa: ANN401 - JSON is read by its keys here
        """Run the command with `--json` and return what it prints."""
        return json.loads(self.run(*arguments, "--json").stdout)

    def serve(self) -> None:
        """Start the daemon; return at once."""
        if self._watch:
            self._watch(self, ["serve"])
        with self.log.open("ab") as log:
            self.daemon = subprocess.Popen(
                [*self.within, self.command, "serve"],
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches who started it, who then stops it in order
            )

    def wait_for(self, event: str, *, times: int = 1, seconds: float = READY_SECONDS) -> None:
        """Wait until the daemon has logged `event` often enough.

        Raises
        ------
        CommandError
            If the daemon ends before, or time runs out.
        """
        mark = f'"event": "{event}"'.encode()
        wait_until(
            lambda: self.log.read_bytes().count(mark) >= times or not self.alive, seconds=seconds
        )
        if self.log.read_bytes().count(mark) < times:
            message = f"{self.name}: the daemon did not reach '{event}'\n{self.tail()}"
            raise CommandError(message)

    @property
    def alive(self) -> bool:
        """Say whether the daemon runs."""
        return self.daemon is not None and self.daemon.poll() is None

    def stop(self) -> int:
        """Ask the daemon to end, as an operator does (SIGTERM); return its exit code."""
        if self.daemon is None:
            return 0
        self.daemon.terminate()
        try:
            return self.daemon.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            message = f"{self.name}: the daemon did not stop on SIGTERM\n{self.tail()}"
            raise CommandError(message) from None

    def halt(self) -> None:
        """Stop the daemon and its workers where they are, as if the machine had stalled."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a halted daemon go on."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End the daemon and its workers without warning (SIGKILL), as a power cut does."""
        self._signal(signal.SIGKILL)
        if self.daemon is not None:
            self.daemon.wait()

    def tail(self, *, lines: int = 20) -> str:
        """Return the last lines of the daemon's log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _signal(self, number: signal.Signals) -> None:
        if self.daemon is not None and self.alive:
            os.killpg(self.daemon.pid, number)

    def _environment(self) -> dict[str, str]:
        foreign = tuple(PREFIXES.values())
        kept = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
        if kept.pop("PYTHONDONTWRITEBYTECODE", None):
            kept["PYTHONPYCACHEPREFIX"] = str(BYTECODE)
        # Many processes share this machine: numpy's threads would only wait for each other.
        return {"OPENBLAS_NUM_THREADS": "1"} | kept | dict(self.variables)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def count(log: Path, event: str) -> int:
    """Return how often a daemon has logged an event."""
    return log.read_text().count(f'"event": "{event}"') if log.exists() else 0


def wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Ask `condition` every 20 ms; return whether it held in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
