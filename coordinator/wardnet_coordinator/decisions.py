"""What hospitals have decided on studies: the newest statement of each, as it was signed.

The coordinator keeps statements in order and judges none of them; the hospital's own catalog is
what counts, and readers verify the signatures. Every function works on a connection inside the
caller's transaction.
"""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final, TypeAlias

from wardnet import canonical
from wardnet.agreement import agreement, decline, revocation
from wardnet.agreement.agreement import Agreement
from wardnet.agreement.decline import Decline
from wardnet.agreement.revocation import Revocation
from wardnet.audit import log
from wardnet.audit.entry import Event, EventType, Outcome
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope, Trust, verify
from wardnet.identity.member import Member, Role
from wardnet.transport.convert import envelope_from_bytes, envelope_to_bytes
from wardnet_coordinator import registry

Statement: TypeAlias = Agreement | Decline | Revocation

_READERS: Final[Mapping[str, Callable[[bytes], Statement]]] = MappingProxyType(
    {
        agreement.PAYLOAD_TYPE: agreement.from_bytes,
        decline.PAYLOAD_TYPE: decline.from_bytes,
        revocation.PAYLOAD_TYPE: revocation.from_bytes,
    }
)


@dataclass(frozen=True, slots=True)
class Decision:
    """Hold one hospital's newest statement about a study.

    Parameters
    ----------
    hospital : str
        Its id.
    statement : Envelope
        An agreement, a decline or a revocation.
    """

    hospital: str
    statement: Envelope


def check(
    envelope: Envelope, *, study: str, hospital: str, trust: Trust, at: datetime
) -> Statement:
    """Return a hospital's statement about a study, if its own node is among the signers.

    Raises
    ------
    WardnetError
        `SIGNATURE_INVALID`, or `MALFORMED` for a statement of another kind, about another study
        or by another hospital.
    """
    # 1. The hospital has signed these bytes.
    read = _READERS.get(envelope.payload_type)
    if read is None:
        raise _malformed(rule="it is none that a hospital makes")
    signers = verify(envelope, payload_type=envelope.payload_type, trust=trust, at=at)
    if Member(trust.network, Role.NODE, hospital) not in signers:
        raise WardnetError(Reason.SIGNATURE_INVALID, rule=f"{hospital} did not sign it")
    # 2. Only then they are read. A revocation names an agreement, which names the study.
    statement = read(envelope.payload)
    if (statement.network, statement.hospital) != (trust.network, hospital):
        raise _malformed(rule="it is of another hospital")
    if not isinstance(statement, Revocation) and statement.study != study:
        raise _malformed(rule="it is about another study")
    return statement


def keep(
    connection: sqlite3.Connection,
    envelope: Envelope,
    *,
    statement: Statement,
    study: str,
    at: datetime,
) -> None:
    """Store a checked statement unless a newer one is there.

    Raises
    ------
    WardnetError
        `STUDY_UNKNOWN` when no such study asks the hospital.
    """
    hospital = statement.hospital
    # 1. Somebody is waiting for it.
    asked = connection.execute(
        "SELECT 1 FROM concerned WHERE (role, id, study) = (?, ?, ?)", (Role.NODE, hospital, study)
    ).fetchone()
    if asked is None:
        raise WardnetError(Reason.STUDY_UNKNOWN, study=study)
    # 2. It is newer than what is here; the hospital sends it until it is acknowledged.
    row = connection.execute(
        "SELECT revision, agreement, envelope FROM decisions WHERE (study, hospital) = (?, ?)",
        (study, hospital),
    ).fetchone()
    if row is not None and envelope_from_bytes(row[2]).payload == envelope.payload:
        return
    order = _follow(statement, None if row is None else (row[0], row[1]))
    if order is None:
        return
    # 3. Statement and log entry, together.
    connection.execute(
        "INSERT OR REPLACE INTO decisions VALUES (?, ?, ?, ?, ?)",
        (study, hospital, *order, envelope_to_bytes(envelope)),
    )
    _log(connection, statement, envelope, study=study, at=at)


def of(connection: sqlite3.Connection, study: str) -> tuple[Decision, ...]:
    """Return what the hospitals have decided on a study, sorted by hospital."""
    rows = connection.execute(
        "SELECT hospital, envelope FROM decisions WHERE study = ? ORDER BY hospital", (study,)
    )
    return tuple(Decision(hospital, envelope_from_bytes(data)) for hospital, data in rows)


_Order: TypeAlias = tuple[int, str | None]
"""The revision of the newest agreement, 0 before one; its digest while it is in force."""


def _follow(statement: Statement, known: _Order | None) -> _Order | None:
    """Return how things stand after a statement, or None when it changes nothing."""
    revision, in_force = known or (0, None)
    match statement:
        case Agreement() if statement.revision > revision:
            return statement.revision, statement.digest
        case Revocation() if known is None or statement.agreement == in_force:
            return revision, None
        case Decline() if in_force is None:
            return revision, None
        case _:
            return None


def _log(
    connection: sqlite3.Connection,
    statement: Statement,
    envelope: Envelope,
    *,
    study: str,
    at: datetime,
) -> None:
    kind, named = _happened(statement)
    event = Event(
        type=kind,
        outcome=Outcome.DONE,
        node=registry.coordinator(statement.network).uri,
        actor=registry.actor(Member(statement.network, Role.NODE, statement.hospital)),
        request_digest=canonical.digest(envelope.payload),
        study=study,
        agreement=named,
    )
    log.append(connection, event, at=at)


def _happened(statement: Statement) -> tuple[EventType, str | None]:
    """Return what a statement did, and to which agreement."""
    match statement:
        case Agreement():
            return EventType.AGREEMENT_SIGNED, statement.digest
        case Revocation():
            return EventType.AGREEMENT_REVOKED, statement.agreement
        case Decline():
            return EventType.STUDY_DECLINED, None


def _malformed(*, rule: str) -> WardnetError:
    return WardnetError(Reason.MALFORMED, field="statement", rule=rule)
