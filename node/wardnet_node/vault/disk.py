"""What a disk does to us: it fills up, is locked, loses what was not synced."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import sqlcipher3

from wardnet.errors import Reason, WardnetError

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Give what the disk refuses its reason.

    Raises
    ------
    WardnetError
        `DISK_FULL`, or `IN_USE` when another process keeps the database locked.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL or os.strerror(errno.ENOSPC) in str(error):
            raise WardnetError(Reason.DISK_FULL, path=str(path)) from error
        raise
    except sqlcipher3.OperationalError as error:
        if "disk is full" in str(error):
            raise WardnetError(Reason.DISK_FULL, path=str(path)) from error
        if "locked" in str(error):
            raise WardnetError(
                Reason.IN_USE, path=str(path), rule="it writes for a long time"
            ) from error
        raise


def sync(path: Path) -> None:
    """Return when a file's bytes, or a folder's names, are durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def shared_lock(path: Path) -> Iterator[None]:
    """Hold a lock that many may hold at once, but not beside an exclusive one."""
    with _locked(path, fcntl.LOCK_SH):
        yield


@contextmanager
def exclusive_lock(path: Path) -> Iterator[bool]:
    """Hold a lock alone, and say whether that succeeded at once."""
    try:
        with _locked(path, fcntl.LOCK_EX | fcntl.LOCK_NB):
            yield True
    except BlockingIOError:
        yield False


@contextmanager
def _locked(path: Path, operation: int) -> Iterator[None]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, operation)
        yield
    finally:
        os.close(handle)
