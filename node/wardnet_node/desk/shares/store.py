"""What is kept of shares, inside the caller's transaction: only ever added to, but for letters.

What a row says counts only after `desk.shares.known` has verified it again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from wardnet import canonical
from wardnet.audit.log import Connection
from wardnet.identity.envelope import Envelope
from wardnet.transport.convert import envelope_from_bytes, envelope_to_bytes

SCHEMA: Final = (
    """
    CREATE TABLE share_statements (
        position INTEGER PRIMARY KEY,
        digest TEXT NOT NULL UNIQUE,
        request TEXT NOT NULL,
        envelope BLOB NOT NULL,
        at TEXT NOT NULL
    ) STRICT
    """,
    # What a request's parcel is opened with, wrapped by a key of the keyring.
    "CREATE TABLE share_keys (request TEXT PRIMARY KEY, wrapped BLOB NOT NULL) STRICT",
    """
    CREATE TABLE share_fetches (
        grant TEXT NOT NULL,
        fetch TEXT NOT NULL,
        closed INTEGER NOT NULL,
        PRIMARY KEY (grant, fetch)
    ) STRICT, WITHOUT ROWID
    """,
    # A letter stays until the other side has acknowledged it; one of a hospital at a time goes out.
    """
    CREATE TABLE share_letters (
        position INTEGER PRIMARY KEY,
        member TEXT NOT NULL,
        request TEXT NOT NULL,
        statement BLOB NOT NULL,
        letter BLOB,
        digest TEXT UNIQUE,
        refusal TEXT NOT NULL
    ) STRICT
    """,
    "CREATE TABLE share_letters_taken (digest TEXT PRIMARY KEY) STRICT, WITHOUT ROWID",
)
"""Statements for the catalog's migrations."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Hold one statement as it lies in the catalog.

    Parameters
    ----------
    position : int
        Rises with every one.
    digest, request : str
        Of its payload, and of the request that it belongs to.
    envelope : bytes
        As it was signed.
    at : str
        Moment at which it was signed or came in.
    """

    position: int
    digest: str
    request: str
    envelope: bytes
    at: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """Hold a letter that the other side has not acknowledged.

    Parameters
    ----------
    position : int
        Rises with every letter.
    member : str
        URI of whom it is for.
    statement : bytes
        What it says, as it was signed.
    letter : Envelope or None
        Sealed; None before its first sending.
    refusal : str
        Why the other side could not take it the last time; empty when it has not said so.
    """

    position: int
    member: str
    statement: bytes
    letter: Envelope | None
    refusal: str


def put(connection: Connection, envelope: Envelope, *, request: str, at: str) -> None:
    """Keep a statement; its digest must be new."""
    connection.execute(
        "INSERT INTO share_statements (digest, request, envelope, at) VALUES (?, ?, ?, ?)",
        (canonical.digest(envelope.payload), request, envelope_to_bytes(envelope), at),
    )


def statements(connection: Connection, prefix: str = "") -> Iterator[Kept]:
    """Yield all statements, in order, or those of the shares of which one's digest begins so."""
    rows = connection.execute(
        "SELECT position, digest, request, envelope, at FROM share_statements WHERE request IN ("
        "SELECT request FROM share_statements"
        " WHERE substr(digest, 1, ?1) = ?2 OR substr(request, 1, ?1) = ?2"
        ") ORDER BY position",
        (len(prefix), prefix),
    )
    for position, digest, request, envelope, at in rows:
        yield Kept(position, digest, request, bytes(envelope), at)


def put_key(connection: Connection, request: str, wrapped: bytes) -> None:
    """Keep the key of a request, wrapped."""
    connection.execute(
        "INSERT INTO share_keys (request, wrapped) VALUES (?, ?)", (request, wrapped)
    )


