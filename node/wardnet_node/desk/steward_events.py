"""What the access log says about studies, agreements and the address book."""

from collections.abc import Sequence
from dataclasses import replace

from wardnet import canonical
from wardnet.agreement.address_book import key_of
from wardnet.agreement.study import Study
from wardnet.audit.entry import Actor, Event, EventType, Outcome
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope
from wardnet.identity.member import Member


def by_coordinator(member: Member, kind: EventType) -> Event:
    """Say that something came over the link; who sent it off, its signatures say."""
    actor = Actor(subject="coordinator", role="coordinator")
    return Event(type=kind, outcome=Outcome.DONE, node=member.uri, actor=actor)


def by_node(member: Member, kind: EventType) -> Event:
    """Say that the node has done something by itself, as its stewards have decided before."""
    actor = Actor(subject=member.uri, organisation=member.id, role=member.role.value)
    return Event(type=kind, outcome=Outcome.DONE, node=member.uri, actor=actor)


def by_steward(member: Member, kind: EventType, stewards: Sequence[Credentials]) -> Event:
    """Say that stewards have decided something; the first of them acted.

    Parameters
    ----------
    member : Member
        Whose log it is.
    stewards : Sequence of Credentials
        Who signed, or tried to.
    """
    keys = tuple(key_of(steward.signer.certificates[0]) for steward in stewards)
    actor = Actor(subject="unknown")
    if stewards:
        first = stewards[0].member
        actor = Actor(
            subject=first.uri, organisation=member.id, role=first.role.value, key_id=keys[0]
        )
    return Event(type=kind, outcome=Outcome.DONE, node=member.uri, actor=actor, approvals=keys)


def about_study(event: Event, study: Study, envelope: Envelope) -> Event:
    """Name the study that an event is about, and the digest of what was signed."""
    return replace(
        event,
        study=study.digest,
        purpose=study.project.purpose.permission.value,
        vocabulary_version=study.project.purpose.vocabulary,
        dataset=study.data.dataset,
        result_digest=canonical.digest(envelope.payload),
    )
