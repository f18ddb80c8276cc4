"""Files that must never be half-written, or read by others."""

import os
import stat
import tempfile
from pathlib import Path
from typing import Final

from wardnet.errors import Reason, WardnetError

_POSIX: Final = os.name == "posix"
"""Elsewhere a file takes its rights from its folder, and folders cannot be synced."""


def write_private(path: Path, data: bytes) -> None:
    """Replace `path` by `data`, readable by its owner only, durable when the call returns.

    After a crash at any moment the file holds either the old or the new bytes.
    """
    # 1. Write beside it; mkstemp opens with mode 0600.
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        # 2. Put it in place in one step.
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    # 3. Make the new name durable too.
    _sync_folder(path.parent)


def read_private(path: Path) -> bytes:
    """Return the bytes of a file that only its owner can read.

    Raises
    ------
    WardnetError
        `FILE_MODE` when others can read or change it.
    FileNotFoundError
        When there is none.
    """
    with path.open("rb") as file:
        # The rights of the file that was opened, not of whatever has the name by now.
        mode = os.fstat(file.fileno()).st_mode
        if _POSIX and mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise WardnetError(Reason.FILE_MODE, path=str(path))
        return file.read()


def _sync_folder(folder: Path) -> None:
    if not _POSIX:
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
