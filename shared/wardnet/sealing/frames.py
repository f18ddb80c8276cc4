"""Frames: a long stream sealed piece by piece, which can be read from any place.

Every frame but the last holds 1 MiB. Its nonce says which frame it is and whether it is the last,
so that frames changed, swapped, repeated or cut off are found by whoever holds the key; nothing of
a frame is given out before its tag holds. A key seals one stream, once.

References
----------
Hoang, Reyhanitabar, Rogaway, Vizar 2015, "Online Authenticated-Encryption and its Nonce-Reuse
Misuse-Resistance", section 7, STREAM: nonce = prefix | counter | last. NIST SP 800-38D, AES-GCM,
8.2.1. RFC 5869, HKDF.
"""

import hashlib
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from wardnet.errors import Reason, WardnetError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

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


class Cipher:
    """Seal and open single frames.

    Parameters
    ----------
    key : bytes
        The content key, 32 bytes; the cipher's key and the nonces' prefix are derived from it.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            message = f"a content key has {KEY_BYTES} bytes"
            raise ValueError(message)
        derived = HKDF(SHA256(), KEY_BYTES + _PREFIX_BYTES, salt=None, info=_INFO).derive(key)
        self._aead, self._prefix = AESGCM(derived[:KEY_BYTES]), derived[KEY_BYTES:]

    def seal(self, number: int, plain: memoryview, out: memoryview, *, last: bool) -> None:
        """Write a sealed frame to `out`, which is `TAG_BYTES` longer than `plain`."""
        self._aead.encrypt_into(self._nonce(number, last=last), plain, None, out)

    def open(self, number: int, sealed: memoryview, out: memoryview, *, last: bool) -> bool:
        """Write a frame's plaintext to `out` and say whether its tag holds; else `out` is zero."""
        try:
            self._aead.decrypt_into(self._nonce(number, last=last), sealed, None, out)
        except InvalidTag:
            out[:] = bytes(len(out))  # the cipher has written there what nobody vouches for
            return False
        return True

    def _nonce(self, number: int, *, last: bool) -> bytes:
        return self._prefix + number.to_bytes(4, "big") + bytes([last])


class Digest:
    """Compute the SHA-256 of frames in a thread of its own, beside the cipher.

    Two buffers take turns: the caller fills one while the other is hashed.
    """

    def __init__(self) -> None:
        self._sha = hashlib.sha256()
        self._pool = ThreadPoolExecutor(1, "wardnet-digest")
        self._buffers = (memoryview(bytearray(SEALED_BYTES)), memoryview(bytearray(SEALED_BYTES)))
        self._hashing: tuple[Future[None], ...] = ()

    def buffer(self, number: int) -> memoryview:
        """Return the buffer of a frame, when the frame before the last is hashed."""
        if len(self._hashing) > 1:
            self._hashing[0].result()
        return self._buffers[number % 2]

    def update(self, sealed: memoryview) -> None:
        """Hash what a buffer holds; it may not change before `buffer` gives it out again."""
        self._hashing = (*self._hashing[-1:], self._pool.submit(self._sha.update, sealed))

    def close(self) -> str:
        """Free the thread and return the SHA-256, hexadecimal."""
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
        self._sink, self._cipher, self._digest = sink, Cipher(key), Digest()
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
