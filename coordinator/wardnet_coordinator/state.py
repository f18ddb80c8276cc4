"""The coordinator's database: one writer thread, group commit, durable before anything is said.

A job is a function of the connection. All jobs that wait when the writer gets to them share one
transaction and therefore one fsync; a job that fails takes back its own changes only. A caller
hears of its job after the commit, never before.

It is plain SQLite in a file of mode 0600: no patient's record ever gets here, and the totals of
running queries, which are aggregates, are deleted when their query ends.
"""

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final, Generic, TypeAlias, TypeVar

from wardnet.audit import cosigned, log, search, witness
from wardnet.errors import Reason, WardnetError

T = TypeVar("T")
Job: TypeAlias = Callable[[sqlite3.Connection], T]

FILE: Final = "coordinator.db"
MAXIMUM_BATCH: Final = 256
"""Most jobs of one transaction, so that nobody waits long for a commit."""

SCHEMA: Final = (
    # The token is stored as its SHA-256; itself it is known to the invited only.
    """CREATE TABLE invitations (
      token BLOB PRIMARY KEY, role TEXT NOT NULL, id TEXT NOT NULL, expires TEXT NOT NULL,
      used TEXT
    ) WITHOUT ROWID""",
    """CREATE TABLE members (
      role TEXT NOT NULL, id TEXT NOT NULL, enrolled TEXT NOT NULL, PRIMARY KEY (role, id)
    ) WITHOUT ROWID""",
    """CREATE TABLE dictionaries (
      dataset TEXT PRIMARY KEY, version INTEGER NOT NULL, digest TEXT NOT NULL,
      label TEXT NOT NULL, envelope BLOB NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE holdings (
      hospital TEXT NOT NULL, dataset TEXT NOT NULL, dictionary TEXT NOT NULL,
      PRIMARY KEY (hospital, dataset)
    ) WITHOUT ROWID""",
    # `hospitals` (of the present attempt), `refusals` and `failure` are JSON.
    """CREATE TABLE queries (
      query TEXT PRIMARY KEY, researcher TEXT NOT NULL, submitted INTEGER NOT NULL,
      ended INTEGER NOT NULL, envelope BLOB NOT NULL, outcome TEXT NOT NULL,
      attempt INTEGER NOT NULL, round INTEGER NOT NULL, hospitals TEXT NOT NULL,
      refusals TEXT NOT NULL, failure TEXT
    ) WITHOUT ROWID""",
    "CREATE INDEX queries_of ON queries (researcher, submitted)",
    "CREATE INDEX queries_running ON queries (outcome) WHERE outcome = 'running'",
    """CREATE TABLE totals (
      query TEXT NOT NULL, round INTEGER NOT NULL, total BLOB NOT NULL,
      PRIMARY KEY (query, round)
    ) WITHOUT ROWID""",
    # Sealed to the researcher: nobody here can read them.
    """CREATE TABLE answers (
      query TEXT NOT NULL, hospital TEXT NOT NULL, sealed BLOB NOT NULL,
      PRIMARY KEY (query, hospital)
    ) WITHOUT ROWID""",
    """CREATE TABLE studies (
      study TEXT PRIMARY KEY, submitted INTEGER NOT NULL, not_after TEXT NOT NULL,
      envelope BLOB NOT NULL
    ) WITHOUT ROWID""",
    # The researchers whom a study names, and the nodes of the hospitals that it asks.
    """CREATE TABLE concerned (
      role TEXT NOT NULL, id TEXT NOT NULL, study TEXT NOT NULL, PRIMARY KEY (role, id, study)
    ) WITHOUT ROWID""",
    # `revision` of the newest agreement, 0 before one; `agreement` is its digest while in force.
    """CREATE TABLE decisions (
      study TEXT NOT NULL, hospital TEXT NOT NULL, revision INTEGER NOT NULL, agreement TEXT,
      envelope BLOB NOT NULL, PRIMARY KEY (study, hospital)
    ) WITHOUT ROWID""",
    """CREATE TABLE revocations (
      organisation TEXT PRIMARY KEY, epoch INTEGER NOT NULL, envelope BLOB NOT NULL
    ) WITHOUT ROWID""",
    *log.SCHEMA,
    *search.SCHEMA,
    *witness.SCHEMA,
    *cosigned.SCHEMA,
)
VERSION: Final = 5
"""Of the schema."""


@dataclass(frozen=True, slots=True)
class Kind:
    """Tell the databases of a folder apart.

    Parameters
    ----------
    file : str
        Name of the file.
    schema : tuple of str
        Statements that make it.
    version : int
        Of the schema.
    """

    file: str
    schema: tuple[str, ...]
    version: int


COORDINATOR: Final = Kind(FILE, SCHEMA, VERSION)


def create(home: Path, kind: Kind = COORDINATOR) -> None:
    """Make an empty database of mode 0600; nothing happens when there is one.

    Parameters
    ----------
    home : Path
        The coordinator's folder.
    kind : Kind
        Which of its databases.
    """
    os.close(os.open(home / kind.file, os.O_CREAT | os.O_RDWR, 0o600))
    connect(home, kind).close()


