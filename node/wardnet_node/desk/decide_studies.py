"""What stewards decide on a study: to agree, whole or narrower, to decline, to revoke."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

from wardnet import canonical, clock
from wardnet.agreement import agreement as agreements
from wardnet.agreement import decline as declines
from wardnet.agreement import revocation as revocations
from wardnet.agreement.agreement import Agreement, accept_whole, check_within
from wardnet.agreement.decline import Decline
from wardnet.agreement.revocation import Revocation
from wardnet.audit.entry import EventType
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.question.cohort import check
from wardnet_node.desk.decision import Decision
from wardnet_node.desk.look import Look, adopted, concerns, find
from wardnet_node.desk.refusals import refusals_logged
from wardnet_node.desk.steward_events import by_steward
from wardnet_node.desk.study_state import State, StudyState, in_force, last_agreement, state_of
from wardnet_node.desk.widening import widens


class StudyDecisions(Look):
    """Decide on studies."""

    def accept(
        self,
        prefix: str,
        *,
        stewards: Sequence[Credentials],
        narrowed: Agreement | None = None,
    ) -> StudyState:
        """Agree to a study, whole or narrower; the newest agreement is the one that holds.

        Parameters
        ----------
        prefix : str
            Beginning of the study's digest, at least 6 characters.
        stewards : Sequence of Credentials
            Who signs: one, or two different ones to allow more than before.
        narrowed : Agreement or None
            What is allowed, from `draft`; the whole study when None.

        Raises
        ------
        WardnetError
            `STUDY_UNKNOWN`, `STUDY_DECIDED`, e.g. when somebody has decided since `draft`,
            `APPROVAL_MISSING`, `AGREEMENT_TOO_WIDE`,
            `DATASET_UNAVAILABLE`, `DICTIONARY_OUTDATED` or `COLUMN_UNAVAILABLE`, logged.
        """
        with self._deciding(EventType.AGREEMENT_SIGNED, prefix, stewards) as decision:
            proposal, study = decision.proposal, decision.proposal.study
            last = last_agreement(proposal)
            following = (last.revision if last else 0) + 1
            agreement = narrowed or accept_whole(
                study, hospital=self._member.id, revision=following
            )
            if agreement.revision != following:
                rule = (
                    f"this is number {agreement.revision} of its agreements, and the next one is "
                    f"number {following}: somebody has decided meanwhile; look at it again"
                )
                raise self._decided(rule=rule)
            self._check_agreement(decision, agreement)
            data = agreements.to_bytes(agreement)
            decision.put(agreements.PAYLOAD_TYPE, data, agreement=agreement)
        return self.study(study.digest)

    def decline(self, prefix: str, *, steward: Credentials, reason: str) -> StudyState:
        """Turn a study down, with a reason that its researchers read.

        Raises
        ------
        WardnetError
            `STUDY_UNKNOWN`, `STUDY_DECIDED` while an agreement is in force, `APPROVAL_MISSING` or
            `MALFORMED` for the reason, logged.
        """
        with self._deciding(EventType.STUDY_DECLINED, prefix, [steward]) as decision:
            study = decision.proposal.study
            decision.check_signers(needed=1)
            if in_force(decision.proposal) is not None:
                raise self._decided(rule="it has agreed; revoke the agreement instead")
            if state_of(decision.proposal, used=0).state is State.DECLINED:
                raise self._decided(rule="it has declined already")
            decline = canonical.validated(
                lambda: Decline(
                    version=1,
                    network=study.network,
                    hospital=self._member.id,
                    study=study.digest,
                    reason=reason,
                )
            )
            decision.put(declines.PAYLOAD_TYPE, declines.to_bytes(decline), agreement=None)
        return self.study(study.digest)

    def revoke(self, prefix: str, *, steward: Credentials, reason: str) -> StudyState:
        """Take the agreement to a study back, at once: queries under way are refused too.

        Raises
        ------
        WardnetError
            `STUDY_UNKNOWN`, `STUDY_DECIDED` without an agreement in force, `APPROVAL_MISSING` or
            `MALFORMED` for the reason, logged.
        """
        with self._deciding(EventType.AGREEMENT_REVOKED, prefix, [steward]) as decision:
            decision.check_signers(needed=1, anybody=True)
            agreement = in_force(decision.proposal)
            if agreement is None:
                raise self._decided(rule="no agreement is in force")
            revocation = canonical.validated(
                lambda: Revocation(
                    version=1,
                    network=agreement.network,
                    hospital=agreement.hospital,
                    agreement=agreement.digest,
                    epoch=decision.revocations + 1,
                    reason=reason,
                )
            )
            data = revocations.to_bytes(revocation)
            decision.put(revocations.PAYLOAD_TYPE, data, agreement=agreement)
        return self.study(agreement.study)

    def _check_agreement(self, decision: Decision, agreement: Agreement) -> None:
        study = decision.proposal.study
        # 1. The study can still be decided on.
        if decision.proposal.damaged:
            raise self._decided(rule="a row about it was changed in the database")
        if clock.to_moment(decision.at) >= study.not_after:
            raise self._decided(rule="the study has ended")
        # 2. Enough stewards sign, and none of them asks.
        before = last_agreement(decision.proposal)
        needed: Literal[1, 2] = 1
        if before is not None and (
            in_force(decision.proposal) is None or widens(agreement, before)
        ):
            needed = 2
        decision.check_signers(needed=needed)
        # 3. It allows nothing that was not asked for, and has not ended.
        for error in check_within(agreement, study):
            raise error
        if agreement.until <= clock.to_moment(decision.at):
            raise WardnetError(Reason.AGREEMENT_TOO_WIDE, field="until", rule="it has passed")
        # 4. It is about data that we have.
        for error in concerns(decision.connection, study):
            raise error
        dictionary = adopted(decision.connection, study)
        if dictionary is not None:
            check(agreement.cohort, dictionary)

    @contextmanager
    def _deciding(
        self, kind: EventType, prefix: str, stewards: Sequence[Credentials]
    ) -> Iterator[Decision]:
        """Run one decision as one transaction; when it is refused, only the log says so."""
        event = by_steward(self._member, kind, stewards)
        with refusals_logged(self._catalog, event), self._catalog.transaction() as connection:
            known = self._knowledge.look(connection)
            yield Decision(
                connection=connection,
                known=known,
                proposal=find(known, prefix),
                credentials=self._credentials,
                stewards=stewards,
                event=event,
                at=clock.now(),
            )

    def _decided(self, *, rule: str) -> WardnetError:
        return WardnetError(Reason.STUDY_DECIDED, hospital=self._member.id, rule=rule)
