"""The catalog: one encrypted SQLite database for all that a node must remember.

It says which segments make up which snapshot and holds their wrapped keys; the access log, the
outbox and the node's queries lie in it too, so that one transaction covers a decision and its
record. SQLCipher encrypts and authenticates every page, its write-ahead log included.
"""

import os
import sqlite3
from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self, cast

import sqlcipher3

from wardnet.audit import cosigned, disputes, log, search, tags, witness
from wardnet.errors import Reason, WardnetError
from wardnet.identity.keystore import Keystore
from wardnet.transactions import Transactions
from wardnet_node import usage
from wardnet_node.desk.shares import moments
from wardnet_node.desk.shares import store as shares
from wardnet_node.notify import queue as notifications
from wardnet_node.vault import consent, models, received
from wardnet_node.vault.disk import disk_errors

if TYPE_CHECKING:
    import sqlite_utils

FILE_NAME: Final = "catalog.db"

MIGRATIONS: Final[Sequence[Sequence[str]]] = (
    (
        """
        CREATE TABLE datasets (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL UNIQUE,
            dictionary BLOB NOT NULL,
            local BLOB NOT NULL,
            pseudonyms BLOB NOT NULL,
            head INTEGER NOT NULL,
            dropped INTEGER NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE segments (
            position INTEGER PRIMARY KEY,
            id TEXT NOT NULL UNIQUE,
            dataset TEXT NOT NULL REFERENCES datasets (id),
            kind TEXT NOT NULL,
            rows INTEGER NOT NULL,
            size INTEGER NOT NULL,
            digest TEXT NOT NULL,
            aad TEXT NOT NULL,
            key BLOB NOT NULL,
            born INTEGER NOT NULL,
            died INTEGER
        ) STRICT
        """,
        "CREATE INDEX segments_by_dataset ON segments (dataset)",
        """
        CREATE TABLE snapshots (
            dataset TEXT NOT NULL REFERENCES datasets (id),
            number INTEGER NOT NULL,
            manifest TEXT NOT NULL,
            dictionary BLOB NOT NULL,
            rows INTEGER NOT NULL,
            patients INTEGER NOT NULL,
            loaded TEXT NOT NULL,
            quality BLOB NOT NULL,
            PRIMARY KEY (dataset, number)
        ) STRICT
        """,
        *log.SCHEMA,
        """
        CREATE TABLE outbox (
            work_id TEXT PRIMARY KEY,
            query TEXT NOT NULL,
            message BLOB NOT NULL,
            released INTEGER NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE queries (
            query TEXT PRIMARY KEY,
            nonce TEXT NOT NULL UNIQUE,
            envelope BLOB NOT NULL,
            dataset TEXT NOT NULL,
            snapshot INTEGER NOT NULL,
            state TEXT NOT NULL,
            decided TEXT NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE steps (
            query TEXT NOT NULL,
            attempt INTEGER NOT NULL,
            round INTEGER NOT NULL,
            transcript TEXT NOT NULL,
            PRIMARY KEY (query, attempt, round)
        ) STRICT
        """,
        "CREATE TABLE node (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
    ),
    (
        # What was signed is only ever added to: its positions tell what is new.
        """
        CREATE TABLE studies (
            position INTEGER PRIMARY KEY,
            study TEXT NOT NULL,
            envelope BLOB NOT NULL,
            received TEXT NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE statements (
            position INTEGER PRIMARY KEY,
            digest TEXT NOT NULL,
            study TEXT NOT NULL,
            envelope BLOB NOT NULL,
            made TEXT NOT NULL,
            sent INTEGER NOT NULL
        ) STRICT
        """,
        "CREATE INDEX unsent_statements ON statements (position) WHERE sent = 0",
        """
        CREATE TABLE book (
            revision INTEGER PRIMARY KEY,
            envelope BLOB NOT NULL,
            made TEXT NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE revocations (
            position INTEGER PRIMARY KEY,
            envelope BLOB NOT NULL,
            received TEXT NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE uses (
            study TEXT NOT NULL,
            question TEXT NOT NULL,
            query TEXT NOT NULL,
            PRIMARY KEY (study, question)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE logins (
            steward TEXT PRIMARY KEY,
            wrong INTEGER NOT NULL,
            locked_until TEXT NOT NULL,
            step INTEGER NOT NULL
        ) STRICT
        """,
    ),
    search.SCHEMA,
    ("CREATE TABLE unlocks (at TEXT PRIMARY KEY, statement BLOB NOT NULL) STRICT",),
    (
        # One list of each organisation; what came before waits at the coordinator.
        "DROP TABLE revocations",
        """
        CREATE TABLE revocations (
            position INTEGER PRIMARY KEY AUTOINCREMENT,
            organisation TEXT NOT NULL UNIQUE,
            envelope BLOB NOT NULL,
            received TEXT NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE revoked_keys (
            position INTEGER PRIMARY KEY,
            envelope BLOB NOT NULL,
            made TEXT NOT NULL
        ) STRICT
        """,
    ),
    ("CREATE INDEX unacknowledged_results ON outbox (query) WHERE released = 0",),
    usage.SCHEMA,
    (
        # What stewards let auditors read is only ever added to.
        """
        CREATE TABLE audit_grants (
            position INTEGER PRIMARY KEY,
            auditor TEXT NOT NULL,
            envelope BLOB NOT NULL,
            made TEXT NOT NULL
        ) STRICT
        """,
        "CREATE TABLE audit_nonces (nonce TEXT PRIMARY KEY) STRICT, WITHOUT ROWID",
        "CREATE TABLE kept_answers (query TEXT PRIMARY KEY, answer BLOB NOT NULL) STRICT",
    ),
    tags.SCHEMA,
    (
        # How auditors sign in at the desk.
        """
        CREATE TABLE desk_accounts (
            auditor TEXT PRIMARY KEY,
            key TEXT NOT NULL,
            invitation TEXT NOT NULL,
            until TEXT NOT NULL,
            slot BLOB NOT NULL,
            codes BLOB NOT NULL
        ) STRICT
        """,
    ),
    (*witness.SCHEMA, *cosigned.SCHEMA, *disputes.SCHEMA),
    notifications.SCHEMA,
    consent.SCHEMA,
    shares.SCHEMA,
    (*received.SCHEMA, *moments.SCHEMA),
    search.BY_RECIPIENT,
    usage.SHARED,
    models.SCHEMA,
    models.OWN_WEIGHTS,
    ("ALTER TABLE outbox ADD COLUMN digest TEXT NOT NULL DEFAULT ''",),
)
"""Each brings a catalog from one version to the next; they are only ever added to."""


