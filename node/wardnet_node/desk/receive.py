"""What comes in over the link: studies, and what other organisations have taken back."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Final

from wardnet import canonical, clock
from wardnet.agreement.address_book import signing_keys
from wardnet.agreement.revocation import accept_list, check_follows
from wardnet.audit import log
from wardnet.audit.entry import EventType, refused
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope, merge
from wardnet.transport.convert import envelope_to_bytes
from wardnet_node.desk import studies, taken_back
from wardnet_node.desk.knowledge import Known
from wardnet_node.desk.ledger import Ledger
from wardnet_node.desk.refusals import refusals_logged
from wardnet_node.desk.steward_events import about_study, by_coordinator
from wardnet_node.desk.taken_back import Listed
from wardnet_node.notify.message import Kind
from wardnet_node.notify.queue import enqueue
from wardnet_node.vault.catalog import Catalog

MAXIMUM_UNDECIDED: Final = 1000
"""Most studies that may wait: whoever floods the inbox fills nothing else."""

MAXIMUM_SIGNERS: Final = 100
"""Most signatures of one study."""

MAXIMUM_LISTS: Final = 1000
"""Most organisations whose lists are kept."""


class Received(Ledger):
    """Keep what comes in, after every check; the coordinator is believed for nothing."""

    def __init__(self, catalog: Catalog, *, credentials: Credentials) -> None:
        super().__init__(catalog, credentials=credentials)
        self._refused: set[str] = set()

    def forget(self) -> None:
        """Verify everything anew at the next look, and log again what is refused."""
        super().forget()
        self._refused.clear()

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
        with self._remembered(name), refusals_logged(self._catalog, event):
            study = self._knowledge.check_study(envelope, at=at)
            with self._catalog.transaction() as connection:
                known = self._knowledge.look(connection).proposals
                before = known.get(study.digest)
                if before is not None:
                    envelope = merge([before.envelope, envelope])
                    if signing_keys(envelope) == before.signers:
                        return
                    self._check_joined(envelope, at=at)
                elif sum(not proposal.statements for proposal in known.values()) >= (
                    MAXIMUM_UNDECIDED
                ):
                    rule = f"{MAXIMUM_UNDECIDED} studies wait for a decision"
                    raise WardnetError(Reason.WORK_LIMIT, rule=rule)
                studies.put_study(connection, study.digest, envelope, at=at)
                log.append(connection, about_study(event, study, envelope), at=at)
                if before is None:
                    enqueue(connection, Kind.STUDY_RECEIVED, at=at)

    def _check_joined(self, envelope: Envelope, *, at: datetime) -> None:
        """Refuse signatures that would spoil what is held: all of them must hold together."""
        if len(envelope.signatures) > MAXIMUM_SIGNERS:
            rule = f"{MAXIMUM_SIGNERS} people have signed it"
            raise WardnetError(Reason.WORK_LIMIT, rule=rule)
        self._knowledge.check_study(envelope, at=at)

    def receive_list(self, envelope: Envelope) -> None:
        """Keep what another organisation has taken back; the same list again changes nothing.

        The list of an organisation that the book does not know is kept too: it counts from the
        moment at which the organisation is written into the book, if its key has signed it.

        Raises
        ------
        WardnetError
            `SIGNATURE_INVALID`, `MALFORMED`, `REVOCATIONS_ROLLED_BACK` or `WORK_LIMIT`, logged; the
            list before stays in force.
        """
        at = clock.now()
        event = by_coordinator(self._member, EventType.REVOCATIONS_RECEIVED)
        with refusals_logged(self._catalog, event):
            received = self._knowledge.check_list(envelope, at=at)
            with self._catalog.transaction() as connection:
                if not self._is_news(self._knowledge.look(connection), received, at=at):
                    return
                name = received.content.organisation
                taken_back.put_list(connection, name, envelope, at=at)
                digest = canonical.digest(envelope.payload)
                log.append(connection, replace(event, result_digest=digest), at=at)

    def refuse_message(self, kind: EventType, error: WardnetError) -> None:
        """Log a message that cannot be read: whoever sent it, nobody has signed it."""
        event = refused(by_coordinator(self._member, kind), [error])
        with self._catalog.transaction() as connection:
            log.append(connection, event, at=clock.now())

    def _is_news(self, known: Known, received: Listed, *, at: datetime) -> bool:
        """Refuse a list that is not its organisation's next one; say whether it is another one."""
        content, signers = received.content, received.signers
        name, book = content.organisation, known.view.book
        before = known.listed.get(name)
        if before is not None and (before.content, before.signers) == (content, signers):
            return False
        # 1. What this hospital has taken back, only its own node says.
        if name == self._member.id:
            raise WardnetError(Reason.SIGNATURE_INVALID, rule="it is this hospital's own list")
        # 2. It is the next one of an organisation that the book knows.
        if book.organisation(name) is not None:
            held = known.lists.get(name)
            accept_list(content, signers=signers, book=book, held=held, at=at)
            return True
        # 3. Or of a stranger's, for later; whoever invents them fills nothing else.
        if content.network != book.network:
            raise WardnetError(Reason.SIGNATURE_INVALID, rule="it is of another network")
        if before is None and len(known.listed) >= MAXIMUM_LISTS:
            rule = f"{MAXIMUM_LISTS} organisations have sent lists"
            raise WardnetError(Reason.WORK_LIMIT, rule=rule)
        if before is not None and before.signers & signers:
            check_follows(content, before.content, at=at)
        return True

    @contextmanager
    def _remembered(self, name: str) -> Iterator[None]:
        """Remember what was refused, but for want of room, and as much as is worth its memory."""
        try:
            yield
        except WardnetError as error:
            if error.reason is Reason.WORK_LIMIT:
                raise
            if len(self._refused) >= MAXIMUM_UNDECIDED:
                self._refused.clear()
            self._refused.add(name)
            raise
