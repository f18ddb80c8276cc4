"""The stewards' own homes at the node, and how a steward proves who she is.

A steward's approving key lies under her own password, in `<node home>/stewards/<id>/`: neither the
node nor whoever runs it can sign for her. At the web desk she also needs a code (TOTP), each usable
once; the commands, for which one needs the node's passphrase and its machine, ask for the password.
Wrong attempts are counted before anything is tried, so that many at once win nothing.

References
----------
RFC 6238 (TOTP), RFC 4226 sections 5.3 and 7.3 (throttling); NIST SP 800-63B-4, 3.2.2.
"""

import secrets
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from cryptography.x509 import load_pem_x509_certificates

from wardnet import canonical, clock
from wardnet.agreement.address_book import key_of
from wardnet.audit import log
from wardnet.audit.entry import Actor, Event, EventType, Outcome, refused
from wardnet.audit.log import Connection
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import SIGNING_FILE, Credentials
from wardnet.identity.invitation import Invitation
from wardnet.identity.keystore import FILE_NAME, Keystore
from wardnet.identity.member import Member, Role
from wardnet.transport.enrol import enrol
from wardnet_node.desk.book import without_steward
from wardnet_node.desk.decide import Decisions
from wardnet_node.desk.decision import key
from wardnet_node.vault.catalog import Catalog

FOLDER: Final = "stewards"

MAXIMUM_WRONG: Final = 10
LOCKED: Final = timedelta(minutes=15)
"""How long nobody logs in as a steward after ten wrong attempts."""

STEP_SECONDS: Final = 30
"""How long a code is the present one; the one before and the one after hold too."""

_NOBODY: Final = ""
"""Under which attempts with unknown names are counted."""

_SECRET: Final = "totp"  # noqa: S105 - its name in the keystore
_SECRET_BYTES: Final = 20


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


