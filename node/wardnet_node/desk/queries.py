"""What the hospital remembers of the queries it accepted, inside the caller's transaction.

A query stays bound to the snapshot it was accepted with, over all rounds, attempts and restarts;
and to the totals it has seen: a history that comes back changed is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from wardnet.audit.log import Connection
from wardnet.errors import Reason, WardnetError


class State(StrEnum):
    """Say whether a query may still be worked on."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Accepted:
    """Hold what was decided about one query.

    Parameters
    ----------
    query : str
        Its digest.
    nonce : str
        Its nonce, never accepted again with other bytes.
    envelope : bytes
        As it was verified.
    dataset : str
        What it asks about.
    snapshot : int
        Number of the snapshot that it sees.
    decided : str
        Moment of the decision.
    state : State
        Where it stands.
    """

    query: str
    nonce: str
    envelope: bytes
    dataset: str
    snapshot: int
    decided: str
    state: State = State.ACCEPTED


def remember(connection: Connection, accepted: Accepted) -> None:
    """Record that a query was accepted."""
    connection.execute(
        "INSERT INTO queries (query, nonce, envelope, dataset, snapshot, state, decided)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            accepted.query,
            accepted.nonce,
            accepted.envelope,
            accepted.dataset,
            accepted.snapshot,
            accepted.state.value,
            accepted.decided,
        ),
    )


def keep_answer(connection: Connection, query: str, answer: bytes) -> None:
    """Keep the answer to a query, of its last attempt, for auditors who may see it."""
    connection.execute(
        "INSERT OR REPLACE INTO kept_answers (query, answer) VALUES (?, ?)", (query, answer)
    )


def kept_answer(connection: Connection, query: str) -> bytes | None:
    """Return the answer that was kept of a query; None without one."""
    rows = connection.execute("SELECT answer FROM kept_answers WHERE query = ?", (query,))
    row = rows.fetchone()
    return None if row is None else bytes(row[0])


def find(connection: Connection, query: str) -> Accepted | None:
    """Return what was decided about a query, or None at its first sight."""
    rows = connection.execute(
        "SELECT query, nonce, envelope, dataset, snapshot, decided, state FROM queries"
        " WHERE query = ?",
        (query,),
    )
    row = rows.fetchone()
    if row is None:
        return None
    digest, nonce, envelope, dataset, snapshot, decided, state = row
    return Accepted(digest, nonce, envelope, dataset, snapshot, decided, State(state))


def nonce_used_by(connection: Connection, nonce: str) -> str | None:
    """Return the digest of the accepted query that holds a nonce."""
    row = connection.execute("SELECT query FROM queries WHERE nonce = ?", (nonce,)).fetchone()
    return None if row is None else str(row[0])


def forget_before(connection: Connection, moment: str, *, why: bytes) -> None:
    """Record that nothing is known for certain of queries from before a moment: none goes on.

    Parameters
    ----------
    why : bytes
        The stewards' signed statement.
    """
    connection.execute("INSERT INTO unlocks (at, statement) VALUES (?, ?)", (moment, why))
    connection.execute(
        "UPDATE queries SET state = ? WHERE state = ?", (State.ENDED.value, State.ACCEPTED.value)
    )


def known_since(connection: Connection) -> str:
    """Return the moment after which every accepted query is remembered; empty for always."""
    return str(connection.execute("SELECT coalesce(max(at), '') FROM unlocks").fetchone()[0])


def leave(connection: Connection, query: str, state: State) -> None:
    """Record that a query is over here."""
    connection.execute(
        "UPDATE queries SET state = ? WHERE query = ? AND state = ?",
        (state.value, query, State.ACCEPTED.value),
    )


def remember_steps(
    connection: Connection, query: str, *, attempt: int, transcripts: Sequence[str]
) -> None:
    """Record what an attempt has seen, or check it against what was recorded.

    Parameters
    ----------
    transcripts : Sequence of str
        Digest of all totals before round 0, 1, ...

    Raises
    ------
    WardnetError
        `ROUNDS_DIVERGED` when the attempt has seen other totals, or is older than the present one.
    """
    newest = "SELECT max(attempt) FROM steps WHERE query = ?"
    if (connection.execute(newest, (query,)).fetchone()[0] or 0) > attempt:
        raise WardnetError(Reason.ROUNDS_DIVERGED, rule="an older attempt came back")
    # Each transcript follows from the one before: where the last one is as it was, all are.
    known = connection.execute(
        "SELECT round, transcript FROM steps WHERE query = ? AND attempt = ? AND round < ?"
        " ORDER BY round DESC LIMIT 1",
        (query, attempt, len(transcripts)),
    ).fetchone()
    last = -1
    if known is not None:
        last, transcript = known
        if transcripts[last] != transcript:
            raise WardnetError(Reason.ROUNDS_DIVERGED, rule="the history came back changed")
    for number in range(last + 1, len(transcripts)):
        connection.execute(
            "INSERT INTO steps (query, attempt, round, transcript) VALUES (?, ?, ?, ?)",
            (query, attempt, number, transcripts[number]),
        )
