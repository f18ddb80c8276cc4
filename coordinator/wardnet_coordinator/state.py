"""The coordinator's database: one writer thread, group commit, durable before anything is said.

A job is a function of the connection. Those that wait share one commit and therefore one fsync; one
that fails takes back its own changes only. A caller hears of its job after the commit.

It is plain SQLite in a file of mode 0600: no patient's record ever gets here, and the totals of
running queries, which are aggregates, are deleted when their query ends.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

from wardnet.audit import cosigned, disputes, log, search, witness
from wardnet.errors import Reason, WardnetError
from wardnet.jobs import Jobs
from wardnet.transactions import Transactions

T = TypeVar("T")
Job: TypeAlias = Callable[[sqlite3.Connection], T]

FILE: Final = "coordinator.db"
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
    # With row ids: a total is too long to lie in an index.
    """CREATE TABLE totals (
      query TEXT NOT NULL, round INTEGER NOT NULL, total BLOB NOT NULL,
      PRIMARY KEY (query, round)
    )""",
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
    """CREATE TABLE models (
      name TEXT PRIMARY KEY, digest TEXT NOT NULL, researcher TEXT NOT NULL, dataset TEXT NOT NULL,
      method TEXT NOT NULL, size INTEGER NOT NULL, published INTEGER NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE model_pieces (
      name TEXT NOT NULL, number INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (name, number)
    )""",
    *log.SCHEMA,
    *search.SCHEMA,
    *search.BY_RECIPIENT,
    *witness.SCHEMA,
    *cosigned.SCHEMA,
    *disputes.SCHEMA,
)
VERSION: Final = 7
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

_PAGE_BYTES: Final = 32 << 10
"""A total of trees is megabytes long: in pages of 4 KiB it takes more than twice the time."""


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
        connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")  # of a new file
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")
        with Transactions(connection).transaction():
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version == 0:
                for statement in (*kind.schema, f"PRAGMA user_version = {kind.version}"):
                    connection.execute(statement)
            elif version != kind.version:
                rule = "another version of this program made it"
                raise WardnetError(Reason.STATE_DAMAGED, path=str(path), rule=rule)
    return connection


@contextmanager
def writing(home: Path) -> Iterator[sqlite3.Connection]:
    """Run the block as one transaction beside the daemon, as a command does.

    Raises
    ------
    WardnetError
        As `connect`.
    """
    with closing(connect(home)) as connection, Transactions(connection).transaction():
        yield connection


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
        self._writing, self._reading = connect(home, kind), connect(home, kind)
        self._reading.execute("PRAGMA query_only = ON")
        transactions = Transactions(self._writing, explained=partial(_explained, home / kind.file))
        self._writer = Jobs(lambda: transactions, together=Transactions.together)
        self._reader = Jobs(lambda: self._reading)

    async def write(self, job: Job[T]) -> T:
        """Run a job in a transaction and return after its commit.

        Raises
        ------
        WardnetError
            `DISK_FULL` or `STATE_DAMAGED`: nothing was stored. What the job raises, it raises.
        """
        return await self._writer.do(partial(_run, job=job))

    async def read(self, job: Job[T]) -> T:
        """Run a job that only reads, beside the writer, and return its result."""
        return await self._reader.do(job)

    async def close(self) -> None:
        """Commit what waits, then close the file."""
        await self._writer.close(lambda _: self._writing.close())
        await self._reader.close(sqlite3.Connection.close)


def _run(transactions: Transactions, *, job: Job[T]) -> T:
    with transactions.transaction() as connection:
        return job(connection)


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
