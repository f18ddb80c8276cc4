"""The stewards' own homes at the node.

A steward's approving key lies under her own password, in `<node home>/stewards/<id>/`: neither the
node nor whoever runs it can sign for her. At the web desk she also needs a code; the commands, for
which one needs the node's passphrase and its machine, ask for the password alone.
"""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificates

from wardnet import canonical
from wardnet.agreement.address_book import key_of
from wardnet.audit.entry import EventType, Outcome
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import SIGNING_FILE, Credentials
from wardnet.identity.invitation import Invitation
from wardnet.identity.keystore import FILE_NAME, Keystore
from wardnet.identity.member import Member, Role
from wardnet.transport.enrol import enrol
from wardnet_node.desk.book import without_steward
from wardnet_node.desk.decide import Decisions
from wardnet_node.desk.decision import key
from wardnet_node.desk.door import Door, address_of, new_secret
from wardnet_node.vault.catalog import Catalog

FOLDER: Final = "stewards"

_SECRET: Final = "totp"  # noqa: S105 - its name in the keystore


@dataclass(frozen=True, slots=True)
class StewardState:
    """Show one steward who is enrolled at this node.

    Parameters
    ----------
    id : str
        Within the network.
    fingerprint : str
        Of her approving key.
    in_book : bool
        Whether the hospital's address book names this key: only then do her decisions count.
    """

    id: str
    fingerprint: str
    in_book: bool


class Stewards(Door[Keystore, Credentials]):
    """Enrol stewards and let them in.

    Parameters
    ----------
    home : Path
        The node's.
    catalog : Catalog
        Keeps wrong attempts, used codes and the log.
    decisions : Decisions
        Keeps the address book.
    member : Member
        The hospital's node.
    """

    _role = Role.STEWARD
    _coming_in = EventType.STEWARD_LOGIN

    def __init__(
        self, home: Path, *, catalog: Catalog, decisions: Decisions, member: Member
    ) -> None:
        super().__init__(catalog, member=member)
        self._folder = home / FOLDER
        self._decisions = decisions

    def add(self, invitation: Invitation, password: str) -> tuple[Credentials, str]:
        """Enrol a steward; the first one's key begins the address book.

        Parameters
        ----------
        invitation : Invitation
            Checked by `wardnet.transport.enrol.check_invitation`: for a steward, of this network.
        password : str
            Hers alone.

        Returns
        -------
        tuple of Credentials and str
            And the address (`otpauth://`) for her authenticator, shown once.

        Raises
        ------
        WardnetError
            As `wardnet.transport.enrol.enrol`.
        """
        member = invitation.member
        credentials, keystore = enrol(invitation, self._folder / member.id, password)
        uri = self._new_codes(keystore, member)
        self._record(EventType.STEWARD_ADDED, member, Outcome.DONE, key=key(credentials))
        self._decisions.found_book(credentials)
        return credentials, uri

    def new_codes(self, steward: str, *, password: str) -> str:
        """Return the address for a new authenticator; the codes of the old one end.

        Raises
        ------
        WardnetError
            `LOGIN_REFUSED`; logged.
        """
        credentials = self.unlock(steward, password=password)
        keystore = Keystore.unlock(self._folder / steward, password)
        self._record(EventType.KEY_CREATED, credentials.member, Outcome.DONE, key=key(credentials))
        return self._new_codes(keystore, credentials.member)

    def change_password(self, steward: str, *, password: str, new: str) -> None:
        """Give a steward's key a new password; whoever is signed in as her is signed out.

        Raises
        ------
        WardnetError
            `LOGIN_REFUSED`, or `PASSPHRASE_WEAK` for the new one; logged.
        """
        credentials = self.unlock(steward, password=password)
        Keystore.unlock(self._folder / steward, password).set_passphrase(new)
        self._record(
            EventType.PASSWORD_CHANGED, credentials.member, Outcome.DONE, key=key(credentials)
        )

    def remove(self, steward: str, *, stewards: Sequence[Credentials]) -> None:
        """Strike a steward out of the address book, and destroy her key where it lies here.

        Parameters
        ----------
        stewards : Sequence of Credentials
            Who signs; her own signature does not count.

        Raises
        ------
        WardnetError
            `APPROVAL_MISSING`, or `PARAMETER_INVALID` when there is no such steward, or no other;
            logged.
        """
        others = [other for other in stewards if other.member.id != steward]
        enrolled = any(state.id == steward for state in self._homes())
        self._decisions.change_book(
            lambda book: without_steward(book, self._member.id, steward, must=not enrolled),
            stewards=others,
        )
        if enrolled:
            shutil.rmtree(self._folder / steward)
        member = Member(self._member.network, Role.STEWARD, steward)
        self._record(EventType.STEWARD_REMOVED, member, Outcome.DONE)

    def mark(self, steward: str) -> str:
        """Return what changes with her password, with her codes, and when she is removed."""
        homes = {path.parent.name: path for path in self._folder.glob(f"*/{FILE_NAME}")}
        return canonical.digest(homes[steward].read_bytes()) if steward in homes else ""

    def list(self) -> tuple[StewardState, ...]:
        """Return the stewards who are enrolled here, by id."""
        own = self._decisions.book().organisation(self._member.id)
        known = {key for steward in own.stewards for key in steward.keys} if own else set()
        return tuple(
            replace(steward, in_book=steward.fingerprint in known) for steward in self._homes()
        )

    def unlock(self, steward: str, *, password: str) -> Credentials:
        """Return a steward's credentials by her password: for commands at the node's machine.

        Raises
        ------
        WardnetError
            `LOGIN_REFUSED`, whatever was wrong; logged.
        """
        return self._let_in(steward, password, code=None)

    def names(self) -> Sequence[str]:
        """Return the ids of those who are enrolled here, sorted."""
        return sorted(state.id for state in self._homes())

    def _opened(self, name: str, password: str) -> Keystore | None:
        try:
            return Keystore.unlock(self._folder / name, password)
        except WardnetError as error:
            if error.reason is not Reason.PASSPHRASE_WRONG:
                raise
            return None

    def _secret(self, _name: str, opened: Keystore) -> bytes:
        return opened.open(_SECRET)

    def _person(self, name: str, opened: Keystore, at: datetime) -> Credentials:
        return Credentials.load(self._folder / name, opened, at=at)

    def _new_codes(self, keystore: Keystore, member: Member) -> str:
        secret = new_secret()
        keystore.seal(_SECRET, secret)
        hospital, network = self._member.id, member.network
        return address_of(secret, name=member.id, hospital=hospital, network=network)

    def _homes(self) -> Iterator[StewardState]:
        """Yield who has a home here; a finished enrolment has a keystore."""
        for path in sorted(self._folder.glob(f"*/{FILE_NAME}")):
            chain = load_pem_x509_certificates((path.parent / SIGNING_FILE).read_bytes())
            fingerprint = key_of(chain[0].public_bytes(Encoding.DER))
            yield StewardState(path.parent.name, fingerprint, in_book=False)