class Stewards:
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

    def __init__(
        self, home: Path, *, catalog: Catalog, decisions: Decisions, member: Member
    ) -> None:
        self._folder = home / FOLDER
        self._catalog = catalog
        self._decisions = decisions
        self._member = member

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

    def log_in(self, steward: str, *, password: str, code: str) -> Credentials:
        """Return a steward's credentials by her password and a code: for the web desk.

        Raises
        ------
        WardnetError
            `LOGIN_REFUSED`, whatever was wrong; logged.
        """
        return self._let_in(steward, password, code=code)

    def _let_in(self, steward: str, password: str, *, code: str | None) -> Credentials:
        at = clock.now()
        # 1. Only who is enrolled here can log in; the name was never used as a path before this.
        known = sorted(state.id for state in self._homes())
        name = steward if steward in known else _NOBODY
        # 2. The attempt counts before it is tried, those with unknown names as one name's.
        counted = self._counted(name, at)
        # 3. The password opens her keystore. It is tried in any case, on another's if need be: how
        # long a refusal takes must not tell who is enrolled, or locked.
        keystore = _opened(self._folder / (name or known[0]), password) if known else None
        if name == _NOBODY or not counted or keystore is None:
            raise self._refused(name)
        # 4. The code is of now and was never used.
        step = None if code is None else _step_of(keystore.open(_SECRET), code, at=at)
        if code is not None and step is None:
            raise self._refused(steward)
        credentials = Credentials.load(self._folder / name, keystore, at=at)
        if not self._forgiven(credentials, step, at):
            raise self._refused(steward)
        return credentials

    def _counted(self, steward: str, at: datetime) -> bool:
        """Count one more attempt as wrong until it proves right; False while locked."""
        now = clock.to_moment(at)
        with self._catalog.transaction() as connection:
            wrong, locked_until, _ = _attempts(connection, steward)
            if now < locked_until:
                return False
            wrong = 1 if locked_until else wrong + 1
            until = clock.to_moment(at + LOCKED) if wrong >= MAXIMUM_WRONG else ""
            connection.execute(
                "INSERT INTO logins (steward, wrong, locked_until, step) VALUES (?, ?, ?, 0)"
                " ON CONFLICT (steward) DO UPDATE SET wrong = excluded.wrong,"
                " locked_until = excluded.locked_until",
                (steward, wrong, until),
            )
        return True

    def _forgiven(self, credentials: Credentials, step: int | None, at: datetime) -> bool:
        """Record that an attempt proved right; False when its code was used before."""
        with self._catalog.transaction() as connection:
            _, _, used = _attempts(connection, credentials.member.id)
            if step is not None and step <= used:
                return False
            connection.execute(
                "UPDATE logins SET wrong = 0, locked_until = '', step = ? WHERE steward = ?",
                (used if step is None else step, credentials.member.id),
            )
            event = self._event(EventType.STEWARD_LOGIN, credentials.member, Outcome.DONE)
            log.append(connection, event, at=at)
        return True

    def _refused(self, steward: str) -> WardnetError:
        """Log a refused login and return its one sentence; unknown names are not written down."""
        member = Member(self._member.network, Role.STEWARD, steward) if steward else None
        self._record(EventType.STEWARD_LOGIN, member, Outcome.REFUSED)
        return WardnetError(Reason.LOGIN_REFUSED)

    def _new_codes(self, keystore: Keystore, member: Member) -> str:
        secret = secrets.token_bytes(_SECRET_BYTES)
        keystore.seal(_SECRET, secret)
        name = f"{member.id}@{self._member.id}"
        return _totp(secret).get_provisioning_uri(name, f"Wardnet {member.network}")

    def _homes(self) -> Iterator[StewardState]:
        """Yield who has a home here; a finished enrolment has a keystore."""
        for path in sorted(self._folder.glob(f"*/{FILE_NAME}")):
            chain = load_pem_x509_certificates((path.parent / SIGNING_FILE).read_bytes())
            fingerprint = key_of(chain[0].public_bytes(Encoding.DER))
            yield StewardState(path.parent.name, fingerprint, in_book=False)

    def _record(
        self, kind: EventType, member: Member | None, outcome: Outcome, *, key: str | None = None
    ) -> None:
        event = self._event(kind, member, outcome, key=key)
        with self._catalog.transaction() as connection:
            log.append(connection, event, at=clock.now())

    def _event(
        self, kind: EventType, member: Member | None, outcome: Outcome, *, key: str | None = None
    ) -> Event:
        subject, role = (member.uri, member.role.value) if member else ("unknown", None)
        actor = Actor(subject=subject, organisation=self._member.id, role=role, key_id=key)
        event = Event(type=kind, outcome=outcome, node=self._member.uri, actor=actor)
        if outcome is Outcome.REFUSED:
            return refused(event, [WardnetError(Reason.LOGIN_REFUSED)])
        return event


def code_at(secret: bytes, *, at: datetime) -> str:
    """Return the code of a moment: 6 digits."""
    return _totp(secret).generate(int(at.timestamp())).decode()


def _opened(home: Path, password: str) -> Keystore | None:
    """Return the keystore of a home, or None when the password does not open it."""
    try:
        return Keystore.unlock(home, password)
    except WardnetError as error:
        if error.reason is not Reason.PASSPHRASE_WRONG:
            raise
        return None


def _step_of(secret: bytes, code: str, *, at: datetime) -> int | None:
    """Return the step that a code belongs to: the present one, or one beside it."""
    present = int(at.timestamp()) // STEP_SECONDS
    found = None
    for step in (present - 1, present, present + 1):
        right = _totp(secret).generate(step * STEP_SECONDS)
        if bytes_eq(right, code.encode()):
            found = step
    return found


def _totp(secret: bytes) -> TOTP:
    # SHA-1, six digits and 30 seconds are what every authenticator knows; HMAC-SHA-1 is not broken.
    return TOTP(secret, 6, SHA1(), STEP_SECONDS)  # noqa: S303 - see above


def _attempts(connection: Connection, steward: str) -> tuple[int, str, int]:
    row = connection.execute(
        "SELECT wrong, locked_until, step FROM logins WHERE steward = ?", (steward,)
    ).fetchone()
    return (0, "", 0) if row is None else (row[0], row[1], row[2])
