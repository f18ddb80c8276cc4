"""What the relay has in its keeping: one row per parcel, and the fetches of each.

Functions of a connection, for the writer of `state.Database`. A row outlives its bytes, so that the
relay can say in words why there is nothing any more.
"""

import sqlite3
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from wardnet import clock
from wardnet.errors import Reason, WardnetError
from wardnet.sharing.consignment import Consignment
from wardnet.transport.parcels.door import Fetching
from wardnet_coordinator.state import Kind

ARRIVING: Final = "arriving"
WHOLE: Final = "whole"
GONE: Final = "gone"
TAKEN_BACK: Final = "taken back"

REMEMBERED: Final = timedelta(days=30)
"""How long a row outlives the grant."""

ROW_BYTES: Final = 1 << 10
"""What a row counts in the quota, however small its parcel, and after that is gone, too."""

RELAY: Final = Kind(
    "relay.db",
    (
        # `expires`: when the bytes are deleted, at the latest with the grant's end.
        """CREATE TABLE parcels (
          number INTEGER PRIMARY KEY AUTOINCREMENT, owner TEXT NOT NULL, recipient TEXT NOT NULL,
          grant TEXT NOT NULL, parcel TEXT NOT NULL, size INTEGER NOT NULL, until TEXT NOT NULL,
          expires TEXT NOT NULL, maximum_fetches INTEGER NOT NULL, state TEXT NOT NULL,
          header BLOB NOT NULL, UNIQUE (owner, grant, parcel)
        )""",
        """CREATE TABLE fetches (
          number INTEGER NOT NULL, fetch TEXT NOT NULL, finished INTEGER NOT NULL,
          PRIMARY KEY (number, fetch)
        ) WITHOUT ROWID""",
    ),
    1,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bound what is kept.

    Parameters
    ----------
    parcel, quota : int
        Bytes of one parcel, and of all that one hospital has deposited.
    keep : timedelta
        How long, at most.
    """

    parcel: int
    quota: int
    keep: timedelta


@dataclass(frozen=True, slots=True)
class Kept:
    """Describe one parcel in keeping.

    Parameters
    ----------
    number : int
        Of its row; names its file.
    owner : str
        Id of the hospital that deposits it.
    parcel : str
        SHA-256 of the body, hexadecimal.
    size : int
        Bytes of the body.
    whole : bool
        Whether all of it has arrived.
    header : bytes
        Sealed.
    """

    number: int
    owner: str
    parcel: str
    size: int
    whole: bool
    header: bytes


_KEPT: Final = "number, owner, parcel, size, state = 'whole', header"


def accept(
    connection: sqlite3.Connection,
    consignment: Consignment,
    header: bytes,
    *,
    limits: Limits,
    at: datetime,
) -> Kept:
    """Take a parcel into keeping, or find it there from an earlier attempt.

    Raises
    ------
    WardnetError
        `SHARE_ENDED`, `SHARE_REVOKED`, `PARCEL_OVERSIZE`, `RELAY_FULL`.
    """
    owner = consignment.owner
    # 1. The grant holds, and the parcel is of a size that the relay takes.
    _check_time(owner, consignment.until, at=at)
    if consignment.size > limits.parcel:
        raise WardnetError(Reason.PARCEL_OVERSIZE, rule=f"{limits.parcel >> 20} MiB")
    # 2. One that is here already is gone on with; its row says what was first consigned.
    row = connection.execute(
        "SELECT number, state, size FROM parcels WHERE owner = ? AND grant = ? AND parcel = ?",
        (owner, consignment.grant, consignment.parcel),
    ).fetchone()
    if row is not None and row[1] == TAKEN_BACK:
        raise WardnetError(Reason.SHARE_REVOKED, hospital=owner)
    if row is not None and row[1] in (ARRIVING, WHOLE):
        return _kept(connection, row[0])
    if row is not None and _closed(connection, row[0]) >= consignment.maximum_fetches:
        return replace(_kept(connection, row[0]), whole=True)  # all that were to have it have it
    # 3. It takes the place of what was brought before under the same grant.
    connection.execute(
        "UPDATE parcels SET state = ?, header = x'' WHERE owner = ? AND grant = ? AND state != ?",
        (GONE, owner, consignment.grant, TAKEN_BACK),
    )
    # 4. A new one needs room within the hospital's quota.
    size = consignment.size if row is None else row[2]
    if _used(connection, owner) + size + len(header) + ROW_BYTES > limits.quota:
        rule = f"{owner} has used up its {limits.quota >> 20} MiB"
        raise WardnetError(Reason.RELAY_FULL, rule=rule)
    # 5. What was deleted may be brought again; the fetches of then still count.
    expires = min(consignment.until, clock.to_moment(at + limits.keep))
    if row is not None:
        connection.execute(
            "UPDATE parcels SET state = ?, header = ?, expires = ? WHERE number = ?",
            (ARRIVING, header, expires, row[0]),
        )
        return _kept(connection, row[0])
    cursor = connection.execute(
        """INSERT INTO parcels (owner, recipient, grant, parcel, size, until, expires,
          maximum_fetches, state, header) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            owner,
            consignment.recipient,
            consignment.grant,
            consignment.parcel,
            consignment.size,
            consignment.until,
            expires,
            consignment.maximum_fetches,
            ARRIVING,
            header,
        ),
    )
    return _kept(connection, cursor.lastrowid or 0)


