"""The stewards' decisions: what is proposed, agreed, declined and taken back, and whom we know.

Every decision is a statement that stewards and the node sign. It is durable together with its log
entry before anything is told to anybody, and counts only because the stewards' keys stand in the
hospital's own address book. A refused decision stands in the log too.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal, cast

from wardnet import canonical, clock
from wardnet.agreement import agreement as agreements
from wardnet.agreement import decline as declines
from wardnet.agreement import revocation as revocations
from wardnet.agreement.address_book import AddressBook, signing_keys
from wardnet.agreement.agreement import Agreement, accept_whole, check_within
from wardnet.agreement.decline import Decline
from wardnet.agreement.revocation import Revocation, accept_list
from wardnet.agreement.study import Study
from wardnet.agreement.view import View
from wardnet.audit import log
from wardnet.audit.entry import Event, EventType, Outcome
from wardnet.audit.log import Connection
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope, merge
from wardnet.question.cohort import check
from wardnet.question.dictionary import Dictionary
from wardnet.transport.convert import envelope_to_bytes
from wardnet_node.desk import book as books
from wardnet_node.desk import studies
from wardnet_node.desk.book import NOTHING, Key, Page
from wardnet_node.desk.decision import Decision, key, sign_all
from wardnet_node.desk.knowledge import Knowledge, Known, Proposal
from wardnet_node.desk.plain import Section, describe
from wardnet_node.desk.steward_events import about_study, by_coordinator, by_steward
from wardnet_node.desk.studies import Unsent
from wardnet_node.desk.study_state import State, StudyState, in_force, last_agreement, state_of
from wardnet_node.desk.widening import widens
from wardnet_node.vault import tables
from wardnet_node.vault.catalog import Catalog

if TYPE_CHECKING:
    import sqlite3

MAXIMUM_UNDECIDED: Final = 1000
"""Most studies that may wait: whoever floods the inbox fills nothing else."""

_SHORTEST_PREFIX: Final = 6


class Decisions:
    """Take the stewards' decisions and show what holds; any process and thread may.

    Parameters
    ----------
    catalog : Catalog
        Keeps what was signed, and the log.
    credentials : Credentials
        The hospital's; its node signs along with the stewards.
    """

    def __init__(self, catalog: Catalog, *, credentials: Credentials) -> None:
        self._catalog = catalog
        self._credentials = credentials
        self._member = credentials.member
        self._knowledge = Knowledge(credentials)
        self._refused: set[str] = set()

    # What is known

    def view(self, *, question: str = "") -> View:
        """Return what this hospital knows at this moment, for `judge`.

        Parameters
        ----------
        question : str
            Digest of the question that is decided on: it does not count as used.
        """
        with self._catalog.reading() as connection:
            view = self._knowledge.look(connection).view
            return replace(view, used=studies.uses(connection, without=question))

    def studies(self) -> tuple[StudyState, ...]:
        """Return all studies, newest first."""
        with self._catalog.reading() as connection:
            known = self._knowledge.look(connection)
            used = studies.uses(connection)
        states = [
            state_of(proposal, used=used.get(digest, 0))
            for digest, proposal in known.proposals.items()
        ]
        return tuple(states)[::-1]

    def study(self, prefix: str) -> StudyState:
        """Return the study whose digest begins so.

        Parameters
        ----------
        prefix : str
            At least 6 characters.

        Raises
        ------
        WardnetError
            `STUDY_UNKNOWN` when none does, or several.
        """
        with self._catalog.reading() as connection:
            proposal = _find(self._knowledge.look(connection), prefix)
            used = studies.uses(connection)
        return state_of(proposal, used=used.get(proposal.study.digest, 0))

    def draft(self, prefix: str) -> Agreement:
        """Return the agreement that would allow all that a study proposes, to be narrowed.

        Raises
        ------
        WardnetError
            `STUDY_UNKNOWN`.
        """
        state = self.study(prefix)
        newest = state.agreement.revision if state.agreement else 0
        return accept_whole(state.study, hospital=self._member.id, revision=newest + 1)

    def concerns(self, prefix: str) -> tuple[WardnetError, ...]:
        """Return why a study cannot be agreed to as things are: dataset, dictionary, columns.

        Raises
        ------
        WardnetError
            `STUDY_UNKNOWN`.
        """
        study = self.study(prefix).study
        with self._catalog.reading() as connection:
            return tuple(_concerns(connection, study))

    def describe(self, prefix: str) -> tuple[Section, ...]:
        """Return a study in plain language.

        Raises
        ------
        WardnetError
            `STUDY_UNKNOWN`.
        """
        with self._catalog.reading() as connection:
            known = self._knowledge.look(connection)
            proposal = _find(known, prefix)
            dictionary = _adopted(connection, proposal.study)
        return describe(
            proposal.study,
            in_force(proposal) or accept_whole(proposal.study, hospital=self._member.id),
            book=known.view.book,
            signers=proposal.signers,
            dictionary=dictionary,
        )

    # What is decided

    def receive(self, envelope: Envelope) -> None:
        """Keep a study that came in; the same one again changes nothing.

        One that was refused is logged once, however often it comes again.

        Raises
        ------
        WardnetError
            `SIGNATURE_INVALID`, `MALFORMED`, `STUDY_INVALID` or `WORK_LIMIT`, logged.
        """
        at = clock.now()
        event = by_coordinator(self._member, EventType.STUDY_RECEIVED)
        name = canonical.digest(envelope_to_bytes(envelope))
        if name in self._refused:
            return
        with self._remembered(name), self._refusals_logged(event):
            study = self._knowledge.check_study(envelope, at=at)
            with self._catalog.transaction() as connection:
                known = self._knowledge.look(connection).proposals
                before = known.get(study.digest)
                if before is not None:
                    envelope = merge([before.envelope, envelope])
                    if signing_keys(envelope) == before.signers:
                        return
                elif sum(not proposal.statements for proposal in known.values()) >= (
                    MAXIMUM_UNDECIDED
                ):
                    rule = f"{MAXIMUM_UNDECIDED} studies wait for a decision"
                    raise WardnetError(Reason.WORK_LIMIT, rule=rule)
                studies.put_study(connection, study.digest, envelope, at=at)
                log.append(connection, about_study(event, study, envelope), at=at)

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
            What is allowed, from `draft`; its revision is set here. The whole study when None.

        Raises
        ------
        WardnetError
            `STUDY_UNKNOWN`, `STUDY_DECIDED`, `APPROVAL_MISSING`, `AGREEMENT_TOO_WIDE`,
            `DATASET_UNAVAILABLE`, `DICTIONARY_OUTDATED` or `COLUMN_UNAVAILABLE`, logged.
        """
        with self._deciding(EventType.AGREEMENT_SIGNED, prefix, stewards) as decision:
            proposal, study = decision.proposal, decision.proposal.study
            wanted = narrowed or accept_whole(study, hospital=self._member.id)
            last = last_agreement(proposal)
            agreement = replace(wanted, revision=(last.revision if last else 0) + 1)
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

    def receive_list(self, envelope: Envelope) -> None:
        """Keep what another organisation has taken back.

        Raises
        ------
        WardnetError
            `SIGNATURE_INVALID`, `MALFORMED` or `REVOCATIONS_ROLLED_BACK`, logged; the list before
            stays in force.
        """
        at = clock.now()
        event = by_coordinator(self._member, EventType.REVOCATIONS_RECEIVED)
        with self._refusals_logged(event):
            received, signers = self._knowledge.check_list(envelope, at=at)
            with self._catalog.transaction() as connection:
                known = self._knowledge.look(connection)
                held = known.lists.get(received.organisation)
                accept_list(received, signers=signers, book=known.view.book, held=held, at=at)
                if received == held:
                    return
                studies.put_revocations(connection, envelope, at=at)
                digest = canonical.digest(envelope.payload)
                log.append(connection, replace(event, result_digest=digest), at=at)

    # Whom we know

    def book(self) -> AddressBook:
        """Return the address book; empty before the first steward.

        Raises
        ------
        WardnetError
            `STATE_DAMAGED` when a page of it was changed in the database.
        """
        with self._catalog.reading() as connection:
            known = self._knowledge.look(connection)
        if known.book_error is not None:
            raise known.book_error
        return known.view.book

    def found_book(self, steward: Credentials) -> bool:
        """Begin the address book with this hospital and its first steward; False when it exists.

        Raises
        ------
        WardnetError
            `STATE_DAMAGED` when there was one, and it was changed or taken away.
        """
        with self._catalog.transaction() as connection:
            known = self._knowledge.look(connection)
            if known.book_error is not None:
                raise known.book_error
            if known.page is not None:
                return False
            book = books.founding(
                self._member,
                node=key(self._credentials),
                steward=Key("steward", steward.member.id, key(steward)),
            )
            self._put_page(connection, Page(1, 1, NOTHING, book), [steward])
        return True

    def change_book(
        self, change: Callable[[AddressBook], AddressBook], *, stewards: Sequence[Credentials]
    ) -> AddressBook:
        """Write the next page of the address book.

        Parameters
        ----------
        change : Callable
            Makes the new book from the present one, e.g. with `book.with_key`.
        stewards : Sequence of Credentials
            Who signs: one, or two where the hospital's own stewards change and it has two.

        Raises
        ------
        WardnetError
            `APPROVAL_MISSING`, `PARAMETER_INVALID`, `NOT_INITIALISED` before the first steward, or
            `STATE_DAMAGED`; logged.
        """
        event = by_steward(self._member, EventType.BOOK_CHANGED, stewards)
        with self._refusals_logged(event), self._catalog.transaction() as connection:
            known = self._knowledge.look(connection)
            if known.book_error is not None:
                raise known.book_error
            if known.page is None:
                rule = "`wardnet-node steward add`"
                raise WardnetError(Reason.NOT_INITIALISED, path="the address book", rule=rule)
            book = change(known.page.book)
            signers = frozenset(map(key, stewards))
            books.check_change(known.page.book, book, hospital=self._member.id, signers=signers)
            if book != known.page.book:
                previous = canonical.digest(books.to_bytes(known.page))
                page = Page(1, known.page.revision + 1, previous, book)
                self._put_page(connection, page, stewards)
        return book

    # What is sent

    def unsent(self) -> tuple[Unsent, ...]:
        """Return the statements that the coordinator may not have, oldest first."""
        with self._catalog.reading() as connection:
            return studies.unsent(connection)

    def acknowledge(self, digest: str) -> None:
        """Record that the coordinator has a statement, by the digest of its payload."""
        with self._catalog.transaction() as connection:
            studies.mark_sent(connection, digest)

    # How it is done

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
        for error in _concerns(decision.connection, study):
            raise error
        dictionary = _adopted(decision.connection, study)
        if dictionary is not None:
            check(agreement.cohort, dictionary)

    @contextmanager
    def _deciding(
        self, kind: EventType, prefix: str, stewards: Sequence[Credentials]
    ) -> Iterator[Decision]:
        """Run one decision as one transaction; when it is refused, only the log says so."""
        event = by_steward(self._member, kind, stewards)
        with self._refusals_logged(event), self._catalog.transaction() as connection:
            known = self._knowledge.look(connection)
            yield Decision(
                connection=connection,
                known=known,
                proposal=_find(known, prefix),
                credentials=self._credentials,
                stewards=stewards,
                event=event,
                at=clock.now(),
            )

    @contextmanager
    def _remembered(self, name: str) -> Iterator[None]:
        """Remember what was refused, as much of it as is worth its memory."""
        try:
            yield
        except WardnetError:
            if len(self._refused) >= MAXIMUM_UNDECIDED:
                self._refused.clear()
            self._refused.add(name)
            raise

    @contextmanager
    def _refusals_logged(self, event: Event) -> Iterator[None]:
        try:
            yield
        except WardnetError as error:
            refused = replace(event, outcome=Outcome.REFUSED, reason=error.reason)
            with self._catalog.transaction() as connection:
                log.append(connection, refused, at=clock.now())
            raise

    def _put_page(
        self, connection: Connection, page: Page, stewards: Sequence[Credentials]
    ) -> None:
        data, at = books.to_bytes(page), clock.now()
        envelope = sign_all(books.PAYLOAD_TYPE, data, [*stewards, self._credentials])
        event = by_steward(self._member, EventType.BOOK_CHANGED, stewards)
        studies.put_page(connection, page.revision, envelope, at=at)
        log.append(connection, replace(event, result_digest=canonical.digest(data)), at=at)

    def _decided(self, *, rule: str) -> WardnetError:
        return WardnetError(Reason.STUDY_DECIDED, hospital=self._member.id, rule=rule)


def _concerns(connection: Connection, study: Study) -> Iterator[WardnetError]:
    name = study.data.dataset
    dictionary = _adopted(connection, study)
    if dictionary is None:
        yield WardnetError(Reason.DATASET_UNAVAILABLE, dataset=name)
        return
    if dictionary.digest != study.data.dictionary:
        yield WardnetError(Reason.DICTIONARY_OUTDATED, dataset=name)
    there = {column.name for column in dictionary.columns}
    for column in sorted(set(study.data.columns) - there):
        yield WardnetError(Reason.COLUMN_UNAVAILABLE, column=column, dataset=name)


def _adopted(connection: Connection, study: Study) -> Dictionary | None:
    found = tables.dataset(cast("sqlite3.Connection", connection), study.data.dataset)
    return found.dictionary if found else None


def _find(known: Known, prefix: str) -> Proposal:
    found = [
        proposal
        for digest, proposal in known.proposals.items()
        if digest.startswith(prefix) and len(prefix) >= _SHORTEST_PREFIX
    ]
    if len(found) != 1:
        raise WardnetError(Reason.STUDY_UNKNOWN, study=prefix[:64])
    return found[0]