class Catalog(Transactions):
    """Hold the open catalog; several processes may, and several threads of each.

    Parameters
    ----------
    path : Path
        Of the database.
    key : bytes
        32 bytes.
    """

    def __init__(self, path: Path, key: bytes) -> None:
        self.path = path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # SQLite gives its own files the rights of this one.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlcipher3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            super().__init__(_prepared(connection, key, path), explained=partial(disk_errors, path))
            self._migrate()
        except BaseException:
            connection.close()
            raise

    @classmethod
    def create(cls, home: Path, keystore: Keystore) -> Self:
        """Make the catalog of a new home; only who makes the keystore, too, may call this."""
        return cls(home / FILE_NAME, keystore.derive("catalog"))

    @classmethod
    def open(cls, home: Path, keystore: Keystore) -> Self:
        """Open the catalog of a node's home.

        A home that has lost its catalog must not pass for an empty one: the files of its datasets
        would be removed, and its decisions forgotten.

        Raises
        ------
        WardnetError
            `VAULT_DAMAGED` when it is gone, or not a catalog under this keystore.
        """
        path = home / FILE_NAME
        if not path.exists():
            raise _damaged(path, "the file is missing")
        if not path.stat().st_size:
            raise _damaged(path, "the file is empty")
        return cls(path, keystore.derive("catalog"))

    @cached_property
    def db(self) -> "sqlite_utils.Database":
        """Return the database as sqlite-utils sees it, for whoever looks around in it."""
        import sqlite_utils  # noqa: PLC0415 - it imports pandas, a second that no command has

        return sqlite_utils.Database(self._connection)

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._connection.close()

    def forget(self) -> None:
        """Write over what was deleted, in the write-ahead log too, once that is durable."""
        self.afterwards(self._truncate)

    def _truncate(self) -> None:
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _migrate(self) -> None:
        if self._version() == len(MIGRATIONS):
            return  # as always but once: opening writes nothing
        with self.transaction() as connection:
            version = self._version()
            if version > len(MIGRATIONS):
                raise _damaged(self.path, "a newer version of the software wrote it")
            for statements in MIGRATIONS[version:]:
                for statement in statements:
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA user_version").fetchone()[0])


def _prepared(connection: object, key: bytes, path: Path) -> sqlite3.Connection:
    """Give the key first, then see whether it opens the file."""
    prepared = cast("sqlite3.Connection", connection)
    prepared.execute("PRAGMA cipher_log_level = NONE")  # its errors are raised, not printed too
    prepared.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
    try:
        prepared.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlcipher3.OperationalError:
        raise  # the disk, not the file
    except sqlcipher3.DatabaseError as error:
        raise _damaged(path, "it is not a catalog under this keystore") from error
    for pragma in (
        "busy_timeout = 30000",
        "journal_mode = WAL",
        "synchronous = FULL",
        "secure_delete = ON",
        "foreign_keys = ON",
        "temp_store = MEMORY",
    ):
        prepared.execute(f"PRAGMA {pragma}").fetchall()
    return prepared


def _damaged(path: Path, rule: str) -> WardnetError:
    return WardnetError(Reason.VAULT_DAMAGED, path=str(path), rule=rule)
