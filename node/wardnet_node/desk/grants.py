"""Who may read this hospital's log: grants that a steward and the node sign, kept and verified.

What lies in the catalog counts only as far as its signatures hold and the log knows of it: whoever
writes to the database can neither add a grant nor take a withdrawal away.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from wardnet import canonical, clock
from wardnet.agreement.address_book import check_approved, signing_keys
from wardnet.audit import grant as grants
from wardnet.audit import log
from wardnet.audit.entry import EventType, Outcome
from wardnet.audit.grant import Grant
from wardnet.audit.log import Connection
from wardnet.audit.scope import Scope
from wardnet.audit.search import Search, scan
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope, verify
from wardnet.identity.keystore import Keystore
from wardnet.identity.member import Member, Role
from wardnet.sealing.hpke import public_key
from wardnet.transport.convert import envelope_from_bytes, envelope_to_bytes
from wardnet_node.desk.decide import Decisions
from wardnet_node.desk.decision import sign_all
from wardnet_node.desk.steward_events import by_steward
from wardnet_node.vault.catalog import Catalog

_KINDS: Final = (EventType.AUDITOR_GRANTED, EventType.AUDITOR_REVOKED)


@dataclass(frozen=True, slots=True)
class Granted:
    """Hold the newest statement about one auditor.

    Parameters
    ----------
    grant : Grant
        What it says.
    envelope : Envelope
        As it was signed.
    made : str
        Moment of signing.
    """

    grant: Grant
    envelope: Envelope
    made: str


class Grants:
    """Give auditors leave to read, and take it back; any process may.

    Parameters
    ----------
    catalog : Catalog
        Keeps the statements, and the log.
    credentials : Credentials
        The hospital's; its node signs along.
    decisions : Decisions
        Keeps the address book: whose signature counts.
    questions : X25519PrivateKey
        What auditors look for is sealed to it.
    """

    def __init__(
        self,
        catalog: Catalog,
        *,
        credentials: Credentials,
        decisions: Decisions,
        questions: X25519PrivateKey,
    ) -> None:
        self._catalog = catalog
        self._credentials = credentials
        self._member = credentials.member
        self._decisions = decisions
        self._questions = questions

    def grant(
        self,
        auditor: str,
        *,
        key: str,
        scope: Scope,
        until: datetime,
        stewards: Sequence[Credentials],
    ) -> Grant:
        """Let an auditor read; it takes the place of an earlier grant.

        Parameters
        ----------
        auditor : str
            Id within the network.
        key : str
            Fingerprint of the signing key, compared by another way than the network.
        scope : Scope
            What may be read.
        until : datetime
            When it ends.
        stewards : Sequence of Credentials
            Who signs, one or more.

        Raises
        ------
        WardnetError
            `APPROVAL_MISSING`, `MALFORMED` or `STATE_DAMAGED`, logged.
        """
        return self._put(auditor, key=key, scope=scope, until=until, stewards=stewards)

    def revoke(self, auditor: str, *, stewards: Sequence[Credentials]) -> Grant:
        """Take a grant back, at once.

        Raises
        ------
        WardnetError
            `PARAMETER_INVALID` when none is in force; `APPROVAL_MISSING` or `STATE_DAMAGED`,
            logged.
        """
        granted = {item.grant.auditor: item.grant for item in self.list()}.get(auditor)
        if granted is None or granted.scope is None:
            raise WardnetError(
                Reason.PARAMETER_INVALID,
                method="A withdrawal",
                parameter="auditor",
                rule="has no grant here; `wardnet-node auditor list` shows who has",
            )
        until = clock.from_moment(granted.not_after)
        return self._put(auditor, key=granted.key, scope=None, until=until, stewards=stewards)

    def list(self) -> tuple[Granted, ...]:
        """Return the newest statement about every auditor, by id; some may have ended.

        Raises
        ------
        WardnetError
            `STATE_DAMAGED`.
        """
        with self._catalog.reading() as connection:
            rows = connection.execute("SELECT DISTINCT auditor FROM audit_grants ORDER BY auditor")
            found = (self._newest(connection, auditor) for (auditor,) in rows.fetchall())
            return tuple(granted for granted in found if granted is not None)

    def in_force(self, auditor: str, *, key: str, at: datetime) -> Granted:
        """Return what an auditor may read now with a key.

        Raises
        ------
        WardnetError
            `AUDIT_NOT_GRANTED`, or `STATE_DAMAGED`.
        """
        with self._catalog.reading() as connection:
            granted = self._newest(connection, auditor)
        if (
            granted is None
            or granted.grant.scope is None
            or granted.grant.key != key
            or clock.to_moment(at) >= granted.grant.not_after
            or not self._still_signed(granted)
        ):
            raise WardnetError(Reason.AUDIT_NOT_GRANTED, hospital=self._member.id)
        return granted

    def _put(
        self,
        auditor: str,
        *,
        key: str,
        scope: Scope | None,
        until: datetime,
        stewards: Sequence[Credentials],
    ) -> Grant:
        at = clock.now()
        kind = EventType.AUDITOR_REVOKED if scope is None else EventType.AUDITOR_GRANTED
        named = Member(self._member.network, Role.AUDITOR, auditor)
        event = replace(by_steward(self._member, kind, stewards), recipient=named.uri)
        try:
            with self._catalog.transaction() as connection:
                before = self._newest(connection, auditor)
                grant = canonical.validated(
                    lambda: Grant(
                        version=1,
                        network=self._member.network,
                        hospital=self._member.id,
                        auditor=auditor,
                        key=key,
                        number=before.grant.number + 1 if before else 1,
                        scope=scope,
                        not_after=clock.to_moment(until),
                        questions=public_key(self._questions),
                    )
                )
                data = grants.to_bytes(grant)
                envelope = sign_all(grants.PAYLOAD_TYPE, data, [*stewards, self._credentials])
                self._check_approved(envelope)
                connection.execute(
                    "INSERT INTO audit_grants (auditor, envelope, made) VALUES (?, ?, ?)",
                    (auditor, envelope_to_bytes(envelope), clock.to_moment(at)),
                )
                done = replace(event, result_digest=canonical.digest(data))
                log.append(connection, done, at=at)
        except WardnetError as error:
            refused = replace(event, outcome=Outcome.REFUSED, reason=error.reason)
            with self._catalog.transaction() as connection:
                log.append(connection, refused, at=at)
            raise
        return grant

    def _check_approved(self, envelope: Envelope) -> None:
        """Refuse what no steward in today's address book has signed."""
        book = self._decisions.book()
        check_approved(
            book,
            organisation=self._member.id,
            signers=signing_keys(envelope) - self._decisions.view().revoked,
            requesters=frozenset(),
            needed=1,
        )

    def _still_signed(self, granted: Granted) -> bool:
        try:
            self._check_approved(granted.envelope)
        except WardnetError as error:
            if error.reason is not Reason.APPROVAL_MISSING:
                raise
            return False
        return True

    def _newest(self, connection: Connection, auditor: str) -> Granted | None:
        rows = connection.execute(
            "SELECT envelope, made FROM audit_grants WHERE auditor = ? ORDER BY position",
            (auditor,),
        ).fetchall()
        found = [self._read(bytes(data), made) for data, made in rows]
        # 1. They are about this auditor, and none is missing between.
        numbered = [(item.grant.auditor, item.grant.number) for item in found]
        if numbered != [(auditor, number) for number in range(1, len(found) + 1)]:
            raise _damaged(rule="a statement is missing or was moved")
        # 2. The log knows of exactly these: none was taken away at the end.
        digests = {canonical.digest(item.envelope.payload) for item in found}
        if digests != self._logged(connection, auditor):
            raise _damaged(rule="the log tells otherwise")
        return found[-1] if found else None

    def _logged(self, connection: Connection, auditor: str) -> set[str | None]:
        named = Member(self._member.network, Role.AUDITOR, auditor).uri
        return {
            entry.result_digest
            for kind in _KINDS
            for entry in scan(connection, Search(type=kind, outcome=Outcome.DONE))
            if entry.recipient == named
        }

    def _read(self, data: bytes, made: str) -> Granted:
        try:
            envelope = envelope_from_bytes(data)
            kind, at = grants.PAYLOAD_TYPE, clock.from_moment(made)
            signers = verify(envelope, payload_type=kind, trust=self._credentials.trust, at=at)
            grant = grants.from_bytes(envelope.payload)
        except WardnetError as error:
            raise _damaged(rule="a statement does not hold") from error
        if self._member not in signers or grant.hospital != self._member.id:
            raise _damaged(rule="it is not this hospital's")
        return Granted(grant, envelope, made)


def question_key(keystore: Keystore) -> X25519PrivateKey:
    """Return the key that opens what auditors look for; it is stored nowhere."""
    return X25519PrivateKey.from_private_bytes(keystore.derive("audit questions"))


def _damaged(*, rule: str) -> WardnetError:
    return WardnetError(Reason.STATE_DAMAGED, path="the list of auditors", rule=rule)
