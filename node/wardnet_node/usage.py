"""What this hospital's work takes: noted beside the work, in its transaction, and never sent.

How long a round takes can tell how many patients it met, so these notes stay in the encrypted
catalog: they are in no message, and not in the access log, which others may read.
"""

from datetime import datetime
from typing import Final

from wardnet import clock
from wardnet.audit.entry import Event, EventType, Outcome
from wardnet.audit.log import Connection
from wardnet.clock import Moment
from wardnet.question.query import Query
from wardnet.usage.table import Shared, Spent, Stored, Usage

CLOCKED: Final = "wall-clock time of the local half, all rounds together"
KEPT: Final = "the rows of each dataset, those received among them, as columns on this disk"
COUNTED: Final = "answers that were released; a refusal is none"
SEALED: Final = "parcels that were made for other hospitals, with header and attachments, as sealed"

SCHEMA: Final = (
    "ALTER TABLE segments ADD COLUMN plain INTEGER",
    """
    CREATE TABLE spent (
        query TEXT PRIMARY KEY,
        method TEXT NOT NULL,
        dataset TEXT NOT NULL,
        begun TEXT NOT NULL,
        microseconds INTEGER NOT NULL,
        results INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE stored (
        position INTEGER PRIMARY KEY,
        time TEXT NOT NULL,
        dataset TEXT NOT NULL,
        plain INTEGER,
        size INTEGER NOT NULL
    ) STRICT
    """,
    # What was loaded before says how large it is, but not how large it was before compression.
    """
    INSERT INTO stored (time, dataset, plain, size)
    SELECT max(loaded), name, NULL,
           (SELECT sum(size) FROM segments WHERE segments.dataset = datasets.id)
    FROM datasets JOIN snapshots ON snapshots.dataset = datasets.id
    WHERE dropped = 0
    GROUP BY datasets.id
    ORDER BY max(loaded)
    """,
)
"""Statements for the catalog's migrations."""

SHARED: Final = (
    """
    CREATE TABLE shared (
        position INTEGER PRIMARY KEY,
        time TEXT NOT NULL,
        share TEXT NOT NULL,
        recipient TEXT NOT NULL,
        size INTEGER NOT NULL
    ) STRICT
    """,
)
"""Statements for a later migration; what was shared before it is not counted."""


def note_stored(connection: Connection, dataset: str, *, at: Moment) -> None:
    """Note what a dataset takes now: all segments that some snapshot holds; 0 when dropped."""
    connection.execute(
        """
        INSERT INTO stored (time, dataset, plain, size)
        SELECT ?, ?, CASE WHEN count(plain) = count(*) THEN coalesce(sum(plain), 0) END,
               coalesce(sum(size), 0)
        FROM segments JOIN datasets ON datasets.id = segments.dataset
        WHERE name = ? AND dropped = 0
        """,
        (at, dataset, dataset),
    )


def note_shared(connection: Connection, shared: Shared) -> None:
    """Note that a parcel was made for another hospital."""
    connection.execute(
        "INSERT INTO shared (time, share, recipient, size) VALUES (?, ?, ?, ?)",
        (shared.time, shared.share, shared.recipient, shared.size),
    )


def note_spent(
    connection: Connection, query: Query, *, event: Event, at: datetime, microseconds: int
) -> None:
    """Add what a release took to what its query has taken so far.

    Parameters
    ----------
    query : Query
        What was asked.
    event : Event
        What the log says about the release.
    at : datetime
        Now: the query's beginning, the first time.
    microseconds : int
        How long the local half took.
    """
    answered = event.type is EventType.QUERY_ANSWER and event.outcome is Outcome.RELEASED
    connection.execute(
        """
        INSERT INTO spent (query, method, dataset, begun, microseconds, results)
        VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT (query) DO UPDATE SET
            microseconds = microseconds + excluded.microseconds,
            results = results + excluded.results
        """,
        (
            event.request_digest,
            query.method,
            query.dataset,
            clock.to_moment(at),
            microseconds,
            int(answered),
        ),
    )


def read(connection: Connection) -> Usage:
    """Return all that was noted."""
    spent = connection.execute(
        "SELECT query, method, dataset, begun, microseconds, results FROM spent ORDER BY begun"
    )
    stored = connection.execute("SELECT time, dataset, plain, size FROM stored ORDER BY position")
    shared = connection.execute("SELECT time, share, recipient, size FROM shared ORDER BY position")
    return Usage(
        clocked=CLOCKED,
        kept=KEPT,
        counted=COUNTED,
        spent=tuple(
            Spent(
                query=query,
                method=method,
                dataset=dataset,
                begun=begun,
                milliseconds=microseconds / 1000,
                results=results,
            )
            for query, method, dataset, begun, microseconds, results in spent
        ),
        stored=tuple(
            Stored(time=time, dataset=dataset, uncompressed=plain, compressed=size)
            for time, dataset, plain, size in stored
        ),
        sealed=SEALED,
        shared=tuple(
            Shared(time=time, share=share, recipient=recipient, size=size)
            for time, share, recipient, size in shared
        ),
    )
