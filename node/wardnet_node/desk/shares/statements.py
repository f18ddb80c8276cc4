"""Statements about shares: whose they are, whether their signatures hold, what the log says."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from wardnet import canonical, clock
from wardnet.agreement.address_book import signing_keys
from wardnet.agreement.view import View
from wardnet.audit import lending
from wardnet.audit.entry import Actor, Event, EventType, Outcome
from wardnet.audit.lending import Lending
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope, Trust, verify
from wardnet.identity.member import Member, Role
from wardnet.sharing import grant as grants
from wardnet.sharing import notice as notices
from wardnet.sharing import request as requests
from wardnet.sharing.grant import Grant
from wardnet.sharing.notice import (
    BY_OWNER,
    BY_RECIPIENT,
    BY_STEWARD,
    Declined,
    Destroyed,
    Fetched,
    Notice,
    Opened,
    Ready,
    Refused,
    Revoked,
    Said,
)
from wardnet.sharing.request import ShareRequest
from wardnet_node.desk.shares.state import Statement, Step

REASONS: Final = frozenset(reason.value for reason in Reason)

_READERS: Final[Mapping[str, Callable[[bytes], Statement]]] = {
    requests.PAYLOAD_TYPE: requests.from_bytes,
    grants.PAYLOAD_TYPE: grants.from_bytes,
    notices.PAYLOAD_TYPE: notices.from_bytes,
}

EVENTS: Final[Mapping[type[Statement] | type[Said], EventType]] = {
    ShareRequest: EventType.SHARE_REQUESTED,
    Grant: EventType.SHARE_GRANTED,
    Declined: EventType.SHARE_DECLINED,
    Refused: EventType.SHARE_DECLINED,
    Revoked: EventType.SHARE_REVOKED,
    Ready: EventType.SHARE_READY,
    Fetched: EventType.SHARE_FETCHED,
    Opened: EventType.SHARE_OPENED,
    Destroyed: EventType.SHARE_DESTROYED,
}
"""What the log calls each, at both hospitals."""


@dataclass(frozen=True, slots=True)
class Signed:
    """Hold one statement of either hospital and who has signed it.

    Parameters
    ----------
    statement : ShareRequest, Grant or Notice
        What was said.
    digest : str
        SHA-256 of its canonical bytes, hexadecimal.
    envelope : Envelope
        As it was signed.
    signers : frozenset of str
        Fingerprints of the keys.
    at : str
        Moment of signing here, or of coming in.
    """

    statement: Statement
    digest: str
    envelope: Envelope
    signers: frozenset[str]
    at: str

    @property
    def request(self) -> str:
        """Return the digest of the request that it belongs to."""
        if isinstance(self.statement, ShareRequest):
            return self.digest
        return self.statement.request

    @property
    def author(self) -> str:
        """Return the id of the hospital that says it."""
        return parties(self.statement)[0]

    @property
    def kind(self) -> EventType:
        """Return what the log calls it."""
        statement = self.statement
        return EVENTS[type(statement.said if isinstance(statement, Notice) else statement)]

    @property
    def step(self) -> Step:
        """Return it as one step of a share."""
        return Step(self.kind, self.author, self.at)


def parties(statement: Statement) -> tuple[str, str]:
    """Return the ids of the hospitals between which something is said: whose word it is first."""
    match statement:
        case ShareRequest(recipient=author, owner=other):
            return author, other
        case Grant(owner=author, recipient=other) | Notice(sender=author, recipient=other):
            return author, other


def read(envelope: Envelope, *, member: Member, trust: Trust, at: datetime) -> Signed:
    """Return a statement after every check that needs no address book.

    Parameters
    ----------
    member : Member
        The node where it is read: one of the two hospitals.

    Raises
    ------
    WardnetError
        `SIGNATURE_INVALID`, `MALFORMED` or `SHARE_NOT_FOR_US`.
    """
    # 1. It is one of the three kinds, and its signatures hold; only now is it parsed.
    reader = _READERS.get(envelope.payload_type)
    if reader is None:
        raise WardnetError(Reason.SIGNATURE_INVALID, rule="it is another kind of statement")
    signers = verify(envelope, payload_type=envelope.payload_type, trust=trust, at=at)
    statement = reader(envelope.payload)
    # 2. The hospital whose word it is has signed it.
    author, other = parties(statement)
    if Member(trust.network, Role.NODE, author) not in signers:
        raise WardnetError(Reason.SIGNATURE_INVALID, rule=f"{author} did not sign it")
    # 3. It is about us, in this network.
    if statement.network != trust.network or member.id not in {author, other}:
        raise WardnetError(Reason.SHARE_NOT_FOR_US)
    digest = canonical.digest(envelope.payload)
    keys = signing_keys(envelope)
    return Signed(statement, digest, envelope, keys, clock.to_moment(at))


def check_fits(statement: Statement, request: ShareRequest) -> None:
    """Refuse what is said about a request by somebody who has no say in it.

    Raises
    ------
    WardnetError
        `SHARE_NOT_FOR_US`.
    """
    author, other = parties(statement)
    owned = (author, other) == (request.owner, request.recipient)
    asked = (author, other) == (request.recipient, request.owner)
    said = statement.said if isinstance(statement, Notice) else statement
    fits = (owned and not isinstance(said, (ShareRequest, *BY_RECIPIENT))) or (
        asked and not isinstance(said, (Grant, *BY_OWNER))
    )
    if not fits:
        raise WardnetError(Reason.SHARE_NOT_FOR_US)


def check_signers(signed: Signed, view: View) -> None:
    """Refuse what its hospital has not signed by the keys that were compared with it.

    Raises
    ------
    WardnetError
        `SIGNATURE_INVALID`, `KEY_REVOKED`, or `APPROVAL_MISSING` where a steward must sign.
    """
    author, statement = signed.author, signed.statement
    known = view.book.organisation(author)
    if known is None or signed.signers.isdisjoint(known.nodes):
        rule = f"no key of {author}'s node in the address book has signed it"
        raise WardnetError(Reason.SIGNATURE_INVALID, rule=rule)
    valid = signed.signers - view.revoked_by(author)
    if valid.isdisjoint(known.nodes):
        raise WardnetError(Reason.KEY_REVOKED, identity=author)
    by_node = isinstance(statement, Notice) and not isinstance(statement.said, BY_STEWARD)
    if not by_node and not known.approvers(valid):
        rule = f"one steward of {author} whose key stands in the address book"
        raise WardnetError(Reason.APPROVAL_MISSING, rule=rule)


def about(event: Event, request: ShareRequest, signed: Signed | None = None) -> Event:
    """Name the share that an event is about, and the digest of what was signed.

    The log holds neither the patients nor the words of a request.
    """
    statement = signed.statement if signed else None
    said = statement.said if isinstance(statement, Notice) else None
    named = getattr(said, "grant", None) or (
        signed.digest if signed and isinstance(statement, Grant) else None
    )
    refusal = Reason(said.cause) if isinstance(said, Refused) and said.cause in REASONS else None
    return replace(
        event,
        request_digest=request.digest,
        study=request.study,
        purpose=request.basis.value,
        dataset=request.dataset,
        snapshot=statement.snapshot if isinstance(statement, Grant) else event.snapshot,
        statement=lent(statement) if isinstance(statement, Grant) else event.statement,
        agreement=named,
        recipient=Member(request.network, Role.NODE, request.recipient).uri,
        result_digest=signed.digest if signed else None,
        reason=refusal,
    )


def lent(grant: Grant, *, attachments: int = 0) -> str:
    """Return what the log says of the records that are handed over under a grant."""
    return lending.write(
        Lending(
            attachments=attachments,
            columns=grant.columns,
            owner=Member(grant.network, Role.NODE, grant.owner).uri,
            patients=grant.deidentification.patient.value,
            until=grant.until,
        )
    )


def by_other(member: Member, signed: Signed) -> Event:
    """Say that the other hospital has said something.

    Parameters
    ----------
    member : Member
        Whose log it is.
    """
    author = Member(member.network, Role.NODE, signed.author)
    actor_keys = tuple(sorted(signed.signers))
    return Event(
        type=signed.kind,
        outcome=Outcome.DONE,
        node=member.uri,
        actor=Actor(subject=author.uri, organisation=author.id, role=author.role.value),
        approvals=actor_keys,
    )
