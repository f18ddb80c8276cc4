"""The access log: entries in a table, and the Merkle tree over their bytes beside it.

The log lives in its owner's database and is written inside the caller's transaction, so an entry
is durable together with what it records, or not at all. The root of the tree stands for every byte
of every entry; who has seen it (`checkpoint`, `witness`) cannot be shown another history later.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Any, Final, Protocol

from wardnet.audit import tree
from wardnet.audit.entry import Entry, Event, from_bytes, new_salt, to_bytes
from wardnet.audit.tree import Frontier, Proof, leaf_hash
from wardnet.canonical import MAXIMUM_BYTES
from wardnet.clock import to_moment
from wardnet.errors import Reason, WardnetError

SCHEMA: Final = (
    """
    CREATE TABLE access_log (
        seq INTEGER PRIMARY KEY,
        entry BLOB NOT NULL,
        leaf BLOB NOT NULL
    ) STRICT
    """,
    # Full subtrees above the leaves.
    """
    CREATE TABLE access_log_tree (
        level INTEGER NOT NULL,
        position INTEGER NOT NULL,
        hash BLOB NOT NULL,
        PRIMARY KEY (level, position)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE checkpoints (
        size INTEGER PRIMARY KEY,
        note TEXT NOT NULL,
        made TEXT NOT NULL
    ) STRICT
    """,
)
"""Statements for the owner's migrations."""

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
    """Stand for a log as it was with so many entries.

    Parameters
    ----------
    size : int
        Number of entries.
    root : str
        Root of the Merkle tree over them, hexadecimal.
    """

    size: int
    root: str


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

    Notes
    -----
    One row, and on average one inner node.
    """
    if not connection.in_transaction:
        message = "a log entry belongs into the transaction of what it records"
        raise RuntimeError(message)
    index = size(connection)
    entry = Entry(
        **vars(event),
        seq=index + 1,
        time=to_moment(at),
        software_version=_SOFTWARE,
        salt=new_salt(),
    )
    data = to_bytes(entry)
    if len(data) > MAXIMUM_BYTES:
        raise WardnetError(Reason.MALFORMED, field="log entry", rule=f"over {MAXIMUM_BYTES} bytes")
    leaf = leaf_hash(data)
    connection.execute(
        "INSERT INTO access_log (seq, entry, leaf) VALUES (?, ?, ?)", (entry.seq, data, leaf)
    )
    for node in tree.completed(_reader(connection), index, leaf):
        connection.execute(
            "INSERT OR REPLACE INTO access_log_tree (level, position, hash) VALUES (?, ?, ?)", node
        )
    return entry


def size(connection: Connection) -> int:
    """Return the number of entries."""
    return int(connection.execute("SELECT coalesce(max(seq), 0) FROM access_log").fetchone()[0])


def head(connection: Connection) -> Head:
    """Return what stands for the log as stored.

    Raises
    ------
    WardnetError
        `LOG_DAMAGED` when a hash is missing.
    """
    return _head(connection, size(connection))


def head_at(connection: Connection, size_then: int) -> Head | None:
    """Return what stood for the log when it held `size_then` entries; None when it is shorter.

    Raises
    ------
    WardnetError
        `LOG_DAMAGED` when a hash is missing.
    """
    return _head(connection, size_then) if 0 <= size_then <= size(connection) else None


def inclusion_proof(connection: Connection, seq: int, *, size: int) -> Proof:
    """Return the proof that entry `seq` is among the first `size`."""
    return tree.inclusion_proof(_reader(connection), seq - 1, size)


def consistency_proof(connection: Connection, *, old: int, new: int) -> Proof:
    """Return the proof that the log of `new` entries begins with that of `old`."""
    return tree.consistency_proof(_reader(connection), old, new)


def entries(connection: Connection, *, start: int = 1, limit: int = -1) -> Iterator[Entry]:
    """Yield the entries from `start` on, in order, at most `limit` (all when negative).

    Raises
    ------
    WardnetError
        `LOG_DAMAGED`, naming the entry that cannot be read.
    """
    for seq, data, _ in _rows(connection, start=start, limit=limit):
        yield read_entry(seq, data)


def data(connection: Connection, seq: int) -> bytes:
    """Return the bytes of one entry.

    Raises
    ------
    WardnetError
        `LOG_DAMAGED` when it is missing.
    """
    for _, found, _ in _rows(connection, start=seq, limit=1):
        return found
    raise _damaged(seq, rule="it is missing")


def stored(connection: Connection, *, size: int) -> Iterator[tuple[int, bytes]]:
    """Yield number and bytes of the first `size` entries, in order."""
    for seq, found, _ in _rows(connection, start=1, limit=size):
        yield seq, found


def verify(connection: Connection, known: Iterable[Head] = ()) -> Head:
    """Compute the whole tree anew from the bytes of the entries; return what stands for the log.

    Parameters
    ----------
    connection : Connection
        Reads the log.
    known : iterable of Head
        What stood for the log before, by increasing size: it must still.

    Raises
    ------
    WardnetError
        `LOG_DAMAGED`, naming the first entry that does not hold.
    """
    frontier = Frontier()
    checked = _Checked(connection, frontier, iter(known))
    for seq, found, leaf in _rows(connection, start=-(1 << 63), limit=-1):
        # 1. No gap, and nothing before the first.
        if seq != frontier.size + 1:
            raise _damaged(frontier.size + 1, rule="it is missing")
        # 2. The bytes are those that were hashed, and say themselves where they stand.
        if leaf_hash(found) != leaf:
            raise _damaged(seq, rule="its bytes were changed")
        if not says(found, seq):
            raise _damaged(seq, rule="it was moved")
        # 3. The tree above is the stored one, and the one that was known at that size.
        checked.push(leaf)
    return checked.end()


def says(data: bytes, seq: int) -> bool:
    """Say whether an entry's canonical bytes carry this number.

    Inside a string a quotation mark stands behind a backslash, so that only the field matches.
    """
    return b',"seq":%d,' % seq in data


def read_entry(seq: int, data: bytes, *, read: Callable[[bytes], Entry] = from_bytes) -> Entry:
    """Read the bytes of one entry.

    Raises
    ------
    WardnetError
        `LOG_DAMAGED`, naming the entry.
    """
    try:
        return read(data)
    except WardnetError as error:
        raise _damaged(seq, rule="it is not an entry") from error


class _Checked:
    """Grow the tree while comparing it with what is stored and what was known."""

    def __init__(self, connection: Connection, frontier: Frontier, known: Iterator[Head]) -> None:
        self._connection = connection
        self._frontier = frontier
        self._known = known
        self._next = next(known, None)
        self._levels: list[Iterator[tuple[bytes]]] = []
        self._check_known()

    def push(self, leaf: bytes) -> None:
        """Add a leaf.

        Raises
        ------
        WardnetError
            `LOG_DAMAGED`.
        """
        for level, made in enumerate(self._frontier.push(leaf), start=1):
            if self._stored(level) != made:
                last = self._frontier.size
                first = last - (1 << level) + 1
                rule = f"it, or one up to entry {last}, was rewritten together with its hash"
                raise _damaged(first, rule=rule)
        self._check_known()

    def end(self) -> Head:
        """Return what stands for all leaves.

        Raises
        ------
        WardnetError
            `LOG_DAMAGED` when it was known to be longer.
        """
        if self._next is not None:
            raise _damaged(self._frontier.size + 1, rule="a checkpoint covers it, and it is gone")
        return Head(self._frontier.size, self._frontier.root().hex())

    def _check_known(self) -> None:
        while self._next is not None and self._next.size == self._frontier.size:
            if self._next.root != self._frontier.root().hex():
                rule = "it or one before is another than when the checkpoint there was made"
                raise _damaged(self._next.size, rule=rule)
            self._next = next(self._known, None)

    def _stored(self, level: int) -> bytes | None:
        """Return the next stored node of a level."""
        while len(self._levels) < level:
            statement = "SELECT hash FROM access_log_tree WHERE level = ? ORDER BY position"
            self._levels.append(iter(self._connection.execute(statement, (len(self._levels) + 1,))))
        row = next(self._levels[level - 1], None)
        return None if row is None else bytes(row[0])


def _head(connection: Connection, size: int) -> Head:
    return Head(size, tree.root(_reader(connection), size).hex())


def _reader(connection: Connection) -> tree.ReadNode:
    def read(level: int, position: int) -> bytes:
        if level:
            row = connection.execute(
                "SELECT hash FROM access_log_tree WHERE level = ? AND position = ?",
                (level, position),
            ).fetchone()
        else:
            row = connection.execute(
                "SELECT leaf FROM access_log WHERE seq = ?", (position + 1,)
            ).fetchone()
        if row is None:
            raise _damaged((position << level) + 1, rule="a hash over it is missing")
        return bytes(row[0])

    return read


def _rows(connection: Connection, *, start: int, limit: int) -> Iterator[tuple[int, bytes, bytes]]:
    rows = connection.execute(
        "SELECT seq, entry, leaf FROM access_log WHERE seq >= ? ORDER BY seq LIMIT ?",
        (start, limit),
    )
    for seq, found, leaf in rows:
        yield seq, bytes(found), bytes(leaf)


def _damaged(seq: int, *, rule: str) -> WardnetError:
    return WardnetError(Reason.LOG_DAMAGED, line=seq, rule=rule)
