"""The researcher's home folder: settings, keys and certificates, and the way into the network."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Final

from pydantic import StringConstraints

from wardnet.client.remote import RemoteNetwork
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.files import write_private
from wardnet.identity.invitation import PREFIX, Invitation
from wardnet.identity.keystore import FILE_NAME as KEYSTORE
from wardnet.identity.keystore import Keystore
from wardnet.identity.member import Role
from wardnet.identity.passphrase import read_passphrase
from wardnet.settings import FILE_NAME as SETTINGS
from wardnet.settings import Settings, load
from wardnet.transport.enrol import check_invitation, enrol

DEFAULT_HOME: Final = "~/.wardnet"
ROLES: Final = frozenset({Role.RESEARCHER, Role.STEWARD, Role.AUDITOR})


class ClientSettings(Settings):
    """Hold the settings of `wardnet`: lines of `settings.toml`, or variables `WARDNET_...`."""

    address: Annotated[str, StringConstraints(pattern=r"^\S+:[0-9]{1,5}$")] = "localhost:7443"
    """Where the coordinator listens, `host:port`; `wardnet login` sets it."""


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
    credentials = Credentials.load(folder, unlock(folder, passphrase_file))
    return RemoteNetwork(credentials, address or settings.address)


def unlock(home: Path, passphrase_file: Path | str | None = None) -> Keystore:
    """Open the keystore of a home.

    Raises
    ------
    WardnetError
        `NOT_INITIALISED` before anybody is asked for a passphrase; else as `connect`.
    """
    path = home / KEYSTORE
    if not path.exists():
        raise WardnetError(Reason.NOT_INITIALISED, path=str(home), rule="`wardnet login`")
    named = passphrase_file or os.environ.get("WARDNET_PASSPHRASE_FILE")
    file = None if named is None else Path(named).expanduser()
    return Keystore.unlock(home, read_passphrase(path, file))


def invitation_line(source: str) -> str:
    """Return the text of an invitation: `source` itself, standard input for `-`, or a file.

    Raises
    ------
    WardnetError
        `FILE_UNREADABLE`.
    """
    if source == "-":
        return sys.stdin.read()
    if source.startswith(PREFIX):
        return source
    try:
        return Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        rule = getattr(error, "strerror", None) or "it is not text"
        raise WardnetError(Reason.FILE_UNREADABLE, file=source, rule=rule) from error


def login(
    invitation: Invitation,
    home: Path,
    *,
    passphrase_file: Path | None = None,
    fingerprint: str | None = None,
) -> Credentials:
    """Join a network by an invitation; keys are made here and never leave.

    Parameters
    ----------
    invitation : Invitation
        Unused so far.
    fingerprint : str or None
        Of the network's root, as its operator told it on another way.

    Raises
    ------
    WardnetError
        `INVITATION_REFUSED`, `FINGERPRINT_MISMATCH`, `ROLE_REFUSED`,
        `ALREADY_EXISTS`, `PASSPHRASE_WEAK` or `COORDINATOR_AWAY`; nothing is kept then.
    """
    # 1. Everything that can be checked before the invitation is used up.
    check_invitation(invitation, roles=ROLES, fingerprint=fingerprint)
    path = home / KEYSTORE
    if path.exists():
        raise WardnetError(Reason.ALREADY_EXISTS, path=str(path))
    # 2. Keys, certificates, and where the coordinator is.
    passphrase = read_passphrase(path, passphrase_file, confirm=True)
    credentials, _ = enrol(invitation, home, passphrase)
    write_private(home / SETTINGS, f"address = {json.dumps(invitation.address)}\n".encode())
    return credentials


def _home(home: Path | str | None) -> Path:
    return Path(home or os.environ.get("WARDNET_HOME") or DEFAULT_HOME).expanduser()
