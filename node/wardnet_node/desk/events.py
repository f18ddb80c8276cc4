"""What the access log says about queries."""

from dataclasses import asdict, replace
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import TypeAdapter

from wardnet import canonical, clock
from wardnet.audit.entry import Actor, Event, EventType, Outcome
from wardnet.errors import WardnetError
from wardnet.identity.certificates import Usage, leaf_member, read_certificate
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope, verify
from wardnet.identity.member import Member
from wardnet.privacy.rules import STANDARD
from wardnet.question.cohort import Cohort
from wardnet.question.query import PAYLOAD_TYPE, Query, from_bytes
from wardnet.transport.convert import Work

POLICY: Final = canonical.digest(canonical.encode(asdict(STANDARD)))
"""SHA-256 of the disclosure rules in force."""

_OPERATOR: Final = Actor(subject="operator")
_UNKNOWN: Final = Actor(subject="unknown")
_COHORT: Final[TypeAdapter[Cohort]] = TypeAdapter(Cohort)


def by_operator(member: Member, kind: EventType) -> Event:
    """Say that somebody at the machine has done something."""
    return Event(type=kind, outcome=Outcome.DONE, node=member.uri, actor=_OPERATOR)


def of_query(member: Member, *, query: Query, envelope: Envelope, snapshot: str | None) -> Event:
    """Say that a query was accepted; later entries about it differ in type, outcome and result.

    Parameters
    ----------
    member : Member
        Whose log it is.
    envelope : Envelope
        Verified.
    snapshot : str or None
        The rows that it sees.
    """
    cohort = _COHORT.dump_python(query.cohort, mode="json")
    return Event(
        type=EventType.QUERY_ACCEPTED,
        outcome=Outcome.DONE,
        node=member.uri,
        actor=_signer(envelope),
        request_id=canonical.digest(envelope.payload),
        request_digest=canonical.digest(envelope.payload),
        operation=f"{query.method} {query.method_version}",
        parameter_digest=canonical.digest(canonical.encode([query.parameters, cohort])),
        dataset=query.dataset,
        snapshot=snapshot,
        policy_digest=POLICY,
    )


def of_refusal(credentials: Credentials, *, work: Work, error: WardnetError) -> Event:
    """Say that some work was refused, and as much about it as can be believed."""
    event = Event(
        type=EventType.QUERY_FAILED,
        node=credentials.member.uri,
        actor=_UNKNOWN,
        request_digest=work.id.query,
    )
    try:
        verify(work.query, payload_type=PAYLOAD_TYPE, trust=credentials.trust, at=clock.now())
        query = from_bytes(work.query.payload)
        event = of_query(credentials.member, query=query, envelope=work.query, snapshot=None)
    except WardnetError:
        pass  # whatever is wrong with it, nothing that it says may stand in the log
    return replace(
        event,
        type=EventType.QUERY_FAILED,
        outcome=Outcome.REFUSED,
        reason=error.reason,
        request_id=str(work.id),
    )


def _signer(envelope: Envelope) -> Actor:
    leaf = read_certificate(envelope.signatures[0].certificates[0])
    member = leaf_member(leaf, usage=Usage.SIGNING)
    key = leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return Actor(
        subject=member.uri,
        role=member.role.value,
        key_id=canonical.digest(key),
        certificate_serial=format(leaf.serial_number, "x"),
    )
