"""Where a study stands at this hospital."""

from dataclasses import dataclass
from enum import StrEnum

from wardnet import clock
from wardnet.agreement.agreement import Agreement
from wardnet.agreement.decline import Decline
from wardnet.agreement.revocation import Revocation
from wardnet.agreement.study import Study
from wardnet_node.desk.knowledge import Proposal, Statement


class State(StrEnum):
    """Say where a study stands at this hospital."""

    NEW = "new"
    AGREED = "agreed"
    DECLINED = "declined"
    REVOKED = "revoked"
    ENDED = "ended"
    DAMAGED = "damaged"
    """A row about it was changed in the database: no agreement to it holds any more."""


@dataclass(frozen=True, slots=True)
class StudyState:
    """Show one study and what this hospital has decided.

    Parameters
    ----------
    study : Study
        As its researchers signed it.
    state : State
        Where it stands.
    agreement : Agreement or None
        The newest, whether in force or not.
    reason : str
        Why it was declined or revoked; else empty.
    used : int
        How many different questions were accepted under it.
    received : str
        Moment at which it came in.
    decided : str
        Moment of the last decision; empty before the first.
    signers : frozenset of str
        Fingerprints of the keys that have signed the study.
    """

    study: Study
    state: State
    agreement: Agreement | None
    reason: str
    used: int
    received: str
    decided: str
    signers: frozenset[str]


def last_agreement(proposal: Proposal) -> Agreement | None:
    """Return the newest agreement to a study, whether in force or not."""
    signed = (item.statement for item in reversed(proposal.statements))
    return next((item for item in signed if isinstance(item, Agreement)), None)


def in_force(proposal: Proposal) -> Agreement | None:
    """Return the agreement that was not taken back; it may have ended."""
    last = proposal.statements[-1].statement if proposal.statements else None
    return last if isinstance(last, Agreement) else None


def state_of(proposal: Proposal, *, used: int) -> StudyState:
    """Return how a study stands now.

    Parameters
    ----------
    used : int
        How many different questions were accepted under it.
    """
    last = proposal.statements[-1] if proposal.statements else None
    statement = last.statement if last else None
    reason = statement.reason if isinstance(statement, Decline | Revocation) else ""
    return StudyState(
        study=proposal.study,
        state=State.DAMAGED if proposal.damaged else _stands(proposal.study, statement),
        agreement=last_agreement(proposal),
        reason=reason,
        used=used,
        received=proposal.received,
        decided=last.at if last else "",
        signers=proposal.signers,
    )


def _stands(study: Study, statement: Statement | None) -> State:
    now = clock.to_moment(clock.now())
    match statement:
        case Decline():
            return State.DECLINED
        case Revocation():
            return State.REVOKED
        case Agreement():
            return State.ENDED if statement.until <= now else State.AGREED
        case None:
            return State.ENDED if study.not_after <= now else State.NEW
