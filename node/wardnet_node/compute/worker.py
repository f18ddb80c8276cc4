"""The process that sees patients' data: it decodes segments and computes parts.

    python -m wardnet_node.compute.worker DESCRIPTOR BYTES

Only the daemon starts it, and speaks with it over one inherited socket. It has no network and no
catalog, imports nothing that it does not need, and never outlives the daemon: its standard input
is a pipe that only the daemon holds, and when that closes, for whatever reason, it is gone.
"""

import os
import resource
import signal
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TypeAlias

from wardnet import once
from wardnet.errors import WardnetError
from wardnet.memory import keep_freed_memory
from wardnet.question.rows import Rows
from wardnet.statistics.session import Part, Tally
from wardnet.sums.arrays import PackedArray, pack
from wardnet_node.compute.cache import RowsCache
from wardnet_node.compute.narrow import narrow
from wardnet_node.vault.scan import scan
from wardnet_node.vault.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Task:
    """Ask for the part of some segments, or for the sums where they are all.

    Parameters
    ----------
    query : str
        The query's digest; rows are kept under it.
    snapshot : Snapshot
        Holding only the segments of this worker.
    tally : Tally
        What to compute.
    alone : bool
        Whether no other worker has rows: then the part need not be carried to be finished.
    """

    query: str
    snapshot: Snapshot
    tally: Tally
    alone: bool


@dataclass(frozen=True, slots=True)
class Forget:
    """Tell a worker that a query has ended."""

    query: str


@dataclass(frozen=True, slots=True)
class Bug:
    """Report where an unforeseen error happened, without its text, which may quote a value.

    Parameters
    ----------
    error : str
        The name of the exception's type.
    place : str
        Files, lines and functions, innermost last.
    """

    error: str
    place: str


Request: TypeAlias = Task | Forget
Reply: TypeAlias = Part | tuple[PackedArray, ...] | WardnetError | Bug


def main() -> None:
    """Serve requests until the daemon goes."""
    # 1. The daemon alone decides when a worker ends: a terminal's Ctrl-C or a service manager's
    #    signal to the whole group must not interrupt the work that a drain waits for.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # 2. A crash must not write patients' data to a core file.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # 3. The next round takes as much memory as this one.
    keep_freed_memory()
    # 4. Never outlive the daemon.
    threading.Thread(target=_leave_with_the_daemon, daemon=True).start()
    descriptor, capacity = (int(argument) for argument in sys.argv[1:])
    connection = Connection(descriptor)
    cache = RowsCache(capacity)
    connection.send({})  # warm: everything is imported
    while True:
        try:
            request: Request = connection.recv()
        except EOFError:
            return
        connection.send(_reply(request, cache))


def _leave_with_the_daemon() -> None:
    os.read(sys.stdin.fileno(), 1)
    os._exit(0)


def _reply(request: Request, cache: RowsCache) -> Reply:
    try:
        return _part(request, cache)
    except WardnetError as error:
        return error
    except Exception as error:  # noqa: BLE001 - the daemon gives it an incident id
        from wardnet import logs  # noqa: PLC0415 - costs a worker's start 0.2 s

        return Bug(type(error).__name__, logs.place(error))


def _part(request: Request, cache: RowsCache) -> Part | tuple[PackedArray, ...]:
    if isinstance(request, Forget):
        cache.forget(request.query)
        once.forget()
        return {}
    part = request.tally.part(_rows(request, cache))
    return pack(request.tally.sums(part)) if request.alone else narrow(part)


def _rows(task: Task, cache: RowsCache) -> Iterable[Rows]:
    snapshot, columns = task.snapshot, task.tally.columns
    return cache.rows(
        task.query,
        content=(snapshot.id, len(snapshot.segments), columns),
        scan=lambda: scan(
            snapshot.segments,
            columns,
            dictionary=snapshot.dictionary,
            with_patient=not snapshot.one_row_per_patient,
        ),
    )


if __name__ == "__main__":
    main()