def arrived(connection: sqlite3.Connection, number: int) -> None:
    """Note that a parcel is whole and durable; gone, when all have followed it to its end already.

    Raises
    ------
    WardnetError
        `SHARE_REVOKED` when it was taken back meanwhile.
    """
    owner, maximum, state = connection.execute(
        "SELECT owner, maximum_fetches, state FROM parcels WHERE number = ?", (number,)
    ).fetchone()
    if state != ARRIVING:
        raise WardnetError(Reason.SHARE_REVOKED, hospital=owner)
    if _closed(connection, number) < maximum:
        connection.execute("UPDATE parcels SET state = ? WHERE number = ?", (WHOLE, number))
    else:
        forget(connection, number, state=GONE)


def admit(connection: sqlite3.Connection, asked: Fetching, *, recipient: str, at: datetime) -> Kept:
    """Let a fetch begin or go on, and count it when it is new.

    Raises
    ------
    WardnetError
        `PARCEL_UNKNOWN`, `SHARE_ENDED`, `SHARE_REVOKED`, `SHARE_USED_UP`.
    """
    number, until, maximum, state = _row(connection, asked, recipient)
    # 1. The grant holds.
    if state == TAKEN_BACK:
        raise WardnetError(Reason.SHARE_REVOKED, hospital=asked.owner)
    _check_time(asked.owner, until, at=at)
    # 2. This fetch is one of those that it allows.
    fetches = dict(
        connection.execute("SELECT fetch, finished FROM fetches WHERE number = ?", (number,))
    )
    if fetches.get(asked.fetch, len(fetches) >= maximum):
        raise WardnetError(Reason.SHARE_USED_UP, hospital=asked.owner)
    # 3. There is something to fetch.
    if state not in (ARRIVING, WHOLE):
        raise WardnetError(Reason.PARCEL_UNKNOWN)
    connection.execute("INSERT OR IGNORE INTO fetches VALUES (?, ?, 0)", (number, asked.fetch))
    return _kept(connection, number)


def finish(connection: sqlite3.Connection, asked: Fetching, *, recipient: str) -> int | None:
    """Close a fetch; return the number of the parcel if nobody may fetch it any more.

    Raises
    ------
    WardnetError
        `PARCEL_UNKNOWN`.
    """
    number, _, maximum, state = _row(connection, asked, recipient)
    connection.execute(
        "UPDATE fetches SET finished = 1 WHERE number = ? AND fetch = ?", (number, asked.fetch)
    )
    if _closed(connection, number) < maximum or state != WHOLE:
        return None
    forget(connection, number, state=GONE)
    return number


