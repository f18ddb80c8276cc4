"""What stewards decide on keys, and the list by which everybody learns what was taken back.

A key that is taken back holds nothing here from that moment on. The daemon then signs the
hospital's list anew; it also does so every few hours, so that others can tell a list that was held
back from one on which nothing has changed.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from wardnet import canonical, clock
from wardnet.agreement import key_revocation
from wardnet.agreement.address_book import Organisation, check_approved
from wardnet.agreement.agreement import Agreement
from wardnet.agreement.key_revocation import KeyRevocation
from wardnet.agreement.revocation import (
    LIST_PAYLOAD_TYPE,
    Revocation,
    RevocationList,
    Revoked,
    list_to_bytes,
)
from wardnet.audit import log
from wardnet.audit.entry import EventType
from wardnet.audit.log import Connection
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope, sign
from wardnet.identity.member import Role
from wardnet_node.desk import taken_back
from wardnet_node.desk.book import invalid, keys_of
from wardnet_node.desk.decision import key, sign_all
from wardnet_node.desk.knowledge import Known
from wardnet_node.desk.ledger import Ledger
from wardnet_node.desk.refusals import refusals_logged
from wardnet_node.desk.steward_events import by_node, by_steward

RENEWED_AFTER: Final = timedelta(hours=6)
"""A list is believed for 24 hours: three renewals may be lost before anybody is refused."""


@dataclass(frozen=True, slots=True)
class TakenBack:
    """Show one key, or agreement, that does not hold any more.

    Parameters
    ----------
    organisation : str
        Who has taken it back.
    digest : str
        Fingerprint of the key, or digest of the agreement.
    reason : str
        Why; empty for what others have taken back.
    """

    organisation: str
    digest: str
    reason: str


class KeyDecisions(Ledger):
    """Take keys back, and sign the hospital's list."""

    def revoke_key(self, fingerprint: str, *, steward: Credentials, reason: str) -> None:
        """Take back a key that this hospital vouches for, at once and for good.

        Parameters
        ----------
        fingerprint : str
            Of a key that stands in the book under this hospital, or that a study names as one of
            its researchers'.
        steward : Credentials
            Who signs; she may take back her own key.

        Raises
        ------
        WardnetError
            `APPROVAL_MISSING`, `ROLE_REFUSED`, `PARAMETER_INVALID` for a key that is not this
            hospital's or is its last steward's, `MALFORMED` for the reason, or `STATE_DAMAGED`;
            logged.
        """
        event = by_steward(self._member, EventType.KEY_REVOKED, [steward])
        with refusals_logged(self._catalog, event), self._catalog.transaction() as connection:
            known = self._knowledge.look(connection)
            self._check_steward(known, steward)
            self._check_key(known, fingerprint)
            statement = canonical.validated(
                lambda: KeyRevocation(
                    version=1,
                    network=self._member.network,
                    hospital=self._member.id,
                    key=fingerprint,
                    reason=reason,
                )
            )
            data, at = key_revocation.to_bytes(statement), clock.now()
            envelope = sign_all(key_revocation.PAYLOAD_TYPE, data, [steward, self._credentials])
            taken_back.put_key(connection, envelope, at=at)
            log.append(connection, replace(event, result_digest=canonical.digest(data)), at=at)

    def taken_back(self) -> tuple[TakenBack, ...]:
        """Return what does not hold any more: here first, then by the lists of others."""
        with self._catalog.reading() as connection:
            known = self._knowledge.look(connection)
        own = {statement.key: statement.reason for statement in known.keys.values()}
        return (
            *(TakenBack(self._member.id, digest, reason) for digest, reason in own.items()),
            *(
                TakenBack(name, entry.digest, "")
                for name, listed in sorted(known.lists.items())
                for entry in listed.revoked
                if name != self._member.id or entry.digest not in own
            ),
        )

    def own_list(self) -> Envelope:
        """Return what this hospital has taken back, as its node signs it; signed anew when due.

        Raises
        ------
        WardnetError
            `STATE_DAMAGED` when something was taken out of the database: it would be missing here.
        """
        at = clock.now()
        with self._catalog.reading() as connection:
            listed = self._current(self._knowledge.look(connection), at)
        if listed is not None:
            return listed
        with self._catalog.transaction() as connection:
            known = self._knowledge.look(connection)
            return self._current(known, at) or self._issued(connection, known, at)

    def _current(self, known: Known, at: datetime) -> Envelope | None:
        """Return the last list unless it is due anew: by its age, its key, or what it says."""
        before = known.listed.get(self._member.id)
        if before is None or key(self._credentials) not in before.signers:
            return None
        age = at - clock.from_moment(before.content.issued)
        said = {entry for entry in before.content.revoked if entry.until > clock.to_moment(at)}
        # A second of leeway: an issued moment is cut to milliseconds, and clocks are corrected.
        young = -timedelta(seconds=1) <= age < RENEWED_AFTER
        return before.envelope if young and said == set(self._entries(known, at)) else None

    def _issued(self, connection: Connection, known: Known, at: datetime) -> Envelope:
        """Sign the list anew, keep it and log it."""
        if known.book_error is not None:
            raise known.book_error
        before = known.listed.get(self._member.id)
        listed = RevocationList(
            version=1,
            network=self._member.network,
            organisation=self._member.id,
            epoch=max(int(at.timestamp() * 1000), before.content.epoch + 1 if before else 1),
            issued=clock.to_moment(at),
            revoked=self._entries(known, at),
        )
        data = list_to_bytes(listed)
        envelope = sign(LIST_PAYLOAD_TYPE, data, self._credentials.signer)
        taken_back.put_list(connection, self._member.id, envelope, at=at)
        event = by_node(self._member, EventType.REVOCATIONS_ISSUED)
        log.append(connection, replace(event, result_digest=canonical.digest(data)), at=at)
        return envelope

    def _check_steward(self, known: Known, steward: Credentials) -> None:
        if known.book_error is not None:
            raise known.book_error
        if steward.member.role is not Role.STEWARD:
            raise WardnetError(Reason.ROLE_REFUSED, role=steward.member.role)
        check_approved(
            known.view.book,
            organisation=self._member.id,
            signers={key(steward)} - known.view.revoked,
            requesters=frozenset(),
            needed=1,
        )

    def _check_key(self, known: Known, fingerprint: str) -> None:
        """Refuse a key of somebody else, one taken back before, and the last steward's."""
        own = known.view.book.organisation(self._member.id)
        rule = None
        if own is None or fingerprint not in {one.fingerprint for one in keys_of(own)} | {
            person.key
            for proposal in known.proposals.values()
            for person in proposal.study.people
            if person.organisation == self._member.id
        }:
            rule = (
                f"is no key of {self._member.id}; strike others out by `wardnet-node book remove`"
            )
        elif fingerprint in known.view.revoked:
            rule = "was taken back already"
        elif not _stewards(own) - known.view.revoked - {fingerprint}:
            rule = "is the last steward's; write another steward into the book first"
        if rule is not None:
            raise invalid(parameter="fingerprint", rule=rule)

    def _entries(self, known: Known, at: datetime) -> tuple[Revoked, ...]:
        """Return all that has not ended by itself: said before, agreements, and keys."""
        before = known.listed.get(self._member.id)
        entries = {
            *(before.content.revoked if before else ()),
            *_agreements(known),
            *(statement.entry for statement in known.keys.values()),
        }
        now = clock.to_moment(at)
        return tuple(sorted(entry for entry in entries if entry.until > now))


def _stewards(own: Organisation) -> frozenset[str]:
    return frozenset(one.fingerprint for one in keys_of(own) if one.role == "steward")


def _agreements(known: Known) -> set[Revoked]:
    """Return the agreements that were taken back, each with its end."""
    entries = set()
    for proposal in known.proposals.values():
        statements = [signed.statement for signed in proposal.statements]
        ends = {one.digest: one.until for one in statements if isinstance(one, Agreement)}
        entries |= {
            Revoked(one.agreement, until=ends[one.agreement])
            for one in statements
            if isinstance(one, Revocation)
        }
    return entries
