"""Shares: one hospital asks another for records, which decides; both keep what either has said.

Every statement is signed by its hospital's node, and by a steward where people decide. It is
durable together with its entry in the access log, and with the letter that carries it, before
anything leaves; and it counts only because the keys stand in the address book of who reads it.
"""

from pathlib import Path
from typing import Self

from wardnet.identity.credentials import Credentials
from wardnet.identity.keystore import Keystore
from wardnet_node.desk.shares.asking import Asking
from wardnet_node.desk.shares.receiving import Receiving
from wardnet_node.vault.catalog import Catalog
from wardnet_node.vault.keys import Keyring


class Shares(Asking, Receiving):
    """Ask, decide, hand out, receive, destroy; any process and thread may use its own."""

    @classmethod
    def open(cls, home: Path, keystore: Keystore, credentials: Credentials) -> Self:
        """Open all that it needs, with a catalog of its own."""
        catalog = Catalog.open(home, keystore)
        return cls(catalog, keyring=Keyring(home, keystore), credentials=credentials)

    def close(self) -> None:
        """Close the catalog."""
        self._catalog.close()
