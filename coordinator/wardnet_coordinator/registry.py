"""Who belongs to the network, and how somebody becomes a member.

Every function works on a connection inside the caller's transaction and writes its access log
entry there too.
"""

import hashlib
import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from wardnet.audit import log
from wardnet.audit.entry import Actor, Event, EventType, Outcome
from wardnet.clock import to_moment
from wardnet.errors import Reason, WardnetError
from wardnet.identity.authority import Authority, issue, request
from wardnet.identity.certificates import Usage
from wardnet.identity.credentials import private_der
from wardnet.identity.invitation import TOKEN_BYTES, Invitation
from wardnet.identity.member import Member, Role

INVITABLE: Final = (Role.NODE, Role.STEWARD, Role.RESEARCHER, Role.AUDITOR)
"""Roles that somebody can be invited to."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """Hold what an invited person or hospital gets.

    Parameters
    ----------
    member : Member
        Who they are from now on.
    tls, signing : tuple of bytes
        DER: their own certificate, then the issuing one.
    """

    member: Member
    tls: tuple[bytes, bytes]
    signing: tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Enrolled:
    """Show one member.

    Parameters
    ----------
    role : Role
        What it is.
    id : str
        Unique with the role.
    enrolled : str
        Moment.
    """

    role: Role
    id: str
    enrolled: str


def coordinator(network: str) -> Member:
    """Return who the coordinator of a network is."""
    return Member(network, Role.COORDINATOR, "coordinator")


def actor(member: Member) -> Actor:
    """Return a member as the access log names it."""
    return Actor(subject=member.uri, role=member.role)


def invite(
    connection: sqlite3.Connection,
    member: Member,
    *,
    address: str,
    root: x509.Certificate,
    issuing: Authority,
    at: datetime,
    until: datetime,
    again: bool = False,
) -> Invitation:
    """Invite somebody to become one exact member, once; earlier invitations of theirs end.

    Parameters
    ----------
    member : Member
        Whom the holder becomes.
    address : str
        `host:port` that the holder dials.
    root : Certificate
        The network's.
    issuing : Authority
        Certifies the key in the invitation, so that its holder can connect at all.
    until : datetime
        When it ends.
    again : bool
        Also invite a member who has lost the keys, or never got the certificates.

    Raises
    ------
    WardnetError
        `ROLE_REFUSED`, or `ALREADY_EXISTS` when there is such a member.
    """
    if member.role not in INVITABLE:
        raise WardnetError(Reason.ROLE_REFUSED, role=member.role)
    key = (member.role, member.id)
    known = connection.execute("SELECT 1 FROM members WHERE (role, id) = (?, ?)", key).fetchone()
    if known and not again:
        raise WardnetError(Reason.ALREADY_EXISTS, path=f"The {member.role} {member.id}")
    token, tls_key = secrets.token_bytes(TOKEN_BYTES), ec.generate_private_key(ec.SECP256R1())
    chain = issue(
        request(tls_key),
        member=Member(member.network, Role.INVITED, member.id),
        usage=Usage.TLS,
        issuing=issuing,
        at=at,
        lifetime=until - at,
    )
    connection.execute("DELETE FROM invitations WHERE used IS NULL AND (role, id) = (?, ?)", key)
    connection.execute(
        "INSERT INTO invitations VALUES (?, ?, ?, ?, NULL)", (_hash(token), *key, to_moment(until))
    )
    event = Event(
        type=EventType.MEMBER_INVITED,
        outcome=Outcome.DONE,
        node=coordinator(member.network).uri,
        actor=Actor(subject="operator"),
        recipient=member.uri,
    )
    log.append(connection, event, at=at)
    root_der = root.public_bytes(Encoding.DER)
    return Invitation(address, member, token, root_der, chain, private_der(tls_key))


def enrol(
    connection: sqlite3.Connection,
    *,
    token: bytes,
    caller: Member,
    tls_request: bytes,
    signing_request: bytes,
    issuing: Authority,
    at: datetime,
) -> Enrolment | None:
    """Redeem an invitation and issue its member's two certificates; None when it is refused.

    A refusal is a result and no error, so that its log entry is committed.

    Parameters
    ----------
    token : bytes
        From the invitation.
    caller : Member
        Role `invited`; its id must be the invitation's.
    tls_request, signing_request : bytes
        PKCS#10, DER.

    Raises
    ------
    WardnetError
        `MALFORMED` for a request with a wrong key; the invitation can still be used.
    """
    moment = to_moment(at)
    member = _redeem(connection, token, caller=caller, moment=moment)
    event = Event(
        type=EventType.MEMBER_ENROLLED,
        outcome=Outcome.DONE if member else Outcome.REFUSED,
        reason=None if member else Reason.INVITATION_REFUSED,
        node=coordinator(caller.network).uri,
        actor=actor(caller),
        recipient=member.uri if member else None,
    )
    log.append(connection, event, at=at)
    if member is None:
        return None
    connection.execute(
        "INSERT OR REPLACE INTO members VALUES (?, ?, ?)", (member.role, member.id, moment)
    )
    tls, signing = (
        issue(requested, member=member, usage=usage, issuing=issuing, at=at)
        for requested, usage in ((tls_request, Usage.TLS), (signing_request, Usage.SIGNING))
    )
    return Enrolment(member, tls, signing)


def _redeem(
    connection: sqlite3.Connection, token: bytes, *, caller: Member, moment: str
) -> Member | None:
    """Use an invitation up, if it is unused, still valid and for the caller; else return None."""
    used = connection.execute(
        "UPDATE invitations SET used = ? WHERE token = ? AND used IS NULL AND expires > ?"
        " AND id = ? RETURNING role",
        (moment, _hash(token), moment, caller.id),
    ).fetchone()
    return None if used is None else Member(caller.network, Role(used[0]), caller.id)


def members(connection: sqlite3.Connection) -> Sequence[Enrolled]:
    """Return all members, by role and id."""
    rows = connection.execute("SELECT role, id, enrolled FROM members ORDER BY role, id")
    return [Enrolled(Role(role), name, enrolled) for role, name, enrolled in rows]


def hospitals(connection: sqlite3.Connection) -> frozenset[str]:
    """Return the ids of all enrolled hospitals."""
    rows = connection.execute("SELECT id FROM members WHERE role = ?", (Role.NODE,))
    return frozenset(name for (name,) in rows)


def _hash(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()
