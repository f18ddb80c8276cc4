"""What lies behind the page: everything that a request touches, in the page's own thread."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from cryptography import x509

from wardnet import clock
from wardnet.agreement.address_book import AddressBook
from wardnet.audit import log, tags
from wardnet.audit.log import Head
from wardnet.errors import WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.keystore import Keystore
from wardnet.identity.member import Member, Role
from wardnet.question.dictionary import Dictionary
from wardnet_node.desk import vouched
from wardnet_node.desk.accounts import Accounts
from wardnet_node.desk.decide import Decisions
from wardnet_node.desk.grants import Grants, question_key
from wardnet_node.desk.reading import Reading
from wardnet_node.desk.shares.shares import Shares
from wardnet_node.desk.stewards import Stewards
from wardnet_node.desk.vouched import Vouched
from wardnet_node.health import LinkState
from wardnet_node.notify import queue as notifications
from wardnet_node.sharing.carrying.spool import Spool
from wardnet_node.sharing.giving.preparing import Preparing
from wardnet_node.sharing.taking.recipient import Recipient
from wardnet_node.vault.catalog import Catalog
from wardnet_node.vault.keys import Keyring
from wardnet_node.vault.vault import Vault


@dataclass(frozen=True, slots=True)
class Health:
    """Show how the node is.

    Parameters
    ----------
    link : LinkState
        To the coordinator.
    certificate_ends : datetime
        When the coordinator stops believing us.
    head : Head
        End of the access log.
    vouched : Vouched
        Who vouches for it.
    disk_free, disk_size : int
        Bytes, of the disk that the vault lies on.
    not_notified : str
        Why the stewards were not told of something; empty where they were.
    """

    link: LinkState
    certificate_ends: datetime
    head: Head
    vouched: Vouched
    disk_free: int
    disk_size: int
    not_notified: str

    @property
    def certificate_left(self) -> timedelta:
        """Return how long our certificates still hold."""
        return self.certificate_ends - clock.now()

    @property
    def disk_free_share(self) -> float:
        """Return the free share of the disk, 0 to 1."""
        return self.disk_free / self.disk_size


class Room:
    """Hold a catalog of its own and all that reads or decides over it.

    Parameters
    ----------
    home : Path
        The node's.
    keystore : Keystore
        Unlocked.
    credentials : Credentials
        The hospital's.
    link : Callable
        Says how the node stands with its coordinator; must not block.
    """

    def __init__(
        self,
        home: Path,
        keystore: Keystore,
        credentials: Credentials,
        *,
        link: Callable[[], LinkState],
    ) -> None:
        self._home = home
        self._keystore = keystore
        self._link = link
        self.credentials = credentials
        self._catalog = Catalog.open(home, keystore)
        self.member = credentials.member
        self.vault = Vault(home, keystore, self._catalog, member=self.member)
        self.spool = Spool(home)
        self.shares = Shares(
            self._catalog, keyring=Keyring(home, keystore), credentials=credentials
        )
        self.preparing = Preparing(
            self._catalog, vault=self.vault, shares=self.shares, member=self.member
        )
        self.recipient = self.recipient_of_its_own()
        self.decisions = Decisions(self._catalog, credentials=credentials)
        self.stewards = Stewards(
            home, catalog=self._catalog, decisions=self.decisions, member=self.member
        )
        self.grants = Grants(
            self._catalog,
            credentials=credentials,
            decisions=self.decisions,
            questions=question_key(keystore),
        )
        self.accounts = Accounts(self._catalog, grants=self.grants, member=self.member)
        self.reading = Reading(
            self._catalog,
            credentials=credentials,
            grants=self.grants,
            tag=partial(tags.tag, keystore.derive(tags.PURPOSE)),
        )

    def close(self) -> None:
        """Close the catalogs."""
        self.recipient.close()
        self._catalog.close()

    @property
    def coordinator(self) -> str:
        """Return the coordinator's address, `host:port`."""
        return self._link().address

    def recipient_of_its_own(self) -> Recipient:
        """Open what was lent, with a catalog of its own; whoever asks for it closes it."""
        return Recipient.open(self._home, self._keystore, self.credentials)

    def dictionary(self, dataset: str) -> Dictionary | None:
        """Return what a dataset's columns mean here, or None when we do not have it."""
        try:
            return self.vault.adopted(dataset).dictionary
        except WardnetError:
            return None

    def book(self) -> AddressBook | None:
        """Return the address book, or None when it does not hold."""
        try:
            return self.decisions.book()
        except WardnetError:
            return None

    def door(self, name: str) -> Stewards | Accounts:
        """Return where somebody comes in; an auditor who bears a steward's name does not."""
        auditor = name in self.accounts.names() and name not in self.stewards.names()
        return self.accounts if auditor else self.stewards

    def mark(self, member: Member) -> str:
        """Return what changes with somebody's password, her codes, and when she is removed."""
        door = self.accounts if member.role is Role.AUDITOR else self.stewards
        return door.mark(member.id)

    def health(self) -> Health:
        """Return how the node is now."""
        with self._catalog.reading() as connection:
            head, found = log.head(connection), vouched.read(connection)
            standings = notifications.standings(connection)
        disk = shutil.disk_usage(self._home)
        leaves = (
            x509.load_pem_x509_certificate(self.credentials.tls_chain_pem),
            x509.load_der_x509_certificate(self.credentials.signer.certificates[0]),
        )
        return Health(
            link=self._link(),
            certificate_ends=min(leaf.not_valid_after_utc for leaf in leaves),
            head=head,
            vouched=found,
            disk_free=disk.free,
            disk_size=disk.total,
            not_notified=next((one.error for one in standings if one.error), ""),
        )
