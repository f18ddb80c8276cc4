"""What stewards have not been told yet, durable with what they are to be told of.

A message says only which kind of thing waits, so a second of a kind before the first was told adds
nothing: there is one row per channel and kind, whoever floods the inbox. The functions run inside
the caller's transaction.
"""

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from wardnet.audit.log import Connection
from wardnet.clock import from_moment, to_moment
from wardnet_node.notify.message import Kind

SCHEMA: Final = (
    """
    CREATE TABLE notifications (
        channel TEXT NOT NULL,
        kind TEXT NOT NULL,
        id TEXT,
        since TEXT,
        tries INTEGER NOT NULL,
        next TEXT NOT NULL,
        error TEXT NOT NULL,
        PRIMARY KEY (channel, kind)
    ) STRICT, WITHOUT ROWID
    """,
)
"""Statements for the catalog's migrations; `id` is empty where nothing waits."""

QUIET: Final = timedelta(minutes=5)
"""Between two messages of a kind."""

FIRST_PAUSE: Final = timedelta(seconds=5)
LONGEST_PAUSE: Final = timedelta(hours=1)


class Channel(StrEnum):
    """Name a way to stewards."""

    MAIL = "mail"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True)
class Standing:
    """Say how a channel stands with one kind of message.

    Parameters
    ----------
    channel : Channel
        The way.
    kind : Kind
        Of message.
    id : str or None
        Of the message that waits; None when none does.
    since : datetime or None
        When the first thing came that it tells of.
    tries : int
        How often it was tried in vain.
    next : datetime
        Before then nothing is sent.
    error : str
        Why the last try failed, also where it was given up; empty once one has succeeded.
    """

    channel: Channel
    kind: Kind
    id: str | None
    since: datetime | None
    tries: int
    next: datetime
    error: str


def enqueue(connection: Connection, kind: Kind, *, at: datetime) -> None:
    """Let the stewards be told, by every channel that is set, once this transaction is durable."""
    moment = to_moment(at)
    for channel in Channel:
        connection.execute(
            "INSERT INTO notifications (channel, kind, id, since, tries, next, error)"
            " VALUES (?, ?, ?, ?, 0, ?, '') ON CONFLICT (channel, kind) DO UPDATE SET"
            " id = excluded.id, since = coalesce(since, excluded.since),"
            " tries = CASE WHEN id IS NULL THEN 0 ELSE tries END,"
            " next = max(next, excluded.next)",
            (channel, kind, secrets.token_hex(16), moment, moment),
        )


def standings(connection: Connection) -> tuple[Standing, ...]:
    """Return how every channel stands, those first that have waited longest."""
    rows = connection.execute(
        "SELECT channel, kind, id, since, tries, next, error FROM notifications"
        " ORDER BY since IS NULL, since, channel, kind"
    )
    return tuple(
        Standing(
            channel=Channel(channel),
            kind=Kind(kind),
            id=name,
            since=None if since is None else from_moment(since),
            tries=tries,
            next=from_moment(following),
            error=error,
        )
        for channel, kind, name, since, tries, following, error in rows
    )


def due(connection: Connection, channel: Channel, *, at: datetime) -> tuple[Standing, ...]:
    """Return what is to be tried now, the oldest first.

    A moment further ahead than any pause was set by a clock that has been put right since.
    """
    return tuple(
        one
        for one in standings(connection)
        if one.channel is channel
        and one.id is not None
        and not at < one.next <= at + max(QUIET, LONGEST_PAUSE)
    )


def sent(connection: Connection, tried: Standing, *, at: datetime) -> None:
    """Record a success; what has come since the try waits for the next message."""
    connection.execute(
        "UPDATE notifications SET tries = 0, next = ?, error = '',"
        " since = CASE WHEN id = ? THEN NULL ELSE ? END, id = nullif(id, ?)"
        " WHERE channel = ? AND kind = ?",
        (to_moment(at + QUIET), tried.id, to_moment(at), tried.id, tried.channel, tried.kind),
    )


def failed(connection: Connection, tried: Standing, *, at: datetime, error: str) -> None:
    """Record a failure; the next try comes after a pause that doubles."""
    connection.execute(
        "UPDATE notifications SET tries = tries + 1, next = ?, error = ?"
        " WHERE channel = ? AND kind = ?",
        (to_moment(at + pause(tried.tries)), error, tried.channel, tried.kind),
    )


def give_up(connection: Connection, tried: Standing) -> None:
    """Try no more until the next thing of the kind comes; the error stays to be seen."""
    connection.execute(
        "UPDATE notifications SET id = NULL, since = NULL WHERE channel = ? AND kind = ?",
        (tried.channel, tried.kind),
    )


def forget(connection: Connection, *, but: Collection[Channel]) -> None:
    """Forget what waits for channels that are not set."""
    for channel in Channel:
        if channel not in but:
            connection.execute("DELETE FROM notifications WHERE channel = ?", (channel,))


def pause(tries: int) -> timedelta:
    """Return how long to wait after so many tries before: twice as long each time, and jitter.

    Between half and all of min(5 s x 2^tries, 1 hour), so that hospitals that lost the same server
    do not all come back to it at once.
    """
    longest: timedelta = min(FIRST_PAUSE * 2.0 ** min(tries, 16), LONGEST_PAUSE)
    return longest * secrets.SystemRandom().uniform(0.5, 1)
