"""Where a command works: the home that was named before the subcommand, and how it is opened."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from wardnet import settings
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.keystore import FILE_NAME, Keystore, read_passphrase
from wardnet_node.desk.decide import Decisions
from wardnet_node.desk.grants import Grants, question_key
from wardnet_node.desk.shares.shares import Shares
from wardnet_node.desk.stewards import Stewards
from wardnet_node.models.installed import Installed
from wardnet_node.settings import NodeSettings
from wardnet_node.sharing.giving.consent import Consent
from wardnet_node.sharing.giving.owner import Owner
from wardnet_node.sharing.taking.recipient import Recipient
from wardnet_node.vault.catalog import Catalog
from wardnet_node.vault.vault import Vault


@dataclass(frozen=True)
class Place:
    """Open what a command needs, and only that.

    Parameters
    ----------
    home : Path
        The node's folder.
    passphrase_file : Path or None
        File whose first line is the passphrase.
    """

    home: Path
    passphrase_file: Path | None

    def new_passphrase(self) -> str:
        """Return the passphrase for a keystore that is about to be made."""
        path = self.home / FILE_NAME
        if path.exists():
            raise WardnetError(Reason.ALREADY_EXISTS, path=str(path))
        return self.next_passphrase()

    def next_passphrase(self) -> str:
        """Return the passphrase that is to be set."""
        return read_passphrase(self.home / FILE_NAME, self.passphrase_file, confirm=True)

    @cached_property
    def keystore(self) -> Keystore:
        """Unlock the keystore."""
        path = self.home / FILE_NAME
        if not path.exists():  # before anybody is asked for a passphrase
            rule = "`wardnet-node init`"
            raise WardnetError(Reason.NOT_INITIALISED, path=str(self.home), rule=rule)
        return Keystore.unlock(self.home, read_passphrase(path, self.passphrase_file))

    @property
    def settings(self) -> NodeSettings:
        """Read the settings."""
        return settings.load(NodeSettings, self.home)

    @property
    def credentials(self) -> Credentials:
        """Read keys and certificates."""
        return Credentials.load(self.home, self.keystore)

    @contextmanager
    def catalog(self) -> Iterator[Catalog]:
        """Open the catalog."""
        catalog = Catalog.open(self.home, self.keystore)
        try:
            yield catalog
        finally:
            catalog.close()

    @contextmanager
    def decisions(self) -> Iterator[tuple[Decisions, Stewards]]:
        """Open what stewards decide on, and the stewards."""
        credentials = self.credentials
        with self.catalog() as catalog:
            decisions = Decisions(catalog, credentials=credentials)
            yield (
                decisions,
                Stewards(
                    self.home,
                    catalog=catalog,
                    decisions=decisions,
                    member=credentials.member,
                ),
            )

    @contextmanager
    def grants(self) -> Iterator[tuple[Grants, Stewards]]:
        """Open what auditors were granted, and the stewards."""
        with self.decisions() as (decisions, stewards), self.catalog() as catalog:
            grants = Grants(
                catalog,
                credentials=self.credentials,
                decisions=decisions,
                questions=question_key(self.keystore),
            )
            yield grants, stewards

    @contextmanager
    def vault(self) -> Iterator[Vault]:
        """Open the vault."""
        with self.catalog() as catalog:
            yield Vault(self.home, self.keystore, catalog, member=self.credentials.member)

    @contextmanager
    def models(self) -> Iterator[Installed]:
        """Open the installed models."""
        with self.catalog() as catalog:
            yield Installed(catalog, credentials=self.credentials)

    @contextmanager
    def consent(self) -> Iterator[Consent]:
        """Open the lists of patients who agreed or objected."""
        member = self.credentials.member
        with self.catalog() as catalog:
            vault = Vault(self.home, self.keystore, catalog, member=member)
            yield Consent(catalog, vault, member=member)

    @contextmanager
    def shares(self) -> Iterator[Shares]:
        """Open what is shared with other hospitals."""
        shares = Shares.open(self.home, self.keystore, self.credentials)
        try:
            yield shares
        finally:
            shares.close()

    @contextmanager
    def owner(self) -> Iterator[Owner]:
        """Open what this hospital hands over."""
        owner = Owner.open(self.home, self.keystore, self.credentials, self.settings)
        try:
            yield owner
        finally:
            owner.close()

    @contextmanager
    def recipient(self) -> Iterator[Recipient]:
        """Open what other hospitals have lent."""
        recipient = Recipient.open(self.home, self.keystore, self.credentials)
        try:
            yield recipient
        finally:
            recipient.close()
