"""What the network's queries took, as the coordinator saw them; nothing is noted for it alone."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from wardnet import clock
from wardnet.clock import Moment
from wardnet.question import query as questions
from wardnet.transport.convert import envelope_from_bytes
from wardnet.usage.table import Spent, Stored, Usage
from wardnet_coordinator.course import Outcome

CLOCKED: Final = "time from the submission of a query to its end"
KEPT: Final = "signed queries and sealed answers, by the dataset that they are about; no rows"
COUNTED: Final = "sealed answers; which of them refuse, only their readers see"

_SELECT: Final = """
    SELECT query, envelope, submitted, ended, outcome, length(envelope) + (
        SELECT coalesce(sum(length(sealed)), 0) FROM answers WHERE answers.query = queries.query
    )
    FROM queries WHERE ended > 0 ORDER BY submitted
"""


def read(connection: sqlite3.Connection) -> Usage:
    """Return what all queries that have ended took.

    Stored of a query are its signed bytes and its sealed answers, counted under its dataset; both
    lie here as they came, so they take as much before compression.
    """
    ended = [_ended(row) for row in connection.execute(_SELECT)]
    return Usage(
        clocked=CLOCKED,
        kept=KEPT,
        counted=COUNTED,
        spent=tuple(spent for spent, _ in ended),
        stored=tuple(_added_up(kept for _, kept in ended)),
    )


def _ended(row: tuple[str, bytes, int, int, str, int]) -> tuple[Spent, Stored]:
    """Return what one query took, and what it adds to what is stored."""
    digest, envelope, submitted, ended, outcome, size = row
    query = questions.from_bytes(envelope_from_bytes(envelope).payload)
    spent = Spent(
        query=digest,
        method=query.method,
        dataset=query.dataset,
        begun=_moment(submitted),
        milliseconds=ended - submitted,
        results=int(outcome == Outcome.ANSWERED),
    )
    kept = Stored(time=_moment(ended), dataset=query.dataset, uncompressed=size, compressed=size)
    return spent, kept


def _added_up(kept: Iterable[Stored]) -> Iterator[Stored]:
    """Yield what each dataset takes after each of its queries."""
    sizes: Counter[str] = Counter()
    for item in sorted(kept, key=lambda item: item.time):
        sizes[item.dataset] += item.compressed
        size = sizes[item.dataset]
        yield replace(item, uncompressed=size, compressed=size)


def _moment(milliseconds: int) -> Moment:
    return clock.to_moment(datetime.fromtimestamp(milliseconds / 1000, UTC))
