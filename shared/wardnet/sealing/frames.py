"""Frames: a long stream sealed piece by piece, which can be read from any place.

Every frame but the last holds 1 MiB. Its nonce says which frame it is and whether it is the last,
so that frames changed, swapped, repeated or cut off are found by whoever holds the key; nothing of
a frame is given out before its tag holds. A key seals one stream, once.

References
----------
Hoang, Reyhanitabar, Rogaway, Vizar 2015, "Online Authenticated-Encryption and its Nonce-Reuse
Misuse-Resistance", section 7, STREAM, figure 9: nonce = prefix | counter | last. NIST SP 800-38D,
AES-GCM. RFC 5869, HKDF.
"""

import hashlib
import io
import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from wardnet.errors import Reason, WardnetError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

KEY_BYTES: Final = 32
FRAME_BYTES: Final = 1 << 20
"""Plaintext of a frame; the last one may hold less."""
TAG_BYTES: Final = 16
SEALED_BYTES: Final = FRAME_BYTES + TAG_BYTES
MAXIMUM_BYTES: Final = FRAME_BYTES << 32
"""Plaintext of a stream: the counter has 32 bits."""

_INFO: Final = b"wardnet frames v1"
_PREFIX_BYTES: Final = 7


class Sink(Protocol):
    """Take sealed bytes in their order, all of them or raise, as a file in binary mode does."""

    def write(self, data: "ReadableBuffer", /) -> object:
        """Take bytes; they may change after the call."""


def frames_of(length: int) -> int:
    """Return how many frames hold a plaintext of so many bytes; at least one.

    Examples
    --------
    >>> [frames_of(length) for length in (0, 1, FRAME_BYTES, FRAME_BYTES + 1)]
    [1, 1, 1, 2]
    """
    return max(1, -(-length // FRAME_BYTES))


def sealed_length(length: int) -> int:
    """Return how many bytes the frames of a plaintext of so many bytes take."""
    return length + TAG_BYTES * frames_of(length)


class _Cipher:
    """Seal and open single frames."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            message = f"a content key has {KEY_BYTES} bytes"
            raise ValueError(message)
        derived = HKDF(SHA256(), KEY_BYTES + _PREFIX_BYTES, salt=None, info=_INFO).derive(key)
        self._aead, self._prefix = AESGCM(derived[:KEY_BYTES]), derived[KEY_BYTES:]

    def _nonce(self, number: int, *, last: bool) -> bytes:
        return self._prefix + number.to_bytes(4, "big") + bytes([last])

    def seal(self, number: int, plain: memoryview, out: memoryview, *, last: bool) -> None:
        self._aead.encrypt_into(self._nonce(number, last=last), plain, None, out)

    def open(self, number: int, sealed: memoryview, out: memoryview, *, last: bool) -> bool:
        try:
            self._aead.decrypt_into(self._nonce(number, last=last), sealed, None, out)
        except InvalidTag:
            out[:] = bytes(len(out))  # the cipher has written there what nobody vouches for
            return False
        return True


class _Digest:
    """Compute SHA-256 in a thread of its own, beside the cipher.

    Two buffers take turns: the caller fills one while the other is hashed.
    """

    def __init__(self) -> None:
        self._sha = hashlib.sha256()
        self._pool = ThreadPoolExecutor(1, "wardnet-digest")
        self._buffers = (memoryview(bytearray(SEALED_BYTES)), memoryview(bytearray(SEALED_BYTES)))
        self._hashing: tuple[Future[None], ...] = ()

    def buffer(self, number: int) -> memoryview:
        """Return a buffer that is not being hashed any more."""
        if len(self._hashing) > 1:
            self._hashing[0].result()
        return self._buffers[number % 2]

    def update(self, sealed: memoryview) -> None:
        self._hashing = (*self._hashing[-1:], self._pool.submit(self._sha.update, sealed))

    def close(self) -> str:
        self._pool.shutdown()
        return self._sha.hexdigest()


class FrameWriter:
    """Seal what is written into a sink, frame by frame.

    Parameters
    ----------
    sink : Sink
        Where sealed bytes go.
    key : bytes
        32 random bytes that seal nothing else.

    Attributes
    ----------
    length : int
        Plaintext bytes written so far.
    """

    def __init__(self, sink: Sink, key: bytes) -> None:
        self._sink, self._cipher, self._digest = sink, _Cipher(key), _Digest()
        self._plain, self._filled = memoryview(bytearray(FRAME_BYTES)), 0
        self._number = 0
        self.length = 0

    def write(self, data: "ReadableBuffer") -> int:
        """Take bytes and return how many: all.

        Raises
        ------
        WardnetError
            `PARCEL_TOO_LARGE` beyond `MAXIMUM_BYTES`. What the sink raises, it raises; nothing
            may be written after that.
        """
        view = memoryview(data).cast("B")
        if self.length + len(view) > MAXIMUM_BYTES:
            raise WardnetError(Reason.PARCEL_TOO_LARGE, rule="more than 4 PiB of records")
        self.length += len(view)
        rest = view
        while rest:
            if self._filled == FRAME_BYTES:  # and there is more, so it is not the last
                self._seal(self._plain, last=False)
                self._filled = 0
            if not self._filled and len(rest) > FRAME_BYTES:
                self._seal(rest[:FRAME_BYTES], last=False)
                rest = rest[FRAME_BYTES:]
                continue
            taken = min(len(rest), FRAME_BYTES - self._filled)
            self._plain[self._filled : self._filled + taken] = rest[:taken]
            self._filled += taken
            rest = rest[taken:]
        return len(view)

    def close(self) -> str:
        """Seal the last frame and return the SHA-256 of all sealed bytes, hexadecimal."""
        self._seal(self._plain[: self._filled], last=True)
        return self.abandon()

    def abandon(self) -> str:
        """Free the thread without a last frame: what was written can never be opened."""
        return self._digest.close()

    def _seal(self, plain: memoryview, *, last: bool) -> None:
        sealed = self._digest.buffer(self._number)[: len(plain) + TAG_BYTES]
        self._cipher.seal(self._number, plain, sealed, last=last)
        self._digest.update(sealed)
        self._sink.write(sealed)
        self._number += 1


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
        self.path, self.length, self._cipher = path, length, _Cipher(key)
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
        digest, plain = _Digest(), memoryview(bytearray(FRAME_BYTES))
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
