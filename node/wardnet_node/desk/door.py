"""How people come in at the desk: by a password, and at its page by a code besides.

Wrong attempts are counted before anything is tried, so that many at once win nothing. A code (TOTP)
works once.

References
----------
RFC 6238 (TOTP), RFC 4226 sections 5.3 and 7.3 (throttling); NIST SP 800-63B-4, 3.2.2.
"""

import secrets
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Final, Generic, TypeVar

from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from wardnet import clock
from wardnet.audit import log
from wardnet.audit.entry import Actor, Event, EventType, Outcome, refused
from wardnet.audit.log import Connection
from wardnet.errors import Reason, WardnetError
from wardnet.identity.member import Member, Role
from wardnet_node.vault.catalog import Catalog

K = TypeVar("K")
P = TypeVar("P")

MAXIMUM_WRONG: Final = 10
LOCKED: Final = timedelta(minutes=15)
"""How long nobody comes in under a name after ten wrong attempts."""

STEP_SECONDS: Final = 30
"""How long a code is the present one; the one before and the one after hold too."""

_NOBODY: Final = ""
"""Under which attempts with unknown names are counted."""

_SECRET_BYTES: Final = 20


class Door(ABC, Generic[K, P]):
    """Let people of one role in; what opens is a `K`, who comes in a `P`.

    Parameters
    ----------
    catalog : Catalog
        Keeps wrong attempts, used codes and the log.
    member : Member
        The hospital's node.
    """

    _role: ClassVar[Role]
    _coming_in: ClassVar[EventType]

    def __init__(self, catalog: Catalog, *, member: Member) -> None:
        self._catalog = catalog
        self._member = member

    @abstractmethod
    def names(self) -> Sequence[str]:
        """Return who may come in at all, sorted."""

    @abstractmethod
    def _opened(self, name: str, password: str) -> K | None:
        """Return what the password of a name opens; None for a wrong one. It takes its time."""

    @abstractmethod
    def _secret(self, name: str, opened: K) -> bytes:
        """Return what her codes are made from."""

    @abstractmethod
    def _person(self, name: str, opened: K, at: datetime) -> P:
        """Return who comes in."""

    def log_in(self, name: str, *, password: str, code: str) -> P:
        """Let somebody in by her password and a code: at the page.

        Raises
        ------
        WardnetError
            `LOGIN_REFUSED`, whatever was wrong; logged.
        """
        return self._let_in(name, password, code=code)

    def _let_in(self, asked: str, password: str, *, code: str | None) -> P:
        at = clock.now()
        # 1. Only who is known here can log in; the name was never used as a path before this.
        known = self.names()
        name = asked if asked in known else _NOBODY
        # 2. The attempt counts before it is tried, those with unknown names as one name's.
        counted = self._counted(name, at)
        # 3. The password opens what is hers. It is tried in any case, on another's if need be: how
        # long a refusal takes must not tell who is known, or locked.
        opened = self._opened(name or known[0], password) if known else None
        if name == _NOBODY or not counted or opened is None:
            raise self._refused(name)
        # 4. The code is of now and was never used.
        step = None if code is None else _step_of(self._secret(name, opened), code, at=at)
        if code is not None and step is None:
            raise self._refused(name)
        person = self._person(name, opened, at)
        if not self._forgiven(name, step, at):
            raise self._refused(name)
        return person

    def _counted(self, name: str, at: datetime) -> bool:
        """Count one more attempt as wrong until it proves right; False while locked."""
        now = clock.to_moment(at)
        with self._catalog.transaction() as connection:
            wrong, locked_until, _ = self._attempts(connection, name)
            if now < locked_until:
                return False
            wrong = 1 if locked_until else wrong + 1
            until = clock.to_moment(at + LOCKED) if wrong >= MAXIMUM_WRONG else ""
            connection.execute(
                "INSERT INTO logins (steward, wrong, locked_until, step) VALUES (?, ?, ?, 0)"
                " ON CONFLICT (steward) DO UPDATE SET wrong = excluded.wrong,"
                " locked_until = excluded.locked_until",
                (self._counter(name), wrong, until),
            )
        return True

    def _forgiven(self, name: str, step: int | None, at: datetime) -> bool:
        """Record that an attempt proved right; False when its code was used before."""
        with self._catalog.transaction() as connection:
            _, _, used = self._attempts(connection, name)
            if step is not None and step <= used:
                return False
            connection.execute(
                "UPDATE logins SET wrong = 0, locked_until = '', step = ? WHERE steward = ?",
                (used if step is None else step, self._counter(name)),
            )
            event = self._event(self._coming_in, self._named(name), Outcome.DONE)
            log.append(connection, event, at=at)
        return True

    def _attempts(self, connection: Connection, name: str) -> tuple[int, str, int]:
        row = connection.execute(
            "SELECT wrong, locked_until, step FROM logins WHERE steward = ?",
            (self._counter(name),),
        ).fetchone()
        return (0, "", 0) if row is None else (row[0], row[1], row[2])

    def _counter(self, name: str) -> str:
        """Return under what attempts are counted: a steward's under her bare name."""
        return name if self._role is Role.STEWARD else f"{self._role.value}/{name}"

    def _named(self, name: str) -> Member:
        return Member(self._member.network, self._role, name)

    def _refused(self, name: str) -> WardnetError:
        """Log a refused login and return its one sentence; unknown names are not written down."""
        self._record(self._coming_in, self._named(name) if name else None, Outcome.REFUSED)
        return WardnetError(Reason.LOGIN_REFUSED)

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
        own = self._member.id if self._role is Role.STEWARD else None
        actor = Actor(subject=subject, organisation=own, role=role, key_id=key)
        event = Event(type=kind, outcome=outcome, node=self._member.uri, actor=actor)
        if outcome is Outcome.REFUSED:
            return refused(event, [WardnetError(Reason.LOGIN_REFUSED)])
        return event


def code_at(secret: bytes, *, at: datetime) -> str:
    """Return the code of a moment: 6 digits."""
    return _totp(secret).generate(int(at.timestamp())).decode()


def new_secret() -> bytes:
    """Return what codes are made from: 160 random bits."""
    return secrets.token_bytes(_SECRET_BYTES)


def address_of(secret: bytes, *, name: str, hospital: str, network: str) -> str:
    """Return what an authenticator reads (`otpauth://`); it holds the secret."""
    return _totp(secret).get_provisioning_uri(f"{name}@{hospital}", f"Wardnet {network}")


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
