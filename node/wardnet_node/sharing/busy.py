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
    path = lock_path(folder, share)
    handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            rule = "the parcel is on its way already"
            raise WardnetError(Reason.IN_USE, path=str(path), rule=rule) from None
        yield
    finally:
        os.close(handle)


def lock_path(folder: Path, share: str) -> Path:
    """Return the file that is locked; it is deleted when the share is over."""
    return folder / f"{share}.lock"
