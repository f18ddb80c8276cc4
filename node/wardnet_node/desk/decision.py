"""One decision while it is taken: what it is about, who signs, and how it becomes durable."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from wardnet.agreement.address_book import check_approved, key_of
from wardnet.agreement.agreement import Agreement
from wardnet.agreement.revocation import Revocation
from wardnet.audit import log
from wardnet.audit.entry import Event
from wardnet.audit.log import Connection
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope, merge, sign
from wardnet.identity.member import Role
from wardnet_node.desk import studies
from wardnet_node.desk.knowledge import Known, Proposal
from wardnet_node.desk.steward_events import about_study


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Hold one decision on a study, inside its transaction.

    Parameters
    ----------
    connection : Connection
        In the transaction.
    known : Known
        What the hospital knows in it.
    proposal : Proposal
        The study, and what was said about it.
    credentials : Credentials
        The hospital's.
    stewards : Sequence of Credentials
        Who signs.
    event : Event
        What the log says.
    at : datetime
        The moment of the decision.
    """

    connection: Connection
    known: Known
    proposal: Proposal
    credentials: Credentials
    stewards: Sequence[Credentials]
    event: Event
    at: datetime

    @property
    def revocations(self) -> int:
        """Return how often this hospital has taken an agreement back."""
        return sum(
            isinstance(signed.statement, Revocation)
            for proposal in self.known.proposals.values()
            for signed in proposal.statements
        )

    def check_signers(self, *, needed: Literal[1, 2], anybody: bool = False) -> None:
        """Refuse when too few stewards of this hospital sign.

        Parameters
        ----------
        anybody : bool
            Whether a steward counts who is among the study's people: to take back, not to give.

        Raises
        ------
        WardnetError
            `ROLE_REFUSED`, `APPROVAL_MISSING`, or `STATE_DAMAGED` when the book does not hold.
        """
        if self.known.book_error is not None:
            raise self.known.book_error
        for steward in self.stewards:
            if steward.member.role is not Role.STEWARD:
                raise WardnetError(Reason.ROLE_REFUSED, role=steward.member.role)
        check_approved(
            self.known.view.book,
            organisation=self.credentials.member.id,
            signers=frozenset(map(key, self.stewards)) - self.known.view.revoked,
            requesters=frozenset() if anybody else self.proposal.study.requesters,
            needed=needed,
        )

    def put(self, payload_type: str, data: bytes, *, agreement: Agreement | None) -> None:
        """Sign a statement, keep it for sending, and log it.

        Parameters
        ----------
        payload_type : str
            Its kind.
        data : bytes
            Its canonical bytes.
        agreement : Agreement or None
            Which one it gives or takes back.
        """
        envelope = sign_all(payload_type, data, [*self.stewards, self.credentials])
        study = self.proposal.study
        studies.put_statement(self.connection, study.digest, envelope, at=self.at)
        event = replace(
            about_study(self.event, study, envelope),
            agreement=agreement.digest if agreement else None,
            agreement_version=agreement.revision if agreement else None,
        )
        log.append(self.connection, event, at=self.at)


def sign_all(payload_type: str, data: bytes, signers: Sequence[Credentials]) -> Envelope:
    """Return one statement with the signatures of several members, each once."""
    return merge([sign(payload_type, data, member.signer) for member in signers])


def key(member: Credentials) -> str:
    """Return the fingerprint of a member's signing key."""
    return key_of(member.signer.certificates[0])
