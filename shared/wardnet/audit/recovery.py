"""Recovery: a log that has lost its end begins anew under another origin, and says what it lost.

Two stewards sign what is missing: where the log ended when the node last served, and the newest
checkpoints that witnesses showed it. The entry that holds their statement stands in the first
checkpoint of the new origin, and whoever is shown that one is shown their signatures, too: what it
must hold, `beginning` says.
"""

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field, StringConstraints, TypeAdapter
from pydantic.dataclasses import dataclass

from wardnet import canonical
from wardnet.audit import log
from wardnet.audit.log import Connection, Head
from wardnet.clock import Moment
from wardnet.identity.envelope import Envelope, Signature
from wardnet.question.dictionary import STRICT
from wardnet.question.query import Digest, Id

PAYLOAD_TYPE: Final = "application/vnd.wardnet.break-glass.v1+json"

_Hex: TypeAlias = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{2})+$", max_length=1 << 14)]
_Proof: TypeAlias = Annotated[tuple[Digest, ...], Field(max_length=63)]


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
        Checkpoints, as the log had signed them: the longest that witnesses hold and the log does
        not, and its own newest one.
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
class Signed:
    """Show one signature of the stewards' statement.

    Parameters
    ----------
    certificates : tuple of str
        DER, hexadecimal: the signing leaf, then the issuing certificate.
    signature : str
        Hexadecimal.
    """

    certificates: Annotated[tuple[_Hex, ...], Field(max_length=2)]
    signature: _Hex


@dataclass(frozen=True, config=STRICT)
class Recovery:
    """Show the entry by which a log began anew, and who has signed what it states.

    Parameters
    ----------
    seq : int
        Its number.
    entry : str
        Its canonical bytes, as text.
    proof : tuple of str
        Inclusion proof under the checkpoint that it comes with, hexadecimal.
    history : tuple of str
        Consistency proof of the log that the statement calls present, under the same checkpoint.
    signatures : tuple of Signed
        Of the entry's statement.
    """

    seq: Annotated[int, Field(ge=1, lt=1 << 53)]
    entry: Annotated[str, Field(max_length=1 << 16)]
    proof: _Proof
    history: _Proof
    signatures: Annotated[tuple[Signed, ...], Field(max_length=16)]


_ADAPTER: Final = TypeAdapter(BreakGlass)
_SIGNATURES: Final = TypeAdapter(tuple[Signed, ...])


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


def signatures_to_text(envelope: Envelope) -> str:
    """Return the signatures of the stewards' statement as the log's owner keeps them."""
    signed = tuple(
        Signed(tuple(der.hex() for der in item.certificates), item.signature.hex())
        for item in envelope.signatures
    )
    return canonical.write(_SIGNATURES, signed).decode()


def envelope(shown: Recovery, statement: str) -> Envelope:
    """Return the statement with its signatures, none of them verified."""
    signatures = tuple(
        Signature(tuple(map(bytes.fromhex, one.certificates)), bytes.fromhex(one.signature))
        for one in shown.signatures
    )
    return Envelope(PAYLOAD_TYPE, statement.encode(), signatures)


def show(connection: Connection, *, size: int) -> Recovery | None:
    """Return the entry by which the log began anew, proven under its checkpoint of `size`."""
    began = last(connection)
    if began is None or began[0] > size:
        return None
    seq, statement = began
    (kept,) = connection.execute("SELECT value FROM log_state WHERE key = 'signed'").fetchone()
    history = log.consistency_proof(connection, old=statement.present.size, new=size)
    return Recovery(
        seq=seq,
        entry=log.data(connection, seq).decode(),
        proof=tuple(item.hex() for item in log.inclusion_proof(connection, seq, size=size)),
        history=tuple(item.hex() for item in history),
        signatures=canonical.read(_SIGNATURES, kept.encode()),
    )
