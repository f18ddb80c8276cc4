"""The outbox: results that are durable before they are sent.

A result is kept byte for byte until the coordinator acknowledges it, and its work id for good: what
was sent under a work id is never anything else, whatever is asked. Of a long part only the digest
is kept: the same rows and totals give the same bytes again, in less time than writing them takes.
The functions run inside the caller's transaction.
"""

from dataclasses import dataclass
from typing import Final

from wardnet.audit.log import Connection
from wardnet.transport.work import WorkId

LONGEST_KEPT_PART: Final = 1 << 16
"""Bytes of a part's message; of a longer one the digest is kept."""


@dataclass(frozen=True, slots=True)
class Result:
    """Hold one result as it is sent.

    Parameters
    ----------
    work_id : str
        Of the work that it answers.
    message : bytes
        The message to the coordinator, to the byte; empty once it was acknowledged, or where only
        its digest is kept.
    digest : str
        Of the sums of a part that can be made again, under a key of the hospital; empty once it
        was acknowledged.
    """

    work_id: str
    message: bytes
    digest: str = ""

    @property
    def acknowledged(self) -> bool:
        """Say whether nobody waits for it any more."""
        return not self.message and not self.digest


class Acknowledged:
    """Hold what the coordinator has, until a transaction takes it along.

    If that is lost, results are only sent once more.
    """

    def __init__(self) -> None:
        self._results: list[str] = []
        self._asked: dict[str, WorkId] = {}

    def result(self, work_id: str) -> None:
        """Note a result that is durable there."""
        self._results.append(work_id)

    def asked(self, work_id: WorkId) -> None:
        """Note work: whoever asks for it has, durably, what was made for the work before it."""
        self._asked[work_id.query] = work_id

    def take_along(self, connection: Connection) -> None:
        """Drop the messages."""
        for work_id in self._results:
            acknowledge(connection, work_id)
        for query, asked in self._asked.items():
            acknowledge_others(connection, str(asked), query=query)

    def clear(self) -> None:
        """Forget what was taken along."""
        self._results.clear()
        self._asked.clear()


def of_part(result: Result, *, digest: str) -> Result:
    """Return what is kept of a part."""
    if len(result.message) <= LONGEST_KEPT_PART:
        return result
    return Result(result.work_id, b"", digest)


def put(connection: Connection, result: Result, *, query: str) -> None:
    """Keep a new result; its work id must be new."""
    connection.execute(
        "INSERT INTO outbox (work_id, query, message, digest, released) VALUES (?, ?, ?, ?, 0)",
        (result.work_id, query, result.message, result.digest),
    )


def exchange(connection: Connection, result: Result) -> None:
    """Keep a result in place of one that could not be made again."""
    connection.execute(
        "UPDATE outbox SET message = ?, digest = '' WHERE work_id = ?",
        (result.message, result.work_id),
    )


def find(connection: Connection, work_id: str) -> Result | None:
    """Return what was made for a work id, if anything ever was."""
    rows = connection.execute("SELECT message, digest FROM outbox WHERE work_id = ?", (work_id,))
    row = rows.fetchone()
    return None if row is None else Result(work_id, *row)


def unacknowledged(connection: Connection) -> tuple[Result, ...]:
    """Return the kept messages that the coordinator may not have, oldest first."""
    rows = connection.execute(
        "SELECT work_id, message FROM outbox WHERE released = 0 AND digest = '' ORDER BY rowid"
    )
    return tuple(Result(*row) for row in rows)


def acknowledge(connection: Connection, work_id: str) -> None:
    """Drop the message of a result that is durable at the coordinator, and keep its work id."""
    connection.execute(
        "UPDATE outbox SET released = 1, message = x'', digest = '' WHERE work_id = ?", (work_id,)
    )


def acknowledge_others(connection: Connection, work_id: str, *, query: str) -> None:
    """Drop all other messages of a query: the coordinator asks for this work after them."""
    connection.execute(
        "UPDATE outbox SET released = 1, message = x'', digest = ''"
        " WHERE query = ? AND released = 0 AND work_id <> ?",
        (query, work_id),
    )


def close(connection: Connection, query: str) -> None:
    """Drop all messages of a query that has ended."""
    connection.execute(
        "UPDATE outbox SET released = 1, message = x'', digest = ''"
        " WHERE query = ? AND released = 0",
        (query,),
    )
