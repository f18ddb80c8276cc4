"""The outbox: results that are durable before they are sent.

A result is kept byte for byte until the coordinator acknowledges it, and its work id for good: work
whose id stands here is never computed again, whatever is asked. The functions run inside the
caller's transaction.
"""

from dataclasses import dataclass

from wardnet.audit.log import Connection


@dataclass(frozen=True, slots=True)
class Result:
    """Hold one result as it is sent.

    Parameters
    ----------
    work_id : str
        Of the work that it answers.
    message : bytes
        The message to the coordinator, to the byte; empty once it was acknowledged.
    """

    work_id: str
    message: bytes


def put(connection: Connection, result: Result, *, query: str) -> None:
    """Keep a new result; its work id must be new."""
    connection.execute(
        "INSERT INTO outbox (work_id, query, message, released) VALUES (?, ?, ?, 0)",
        (result.work_id, query, result.message),
    )


def find(connection: Connection, work_id: str) -> Result | None:
    """Return what was made for a work id, if anything ever was."""
    rows = connection.execute("SELECT message FROM outbox WHERE work_id = ?", (work_id,))
    row = rows.fetchone()
    return None if row is None else Result(work_id, row[0])


def unacknowledged(connection: Connection) -> tuple[Result, ...]:
    """Return the results that the coordinator may not have, oldest first."""
    rows = connection.execute(
        "SELECT work_id, message FROM outbox WHERE released = 0 ORDER BY rowid"
    )
    return tuple(Result(*row) for row in rows)


def acknowledge(connection: Connection, work_id: str) -> None:
    """Drop the message of a result that is durable at the coordinator, and keep its work id."""
    connection.execute(
        "UPDATE outbox SET released = 1, message = x'' WHERE work_id = ?", (work_id,)
    )


def acknowledge_others(connection: Connection, work_id: str, *, query: str) -> None:
    """Drop all other messages of a query: the coordinator asks for this work after them."""
    connection.execute(
        "UPDATE outbox SET released = 1, message = x''"
        " WHERE query = ? AND released = 0 AND work_id <> ?",
        (query, work_id),
    )


def close(connection: Connection, query: str) -> None:
    """Drop all messages of a query that has ended."""
    connection.execute(
        "UPDATE outbox SET released = 1, message = x'' WHERE query = ? AND released = 0", (query,)
    )
