"""What a log's owner keeps of its witnesses: who has cosigned how much of it.

The owner asks a witness first what it holds, with a checkpoint of no entries, which commits to
nothing. What comes back the owner has signed itself. If the log does not continue it, it has been
put back or told in two ways, and is locked; else it proves that it does, and is cosigned.
"""

import json
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from wardnet import clock
from wardnet.audit import bundle, disputes, log, note, recovery, tree, witness
from wardnet.audit import checkpoint as checkpoints
from wardnet.audit.bundle import Bundle
from wardnet.audit.checkpoint import Checkpoint, origin_of
from wardnet.audit.entry import from_bytes
from wardnet.audit.log import Connection
from wardnet.audit.recovery import Recovery
from wardnet.audit.witness import Submission
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope

SCHEMA: Final = (
    """
    CREATE TABLE witnesses (
        name TEXT PRIMARY KEY,
        key BLOB NOT NULL,
        size INTEGER NOT NULL,
        at TEXT NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    # number: of the origin; began: by which entry; signed: by whom; covered: entries that a
    # majority has cosigned; peers: who counts; since: when one of them was added last; extended:
    # until when.
    "CREATE TABLE log_state (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
)
"""Statements for the owner's migrations."""

STALE_AFTER: Final = timedelta(hours=24)
EXTENSION: Final = timedelta(hours=72)


@dataclass(frozen=True, slots=True)
class Standing:
    """Say how far one witness has cosigned.

    Parameters
    ----------
    name : str
        URI.
    key : bytes
        Its public key, 32 bytes.
    size : int
        Of the last checkpoint that it cosigned.
    at : str
        When.
    """

    name: str
    key: bytes
    size: int
    at: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """Say how much of a log others vouch for.

    Parameters
    ----------
    size : int
        Entries of the log.
    covered : int
        Entries that a majority has cosigned.
    peers : int
        How many could.
    needed : int
        How many must.
    until : datetime or None
        From when on the log is stale; None while all is covered, and where nobody could cosign.
    """

    size: int
    covered: int
    peers: int
    needed: int
    until: datetime | None

    def is_stale(self, at: datetime) -> bool:
        """Say whether an entry has waited too long for its witnesses."""
        return self.until is not None and at >= self.until


def origin(connection: Connection, owner: str) -> str:
    """Return under which origin the log goes on."""
    return origin_of(owner, number(connection))


def sign(connection: Connection, *, owner: str, key: Ed25519PrivateKey, at: datetime) -> None:
    """Make a checkpoint of the log as it is, under its present origin; none while it is disputed.

    A log that has lost its end must not sign another one beside what others have seen.
    """
    if not disputes.is_disputed(connection):
        checkpoints.make(connection, key=key, origin=origin(connection, owner), at=at)


def gather(
    connection: Connection,
    seqs: Sequence[int] | None,
    *,
    key: Ed25519PublicKey,
    size: int | None = None,
) -> Bundle:
    """Return entries with what proves them, as `bundle.gather`, and all that the owner can add.

    That is what witnesses have cosigned, and by which entry the log began anew.

    Parameters
    ----------
    key : Ed25519PublicKey
        The log's, under whatever origin it has signed.
    """
    signed = checkpoints.latest(connection, before=size)
    if signed is None:
        raise WardnetError(Reason.ENTRY_UNCOVERED, line=1)
    origin = checkpoints.parse(note.parse(signed).text).origin
    known = {**keys(connection), origin: key}
    seen = [one.size for one in standings(connection)]
    made = bundle.gather(connection, seqs, keys=known, size=size, witnessed=seen)
    covered = checkpoints.parse(note.parse(signed).text).size
    return replace(made, recovery=recovery.show(connection, size=covered))


def begin_anew(
    connection: Connection, *, number: int, seq: int, signed: Envelope, at: datetime
) -> None:
    """Go on under a new origin, begun by entry `seq`; no witness has seen it yet.

    Its statement is what stewards have signed; it is shown with their signatures from now on.

    Checkpoints of what is gone are the old log's: the entry names the newest, and none is kept.
    """
    for size in checkpoints.unfit(connection):
        connection.execute("DELETE FROM checkpoints WHERE size = ?", (size,))
    connection.execute("DELETE FROM witnesses")
    disputes.settle(connection)
    _put(
        connection,
        number=str(number),
        began=str(seq),
        signed=recovery.signatures_to_text(signed),
        covered="0",
        since=clock.to_moment(at),
    )


def next_number(connection: Connection) -> int:
    """Return the number of the next origin: above ours, and above all that witnesses showed."""
    shown = [item.checkpoint.number for item in disputes.evidence(connection)]
    return max([number(connection), *shown]) + 1


def compose(
    connection: Connection,
    *,
    held: int | None,
    owner: str,
    key: Ed25519PrivateKey,
    at: datetime,
) -> tuple[Submission, Recovery | None]:
    """Return what to ask a witness.

    Parameters
    ----------
    connection : Connection
        In a writing transaction: a checkpoint may be made.
    held : int or None
        Size of the checkpoint of this origin that the witness holds; None when that is not known:
        then only this is asked.
    owner, key : str, Ed25519PrivateKey
        The log's.
    """
    name = origin(connection, owner)
    if held is None or disputes.is_disputed(connection):
        empty = Checkpoint(name, 0, tree.EMPTY).text
        return Submission(0, (), str(note.sign(empty, name=name, key=key))), None
    newest = _latest(connection)
    if newest is None or newest.origin != name or newest.size < held:
        checkpoints.make(connection, key=key, origin=name, at=at)
    asked = witness.submission(connection, old=held)
    size = checkpoints.parse(note.parse(asked.note).text).size
    return asked, None if held else recovery.show(connection, size=size)


def keep(
    connection: Connection,
    line: str,
    *,
    asked: Submission,
    name: str,
    key: Ed25519PublicKey,
    at: datetime,
) -> int:
    """Keep a cosignature with its checkpoint; return the size.

    Raises
    ------
    WardnetError
        `COSIGNATURE_INVALID` or `CHECKPOINT_MALFORMED`.
    """
    size = checkpoints.parse(note.parse(asked.note).text).size
    if size:
        checkpoints.add_cosignature(connection, size=size, line=line, witnesses={name: key})
    connection.execute(
        "INSERT OR REPLACE INTO witnesses (name, key, size, at) VALUES (?, ?, ?, ?)",
        (name, key.public_bytes_raw(), size, clock.to_moment(at)),
    )
    return size


def cover(connection: Connection, peers: AbstractSet[str], *, at: datetime) -> int:
    """Record who counts and what a majority of them has cosigned; return how much that is.

    Parameters
    ----------
    peers : set of str
        URIs of the witnesses that count: the pinned ones.
    at : datetime
        Now: a witness that is new here has a day to begin.
    """
    state = _state(connection)
    known = frozenset(json.loads(state.get("peers", "[]")))
    changes: dict[str, str] = {}
    if known != peers:
        changes["peers"] = json.dumps(sorted(peers))
    if peers - known:
        changes["since"] = clock.to_moment(at)
    sizes = sorted((one.size for one in standings(connection) if one.name in peers), reverse=True)
    needed = needed_of(len(peers))
    now = sizes[needed - 1] if 0 < needed <= len(sizes) else 0
    before = int(state.get("covered", "0"))
    if now > before:
        changes["covered"] = str(now)
    if changes:
        _put(connection, **changes)
    return max(now, before)


def needed_of(peers: int) -> int:
    """Return how many witnesses of so many make a log credible: most of them, two if there are two.

    Examples
    --------
    >>> [needed_of(peers) for peers in range(7)]
    [0, 1, 2, 2, 3, 3, 4]
    """
    return max(peers // 2 + 1, min(2, peers)) if peers else 0


_remembered: Final = lru_cache(maxsize=16)(from_bytes)
"""Every round asks how long the same entry has waited."""


def coverage(connection: Connection) -> Coverage:
    """Return how much of the log others vouch for."""
    state, size = _state(connection), log.size(connection)
    covered, peers = int(state.get("covered", "0")), len(json.loads(state.get("peers", "[]")))
    until = None
    if covered < size and peers:
        data = log.data(connection, covered + 1)
        waits = log.read_entry(covered + 1, data, read=_remembered).time
        since = clock.from_moment(max(waits, state.get("since", "")))
        until = since + STALE_AFTER
        if "extended" in state:
            until = max(until, clock.from_moment(state["extended"]))
    return Coverage(size, covered, peers, needed_of(peers), until)


def extend(connection: Connection, *, until: datetime) -> None:
    """Let the log be served although witnesses are missing, until a moment."""
    _put(connection, extended=clock.to_moment(until))


def standings(connection: Connection) -> tuple[Standing, ...]:
    """Return how far each witness has cosigned, by name."""
    rows = connection.execute("SELECT name, key, size, at FROM witnesses ORDER BY name")
    return tuple(Standing(*row) for row in rows)


def keys(connection: Connection) -> Mapping[str, Ed25519PublicKey]:
    """Return the keys of all witnesses that have cosigned, by name."""
    return {one.name: Ed25519PublicKey.from_public_bytes(one.key) for one in standings(connection)}


def pinned(connection: Connection) -> Mapping[str, str]:
    """Return the fingerprints of who counts, by name; an empty one where it never cosigned."""
    held = {name: note.fingerprint(key) for name, key in keys(connection).items()}
    return {name: held.get(name, "") for name in json.loads(_state(connection).get("peers", "[]"))}


def is_due(connection: Connection, *, most: int) -> bool:
    """Say whether so many entries are without a checkpoint."""
    newest = _latest(connection)
    return log.size(connection) - (newest.size if newest else 0) >= most


def number(connection: Connection) -> int:
    """Return the number of the origin under which the log goes on."""
    return int(_state(connection).get("number", "1"))


def _latest(connection: Connection) -> Checkpoint | None:
    signed = checkpoints.latest(connection)
    return None if signed is None else checkpoints.parse(note.parse(signed).text)


def _state(connection: Connection) -> dict[str, str]:
    return dict(connection.execute("SELECT key, value FROM log_state").fetchall())


def _put(connection: Connection, **values: str) -> None:
    for key, value in values.items():
        connection.execute(
            "INSERT OR REPLACE INTO log_state (key, value) VALUES (?, ?)", (key, value)
        )
