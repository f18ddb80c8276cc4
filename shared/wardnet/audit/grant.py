"""The grant: what a hospital's steward lets one auditor read of its access log, and until when."""

from typing import Final, Literal

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from wardnet import canonical
from wardnet.audit.scope import Scope
from wardnet.clock import Moment
from wardnet.question.dictionary import STRICT
from wardnet.question.query import Digest, Id

PAYLOAD_TYPE: Final = "application/vnd.wardnet.audit-grant.v1+json"


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Grant:
    """Let one auditor, known by one key, read a hospital's log.

    Parameters
    ----------
    version : int
        Of this layout; 1.
    network, hospital, auditor : str
        Who lets whom: ids.
    key : str
        Fingerprint of the auditor's signing key, compared by a steward outside the network.
    number : int
        Rises by one with every statement about this auditor; the highest holds.
    scope : Scope or None
        What may be read; None takes the grant before back.
    not_after : Moment
        Until when.
    questions : str
        X25519 public key of the node, hexadecimal: what an auditor looks for is sealed to it.
    """

    version: Literal[1]
    network: Id
    hospital: Id
    auditor: Id
    key: Digest
    number: int
    scope: Scope | None
    not_after: Moment
    questions: Digest


_ADAPTER: Final = TypeAdapter(Grant)


def to_bytes(grant: Grant) -> bytes:
    """Return the canonical bytes that the steward and the node sign."""
    return canonical.write(_ADAPTER, grant)


def from_bytes(data: bytes) -> Grant:
    """Read canonical bytes whose signatures were verified before.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    return canonical.read(_ADAPTER, data)
