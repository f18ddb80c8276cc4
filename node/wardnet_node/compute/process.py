"""One worker process, as the daemon holds it."""

import os
import secrets
import socket
import subprocess
import sys
from multiprocessing.connection import Connection
from typing import Final

from wardnet import logs, once
from wardnet.errors import Reason, WardnetError
from wardnet.statistics.session import Part
from wardnet.sums.arrays import PackedArray
from wardnet_node.compute.worker import Bug, Forget, Reply, Request, Task

_PROGRAM: Final = "from wardnet_node.compute.worker import main; main()"
_ONE_THREAD: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_SECONDS_TO_LEAVE: Final = 5.0


class WorkerProcess:
    """Speak with one process, one request after the other; not safe to share between threads.

    Workers are programs of their own: not forks (a fork after gRPC has started hangs) and not
    children of `multiprocessing`, which would import the daemon's command line again.

    Parameters
    ----------
    memory : int
        Bytes of decoded rows that it may keep between rounds.
    """

    def __init__(self, memory: int) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own program, fixed arguments
                [sys.executable, "-P", "-c", _PROGRAM, str(theirs.fileno()), str(memory)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=os.environ | dict.fromkeys(_ONE_THREAD, "1"),
            )
        self._connection = Connection(ours.detach())
        self._known: set[bytes] = set()

    @property
    def alive(self) -> bool:
        """Say whether it can still be asked."""
        return self._process.poll() is None

    def wait_until_warm(self) -> None:
        """Wait until it has imported what it needs."""
        self._receive()

    def part(self, task: Task) -> Part | tuple[PackedArray, ...]:
        """Compute a part, narrowed, or the sums.

        Raises
        ------
        WardnetError
            What the worker raised; `INTERNAL` when it failed in an unforeseen way or died.
        """
        match self._ask(task):
            case WardnetError() as error:
                raise error
            case Bug(error=error, place=place):
                raise incident(error, place)
            case part:
                return part

    def forget(self, query: str) -> None:
        """Drop the rows of a query."""
        self._known.clear()  # of other queries, too: that costs them little
        self._ask(Forget(query))

    def kill(self) -> None:
        """End the process whatever it is doing; a request under way fails."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End the process: it leaves when its standard input closes."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(_SECONDS_TO_LEAVE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _ask(self, request: Request) -> Reply:
        try:
            with once.known(self._known):
                self._connection.send(request)
        except BaseException as error:
            self._known.clear()  # nobody knows what has arrived
            if isinstance(error, OSError):
                raise incident(type(error).__name__) from error
            raise
        return self._receive()

    def _receive(self) -> Reply:
        try:
            reply: Reply = self._connection.recv()
        except (EOFError, OSError) as error:
            self.close()
            raise incident(type(error).__name__) from error
        return reply


def incident(error: str, place: str = "") -> WardnetError:
    """Log why a worker failed; return what is said about it."""
    number = secrets.token_hex(4)
    logs.logger().error("worker_failed", incident=number, error=error, place=place)
    return WardnetError(Reason.INTERNAL, incident=number)
