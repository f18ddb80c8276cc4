"""Who reads the log at the desk, what she may see, and what she is shown."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from wardnet.audit import note
from wardnet.audit.bundle import Proved
from wardnet.audit.checkpoint import Checkpoint
from wardnet.audit.entry import Entry
from wardnet.audit.log import Connection
from wardnet.audit.scope import Scope
from wardnet.identity.member import Member
from wardnet_node.desk.grants import Granted

STEWARD: Final = Scope(patients=True, answers=True)
"""What the hospital's own stewards may read: everything."""

_LOOKED_AT: Final = 20
"""Newest checkpoints among which a cosigned one is looked for."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Say who reads.

    Parameters
    ----------
    member : Member
        A steward, or an auditor.
    key : str
        Fingerprint of the auditor's signing key; empty for a steward.
    address : str
        Network address of the browser.
    """

    member: Member
    key: str
    address: str


@dataclass(frozen=True, slots=True)
class Right:
    """Say what a reader may see.

    Parameters
    ----------
    scope : Scope
        Which entries.
    granted : Granted or None
        What allows it; None for a steward.
    """

    scope: Scope
    granted: Granted | None = None


@dataclass(frozen=True, slots=True)
class Cosigned:
    """Name a witness and when it cosigned; its signature was verified when it came in."""

    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Shown:
    """Hold one entry and what proves it.

    Parameters
    ----------
    entry : Entry
        What it says.
    proved : Proved
        Its bytes and its path.
    checkpoint : Checkpoint
        To which the path leads.
    cosigned : tuple of Cosigned
        Who else has seen that checkpoint.
    fingerprint : str
        Of the key that signed it.
    answer : bool
        Whether the answer that was released can be shown.
    """

    entry: Entry
    proved: Proved
    checkpoint: Checkpoint
    cosigned: tuple[Cosigned, ...]
    fingerprint: str
    answer: bool


def covering(connection: Connection, seq: int | None) -> int:
    """Return the size of a checkpoint that covers an entry; 0 when one must be made.

    The newest that somebody else has cosigned, otherwise the newest. For the whole log one is made.
    """
    if seq is None:
        return 0
    rows = connection.execute(
        "SELECT size, note FROM checkpoints WHERE size >= ? ORDER BY size DESC LIMIT ?",
        (seq, _LOOKED_AT),
    ).fetchall()
    seen = [(bool(cosigned(note.parse(signed))), size) for size, signed in rows]
    return max(seen, default=(False, 0))[1]


def cosigned(signed: note.SignedNote) -> tuple[Cosigned, ...]:
    """Return the cosignatures: 8 bytes of time before the 64 of the signature."""
    return tuple(
        Cosigned(each.name, datetime.fromtimestamp(int.from_bytes(each.data[:8]), UTC))
        for each in signed.signatures
        if len(each.data) == 8 + 64
    )
