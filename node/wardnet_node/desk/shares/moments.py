"""The latest moment at which a share was seen alive: a clock that is put back prolongs nothing.

Each share has its own, so that a clock which once ran ahead ends no share that begins later.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from wardnet.audit import log
from wardnet.audit.log import Connection
from wardnet.clock import Moment, to_moment

SCHEMA: Final = (
    "CREATE TABLE share_moments (request TEXT PRIMARY KEY, seen TEXT NOT NULL) STRICT",
)
"""Statements for the catalog's migrations."""


def seen(connection: Connection) -> Mapping[str, Moment]:
    """Return the latest moments, by digest of the request."""
    return dict(connection.execute("SELECT request, seen FROM share_moments"))


def latest(connection: Connection, at: datetime) -> Moment:
    """Return the later one of a moment and that of the log's last entry."""
    last = log.size(connection)
    entries = log.entries(connection, start=last) if last else ()
    return max(to_moment(at), *(entry.time for entry in entries), "")


def note(connection: Connection, requests: Iterable[str], *, at: Moment) -> None:
    """Note that shares were seen at a moment, in a writing transaction."""
    for request in requests:
        connection.execute(
            "INSERT INTO share_moments (request, seen) VALUES (?, ?)"
            " ON CONFLICT (request) DO UPDATE SET seen = max(seen, excluded.seen)",
            (request, at),
        )
