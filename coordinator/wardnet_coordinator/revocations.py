"""What organisations have taken back: the newest list of each, as its node signed it.

The coordinator carries the lists and judges none of them; every hospital verifies what it is
brought, and a list that is held back only stops queries. Every function works on a connection
inside the caller's transaction.
"""

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from wardnet import canonical
from wardnet.agreement.revocation import LIST_PAYLOAD_TYPE, RevocationList, list_from_bytes
from wardnet.audit import log
from wardnet.audit.entry import Event, EventType, Outcome
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope, Trust, verify
from wardnet.identity.member import Member, Role
from wardnet.transport.convert import envelope_from_bytes, envelope_to_bytes
from wardnet_coordinator import registry


def check(envelope: Envelope, *, hospital: str, trust: Trust, at: datetime) -> RevocationList:
    """Return a hospital's list, if its own node is among the signers.

    Parameters
    ----------
    hospital : str
        Whose connection it came over.

    Raises
    ------
    WardnetError
        `SIGNATURE_INVALID`, or `MALFORMED` for the list of another organisation.
    """
    # 1. The hospital has signed these bytes.
    signers = verify(envelope, payload_type=LIST_PAYLOAD_TYPE, trust=trust, at=at)
    if Member(trust.network, Role.NODE, hospital) not in signers:
        raise WardnetError(Reason.SIGNATURE_INVALID, rule=f"{hospital} did not sign the list")
    # 2. Only then they are read.
    listed = list_from_bytes(envelope.payload)
    if (listed.network, listed.organisation) != (trust.network, hospital):
        rule = "it is of another organisation"
        raise WardnetError(Reason.MALFORMED, field="revocations", rule=rule)
    return listed


def keep(
    connection: sqlite3.Connection, envelope: Envelope, *, listed: RevocationList, at: datetime
) -> bool:
    """Store a checked list and say whether it is news: newer than the one that is here."""
    row = connection.execute(
        "SELECT epoch FROM revocations WHERE organisation = ?", (listed.organisation,)
    ).fetchone()
    if row is not None and listed.epoch <= row[0]:
        return False
    connection.execute(
        "INSERT OR REPLACE INTO revocations VALUES (?, ?, ?)",
        (listed.organisation, listed.epoch, envelope_to_bytes(envelope)),
    )
    event = Event(
        type=EventType.REVOCATIONS_RECEIVED,
        outcome=Outcome.DONE,
        node=registry.coordinator(listed.network).uri,
        actor=registry.actor(Member(listed.network, Role.NODE, listed.organisation)),
        request_digest=canonical.digest(envelope.payload),
    )
    log.append(connection, event, at=at)
    return True


def mail(connection: sqlite3.Connection, *, hospital: str) -> Sequence[Envelope]:
    """Return the lists of all other organisations, by their ids."""
    rows = connection.execute(
        "SELECT envelope FROM revocations WHERE organisation != ? ORDER BY organisation",
        (hospital,),
    )
    return [envelope_from_bytes(data) for (data,) in rows]
