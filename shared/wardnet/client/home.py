"""The researcher's home folder: settings, keys and certificates, and the way into the network."""

import os
from pathlib import Path
from typing import Annotated, Final

from pydantic import StringConstraints

from wardnet.client.remote import RemoteNetwork
from wardnet.client.trust.pins import Pins
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.invitation import Invitation
from wardnet.identity.keystore import FILE_NAME as KEYSTORE
from wardnet.identity.keystore import Keystore
from wardnet.identity.member import Member, Role
from wardnet.identity.passphrase import read_passphrase
from wardnet.settings import Settings, load
from wardnet.transport.enrol import enrol

DEFAULT_HOME: Final = "~/.wardnet"
ROLES: Final = frozenset({Role.RESEARCHER, Role.STEWARD, Role.AUDITOR})


class ClientSettings(Settings):
    """Hold the settings of `wardnet`: lines of `settings.toml`, or variables `WARDNET_...`."""

    address: Annotated[str, StringConstraints(pattern=r"^\S+:[0-9]{1,5}$")] = "localhost:7443"
    """Where the coordinator listens, `host:port`; `wardnet login` writes it into the file."""


def connect(
    home: Path | str | None = None,
    *,
    passphrase_file: Path | str | None = None,
    address: str | None = None,
) -> RemoteNetwork:
    """Connect to the network that `wardnet login` has joined.

    Parameters
    ----------
    home : Path, str or None
        Folder of keys and settings; `$WARDNET_HOME` or `~/.wardnet` when None.
    passphrase_file : Path, str or None
        File whose first line is the passphrase; `$WARDNET_PASSPHRASE_FILE` when None. Without one
        the passphrase is asked for.
    address : str or None
        `host:port` of the coordinator; the one in the settings when None.

    Returns
    -------
    RemoteNetwork
        To be closed, or used in a `with` statement.

    Raises
    ------
    WardnetError
        `NOT_INITIALISED`, `PASSPHRASE_WRONG`, `PASSPHRASE_MISSING`, `WRONG_SETTING` or
        `CERTIFICATE_REFUSED`.
    """
    folder = _home(home)
    settings = load(ClientSettings, folder)
    keystore = _unlock(folder, passphrase_file)
    credentials = Credentials.load(folder, keystore)
    return RemoteNetwork(
        credentials,
        address or settings.address,
        derive=keystore.derive,
        pins=Pins(folder).keys,
    )


def login(invitation: Invitation, home: Path, *, passphrase_file: Path | None = None) -> Member:
    """Join a network; keys are made here and never leave. Return who one is now.

    Parameters
    ----------
    invitation : Invitation
        Checked before.
    passphrase_file : Path or None
        File whose first line is the new passphrase; asked for when None.

    Raises
    ------
    WardnetError
        `ALREADY_EXISTS`, `PASSPHRASE_WEAK`, `INVITATION_REFUSED`, `COORDINATOR_AWAY` or
        `CERTIFICATE_REFUSED`; nothing is kept then.
    """
    path = home / KEYSTORE
    if path.exists():
        raise WardnetError(Reason.ALREADY_EXISTS, path=str(path))
    credentials, _ = enrol(invitation, home, read_passphrase(path, passphrase_file, confirm=True))
    return credentials.member


def _unlock(home: Path, passphrase_file: Path | str | None) -> Keystore:
    path = home / KEYSTORE
    if not path.exists():  # before anybody is asked for a passphrase
        raise WardnetError(Reason.NOT_INITIALISED, path=str(home), rule="`wardnet login`")
    named = passphrase_file or os.environ.get("WARDNET_PASSPHRASE_FILE")
    file = None if named is None else Path(named).expanduser()
    return Keystore.unlock(home, read_passphrase(path, file))


def _home(home: Path | str | None) -> Path:
    return Path(home or os.environ.get("WARDNET_HOME") or DEFAULT_HOME).expanduser()