def key(connection: Connection, request: str) -> bytes | None:
    """Return the wrapped key of a request; None once it is destroyed."""
    rows = connection.execute("SELECT wrapped FROM share_keys WHERE request = ?", (request,))
    row = rows.fetchone()
    return None if row is None else bytes(row[0])


def keys(connection: Connection) -> frozenset[str]:
    """Return the requests whose keys are kept."""
    return frozenset(row[0] for row in connection.execute("SELECT request FROM share_keys"))


def forget_key(connection: Connection, request: str) -> None:
    """Delete the wrapped key of a request."""
    connection.execute("DELETE FROM share_keys WHERE request = ?", (request,))


def fetches(connection: Connection, grant: str) -> dict[str, bool]:
    """Return the fetches under a grant, and whether each is closed."""
    rows = connection.execute("SELECT fetch, closed FROM share_fetches WHERE grant = ?", (grant,))
    return {fetch: bool(closed) for fetch, closed in rows}


def put_fetch(connection: Connection, grant: str, fetch: str) -> None:
    """Note that a fetch began."""
    connection.execute("INSERT INTO share_fetches VALUES (?, ?, 0)", (grant, fetch))


def close_fetch(connection: Connection, grant: str, fetch: str) -> None:
    """Note that the recipient has all of it."""
    connection.execute(
        "UPDATE share_fetches SET closed = 1 WHERE grant = ? AND fetch = ?", (grant, fetch)
    )


def put_letter(connection: Connection, member: str, statement: Envelope, *, request: str) -> None:
    """Let a letter wait; it is sealed when it goes out for the first time."""
    connection.execute(
        "INSERT INTO share_letters (member, request, statement, refusal) VALUES (?, ?, ?, '')",
        (member, request, envelope_to_bytes(statement)),
    )


def letters(connection: Connection) -> tuple[Waiting, ...]:
    """Return the oldest letter to every member that has not been acknowledged."""
    rows = connection.execute(
        "SELECT min(position), member, statement, letter, refusal FROM share_letters"
        " GROUP BY member ORDER BY 1"
    )
    return tuple(
        Waiting(position, member, bytes(said), letter and envelope_from_bytes(letter), refusal)
        for position, member, said, letter, refusal in rows
    )


def seal_letter(connection: Connection, position: int, letter: Envelope) -> None:
    """Keep a letter as it goes out, and goes out again until it is acknowledged."""
    connection.execute(
        "UPDATE share_letters SET letter = ?, digest = ? WHERE position = ?",
        (envelope_to_bytes(letter), canonical.digest(letter.payload), position),
    )


def refused_letter(connection: Connection, member: str, digest: str, *, refusal: str) -> None:
    """Note why a letter could not be taken; it is sealed anew before it goes out again."""
    connection.execute(
        "UPDATE share_letters SET letter = NULL, digest = NULL, refusal = ?"
        " WHERE member = ? AND digest = ?",
        (refusal, member, digest),
    )


def forget_letter(connection: Connection, member: str, digest: str) -> None:
    """Delete a letter that a member has acknowledged."""
    connection.execute(
        "DELETE FROM share_letters WHERE member = ? AND digest = ?", (member, digest)
    )


def undelivered(connection: Connection) -> dict[str, list[str]]:
    """Return, by request, why the letters about it that wait were not taken; empty where unsaid."""
    found: dict[str, list[str]] = {}
    rows = connection.execute("SELECT request, refusal FROM share_letters ORDER BY position")
    for request, refusal in rows:
        found.setdefault(request, []).append(refusal)
    return found


def was_taken(connection: Connection, digest: str) -> bool:
    """Say whether a letter was taken before."""
    rows = connection.execute("SELECT 1 FROM share_letters_taken WHERE digest = ?", (digest,))
    return rows.fetchone() is not None


def note_taken(connection: Connection, digest: str) -> None:
    """Note that a letter was taken, whatever became of it."""
    connection.execute("INSERT OR IGNORE INTO share_letters_taken VALUES (?)", (digest,))
