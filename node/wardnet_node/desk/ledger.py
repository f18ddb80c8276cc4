"""What every decision rests on: the catalog, what was verified in it, and the log."""

from collections.abc import Iterator
from contextlib import contextmanager

from wardnet import clock
from wardnet.audit import log
from wardnet.audit.entry import Event, refused
from wardnet.errors import WardnetError
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

    @contextmanager
    def _refusals_logged(self, event: Event) -> Iterator[None]:
        try:
            yield
        except WardnetError as error:
            with self._catalog.transaction() as connection:
                log.append(connection, refused(event, [error]), at=clock.now())
            raise
