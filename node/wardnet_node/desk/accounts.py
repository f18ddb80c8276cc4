"""How auditors sign in at the desk: by a password and codes of their own.

A steward invites an auditor who has a grant, and tells her a code by another way than the network;
with it she sets her password and her authenticator, once. The account counts for the key that the
grant names: a grant to another key, and none, end it. It opens nothing but the page: what she asks
for by `wardnet audit` she signs with that key.
"""

import base64
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives.constant_time import bytes_eq
from pydantic import TypeAdapter

from wardnet import canonical, clock
from wardnet.audit import log
from wardnet.audit.entry import EventType, Outcome
from wardnet.audit.log import Connection
from wardnet.clock import Moment
from wardnet.errors import Reason, WardnetError
from wardnet.identity import keystore
from wardnet.identity.credentials import Credentials
from wardnet.identity.member import Member, Role
from wardnet.identity.slots import (
    KEY_BYTES,
    Slot,
    decrypt,
    encrypt,
    open_with_passphrase,
    passphrase_slot,
)
from wardnet_node.desk.door import Door, address_of, new_secret
from wardnet_node.desk.grants import Grants
from wardnet_node.desk.steward_events import by_steward
from wardnet_node.vault.catalog import Catalog

INVITED: Final = timedelta(days=7)
"""How long an invitation counts."""

_CODE_BYTES: Final = 20
_GROUP: Final = 4
_SLOT: Final = TypeAdapter(Slot)


@dataclass(frozen=True, slots=True)
class Auditor:
    """Hold an auditor who is signed in at the desk.

    Parameters
    ----------
    member : Member
        Who she is.
    key : str
        Fingerprint of the signing key that her account was made for.
    """

    member: Member
    key: str


@dataclass(frozen=True, slots=True)
class Account:
    """Hold what is kept of one account.

    Parameters
    ----------
    key : str
        Fingerprint of the signing key that it was made for.
    invitation : str
        SHA-256 of the code of its invitation; empty once that was used.
    until : Moment
        When the invitation ends.
    slot, codes : bytes
        A key under her password, and her authenticator's secret under that key; empty before.
    """

    key: str
    invitation: str
    until: Moment
    slot: bytes
    codes: bytes


class Accounts(Door[bytes, Auditor]):
    """Invite auditors to the desk and let them in.

    Parameters
    ----------
    catalog : Catalog
        Keeps the accounts and the log.
    grants : Grants
        Who may read what.
    member : Member
        The hospital's node.
    """

    _role = Role.AUDITOR
    _coming_in = EventType.AUDITOR_LOGIN

    def __init__(self, catalog: Catalog, *, grants: Grants, member: Member) -> None:
        super().__init__(catalog, member=member)
        self._grants = grants

    def invite(self, auditor: str, *, steward: Credentials) -> str:
        """Return a code by which an auditor makes her account; one that she has ends.

        Raises
        ------
        WardnetError
            `AUDIT_NOT_GRANTED` when no grant is in force.
        """
        at = clock.now()
        key = self._granted_key(auditor, at=at)
        code = base64.b32encode(secrets.token_bytes(_CODE_BYTES)).decode().lower()
        event = by_steward(self._member, EventType.AUDITOR_INVITED, [steward])
        with self._catalog.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO desk_accounts"
                " (auditor, key, invitation, until, slot, codes) VALUES (?, ?, ?, ?, x'', x'')",
                (auditor, key, _digest(code), clock.to_moment(at + INVITED)),
            )
            log.append(connection, replace(event, recipient=self._named(auditor).uri), at=at)
        return "-".join(code[at : at + _GROUP] for at in range(0, len(code), _GROUP))

    def accept(self, auditor: str, *, code: str, password: str) -> str:
        """Make an account by the code of its invitation, which ends with that.

        Returns
        -------
        str
            The address (`otpauth://`) for her authenticator, shown once.

        Raises
        ------
        WardnetError
            `LOGIN_REFUSED`, whatever was wrong, logged; `PASSPHRASE_WEAK`.
        """
        at = clock.now()
        root_key, secret = secrets.token_bytes(KEY_BYTES), new_secret()
        slot = passphrase_slot(root_key, password, cost=keystore.COST)
        with self._catalog.transaction() as connection:
            account = self._account(connection, auditor)
            fits = account is not None and _fits(account, code, at=at)
            if fits and account is not None:
                connection.execute(
                    "UPDATE desk_accounts SET invitation = '', slot = ?, codes = ?"
                    " WHERE auditor = ?",
                    (
                        canonical.write(_SLOT, slot),
                        encrypt(root_key, secret, context=f"codes {auditor}"),
                        auditor,
                    ),
                )
                event = self._event(EventType.KEY_CREATED, self._named(auditor), Outcome.DONE)
                log.append(connection, event, at=at)
        if not fits:
            raise self._refused(auditor if account else "")
        return address_of(
            secret, name=auditor, hospital=self._member.id, network=self._member.network
        )

    def mark(self, auditor: str) -> str:
        """Return what changes with her password and codes; empty when she has none."""
        with self._catalog.reading() as connection:
            account = self._account(connection, auditor)
        return hashlib.sha256(account.slot).hexdigest() if account and account.slot else ""

    def names(self) -> Sequence[str]:
        """Return the ids of those who have an account, sorted."""
        with self._catalog.reading() as connection:
            rows = connection.execute(
                "SELECT auditor FROM desk_accounts WHERE slot <> x'' ORDER BY auditor"
            )
            return [name for (name,) in rows.fetchall()]

    def _opened(self, name: str, password: str) -> bytes | None:
        account = self._kept(name)
        return open_with_passphrase(canonical.read(_SLOT, account.slot), password)

    def _secret(self, name: str, opened: bytes) -> bytes:
        return decrypt(opened, self._kept(name).codes, context=f"codes {name}") or b""

    def _person(self, name: str, opened: bytes, at: datetime) -> Auditor:
        """Return her, when the account's key is still the granted one."""
        del opened
        key = self._kept(name).key
        try:
            self._grants.in_force(name, key=key, at=at)
        except WardnetError as error:
            if error.reason is not Reason.AUDIT_NOT_GRANTED:
                raise
            raise self._refused(name) from error
        return Auditor(self._named(name), key)

    def _kept(self, name: str) -> Account:
        with self._catalog.reading() as connection:
            account = self._account(connection, name)
        if account is None:
            raise WardnetError(Reason.LOGIN_REFUSED)  # it has ended while she came in
        return account

    def _account(self, connection: Connection, name: str) -> Account | None:
        row = connection.execute(
            "SELECT key, invitation, until, slot, codes FROM desk_accounts WHERE auditor = ?",
            (name,),
        ).fetchone()
        return None if row is None else Account(*row[:3], *map(bytes, row[3:]))

    def _granted_key(self, auditor: str, *, at: datetime) -> str:
        for granted in self._grants.list():
            if granted.grant.auditor == auditor:
                return self._grants.in_force(auditor, key=granted.grant.key, at=at).grant.key
        raise WardnetError(Reason.AUDIT_NOT_GRANTED, hospital=self._member.id)


def _fits(account: Account, code: str, *, at: datetime) -> bool:
    given = _digest("".join(filter(str.isalnum, code)).lower())
    known = bytes_eq(given.encode(), account.invitation.encode())
    return known and clock.to_moment(at) < account.until


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
