"""One daemon per folder."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wardnet.errors import Reason, WardnetError


@contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Hold a folder's lock; the system frees it when the process ends, however it ends.

    Parameters
    ----------
    path : Path
        A file in the folder; made if there is none, and never deleted.

    Raises
    ------
    WardnetError
        `IN_USE` when another process holds it.
    """
    handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            rule = "another daemon serves it"
            raise WardnetError(Reason.IN_USE, path=str(path.parent), rule=rule) from None
        yield
    finally:
        os.close(handle)
