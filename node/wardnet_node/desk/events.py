"""What the access log says about queries."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import TypeAdapter

from wardnet import canonical, clock
from wardnet.audit.entry import Actor, Event, EventType, Outcome, refused
from wardnet.errors import WardnetError
from wardnet.identity.certificates import Usage, leaf_member, read_certificate
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope
from wardnet.identity.member import Member
from wardnet.privacy.rules import DisclosureRules
from wardnet.question.cohort import Cohort
from wardnet.question.query import Query
from wardnet.transport.work import Work
from wardnet_node.desk.accept import read

LONGEST_PURPOSE: Final = 4096
"""Most characters of a purpose that the log repeats: whoever asks does not say how long it gets."""

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
    rules = DisclosureRules(minimum_patients=query.minimum_patients)
    cohort = _COHORT.dump_python(query.cohort, mode="json")
    return Event(
        type=EventType.QUERY_ACCEPTED,
        outcome=Outcome.DONE,
        node=member.uri,
        actor=signer(envelope),
        request_id=canonical.digest(envelope.payload),
        request_digest=canonical.digest(envelope.payload),
        operation=f"{query.method} {query.method_version}",
        parameter_digest=canonical.digest(canonical.encode([query.parameters, cohort])),
        dataset=query.dataset,
        snapshot=snapshot,
        study=query.study,
        agreement=query.agreements.get(member.id),
        purpose=_purpose(query),
        policy_digest=canonical.digest(canonical.encode(asdict(rules))),
    )


def of_explanation(
    credentials: Credentials, *, envelope: Envelope, reasons: Sequence[WardnetError]
) -> Event:
    """Say that a researcher asked what would be done, and whether it would be refused."""
    event = replace(
        _believable(credentials, envelope), type=EventType.QUERY_EXPLAINED, outcome=Outcome.DONE
    )
    return refused(event, reasons) if reasons else event


def of_refusal(credentials: Credentials, *, work: Work, reasons: Sequence[WardnetError]) -> Event:
    """Say that some work was refused, every reason, and what can be believed about it."""
    event = replace(
        _believable(credentials, work.query), type=EventType.QUERY_FAILED, request_id=str(work.id)
    )
    return refused(event, reasons)


def _believable(credentials: Credentials, envelope: Envelope) -> Event:
    """Return what may stand in the log of a query: nothing that nobody has signed."""
    try:
        query = read(envelope, trust=credentials.trust, at=clock.now())
    except WardnetError:
        return Event(
            type=EventType.QUERY_FAILED,
            node=credentials.member.uri,
            actor=_UNKNOWN,
            request_digest=canonical.digest(envelope.payload),
        )
    return of_query(credentials.member, query=query, envelope=envelope, snapshot=None)


def _purpose(query: Query) -> str:
    """Return the purpose as the query writes it; one that is too long is named by its digest."""
    data = canonical.encode(query.purpose)
    text = data.decode()
    return text if len(text) <= LONGEST_PURPOSE else f"sha256:{canonical.digest(data)}"


def signer(envelope: Envelope) -> Actor:
    """Return who signed a verified envelope first, and with which key."""
    leaf = read_certificate(envelope.signatures[0].certificates[0])
    member = leaf_member(leaf, usage=Usage.SIGNING)
    key = leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return Actor(
        subject=member.uri,
        role=member.role.value,
        key_id=canonical.digest(key),
        certificate_serial=format(leaf.serial_number, "x"),
    )
