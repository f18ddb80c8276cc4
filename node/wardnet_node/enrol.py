"""How a hospital's node joins a network and gets its vault."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from wardnet import clock
from wardnet.audit import log
from wardnet.audit.entry import EventType
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.invitation import Invitation
from wardnet.identity.keystore import Keystore
from wardnet.identity.member import Member
from wardnet.transport import enrol
from wardnet_node.desk.events import by_operator
from wardnet_node.vault.catalog import FILE_NAME, Catalog


def join(invitation: Invitation, home: Path, passphrase: str) -> tuple[Credentials, str]:
    """Enrol with an empty catalog, and return the credentials and the vault's recovery key.

    Raises
    ------
    WardnetError
        As `wardnet.transport.enrol.enrol`; `ALREADY_EXISTS`, too, where a catalog lies without
        its keystore.
    """
    path = home / FILE_NAME
    if path.exists() and not enrol.is_interrupted(home):  # nobody's records are written over
        raise WardnetError(Reason.ALREADY_EXISTS, path=str(path))
    furnish = partial(_found, member=invitation.member)
    credentials, keystore = enrol.enrol(invitation, home, passphrase, furnish=furnish)
    return credentials, add_recovery_key(home, keystore, credentials.member)


def add_recovery_key(home: Path, keystore: Keystore, member: Member) -> str:
    """Return a new recovery key of the vault: kept nowhere, but that it was made is logged."""
    _record(home, keystore, member, EventType.KEY_CREATED)
    return keystore.add_recovery_key()


def reset_passphrase(home: Path, recovery_key: str, passphrase: Callable[[], str]) -> None:
    """Set a new passphrase with a recovery key; the log says so.

    Parameters
    ----------
    passphrase : Callable
        Gives the new one; asked only when the key holds.

    Raises
    ------
    WardnetError
        `RECOVERY_KEY_WRONG` or `PASSPHRASE_WEAK`.
    """
    keystore = Keystore.recover(home, recovery_key)
    keystore.set_passphrase(passphrase())
    _record(home, keystore, Credentials.load(home, keystore).member, EventType.KEY_CREATED)


def _found(home: Path, keystore: Keystore, *, member: Member) -> None:
    Catalog.create(home, keystore).close()
    _record(home, keystore, member, EventType.MEMBER_ENROLLED)


def _record(home: Path, keystore: Keystore, member: Member, kind: EventType) -> None:
    catalog = Catalog.open(home, keystore)
    try:
        with catalog.transaction() as connection:
            log.append(connection, by_operator(member, kind), at=clock.now())
    finally:
        catalog.close()
