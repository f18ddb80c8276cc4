"""Witnesses: others who cosign a log's checkpoints as long as each continues the one before.

A witness keeps, per log, the last checkpoint that it cosigned, and cosigns the next only after a
consistency proof from that one. It keeps the new one before it answers, so that no crash and no
race makes it sign two histories. What it refuses as a fork it keeps as evidence, signed by the log.

References
----------
https://c2sp.org/tlog-witness, "add-checkpoint"; https://c2sp.org/tlog-cosignature.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from wardnet.audit import beginning, log, note, tree
from wardnet.audit import checkpoint as checkpoints
from wardnet.audit.beginning import Approvers
from wardnet.audit.checkpoint import Checkpoint
from wardnet.audit.log import Connection
from wardnet.audit.recovery import Recovery
from wardnet.clock import to_moment
from wardnet.errors import Reason, WardnetError

SCHEMA: Final = (
    """
    CREATE TABLE witnessed (
        origin TEXT PRIMARY KEY,
        note TEXT NOT NULL,
        at TEXT NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE forks (
        origin TEXT NOT NULL,
        held TEXT NOT NULL,
        other TEXT NOT NULL,
        found TEXT NOT NULL,
        PRIMARY KEY (origin, held, other)
    ) STRICT, WITHOUT ROWID
    """,
)
"""Statements for the witness's migrations."""

STATUS: Final[Mapping[Reason, int]] = MappingProxyType(
    {
        Reason.CHECKPOINT_MALFORMED: 400,
        Reason.CHECKPOINT_UNSIGNED: 403,
        Reason.LOG_UNKNOWN: 404,
        Reason.CHECKPOINT_OUTDATED: 409,
        Reason.LOG_FORKED: 409,
        Reason.LOG_ROLLED_BACK: 409,
        Reason.RECOVERY_UNPROVEN: 422,
        Reason.RECOVERY_UNSIGNED: 403,
        Reason.CONSISTENCY_REFUSED: 422,
    }
)
"""The HTTP status that tlog-witness gives to each refusal."""

MAXIMUM_HASHES: Final = 63
MAXIMUM_FORKS: Final = 100
"""Of one log, and as many without a proof: more evidence proves no more, and fills the disk."""

_OLD: Final = re.compile(r"old (0|[1-9][0-9]{0,15})")


@dataclass(frozen=True, slots=True)
class Submission:
    """Ask a witness to cosign a checkpoint.

    Parameters
    ----------
    old : int
        Size of the checkpoint that the witness cosigned last, as far as the log knows.
    proof : tuple of bytes
        Consistency proof from there.
    note : str
        The signed checkpoint.
    """

    old: int
    proof: tuple[bytes, ...]
    note: str

    def __str__(self) -> str:
        """Return it as it is sent: the body of `add-checkpoint`."""
        hashes = "".join(f"{base64.b64encode(item).decode()}\n" for item in self.proof)
        return f"old {self.old}\n{hashes}\n{self.note}"


@dataclass(frozen=True, slots=True)
class Fork:
    """Hold two checkpoints of one log, both signed by it, of which the second does not continue.

    Parameters
    ----------
    origin : str
        Which log.
    held, other : str
        Signed notes: the one that was cosigned, and the refused one.
    found : str
        When.
    """

    origin: str
    held: str
    other: str
    found: str

    @property
    def proven(self) -> bool:
        """Say whether the two alone prove it: the same size with another root.

        Of different sizes the log may have sent a wrong proof; it can still bring the right one.
        """
        held, other = (checkpoints.parse(note.parse(text).text) for text in (self.held, self.other))
        return held.size == other.size


def parse(text: str) -> Submission:
    """Read the body of `add-checkpoint`.

    Raises
    ------
    WardnetError
        `CHECKPOINT_MALFORMED`.
    """
    head, separator, signed = text.partition("\n\n")
    first, *lines = head.split("\n")
    old = _OLD.fullmatch(first)
    if not separator or old is None:
        raise _malformed(rule="the request does not begin with the old size")
    if len(lines) > MAXIMUM_HASHES:
        raise _malformed(rule="the proof has too many hashes")
    proof = tuple(note.read_base64(line) for line in lines)
    return Submission(int(old[1]), proof, signed)


def submission(connection: Connection, *, old: int) -> Submission:
    """Return what a log asks a witness that holds its checkpoint of `old` entries.

    Parameters
    ----------
    connection : Connection
        Reads the log, which has made a checkpoint.
    old : int
        As the witness said; 0 when it never said.

    Raises
    ------
    WardnetError
        `LOG_ROLLED_BACK` when the witness has seen more than this log holds; `ENTRY_UNCOVERED`
        without a checkpoint.
    """
    signed = checkpoints.latest(connection)
    if signed is None:
        raise WardnetError(Reason.ENTRY_UNCOVERED, line=1)
    size = checkpoints.parse(note.parse(signed).text).size
    if old > size:
        raise WardnetError(Reason.LOG_ROLLED_BACK, size=old)
    return Submission(old, log.consistency_proof(connection, old=old, new=size), signed)


def add_checkpoint(
    connection: Connection,
    asked: Submission,
    *,
    logs: note.Keys,
    name: str,
    key: Ed25519PrivateKey,
    at: datetime,
    approvers: Approvers,
    shown: Recovery | None = None,
) -> str | WardnetError:
    """Return the cosignature of a checkpoint, or why not.

    Parameters
    ----------
    connection : Connection
        In a writing transaction (`BEGIN IMMEDIATE`), which the caller commits before it answers,
        also after a refusal: it may keep a fork. That a refusal is returned, not raised, sees to
        it. Comparing and storing are one step by this transaction.
    asked : Submission
        What the log sent.
    logs : mapping of str to Ed25519PublicKey
        Keys of the logs that are witnessed, by origin.
    name, key : str, Ed25519PrivateKey
        The witness's.
    at : datetime
        When, aware.
    approvers : Approvers
        Who may let this log begin anew.
    shown : Recovery or None
        By which entry the log began anew, where it did.

    Returns
    -------
    str or WardnetError
        Signature line with its newline; or the refusal: `CHECKPOINT_MALFORMED` (400: also an old
        size above the size), `LOG_UNKNOWN` (404), `CHECKPOINT_UNSIGNED` (403),
        `CHECKPOINT_OUTDATED` (409: the old size is not the held one, which is named), `LOG_FORKED`
        (409: the same size with another root) or `CONSISTENCY_REFUSED` (422). After a recovery
        also `LOG_ROLLED_BACK` (409: the log began anew, and this is an older beginning) and
        `RECOVERY_UNPROVEN` (422: it does not name what is held here) and `RECOVERY_UNSIGNED` (403:
        two stewards have not signed that it may).
    """
    if not connection.in_transaction:
        message = "a witness compares and stores in one transaction"
        raise RuntimeError(message)
    try:
        checkpoint = _known(asked, logs)
        held = witnessed(connection, checkpoint.origin)
        before = _newest(connection, checkpoint.owner)
        if before is not None and before.origin != checkpoint.origin:
            if checkpoint.number < before.number:
                return WardnetError(Reason.LOG_ROLLED_BACK, size=before.size)
            of_log = logs[checkpoint.origin]
            beginning.check(shown, anew=checkpoint, held=before, key=of_log, approvers=approvers)
        _check(asked, checkpoint, held)
    except WardnetError as refusal:
        if refusal.reason in {Reason.LOG_FORKED, Reason.CONSISTENCY_REFUSED}:
            _keep_fork(connection, asked, logs=logs, at=at)
        return refusal
    connection.execute(
        "INSERT OR REPLACE INTO witnessed (origin, note, at) VALUES (?, ?, ?)",
        (checkpoint.origin, asked.note, to_moment(at)),
    )
    return note.cosign(checkpoint.text, name=name, key=key, at=at).line


def held_note(connection: Connection, owner: str) -> str:
    """Return the newest checkpoint of a member's log that was cosigned here; empty without one."""
    newest = _newest(connection, owner)
    return "" if newest is None else _held(connection, newest.origin) or ""


def witnessed(connection: Connection, origin: str) -> Checkpoint | None:
    """Return the last checkpoint of a log that was cosigned here; None without one."""
    text = _held(connection, origin)
    return None if text is None else checkpoints.parse(note.parse(text).text)


def forks(connection: Connection) -> tuple[Fork, ...]:
    """Return the evidence that was kept, oldest first."""
    rows = connection.execute("SELECT origin, held, other, found FROM forks ORDER BY found, origin")
    return tuple(Fork(*row) for row in rows)


def _known(asked: Submission, logs: note.Keys) -> Checkpoint:
    """Return the checkpoint once its log has signed it."""
    signed = note.parse(asked.note)
    checkpoint = checkpoints.parse(signed.text)
    # 1. The log is one that is witnessed here (404).
    key = logs.get(checkpoint.origin)
    if key is None:
        raise WardnetError(Reason.LOG_UNKNOWN, identity=checkpoint.origin)
    # 2. Its key has signed it (403).
    note.verify(signed, name=checkpoint.origin, key=key)
    return checkpoint


def _newest(connection: Connection, owner: str) -> Checkpoint | None:
    """Return the last cosigned checkpoint of a member's newest log."""
    rows = connection.execute(
        "SELECT note FROM witnessed WHERE origin = ? OR substr(origin, 1, ?) = ?",
        (owner, len(owner) + 1, f"{owner}/"),
    )
    found = [checkpoints.parse(note.parse(text).text) for (text,) in rows]
    mine = [checkpoint for checkpoint in found if checkpoint.owner == owner]
    return max(mine, key=lambda checkpoint: checkpoint.number, default=None)


def _check(asked: Submission, checkpoint: Checkpoint, held: Checkpoint | None) -> None:
    """Refuse what does not continue the held checkpoint."""
    size, root = (held.size, held.root) if held else (0, tree.EMPTY)
    # 3. The sizes are in order (400).
    if asked.old > checkpoint.size:
        raise _malformed(rule="the old size is above the size")
    # 4. There is one root for one size (409), whatever else the log says.
    if held and checkpoint.size == size and checkpoint.root != root:
        raise WardnetError(Reason.LOG_FORKED, identity=checkpoint.origin)
    # 5. The log continues from what is held here (409, with the held size).
    if asked.old != size:
        raise WardnetError(Reason.CHECKPOINT_OUTDATED, identity=checkpoint.origin, size=size)
    # 6. And it proves it (422).
    tree.verify_consistency(
        old=size,
        old_root=root,
        new=checkpoint.size,
        new_root=checkpoint.root,
        proof=asked.proof,
    )


def _keep_fork(connection: Connection, asked: Submission, *, logs: note.Keys, at: datetime) -> None:
    """Keep what the log has signed beside what is held; proofs of a fork have their own places."""
    signed = note.parse(asked.note)
    origin = checkpoints.parse(signed.text).origin
    held = _held(connection, origin)
    if held is None or note.parse(held).text == signed.text:
        return
    other = str(note.alone(signed, name=origin, key=logs[origin]))
    found = Fork(origin, held, other, to_moment(at))
    alike = [one for one in forks(connection) if (one.origin, one.proven) == (origin, found.proven)]
    if len(alike) < MAXIMUM_FORKS:
        connection.execute(
            "INSERT OR IGNORE INTO forks (origin, held, other, found) VALUES (?, ?, ?, ?)",
            (found.origin, found.held, found.other, found.found),
        )


def _held(connection: Connection, origin: str) -> str | None:
    row = connection.execute("SELECT note FROM witnessed WHERE origin = ?", (origin,)).fetchone()
    return None if row is None else str(row[0])


def _malformed(*, rule: str) -> WardnetError:
    return WardnetError(Reason.CHECKPOINT_MALFORMED, rule=rule)
