"""What every decision rests on: the catalog, what was verified in it, and the log."""

from collections.abc import Sequence

from wardnet.agreement.address_book import check_approved, key_of
from wardnet.audit.log import Connection
from wardnet.identity.credentials import Credentials
from wardnet_node.desk.knowledge import Knowledge
from wardnet_node.vault.catalog import Catalog


class Ledger:
    """Hold what the rooms of `Decisions` share; any process and thread may use its own.

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

    def forget(self) -> None:
        """Verify everything anew at the next look."""
        self._knowledge = Knowledge(self._credentials)

    def _check_two(self, connection: Connection, stewards: Sequence[Credentials]) -> None:
        """Refuse what not two different stewards of this hospital sign.

        Raises
        ------
        WardnetError
            `APPROVAL_MISSING`, or `STATE_DAMAGED` when the address book does not hold.
        """
        known = self._knowledge.look(connection)
        if known.book_error is not None:
            raise known.book_error
        signers = {key_of(steward.signer.certificates[0]) for steward in stewards}
        check_approved(
            known.view.book,
            organisation=self._member.id,
            signers=signers - known.view.revoked,
            requesters=frozenset(),
            needed=2,
        )
