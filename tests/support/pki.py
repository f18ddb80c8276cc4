"""A network's keys and certificates made in memory, for tests."""

import functools
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

from wardnet import clock
from wardnet.identity import keystore as keystores
from wardnet.identity.authority import create_issuing, create_root, issue
from wardnet.identity.certificates import Usage
from wardnet.identity.credentials import Credentials, Keys, chain_pem, private_pem
from wardnet.identity.envelope import Signer, Trust
from wardnet.identity.keystore import Cost, Keystore
from wardnet.identity.member import Member, Role
from wardnet_node.vault.catalog import Catalog

PASSPHRASE = "correct horse battery staple"
CHEAP = Cost(memory=8, passes=1, lanes=1)
"""What a passphrase costs in tests: microseconds."""

AGE = timedelta(days=100)
"""How long a network's authorities exist when a test begins: room for expired leaves."""

SERVER_NAMES = ("localhost", "127.0.0.1")


class TestNetwork:
    """A root, an issuing authority, and credentials for whoever a test needs."""

    __test__ = False  # a name for tests, no test

    def __init__(self, name: str = "heartnet", *, at: datetime | None = None) -> None:
        self.name = name
        self.at = at or clock.now()
        self.root = create_root(name, at=self.at - AGE)
        self.issuing = create_issuing(self.root, at=self.at - AGE)

    @property
    def trust(self) -> Trust:
        """Return what this network's members believe."""
        return Trust(self.name, self.root.certificate)

    @functools.cache  # noqa: B019 - a network lives as long as its test
    def credentials(self, role: Role, name: str) -> Credentials:
        """Return the credentials of a member; the same ones every time."""
        return self.issue(Member(self.name, role, name))

    def coordinator(self) -> Credentials:
        """Return the credentials of the coordinator, with the server names of loopback."""
        return self.credentials(Role.COORDINATOR, "coordinator")

    def node(self, name: str) -> Credentials:
        """Return the credentials of a hospital's node."""
        return self.credentials(Role.NODE, name)

    def researcher(self, name: str = "ada") -> Credentials:
        """Return the credentials of a researcher."""
        return self.credentials(Role.RESEARCHER, name)

    def issue(
        self,
        member: Member,
        *,
        at: datetime | None = None,
        lifetime: timedelta = timedelta(days=30),
    ) -> Credentials:
        """Return new credentials of any member, begun at any moment."""
        keys = Keys.generate()
        at = at or self.at
        names = SERVER_NAMES if member.role is Role.COORDINATOR else ()
        tls, signing = (
            issue(
                request,
                member=member,
                usage=usage,
                issuing=self.issuing,
                at=at,
                server_names=server_names,
                lifetime=lifetime,
            )
            for request, usage, server_names in (
                (keys.tls_request, Usage.TLS, names),
                (keys.signing_request, Usage.SIGNING, ()),
            )
        )
        # Not by `Keys.certified`, which checks: attacks need credentials that do not pass.
        return Credentials(
            member=member,
            root=self.root.certificate,
            tls_key_pem=private_pem(keys.tls),
            tls_chain_pem=chain_pem(tls),
            signer=Signer(signing, keys.signing),
        )

    def settle(self, home: Path, role: Role, name: str) -> Keystore:
        """Write a member's keystore and certificates to `home`, as an enrolment does."""
        keystore = cheap_keystore(home)
        self.credentials(role, name).save(home, keystore)
        return keystore

    def found(self, home: Path, hospital: str) -> Keystore:
        """Write what joining gives a node: what `settle` writes, and an empty catalog."""
        keystore = self.settle(home, Role.NODE, hospital)
        Catalog.create(home, keystore).close()
        return keystore


def cheap_keystore(home: Path) -> Keystore:
    """Return a new keystore whose passphrase is `PASSPHRASE` and costs nothing to try."""
    usual = keystores.COST
    keystores.COST = CHEAP  # type: ignore[misc]
    try:
        return Keystore.create(home, PASSPHRASE)
    finally:
        keystores.COST = usual  # type: ignore[misc]


def certificates(chain: bytes) -> list[x509.Certificate]:
    """Read a PEM chain."""
    return x509.load_pem_x509_certificates(chain)