def connect(home: Path, kind: Kind = COORDINATOR) -> sqlite3.Connection:
    """Open a database of a coordinator.

    Parameters
    ----------
    home : Path
        The coordinator's folder.
    kind : Kind
        Which of its databases.

    Raises
    ------
    WardnetError
        `NOT_INITIALISED`, `STATE_DAMAGED` or `DISK_FULL`.
    """
    path = home / kind.file
    if not path.exists():
        rule = "`wardnet-coordinator init`"
        raise WardnetError(Reason.NOT_INITIALISED, path=str(home), rule=rule)
    with _explained(path):
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA busy_timeout = 5000")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
        with transaction(connection):
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version == 0:
                for statement in (*kind.schema, f"PRAGMA user_version = {kind.version}"):
                    connection.execute(statement)
            elif version != kind.version:
                rule = "another version of this program made it"
                raise WardnetError(Reason.STATE_DAMAGED, path=str(path), rule=rule)
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Commit what the block does, durably, or nothing of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk has ended it already
            connection.execute("ROLLBACK")
        raise


@dataclass(frozen=True, slots=True)
class _Task(Generic[T]):
    """A job and who waits for it."""

    job: Job[T]
    future: asyncio.Future[T]


class Database:
    """Run jobs on the coordinator's database; one event loop uses it.

    Parameters
    ----------
    home : Path
        The coordinator's folder.
    kind : Kind
        Which of its databases.
    """

    def __init__(self, home: Path, kind: Kind = COORDINATOR) -> None:
        self._path = home / kind.file
        self._writing = connect(home, kind)
        self._reading = connect(home, kind)
        self._reading.execute("PRAGMA query_only = ON")
        self._reader = ThreadPoolExecutor(1, "state-reader")
        self._loop = asyncio.get_running_loop()
        self._tasks: SimpleQueue[_Task[Any] | None] = SimpleQueue()
        self._writer = threading.Thread(target=self._write, name="state-writer")
        self._writer.start()

    async def write(self, job: Job[T]) -> T:
        """Run a job in a transaction and return after its commit.

        Raises
        ------
        WardnetError
            `DISK_FULL` or `STATE_DAMAGED`: nothing was stored. What the job raises, it raises.
        """
        task = _Task(job, self._loop.create_future())
        self._tasks.put(task)
        result: T = await task.future
        return result

    async def read(self, job: Job[T]) -> T:
        """Run a job that only reads, beside the writer, and return its result."""
        return await self._loop.run_in_executor(self._reader, job, self._reading)

    async def close(self) -> None:
        """Commit what waits, then close the file."""
        self._tasks.put(None)
        await asyncio.to_thread(self._writer.join)
        await asyncio.to_thread(self._reader.shutdown)
        self._reading.close()
        self._writing.close()

    def _write(self) -> None:
        while batch := self._next_batch():
            tasks = [task for task in batch if task is not None]
            outcomes = self._commit(tasks)
            self._loop.call_soon_threadsafe(_resolve, tasks, outcomes)
            if len(tasks) < len(batch):
                return

    def _next_batch(self) -> list[_Task[Any] | None]:
        batch = [self._tasks.get()]
        while batch[-1] is not None and len(batch) < MAXIMUM_BATCH:
            try:
                batch.append(self._tasks.get_nowait())
            except Empty:
                break
        return batch

    def _commit(self, tasks: list[_Task[Any]]) -> list[object]:
        """Return each task's result, or the exception that it failed with."""
        try:
            with _explained(self._path), transaction(self._writing):
                return [self._run(task.job) for task in tasks]
        except Exception as error:  # noqa: BLE001 - each caller gets it
            return [error] * len(tasks)

    def _run(self, job: Job[Any]) -> object:
        """Run one job; if it fails, take back its changes and return the exception."""
        connection = self._writing
        connection.execute("SAVEPOINT job")
        try:
            with _explained(self._path):
                result = job(connection)
        except Exception as error:
            if not connection.in_transaction:  # SQLite gave up everything, e.g. on a full disk
                raise
            connection.execute("ROLLBACK TO job")
            result = error
        connection.execute("RELEASE job")
        return result


def _resolve(tasks: list[_Task[Any]], outcomes: list[object]) -> None:
    for task, outcome in zip(tasks, outcomes, strict=True):
        if task.future.done():  # its caller has gone
            continue
        if isinstance(outcome, Exception):
            task.future.set_exception(outcome)
        else:
            task.future.set_result(outcome)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what SQLite says about the disk and the file into our reasons."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        match getattr(error, "sqlite_errorcode", 0) & 0xFF:
            case sqlite3.SQLITE_FULL:
                raise WardnetError(Reason.DISK_FULL, path=str(path)) from error
            case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
                rule = "it is no whole database"
                raise WardnetError(Reason.STATE_DAMAGED, path=str(path), rule=rule) from error
        raise
