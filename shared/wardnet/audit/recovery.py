"""Recovery: a log that has lost its end begins anew under another origin, and says what it lost.

Two stewards sign what is missing: where the log ended when the node last served, and the newest
checkpoints that witnesses showed it. The entry that holds their statement stands in the first
checkpoint of the new origin, and a witness cosigns that one only if the statement names what the
witness itself has seen. Nothing witnessed can be left out in silence.
"""

from typing import Annotated, Final, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass

from wardnet import canonical
from wardnet.audit import checkpoint as checkpoints
from wardnet.audit import entry as entries
from wardnet.audit import log, note, tree
from wardnet.audit.checkpoint import Checkpoint
from wardnet.audit.entry import EventType, Outcome
from wardnet.audit.log import Connection, Head
from wardnet.clock import Moment
from wardnet.errors import Reason, WardnetError
from wardnet.question.dictionary import STRICT
from wardnet.question.query import Digest, Id

PAYLOAD_TYPE: Final = "application/vnd.wardnet.break-glass.v1+json"

FEWEST_STEWARDS: Final = 2


@dataclass(frozen=True, config=STRICT)
class BreakGlass:
    """Let a node serve again, as two stewards and the node sign it.

    Parameters
    ----------
    version : int
        Of this layout; 1.
    network, hospital : str
        Whose node: ids.
    anchored : Head or None
        Where the log ended when the node last served; None when nothing says so any more.
    present : Head
        Where it ends now.
    witnessed : tuple of str
        Checkpoints, as the log had signed them: those that witnesses hold and the log does not,
        and its own newest one.
    origin : str
        Under which the log goes on.
    at : str
        Moment of unlocking: no query whose time begins before is accepted after it.
    reason : str
        Why, in words.
    """

    version: Literal[1]
    network: Id
    hospital: Id
    anchored: Head | None
    present: Head
    witnessed: tuple[str, ...]
    origin: str
    at: Moment
    reason: Annotated[str, Field(min_length=1, max_length=4000)]


@dataclass(frozen=True, config=STRICT)
class Recovery:
    """Show the entry by which a log began anew.

    Parameters
    ----------
    seq : int
        Its number.
    entry : str
        Its canonical bytes, as text.
    proof : tuple of str
        Inclusion proof under the checkpoint that it comes with, hexadecimal.
    """

    seq: Annotated[int, Field(ge=1, lt=1 << 53)]
    entry: Annotated[str, Field(max_length=1 << 16)]
    proof: Annotated[tuple[Digest, ...], Field(max_length=63)]


_ADAPTER: Final = TypeAdapter(BreakGlass)


def to_bytes(statement: BreakGlass) -> bytes:
    """Return the canonical bytes that are signed and stand in the log."""
    return canonical.write(_ADAPTER, statement)


def from_bytes(data: bytes) -> BreakGlass:
    """Read canonical bytes.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    return canonical.read(_ADAPTER, data)


def last(connection: Connection) -> tuple[int, BreakGlass] | None:
    """Return the entry by which the log began anew last, and what it says; None without one."""
    row = connection.execute(
        "SELECT seq FROM access_log WHERE seq = (SELECT value FROM log_state WHERE key = 'began')"
    ).fetchone()
    if row is None:
        return None
    entry = log.read_entry(row[0], log.data(connection, row[0]))
    return row[0], from_bytes((entry.statement or "").encode())


def show(connection: Connection, *, size: int) -> Recovery | None:
    """Return the entry by which the log began anew, proven under its checkpoint of `size`."""
    began = last(connection)
    if began is None or began[0] > size:
        return None
    seq, _ = began
    return Recovery(
        seq=seq,
        entry=log.data(connection, seq).decode(),
        proof=tuple(item.hex() for item in log.inclusion_proof(connection, seq, size=size)),
    )


def check(
    shown: Recovery | None, *, anew: Checkpoint, held: Checkpoint, key: Ed25519PublicKey
) -> None:
    """Refuse a log that begins anew without naming what a witness holds of it.

    Parameters
    ----------
    shown : Recovery or None
        What came with the checkpoint.
    anew : Checkpoint
        The first one under the new origin; its signature holds.
    held : Checkpoint
        What the witness has cosigned last, under an older origin.
    key : Ed25519PublicKey
        The log's.

    Raises
    ------
    WardnetError
        `RECOVERY_UNPROVEN`.
    """
    try:
        if shown is None:
            raise _unproven(anew, "it shows no entry that says so")
        _check(shown, anew=anew, held=held, key=key)
    except WardnetError as error:
        if error.reason is Reason.RECOVERY_UNPROVEN:
            raise
        raise _unproven(anew, "what it shows does not hold") from error


def _check(shown: Recovery, *, anew: Checkpoint, held: Checkpoint, key: Ed25519PublicKey) -> None:
    data = shown.entry.encode()
    # 1. The entry is one of the log that begins anew.
    tree.verify_inclusion(
        tree.leaf_hash(data),
        index=shown.seq - 1,
        size=anew.size,
        proof=[bytes.fromhex(item) for item in shown.proof],
        root=anew.root,
    )
    entry = entries.from_bytes(data)
    # 2. It says that two stewards of this log's owner let it begin anew.
    if (entry.type, entry.outcome) != (EventType.BREAK_GLASS, Outcome.DONE):
        raise _unproven(anew, "its entry says something else")
    if entry.node != anew.owner or len(set(entry.approvals)) < FEWEST_STEWARDS:
        raise _unproven(anew, "two stewards of its owner have not signed")
    statement = from_bytes((entry.statement or "").encode())
    if statement.origin != anew.origin:
        raise _unproven(anew, "its entry names another origin")
    # 3. What the witness holds is named, or something that the log has signed later.
    named = [_named(text, key=key) for text in statement.witnessed]
    if not any(_covers(one, held) for one in named if one):
        raise _unproven(anew, f"it does not name its checkpoint of {held.size} entries")


def named(statement: BreakGlass, held: Checkpoint, *, key: Ed25519PublicKey) -> bool:
    """Say whether the stewards have named a checkpoint, or one that the log has signed later."""
    found = (_named(text, key=key) for text in statement.witnessed)
    return any(_covers(one, held) for one in found if one)


def _named(text: str, *, key: Ed25519PublicKey) -> Checkpoint | None:
    """Return a named checkpoint that the log has signed; None for another."""
    signed = note.parse(text)
    checkpoint = checkpoints.parse(signed.text)
    try:
        note.verify(signed, name=checkpoint.origin, key=key)
    except WardnetError:
        return None
    return checkpoint


def _covers(named: Checkpoint, held: Checkpoint) -> bool:
    if named.owner != held.owner or named.number < held.number:
        return False
    return named == held or named.number > held.number or named.size > held.size


def _unproven(anew: Checkpoint, rule: str) -> WardnetError:
    return WardnetError(Reason.RECOVERY_UNPROVEN, identity=anew.origin, rule=rule)
