"""The access log: entries in a table, each holding the hash of the one before.

The log lives in its owner's database and is written inside the caller's transaction, so an entry
is durable together with what it records, or not at all. Whoever changes an entry must change all
after it; later versions let peers witness the head, so that this shows too. Entries cut off at the
end do not show before then.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Any, Final, Protocol

from wardnet.audit.entry import (
    FIRST,
    Entry,
    Event,
    from_bytes,
    leaf_hash,
    new_salt,
    to_bytes,
)
from wardnet.canonical import MAXIMUM_BYTES
from wardnet.clock import to_moment
from wardnet.errors import Reason, WardnetError

SCHEMA: Final = """
CREATE TABLE access_log (
    seq INTEGER PRIMARY KEY,
    entry BLOB NOT NULL,
    leaf BLOB NOT NULL
) STRICT
"""
"""One statement; part of the owner's migrations."""

_SOFTWARE: Final = f"wardnet {version('wardnet')}"


class Connection(Protocol):
    """Any SQLite connection: the standard library's or SQLCipher's."""

    @property
    def in_transaction(self) -> bool:
        """Return whether a transaction is open."""

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Any:  # noqa: ANN401 - a cursor
        """Run one statement."""


@dataclass(frozen=True, slots=True)
class Head:
    """Name the end of a log.

    Parameters
    ----------
    size : int
        Number of entries.
    leaf : str
        Leaf hash of the last, hexadecimal; zeros when there is none.
    """

    size: int
    leaf: str


def append(connection: Connection, event: Event, *, at: datetime) -> Entry:
    """Write one entry inside the caller's transaction, which must be a writing one.

    Parameters
    ----------
    connection : Connection
        In a transaction (`BEGIN IMMEDIATE`); the caller commits.
    event : Event
        What happened.
    at : datetime
        When, aware.

    Returns
    -------
    Entry
        As it was stored.

    Raises
    ------
    WardnetError
        `MALFORMED` when it is longer than anybody could read back; nothing is written then.
    """
    if not connection.in_transaction:
        message = "a log entry belongs into the transaction of what it records"
        raise RuntimeError(message)
    end = head(connection)
    entry = Entry(
        **{name: getattr(event, name) for name in event.__dataclass_fields__},
        seq=end.size + 1,
        time=to_moment(at),
        software_version=_SOFTWARE,
        salt=new_salt(),
        previous=end.leaf,
    )
    data = to_bytes(entry)
    if len(data) > MAXIMUM_BYTES:
        raise WardnetError(Reason.MALFORMED, field="log entry", rule=f"over {MAXIMUM_BYTES} bytes")
    connection.execute(
        "INSERT INTO access_log (seq, entry, leaf) VALUES (?, ?, ?)",
        (entry.seq, data, leaf_hash(data)),
    )
    return entry


def head(connection: Connection) -> Head:
    """Return the end of the log as stored."""
    row = connection.execute(
        "SELECT seq, leaf FROM access_log ORDER BY seq DESC LIMIT 1"
    ).fetchone()
    return Head(0, FIRST) if row is None else Head(row[0], bytes(row[1]).hex())


def head_at(connection: Connection, size: int) -> Head | None:
    """Return the end that the log had when it held `size` entries; None when it is shorter."""
    if size == 0:
        return Head(0, FIRST)
    row = connection.execute("SELECT leaf FROM access_log WHERE seq = ?", (size,)).fetchone()
    return None if row is None else Head(size, bytes(row[0]).hex())


def entries(connection: Connection, *, start: int = 1, limit: int = -1) -> Iterator[Entry]:
    """Yield the entries from `start` on, in order, at most `limit` (all when negative).

    Raises
    ------
    WardnetError
        `LOG_DAMAGED`, naming the entry that cannot be read.
    """
    for seq, data, _ in _rows(connection, start=start, limit=limit):
        yield read_entry(seq, data)


def verify(connection: Connection) -> Head:
    """Check every entry from its bytes and return the end of the log.

    Raises
    ------
    WardnetError
        `LOG_DAMAGED`, naming the first entry that does not hold.
    """
    end = Head(0, FIRST)
    for seq, data, leaf in _rows(connection, start=-(1 << 63), limit=-1):
        # 1. No gap, and nothing before the first.
        if seq != end.size + 1:
            raise _damaged(end.size + 1, rule="it is missing")
        # 2. The bytes are those that were hashed.
        if leaf_hash(data) != leaf:
            raise _damaged(seq, rule="its bytes were changed")
        # 3. They are one canonical entry, which says itself where it stands.
        entry = read_entry(seq, data)
        if entry.seq != seq:
            raise _damaged(seq, rule="it was moved")
        # 4. It follows on the entry before.
        if entry.previous != end.leaf:
            raise _damaged(seq, rule="it does not follow on the one before")
        end = Head(seq, leaf.hex())
    return end


def _rows(connection: Connection, *, start: int, limit: int) -> Iterator[tuple[int, bytes, bytes]]:
    rows = connection.execute(
        "SELECT seq, entry, leaf FROM access_log WHERE seq >= ? ORDER BY seq LIMIT ?",
        (start, limit),
    )
    for seq, data, leaf in rows:
        yield seq, bytes(data), bytes(leaf)


def read_entry(seq: int, data: bytes) -> Entry:
    """Read the bytes of one entry.

    Raises
    ------
    WardnetError
        `LOG_DAMAGED`, naming the entry.
    """
    try:
        return from_bytes(data)
    except WardnetError as error:
        raise _damaged(seq, rule="it is not an entry") from error


def _damaged(seq: int, *, rule: str) -> WardnetError:
    return WardnetError(Reason.LOG_DAMAGED, line=seq, rule=rule)
