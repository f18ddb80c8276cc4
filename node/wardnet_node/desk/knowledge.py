"""What the hospital knows: everything signed that lies in the catalog, verified again.

The catalog is believed for nothing that a signature must say. Each row is verified once per process
when it is first seen; what does not hold is left out, and a study with a damaged row has no
agreement that holds, so that a changed row can never widen what is allowed.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, TypeAlias

from wardnet import canonical, clock
from wardnet.agreement import agreement as agreements
from wardnet.agreement import decline as declines
from wardnet.agreement import revocation as revocations
from wardnet.agreement import study as studies_of
from wardnet.agreement.address_book import AddressBook, signing_keys
from wardnet.agreement.agreement import Agreement
from wardnet.agreement.decline import Decline
from wardnet.agreement.key_revocation import KeyRevocation
from wardnet.agreement.revocation import Revocation, RevocationList
from wardnet.agreement.study import Study
from wardnet.agreement.view import Held, View
from wardnet.audit.entry import EventType
from wardnet.audit.log import Connection
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope, verify
from wardnet.transport.convert import envelope_from_bytes
from wardnet_node.desk import book as books
from wardnet_node.desk import studies, taken_back
from wardnet_node.desk.book import Page
from wardnet_node.desk.studies import Kept
from wardnet_node.desk.taken_back import Listed
from wardnet_node.desk.widening import widens

Statement: TypeAlias = Agreement | Decline | Revocation


@dataclass(frozen=True, slots=True)
class Signed:
    """Hold one statement of this hospital and who has signed it.

    Parameters
    ----------
    statement : Agreement, Decline or Revocation
        What was decided.
    digest : str
        SHA-256 of its canonical bytes, hexadecimal.
    signers : frozenset of str
        Fingerprints of the keys.
    at : str
        Moment of signing.
    """

    statement: Statement
    digest: str
    signers: frozenset[str]
    at: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """Hold one study and all that this hospital has said about it.

    Parameters
    ----------
    study : Study
        As its researchers signed it.
    envelope : Envelope
        The signed study.
    signers : frozenset of str
        Fingerprints of all keys that have signed it.
    received : str
        Moment at which it first came in.
    statements : tuple of Signed
        In order.
    damaged : bool
        Whether a row about it was changed in the database; then no agreement to it holds.
    """

    study: Study
    envelope: Envelope
    signers: frozenset[str]
    received: str
    statements: tuple[Signed, ...] = ()
    damaged: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """Hold all that was verified.

    Parameters
    ----------
    ends : tuple of int
        The last positions that are in it.
    page : Page or None
        The address book's newest; None when there is none that holds.
    book_error : WardnetError or None
        Why the book does not hold.
    proposals : Mapping of str to Proposal
        By digest of the study, oldest first.
    listed : Mapping of str to Listed
        By organisation: its newest list, whether or not the book knows the organisation.
    lists : Mapping of str to RevocationList
        Those of them that count, because the book does.
    keys : Mapping of str to KeyRevocation
        By digest: the keys that this hospital has taken back.
    view : View
        For `judge`, without uses.
    """

    ends: tuple[int, ...]
    page: Page | None
    book_error: WardnetError | None
    proposals: Mapping[str, Proposal]
    listed: Mapping[str, Listed]
    lists: Mapping[str, RevocationList]
    keys: Mapping[str, KeyRevocation]
    view: View


_READERS: Final[Mapping[str, Callable[[bytes], Statement]]] = {
    agreements.PAYLOAD_TYPE: agreements.from_bytes,
    declines.PAYLOAD_TYPE: declines.from_bytes,
    revocations.PAYLOAD_TYPE: revocations.from_bytes,
}


_NOT_YET: Final = (-1, -1, -1, -1, -1)
"""The ends before anything was read."""


class Knowledge:
    """Verify what is new in the catalog, and remember what was verified.

    Parameters
    ----------
    credentials : Credentials
        The hospital's.
    """

    def __init__(self, credentials: Credentials) -> None:
        self._member = credentials.member
        self._trust = credentials.trust
        self._lock = threading.Lock()
        self._known = self._nothing()

    def look(self, connection: Connection) -> Known:
        """Return what is known now; costs one short query when nothing is new."""
        with self._lock:
            ends = studies.ends(connection)
            if ends != self._known.ends:
                self._known = self._read(connection, ends)
            return self._known

    def check_study(self, envelope: Envelope, *, at: datetime) -> Study:
        """Return a study that came in, after every check that needs no knowledge.

        Raises
        ------
        WardnetError
            `SIGNATURE_INVALID`, `MALFORMED`, or `STUDY_INVALID` naming what is wrong.
        """
        # 1. Members of this network have signed these bytes; only now are they parsed.
        members = verify(envelope, payload_type=studies_of.PAYLOAD_TYPE, trust=self._trust, at=at)
        study = studies_of.from_bytes(envelope.payload)
        # 2. One of those who want to ask has signed, with the key that the study names.
        named = {(person.id, person.key) for person in study.people}
        signed = {
            (member.id, key) for member, key in zip(members, _keys_in_order(envelope), strict=True)
        }
        if not named & signed:
            raise WardnetError(Reason.SIGNATURE_INVALID, rule="none of its people has signed it")
        # 3. It is of this network, and asks this hospital.
        if study.network != self._trust.network:
            raise _invalid(field="network", rule="it is another network's")
        if self._member.id not in study.setting.hospitals:
            raise _invalid(field="setting.hospitals", rule="it does not ask this hospital")
        return study

    def check_statement(self, envelope: Envelope, *, at: datetime) -> Signed:
        """Return one of this hospital's own statements, after every check of its signatures.

        Raises
        ------
        WardnetError
            `SIGNATURE_INVALID` or `MALFORMED`.
        """
        # 1. It is one of the three kinds, and its signatures hold.
        reader = _READERS.get(envelope.payload_type)
        if reader is None:
            raise WardnetError(Reason.SIGNATURE_INVALID, rule="it is another kind of statement")
        members = verify(envelope, payload_type=envelope.payload_type, trust=self._trust, at=at)
        # 2. This hospital's node is among the signers: whose steward signed, the book says.
        if self._member not in members:
            raise WardnetError(
                Reason.SIGNATURE_INVALID, rule="this hospital's node did not sign it"
            )
        # 3. It speaks for this hospital.
        statement = reader(envelope.payload)
        if (statement.network, statement.hospital) != (self._trust.network, self._member.id):
            raise WardnetError(Reason.SIGNATURE_INVALID, rule="it speaks for another hospital")
        digest = canonical.digest(envelope.payload)
        return Signed(statement, digest, signing_keys(envelope), clock.to_moment(at))

    def _nothing(self) -> Known:
        book = AddressBook(version=1, network=self._trust.network, organisations=())
        view = View(self._member.id, book, (), used={}, revoked=frozenset(), lists={})
        return Known(_NOT_YET, None, None, proposals={}, listed={}, lists={}, keys={}, view=view)

    def _read(self, connection: Connection, ends: tuple[int, ...]) -> Known:
        """Verify what lies behind the known ends; all of it when rows have gone."""
        before = self._known
        if any(new < old for new, old in zip(ends, before.ends, strict=True)):
            before = self._nothing()
        proposals = dict(before.proposals)
        for row in studies.studies_after(connection, before.ends[0]):
            self._take_study(proposals, row)
        for row in studies.statements_after(connection, before.ends[1]):
            self._take_statement(proposals, row)
        page, book_error = before.page, before.book_error
        if ends[2] != before.ends[2]:
            page, book_error = self._book(studies.pages(connection))
        listed, keys = dict(before.listed), dict(before.keys)
        for row in taken_back.lists_after(connection, before.ends[3]):
            self._take_list(listed, row)
        for row in taken_back.keys_after(connection, before.ends[4]):
            self._take_key(keys, row)
        if before.ends == _NOT_YET:
            book_error = _compare(connection, proposals, page, keys) or book_error
            page = None if book_error else page
        book = page.book if page else self._nothing().view.book
        lists = {name: one.content for name, one in listed.items() if one.counts(book)}
        view = self._view(book, proposals, lists, keys)
        return Known(ends, page, book_error, proposals, listed, lists, keys, view)

    def _book(self, kept: tuple[Kept, ...]) -> tuple[Page | None, WardnetError | None]:
        try:
            return books.read(kept, member=self._member, trust=self._trust), None
        except WardnetError as error:
            return None, error

    def _take_study(self, proposals: dict[str, Proposal], row: Kept) -> None:
        known = proposals.get(row.study)
        try:
            envelope = envelope_from_bytes(row.envelope)
            study = self.check_study(envelope, at=clock.from_moment(row.at))
            if study.digest != row.study:
                raise _invalid(field="digest", rule="it is another study")
        except WardnetError:
            if known is not None:
                proposals[row.study] = replace(known, damaged=True)
            return
        signers = signing_keys(envelope)
        if known is None:
            proposals[row.study] = Proposal(study, envelope, signers, row.at)
        else:
            proposals[row.study] = replace(known, envelope=envelope, signers=signers)

    def _take_statement(self, proposals: dict[str, Proposal], row: Kept) -> None:
        known = proposals.get(row.study)
        if known is None:
            return
        try:
            envelope = envelope_from_bytes(row.envelope)
            signed = self.check_statement(envelope, at=clock.from_moment(row.at))
            if not _is_about(signed.statement, known):
                raise _invalid(field="study", rule="it is another study")
        except WardnetError:
            proposals[row.study] = replace(known, damaged=True)
            return
        proposals[row.study] = replace(known, statements=(*known.statements, signed))

    def _take_list(self, listed: dict[str, Listed], row: Kept) -> None:
        with suppress(WardnetError):  # without it, the organisation's researchers are refused
            found = self.check_list(envelope_from_bytes(row.envelope), at=clock.from_moment(row.at))
            listed[found.content.organisation] = found

    def _take_key(self, keys: dict[str, KeyRevocation], row: Kept) -> None:
        with suppress(WardnetError):  # the log misses it
            envelope, at = envelope_from_bytes(row.envelope), clock.from_moment(row.at)
            statement = taken_back.read_key(envelope, member=self._member, trust=self._trust, at=at)
            keys[canonical.digest(envelope.payload)] = statement

    def check_list(self, envelope: Envelope, *, at: datetime) -> Listed:
        """Return a revocation list whose signatures hold, and the keys that have signed it.

        Raises
        ------
        WardnetError
            `SIGNATURE_INVALID` or `MALFORMED`.
        """
        return taken_back.read_list(envelope, trust=self._trust, at=at)

    def _view(
        self,
        book: AddressBook,
        proposals: Mapping[str, Proposal],
        lists: Mapping[str, RevocationList],
        keys: Mapping[str, KeyRevocation],
    ) -> View:
        own = lists.get(self._member.id)
        revoked = {
            signed.statement.agreement
            for proposal in proposals.values()
            for signed in proposal.statements
            if isinstance(signed.statement, Revocation)
        } | {statement.key for statement in keys.values()}
        return replace(
            self._nothing().view,
            book=book,
            agreements=tuple(
                held for proposal in proposals.values() for held in _held(proposal, book)
            ),
            revoked=frozenset(revoked) | (own.digests if own else frozenset()),
            lists=lists,
        )


def _compare(
    connection: Connection,
    proposals: dict[str, Proposal],
    page: Page | None,
    keys: Mapping[str, KeyRevocation],
) -> WardnetError | None:
    """Mark what the access log knows and the tables do not; return what is wrong with the book.

    The log's end is anchored outside the database: whoever takes a row out shows here.
    """
    pages: list[str | None] = []
    there = {signed.digest for proposal in proposals.values() for signed in proposal.statements}
    try:
        decided = studies.logged(connection)
    except WardnetError:
        rule = "the access log beside it is damaged"
        return WardnetError(Reason.STATE_DAMAGED, path="the address book", rule=rule)
    for entry in decided:
        if entry.type is EventType.BOOK_CHANGED:
            pages.append(entry.result_digest)
        elif entry.type is EventType.KEY_REVOKED:
            if entry.result_digest not in keys:
                rule = "a key that was taken back is missing beside it"
                return WardnetError(Reason.STATE_DAMAGED, path="the address book", rule=rule)
        elif entry.result_digest not in there and entry.study in proposals:
            proposals[entry.study] = replace(proposals[entry.study], damaged=True)
    newest = (page.revision, canonical.digest(books.to_bytes(page))) if page else (0, None)
    if newest != (len(pages), pages[-1] if pages else None):
        rule = "its pages are not those in the access log"
        return WardnetError(Reason.STATE_DAMAGED, path="the address book", rule=rule)
    return None


def _held(proposal: Proposal, book: AddressBook) -> Iterator[Held]:
    """Yield the agreements to a study that hold; one that loosens needs two stewards."""
    if proposal.damaged:
        return
    before: Agreement | None = None
    loosened = False
    for signed in proposal.statements:
        statement = signed.statement
        match statement:
            case Agreement():
                if loosened or (before is not None and widens(statement, before)):
                    own = book.organisation(statement.hospital)
                    people = proposal.study.requesters
                    if own is None or len(own.approvers(signed.signers, requesters=people)) < 2:
                        continue
                before, loosened = statement, False
                yield Held(statement, proposal.study, signed.signers, proposal.signers)
            case Revocation():
                loosened = True  # whatever is agreed next, allows more than nothing
            case Decline():
                pass


def _is_about(statement: Statement, proposal: Proposal) -> bool:
    if isinstance(statement, Revocation):
        return statement.agreement in {
            signed.statement.digest
            for signed in proposal.statements
            if isinstance(signed.statement, Agreement)
        }
    return statement.study == proposal.study.digest


def _keys_in_order(envelope: Envelope) -> Iterator[str]:
    for signature in envelope.signatures:
        yield from signing_keys(replace(envelope, signatures=(signature,)))


def _invalid(*, field: str, rule: str) -> WardnetError:
    return WardnetError(Reason.STUDY_INVALID, path="received", field=field, rule=rule)
