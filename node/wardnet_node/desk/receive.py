"""What comes in over the link: studies, and what other organisations have taken back."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from wardnet import canonical, clock
from wardnet.agreement.address_book import signing_keys
from wardnet.agreement.revocation import accept_list
from wardnet.audit import log
from wardnet.audit.entry import EventType
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope, merge
from wardnet.transport.convert import envelope_to_bytes
from wardnet_node.desk import studies
from wardnet_node.desk.ledger import Ledger
from wardnet_node.desk.steward_events import about_study, by_coordinator
from wardnet_node.vault.catalog import Catalog

MAXIMUM_UNDECIDED: Final = 1000
"""Most studies that may wait: whoever floods the inbox fills nothing else."""


class Received(Ledger):
    """Keep what comes in, after every check; the coordinator is believed for nothing."""

    def __init__(self, catalog: Catalog, *, credentials: Credentials) -> None:
        super().__init__(catalog, credentials=credentials)
        self._refused: set[str] = set()

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
