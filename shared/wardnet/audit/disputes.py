"""What speaks against a log: checkpoints that it has signed itself, and does not continue.

A witness shows them; from then on the log is locked, until stewards begin it anew.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from wardnet import clock
from wardnet.audit import beginning, log, note, recovery
from wardnet.audit import checkpoint as checkpoints
from wardnet.audit.checkpoint import Checkpoint
from wardnet.audit.log import Connection
from wardnet.audit.note import SignedNote
from wardnet.errors import Reason, WardnetError

SCHEMA: Final = (
    """
    CREATE TABLE log_evidence (
        note TEXT PRIMARY KEY,
        witness TEXT NOT NULL,
        found TEXT NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
)
"""Statements for the owner's migrations."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Hold a checkpoint that the log has signed and does not continue.

    Parameters
    ----------
    witness : str
        URI of who holds it.
    note : str
        Signed by the log.
    found : str
        When it was shown.
    """

    witness: str
    note: str
    found: str

    @property
    def checkpoint(self) -> Checkpoint:
        """Return what it says."""
        return checkpoints.parse(note.parse(self.note).text)


def judge(
    connection: Connection, held: str, *, number: int, owner: str, key: Ed25519PublicKey
) -> tuple[Checkpoint, WardnetError | None]:
    """Return the checkpoint that a witness holds, and what it proves against the log.

    Parameters
    ----------
    number : int
        Of the origin under which the log goes on.
    owner, key : str, Ed25519PublicKey
        The log's.

    Raises
    ------
    WardnetError
        `CHECKPOINT_MALFORMED` or `CHECKPOINT_UNSIGNED`: then it proves nothing.
    """
    # 1. The log itself has signed it.
    signed = note.parse(held)
    checkpoint = checkpoints.parse(signed.text)
    note.verify(signed, name=checkpoint.origin, key=key)
    if checkpoint.owner != owner:
        raise WardnetError(
            Reason.CHECKPOINT_UNSIGNED, identity=owner, rule="it speaks of another log"
        )
    # 2. The log as it is now begins with it.
    head = log.head_at(connection, checkpoint.size)
    if head == checkpoint.head and checkpoint.number <= number:
        return checkpoint, None
    # 3. Or stewards have told everybody that it is lost.
    began = recovery.last(connection)
    if began and checkpoint.number < number and beginning.names(began[1], checkpoint, key=key):
        return checkpoint, None
    if head is None or checkpoint.number > number:
        return checkpoint, WardnetError(Reason.LOG_ROLLED_BACK, size=checkpoint.size)
    return checkpoint, WardnetError(Reason.LOG_FORKED, identity=owner)


def dispute(
    connection: Connection, held: str, *, name: str, key: Ed25519PublicKey, at: datetime
) -> bool:
    """Keep what speaks against the log; say whether it is new. From then on the log is locked.

    Nothing is kept but what the log has signed with `key`: a witness may write any lines beneath.
    """
    signed = note.parse(held)
    alone = note.alone(signed, name=checkpoints.parse(signed.text).origin, key=key)
    done = connection.execute(
        "INSERT OR IGNORE INTO log_evidence (note, witness, found) VALUES (?, ?, ?)",
        (str(alone), name, clock.to_moment(at)),
    )
    return bool(done.rowcount)


def is_disputed(connection: Connection) -> bool:
    """Say whether a witness has shown what the log does not continue."""
    return connection.execute("SELECT 1 FROM log_evidence LIMIT 1").fetchone() is not None


def evidence(connection: Connection) -> tuple[Evidence, ...]:
    """Return what witnesses have shown, the longest history first."""
    rows = connection.execute("SELECT witness, note, found FROM log_evidence")
    found = [Evidence(*row) for row in rows]
    return tuple(
        sorted(found, key=lambda item: (-item.checkpoint.number, -item.checkpoint.size, item.note))
    )


def settle(connection: Connection) -> None:
    """Drop what was shown: the log begins anew, by an entry that names it."""
    connection.execute("DELETE FROM log_evidence")


def lost(connection: Connection) -> tuple[str, ...]:
    """Return what a log that begins anew must name: its newest checkpoint, and what was shown.

    Of what was shown the longest, which stands for all before it: every witness is sent the names.
    """
    own, found = checkpoints.latest(connection), evidence(connection)
    places = [(item.checkpoint.number, item.checkpoint.size) for item in found]
    shown = [item.note for item, place in zip(found, places, strict=True) if place == places[0]]
    return tuple(dict.fromkeys([*shown, *([_alone(own)] if own else [])]))


def _alone(text: str) -> str:
    """Return a checkpoint with nothing but its log's own signature."""
    signed = note.parse(text)
    origin = checkpoints.parse(signed.text).origin
    own = tuple(item for item in signed.signatures if item.name == origin)
    return str(SignedNote(signed.text, own))
