"""One at a time: a share's parcel is made, brought or fetched by the daemon or by a command."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wardnet.errors import Reason, WardnetError


@contextmanager
def only_here(folder: Path, share: str) -> Iterator[None]:
    """Hold a share's lock; the system frees it when the process ends, however it ends.

    Parameters
    ----------
    folder : Path
        Of the spool: `outgoing` or `incoming`.
    share : str
        Its digest.

    Raises
    ------
    WardnetError
        `IN_USE` while another process, or another thread, holds it.
    """
    path = folder / f"{share}.lock"
    handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            rule = "the parcel is on its way already"
            raise WardnetError(Reason.IN_USE, path=str(path), rule=rule) from None
        if not _is(path, handle):  # who held it has just let it go
            rule = "the parcel was on its way a moment ago"
            raise WardnetError(Reason.IN_USE, path=str(path), rule=rule)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
    finally:
        os.close(handle)


def _is(path: Path, handle: int) -> bool:
    """Say whether a path still leads to an open file."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(handle))