def take_back(connection: sqlite3.Connection, *, owner: str, grant: str) -> tuple[int, ...]:
    """Note that a hospital has revoked a grant; return the numbers whose bytes are to go."""
    rows = connection.execute(
        "SELECT number FROM parcels WHERE owner = ? AND grant = ?", (owner, grant)
    ).fetchall()
    for (number,) in rows:
        forget(connection, number, state=TAKEN_BACK)
    return tuple(number for (number,) in rows)


def forget(connection: sqlite3.Connection, number: int, *, state: str) -> None:
    """Note that the bytes of a parcel are deleted."""
    connection.execute(
        "UPDATE parcels SET state = ?, header = x'' WHERE number = ?", (state, number)
    )


def expire(connection: sqlite3.Connection, *, at: datetime) -> tuple[int, ...]:
    """Note what is kept no longer; return the numbers whose bytes are to go."""
    moment = clock.to_moment(at)
    rows = connection.execute(
        "SELECT number FROM parcels WHERE expires <= ? AND state IN (?, ?)",
        (moment, ARRIVING, WHOLE),
    ).fetchall()
    for (number,) in rows:
        forget(connection, number, state=GONE)
    old = clock.to_moment(at - REMEMBERED)
    connection.execute(
        "DELETE FROM fetches WHERE number IN (SELECT number FROM parcels WHERE until <= ?)", (old,)
    )
    connection.execute("DELETE FROM parcels WHERE until <= ?", (old,))
    return tuple(number for (number,) in rows)


def kept(connection: sqlite3.Connection) -> frozenset[int]:
    """Return the numbers whose bytes belong here."""
    rows = connection.execute("SELECT number FROM parcels WHERE state IN (?, ?)", (ARRIVING, WHOLE))
    return frozenset(number for (number,) in rows)


def _row(
    connection: sqlite3.Connection, asked: Fetching, recipient: str
) -> tuple[int, str, int, str]:
    """Return number, end, maximum of fetches and state of a parcel for one hospital."""
    row: tuple[int, str, int, str] | None = connection.execute(
        """SELECT number, until, maximum_fetches, state FROM parcels
          WHERE owner = ? AND grant = ? AND parcel = ? AND recipient = ?""",
        (asked.owner, asked.grant, asked.parcel, recipient),
    ).fetchone()
    if row is None:
        raise WardnetError(Reason.PARCEL_UNKNOWN)
    return row


def _used(connection: sqlite3.Connection, owner: str) -> int:
    """Return how many bytes of its quota a hospital has used: bodies, headers and rows."""
    (used,) = connection.execute(
        """SELECT count(*) * ?
          + ifnull(sum(length(header) + CASE WHEN state IN (?, ?) THEN size ELSE 0 END), 0)
          FROM parcels WHERE owner = ?""",
        (ROW_BYTES, ARRIVING, WHOLE, owner),
    ).fetchone()
    return int(used)


def _closed(connection: sqlite3.Connection, number: int) -> int:
    """Return how many fetches of a parcel are closed."""
    (closed,) = connection.execute(
        "SELECT count(*) FROM fetches WHERE number = ? AND finished", (number,)
    ).fetchone()
    return int(closed)


def _kept(connection: sqlite3.Connection, number: int) -> Kept:
    row = connection.execute(
        f"SELECT {_KEPT} FROM parcels WHERE number = ?",  # noqa: S608 - a constant
        (number,),
    ).fetchone()
    number, owner, parcel, size, whole, header = row
    return Kept(number, owner, parcel, size, bool(whole), header)


def _check_time(owner: str, until: str, *, at: datetime) -> None:
    if clock.to_moment(at) >= until:
        raise WardnetError(Reason.SHARE_ENDED, hospital=owner)
