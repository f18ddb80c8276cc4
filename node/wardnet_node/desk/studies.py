"""What is kept of studies and of what was signed about them, inside the caller's transaction.

Everything is kept as it was signed and only ever added to, so the last positions tell whether
anything is new. What these rows say counts only after `desk.knowledge` has verified it again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from wardnet import canonical, clock
from wardnet.audit.entry import Entry, EventType, Outcome, from_bytes
from wardnet.audit.log import Connection
from wardnet.identity.envelope import Envelope
from wardnet.transport.convert import envelope_from_bytes, envelope_to_bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """Hold one signed thing as it lies in the catalog.

    Parameters
    ----------
    position : int
        Rises with every one.
    study : str
        Digest of the study that it is about; empty for others.
    envelope : bytes
        As it was signed.
    at : str
        Moment at which it was signed or came in.
    """

    position: int
    study: str
    envelope: bytes
    at: str


@dataclass(frozen=True, slots=True)
class Unsent:
    """Hold a statement that the coordinator may not have.

    Parameters
    ----------
    study : str
        Digest of the study.
    digest : str
        Of the statement's payload; the acknowledgement names it.
    envelope : Envelope
        As it was signed.
    """

    study: str
    digest: str
    envelope: Envelope


def ends(connection: Connection) -> tuple[int, ...]:
    """Return the last positions of studies, statements, book, lists and keys taken back."""
    row = connection.execute(
        "SELECT (SELECT coalesce(max(position), 0) FROM studies),"
        " (SELECT coalesce(max(position), 0) FROM statements),"
        " (SELECT coalesce(max(revision), 0) FROM book),"
        " (SELECT coalesce(max(position), 0) FROM revocations),"
        " (SELECT coalesce(max(position), 0) FROM revoked_keys)"
    ).fetchone()
    return tuple(row)


def put_study(connection: Connection, study: str, envelope: Envelope, *, at: datetime) -> None:
    """Keep a study, or one with more signatures than before."""
    connection.execute(
        "INSERT INTO studies (study, envelope, received) VALUES (?, ?, ?)",
        (study, envelope_to_bytes(envelope), clock.to_moment(at)),
    )


def studies_after(connection: Connection, position: int) -> tuple[Kept, ...]:
    """Return the studies kept after a position, in order."""
    return _kept(
        connection,
        "SELECT position, study, envelope, received FROM studies WHERE position > ?"
        " ORDER BY position",
        position,
    )


def put_statement(connection: Connection, study: str, envelope: Envelope, *, at: datetime) -> None:
    """Keep a statement of this hospital; it waits to be sent."""
    connection.execute(
        "INSERT INTO statements (digest, study, envelope, made, sent) VALUES (?, ?, ?, ?, 0)",
        (
            canonical.digest(envelope.payload),
            study,
            envelope_to_bytes(envelope),
            clock.to_moment(at),
        ),
    )


def statements_after(connection: Connection, position: int) -> tuple[Kept, ...]:
    """Return the statements kept after a position, in order."""
    return _kept(
        connection,
        "SELECT position, study, envelope, made FROM statements WHERE position > ?"
        " ORDER BY position",
        position,
    )


def unsent(connection: Connection) -> tuple[Unsent, ...]:
    """Return the statements that the coordinator may not have, oldest first."""
    rows = connection.execute(
        "SELECT study, digest, envelope FROM statements WHERE sent = 0 ORDER BY position"
    )
    return tuple(
        Unsent(study, digest, envelope_from_bytes(bytes(data))) for study, digest, data in rows
    )


def logged(connection: Connection) -> tuple[Entry, ...]:
    """Return what the access log says was decided: nothing of it may be missing here."""
    kinds = (
        EventType.AGREEMENT_SIGNED,
        EventType.AGREEMENT_REVOKED,
        EventType.STUDY_DECLINED,
        EventType.BOOK_CHANGED,
        EventType.KEY_REVOKED,
    )
    # Canonical bytes spell it in one way; only these few entries are read.
    marks = [f'"type":"{kind}"'.encode() for kind in kinds]
    rows = connection.execute(
        "SELECT entry FROM access_log WHERE instr(entry, ?) OR instr(entry, ?)"
        " OR instr(entry, ?) OR instr(entry, ?) OR instr(entry, ?)",
        marks,
    )
    entries = (from_bytes(bytes(data)) for (data,) in rows)
    return tuple(entry for entry in entries if entry.outcome is Outcome.DONE)


def mark_sent(connection: Connection, digest: str) -> None:
    """Record that the coordinator has a statement."""
    connection.execute("UPDATE statements SET sent = 1 WHERE digest = ?", (digest,))


def put_page(connection: Connection, revision: int, envelope: Envelope, *, at: datetime) -> None:
    """Keep a new revision of the address book."""
    connection.execute(
        "INSERT INTO book (revision, envelope, made) VALUES (?, ?, ?)",
        (revision, envelope_to_bytes(envelope), clock.to_moment(at)),
    )


def pages(connection: Connection) -> tuple[Kept, ...]:
    """Return all revisions of the address book, in order."""
    return _kept(
        connection,
        "SELECT revision, '', envelope, made FROM book WHERE revision > ? ORDER BY revision",
        -(1 << 63),
    )


def remember_use(connection: Connection, study: str, *, question: str, query: str) -> None:
    """Record that a question was accepted under a study; asking it again costs nothing.

    Parameters
    ----------
    study : str
        Digest of the study.
    question : str
        Digest of what is asked: the query without its nonce, times and recipient.
    query : str
        Digest of the signed query.
    """
    connection.execute(
        "INSERT OR IGNORE INTO uses (study, question, query) VALUES (?, ?, ?)",
        (study, question, query),
    )


def uses(connection: Connection, *, without: str = "") -> Mapping[str, int]:
    """Return how many different questions were accepted, by digest of the study.

    Parameters
    ----------
    without : str
        Digest of a question that does not count: the one that is decided on.
    """
    rows = connection.execute(
        "SELECT study, count(*) FROM uses WHERE question != ? GROUP BY study", (without,)
    )
    return {study: int(number) for study, number in rows}


def _kept(connection: Connection, sql: str, position: int) -> tuple[Kept, ...]:
    rows = connection.execute(sql, (position,))
    return tuple(Kept(place, study, bytes(data), at) for place, study, data, at in rows)
