"""What stewards decide on the address book: whom this hospital knows."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from wardnet import canonical, clock
from wardnet.agreement.address_book import AddressBook, check_approved
from wardnet.audit import log
from wardnet.audit.entry import EventType
from wardnet.audit.log import Connection
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet_node.desk import book as books
from wardnet_node.desk import studies
from wardnet_node.desk.book import NOTHING, Key, Page
from wardnet_node.desk.decision import key, sign_all
from wardnet_node.desk.ledger import Ledger
from wardnet_node.desk.refusals import refusals_logged
from wardnet_node.desk.steward_events import by_steward


class BookDecisions(Ledger):
    """Show the address book and write its pages."""

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
        with refusals_logged(self._catalog, event), self._catalog.transaction() as connection:
            known = self._knowledge.look(connection)
            if known.book_error is not None:
                raise known.book_error
            if known.page is None:
                rule = "`wardnet-node steward add`"
                raise WardnetError(Reason.NOT_INITIALISED, path="the address book", rule=rule)
            book = change(known.page.book)
            signers = frozenset(map(key, stewards))
            # A key that was taken back decides nothing alone; beside another it may strike itself.
            check_approved(
                known.page.book,
                organisation=self._member.id,
                signers=signers - known.view.revoked,
                requesters=frozenset(),
                needed=1,
            )
            books.check_change(known.page.book, book, hospital=self._member.id, signers=signers)
            if book != known.page.book:
                previous = canonical.digest(books.to_bytes(known.page))
                page = Page(1, known.page.revision + 1, previous, book)
                self._put_page(connection, page, stewards)
        return book

    def _put_page(
        self, connection: Connection, page: Page, stewards: Sequence[Credentials]
    ) -> None:
        data, at = books.to_bytes(page), clock.now()
        envelope = sign_all(books.PAYLOAD_TYPE, data, [*stewards, self._credentials])
        event = by_steward(self._member, EventType.BOOK_CHANGED, stewards)
        studies.put_page(connection, page.revision, envelope, at=at)
        log.append(connection, replace(event, result_digest=canonical.digest(data)), at=at)
