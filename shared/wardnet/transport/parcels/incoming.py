"""A parcel's body as it arrives: the file is the truth, and its length says where to go on."""

import asyncio
import errno
import fcntl
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

from wardnet.errors import Reason, WardnetError

CHUNK_BYTES: Final = 1 << 20
"""Most bytes of one message."""

SYNC_BYTES: Final = 32 << 20
"""After so many bytes the disk is made to keep up: the end does not wait, and memory that cached
what was written is used again. That made writing four times faster where memory is virtual."""

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Incoming:
    """Take bytes in order, after those that an earlier attempt has left.

    The calls block; one thread at a time makes them. Whatever fails for good leaves no file.

    Parameters
    ----------
    path : Path
        Where the bytes gather; its folder exists. Opened by one process only.
    size : int
        Bytes of the whole body.
    digest : str
        SHA-256 of the whole body, hexadecimal.

    Raises
    ------
    WardnetError
        `IN_USE` when another process takes in the same parcel; `DISK_FULL` when there is no room
        for what is still to come.
    """

    def __init__(self, path: Path, *, size: int, digest: str) -> None:
        self.path = path
        self.size = size
        self._digest = digest
        self._hash = hashlib.sha256()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._lock()
            self._read_what_is_there()
            self._check_room()
        except BaseException:
            self.close()
            raise
        self._synced = self.offset

    def write(self, data: bytes) -> None:
        """Append some bytes.

        Raises
        ------
        WardnetError
            `DISK_FULL`, or `TRANSFER_ALTERED` when there are more bytes than the parcel has.
        """
        if self.offset + len(data) > self.size:
            self.discard()
            raise _altered(rule="there is more of it")
        try:
            self._append(data)
        except OSError as error:
            self.discard()
            if error.errno in _FULL:
                raise WardnetError(Reason.DISK_FULL, path=str(self.path.parent)) from error
            raise
        self._hash.update(data)

    def check(self) -> None:
        """Check that the whole body has arrived, as it was sent.

        Raises
        ------
        WardnetError
            `TRANSFER_ALTERED`.
        """
        if self.offset != self.size or self._hash.hexdigest() != self._digest:
            self.discard()
            raise _altered(rule="its bytes were changed, lost or put in another order on the way")

    def finish(self, path: Path) -> None:
        """Put the whole body in its place, durably.

        Raises
        ------
        WardnetError
            As `check`.
        """
        self.check()
        os.fsync(self._file)
        self.path.rename(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        self.close()

    def discard(self) -> None:
        """Delete what has arrived."""
        self.path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Leave what has arrived for the next attempt."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            rule = "another process takes in the same parcel"
            raise WardnetError(Reason.IN_USE, path=str(self.path), rule=rule) from None

    def _read_what_is_there(self) -> None:
        buffer = bytearray(CHUNK_BYTES)
        self.offset = 0
        while count := os.readv(self._file, [buffer]):
            self._hash.update(memoryview(buffer)[:count])
            self.offset += count

    def _check_room(self) -> None:
        disk = os.fstatvfs(self._file)
        if self.size - self.offset > disk.f_bavail * disk.f_frsize:
            self.discard()
            raise WardnetError(Reason.DISK_FULL, path=str(self.path.parent))

    def _append(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            written = os.write(self._file, rest)
            self.offset += written
            rest = rest[written:]
        if self.offset - self._synced >= SYNC_BYTES:
            os.fdatasync(self._file)
            os.posix_fadvise(self._file, 0, self._synced, os.POSIX_FADV_DONTNEED)
            self._synced = self.offset


async def take_in(
    body: Incoming, chunks: AsyncIterator[bytes], *, moved: Callable[[], None]
) -> None:
    """Write chunks as they come: one is written while the next one is under way.

    Parameters
    ----------
    body : Incoming
        Where to.
    chunks : AsyncIterator of bytes
        In order.
    moved : Callable
        Called after each chunk that was written.

    Raises
    ------
    WardnetError
        As `Incoming.write`, and what the chunks raise.
    """
    writing: asyncio.Task[None] | None = None
    try:
        async for chunk in chunks:
            if writing is not None:
                await _written(writing)
                moved()
            writing = asyncio.create_task(asyncio.to_thread(body.write, chunk))
    finally:
        if writing is not None:  # whatever happens, no thread may write after this
            await _written(writing)
            moved()


async def _written(writing: asyncio.Task[None]) -> None:
    """Wait until a thread has written; who is cancelled meanwhile hears so when it has."""
    cancelled: asyncio.CancelledError | None = None
    while not writing.done():
        try:
            await asyncio.wait((writing,))
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    writing.result()


def _altered(*, rule: str) -> WardnetError:
    return WardnetError(Reason.TRANSFER_ALTERED, rule=rule)
