"""Read sealed frames from any place, like a file, and never by way of the disk."""

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from wardnet.errors import Reason, WardnetError
from wardnet.sealing.frames import (
    FRAME_BYTES,
    SEALED_BYTES,
    TAG_BYTES,
    Cipher,
    Digest,
    frames_of,
    sealed_length,
)

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class SealedFile:
    """Open the frames of one file in any order.

    Parameters
    ----------
    path : Path
        The sealed frames.
    key : bytes
        What they were sealed with.
    length : int
        Plaintext bytes, as the signed header says.

    Raises
    ------
    WardnetError
        `PARCEL_DAMAGED` when the file cannot hold that much; `FILE_UNREADABLE`.
    """

    def __init__(self, path: Path, key: bytes, *, length: int) -> None:
        self.path, self.length, self._cipher = path, length, Cipher(key)
        self._frames = frames_of(length)
        self._sealed = memoryview(bytearray(SEALED_BYTES))
        try:
            self._file = os.open(path, os.O_RDONLY)
        except OSError as error:
            rule = "it is missing" if isinstance(error, FileNotFoundError) else "it does not open"
            raise WardnetError(Reason.FILE_UNREADABLE, file=str(path), rule=rule) from error
        if os.fstat(self._file).st_size != sealed_length(length):
            self.close()
            self._damaged("it is shorter or longer than its header says")

    def close(self) -> None:
        """Close the file; closing twice does nothing."""
        handle, self._file = self._file, -1
        if handle >= 0:
            os.close(handle)

    def size(self, number: int) -> int:
        """Return how many plaintext bytes a frame holds."""
        return min(FRAME_BYTES, self.length - number * FRAME_BYTES)

    def open(self, number: int, out: memoryview) -> None:
        """Write a frame's plaintext, which is as long as `out`.

        Raises
        ------
        WardnetError
            `PARCEL_DAMAGED` when it is not the frame that was sealed there; `out` is zero then.
        """
        self._open(number, self._read(number, self._sealed), out)

    def verify(self) -> str:
        """Open every frame, keep none, and return the SHA-256 of the file, hexadecimal.

        Raises
        ------
        WardnetError
            `PARCEL_DAMAGED` at the first frame that does not hold.
        """
        digest, plain = Digest(), memoryview(bytearray(FRAME_BYTES))
        try:
            for number in range(self._frames):
                sealed = self._read(number, digest.buffer(number))
                digest.update(sealed)
                self._open(number, sealed, plain[: self.size(number)])
        finally:
            sha256 = digest.close()
        return sha256

    def _read(self, number: int, buffer: memoryview) -> memoryview:
        sealed = buffer[: self.size(number) + TAG_BYTES]
        if os.preadv(self._file, [sealed], number * SEALED_BYTES) != len(sealed):
            self._damaged("it was cut while it was read")
        return sealed

    def _open(self, number: int, sealed: memoryview, out: memoryview) -> None:
        last = number == self._frames - 1
        if not self._cipher.open(number, sealed, out, last=last):
            self._damaged("a byte of it was changed, moved or cut off")

    def _damaged(self, rule: str) -> NoReturn:
        raise WardnetError(Reason.PARCEL_DAMAGED, path=str(self.path), rule=rule)


class FrameReader(io.RawIOBase):
    """Read a range of a sealed file like a file of its own, from any place; never via the disk.

    Parameters
    ----------
    frames : SealedFile
        Closed with the reader.
    offset, length : int
        The range, in plaintext bytes; within the file.

    Notes
    -----
    Whole frames are opened straight into the caller's buffer; of a part of a frame the frame is
    kept for the next read. Use it from one thread at a time, as any file.
    """

    def __init__(self, frames: SealedFile, *, offset: int = 0, length: int | None = None) -> None:
        super().__init__()
        self._frames, self._start = frames, offset
        self._length = frames.length - offset if length is None else length
        if not 0 <= offset <= offset + self._length <= frames.length:
            message = "the range lies outside the file"
            raise ValueError(message)
        self._place = 0
        self._kept, self._number = memoryview(bytearray(FRAME_BYTES)), -1

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say that it can be read from any place."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place; beyond the end nothing is read."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._length}[whence]
        if base + offset < 0:
            message = "before the beginning"
            raise ValueError(message)
        self._place = base + offset
        return self._place

    def tell(self) -> int:
        """Return the place."""
        return self._place

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Fill a buffer as far as the range goes, and return how many bytes that were.

        Raises
        ------
        WardnetError
            `PARCEL_DAMAGED`.
        """
        if self.closed:
            message = "it is closed"
            raise ValueError(message)
        out = memoryview(buffer).cast("B")[: max(0, self._length - self._place)]
        filled = 0
        while filled < len(out):
            filled += self._fill(out[filled:], self._start + self._place + filled)
        self._place += filled
        return filled

    def close(self) -> None:
        """Forget what is kept and close the file."""
        if not self.closed:
            self._kept[:] = bytes(FRAME_BYTES)
            self._frames.close()
        super().close()

    def _fill(self, out: memoryview, place: int) -> int:
        """Write what one frame holds of a range."""
        number, inside = divmod(place, FRAME_BYTES)
        size = self._frames.size(number)
        taken = min(size - inside, len(out))
        if taken == size and number != self._number:
            self._frames.open(number, out[:taken])
        else:
            out[:taken] = self._frame(number)[inside : inside + taken]
        return taken

    def _frame(self, number: int) -> memoryview:
        """Return the plaintext of a frame, kept while it is the latest."""
        if number != self._number:
            self._number = -1
            self._frames.open(number, self._kept[: self._frames.size(number)])
            self._number = number
        return self._kept
