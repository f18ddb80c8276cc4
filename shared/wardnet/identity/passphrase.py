"""Where a passphrase comes from: a file, a systemd credential, or the person at the terminal."""

import os
import sys
from getpass import getpass
from pathlib import Path
from typing import Final

from wardnet.errors import Reason, WardnetError
from wardnet.identity.files import read_private

CREDENTIAL: Final = "wardnet-passphrase"
"""Name of the systemd credential (`LoadCredentialEncrypted=wardnet-passphrase:...`)."""


def read_passphrase(
    path: Path, passphrase_file: Path | None = None, *, confirm: bool = False
) -> str:
    """Return the passphrase; there is no default one.

    Parameters
    ----------
    path : Path
        What it opens, for the messages.
    passphrase_file : Path or None
        Its first line is the passphrase.
    confirm : bool
        Ask twice: for a new passphrase.

    Raises
    ------
    WardnetError
        `PASSPHRASE_MISSING` without a source, `FILE_UNREADABLE` or `FILE_MODE` for the file,
        `PASSPHRASES_DIFFER` when the two typed ones do.
    """
    if passphrase_file is not None:
        return _first_line(_from_file(passphrase_file), path)
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    if folder is not None and (credential := Path(folder, CREDENTIAL)).is_file():
        return _first_line(credential.read_bytes(), path)
    if not sys.stdin.isatty():
        raise _missing(path)
    passphrase = getpass(f"Passphrase for {path}: ")
    if confirm and getpass("The same again: ") != passphrase:
        raise WardnetError(Reason.PASSPHRASES_DIFFER)
    return passphrase


def _from_file(path: Path) -> bytes:
    try:
        return read_private(path)
    except OSError as error:
        raise WardnetError(
            Reason.FILE_UNREADABLE, file=str(path), rule=error.strerror or "unknown cause"
        ) from error


def _first_line(data: bytes, path: Path) -> str:
    try:
        lines = data.decode("utf-8").splitlines()
    except UnicodeDecodeError:
        lines = []
    if not lines or not lines[0]:
        raise _missing(path)
    return lines[0]


def _missing(path: Path) -> WardnetError:
    return WardnetError(Reason.PASSPHRASE_MISSING, path=str(path), setting="--passphrase-file")
