"""Frames: what is sealed piece by piece comes back whole, from any place, or not at all."""

import hashlib
import hmac
import io
import secrets
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from wardnet.errors import Reason, WardnetError
from wardnet.sealing import frames
from wardnet.sealing.frame_reader import FrameReader, SealedFile
from wardnet.sealing.frames import (
    FRAME_BYTES,
    SEALED_BYTES,
    TAG_BYTES,
    FrameWriter,
    frames_of,
    sealed_length,
)

KEY = bytes(range(32))
PLAIN = secrets.token_bytes(3 * FRAME_BYTES + 1000)


def _sealed(plain: bytes, *, pieces: int = 1 << 30, key: bytes = KEY) -> tuple[bytes, str]:
    sink = io.BytesIO()
    writer = FrameWriter(sink, key)
    for start in range(0, len(plain), pieces):
        writer.write(plain[start : start + pieces])
    digest = writer.close()
    return sink.getvalue(), digest


SEALED, DIGEST = _sealed(PLAIN)


def _file(folder: Path, data: bytes, *, length: int = len(PLAIN), key: bytes = KEY) -> SealedFile:
    path = folder / "body"
    path.write_bytes(data)
    return SealedFile(path, key, length=length)


@pytest.mark.parametrize(
    "length", [0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 2 * FRAME_BYTES]
)
def test_what_is_sealed_comes_back(tmp_path: Path, length: int) -> None:
    """Empty, short, and on every side of a frame's end; the lengths are those told beforehand."""
    plain = PLAIN[:length]
    sealed, digest = _sealed(plain)
    assert len(sealed) == sealed_length(length) == length + 16 * frames_of(length)
    assert digest == hashlib.sha256(sealed).hexdigest()
    frames = _file(tmp_path, sealed, length=length)
    assert frames.verify() == digest
    with FrameReader(frames) as reader:
        assert reader.read() == plain


@pytest.mark.parametrize("pieces", [1000, 4096, FRAME_BYTES - 1, FRAME_BYTES + 1, 3 * FRAME_BYTES])
def test_the_frames_are_the_same_however_the_bytes_arrive(pieces: int) -> None:
    """A key seals one stream: the cut of the writes shows nowhere."""
    assert _sealed(PLAIN, pieces=pieces) == (SEALED, DIGEST)


def test_the_first_frame_is_the_documented_one() -> None:
    """A second implementation: HKDF (RFC 5869) by hmac, and the nonce of the STREAM paper."""
    secret = hmac.digest(bytes(32), KEY, "sha256")
    first = hmac.digest(secret, b"wardnet frames v1\x01", "sha256")
    second = hmac.digest(secret, first + b"wardnet frames v1\x02", "sha256")
    prefix = second[:7]
    aead = AESGCM(first)
    for number in range(4):
        nonce = prefix + number.to_bytes(4, "big") + bytes([number == 3])
        frame = SEALED[number * SEALED_BYTES : (number + 1) * SEALED_BYTES]
        start = number * FRAME_BYTES
        assert aead.decrypt(nonce, frame, None) == PLAIN[start : start + FRAME_BYTES]


def test_another_key_opens_nothing(tmp_path: Path) -> None:
    """Not one byte comes back under another key."""
    with FrameReader(_file(tmp_path, SEALED, key=bytes(32))) as reader:
        buffer = bytearray(b"x" * 10)
        with pytest.raises(WardnetError) as refused:
            reader.readinto(buffer)
    assert refused.value.reason is Reason.PARCEL_DAMAGED


def test_a_changed_frame_gives_out_nothing(tmp_path: Path) -> None:
    """What the cipher has written before its tag failed is wiped from the caller's buffer."""
    changed = bytearray(SEALED)
    changed[0] ^= 1
    buffer = bytearray(FRAME_BYTES)
    with (
        FrameReader(_file(tmp_path, bytes(changed))) as reader,
        pytest.raises(WardnetError),
    ):
        reader.readinto(buffer)
    assert buffer == bytes(FRAME_BYTES)


def test_reading_goes_on_behind_a_changed_frame(tmp_path: Path) -> None:
    """A frame that fails is not kept, and the others still open."""
    changed = bytearray(SEALED)
    changed[SEALED_BYTES] ^= 1
    with FrameReader(_file(tmp_path, bytes(changed))) as reader:
        assert reader.read(10) == PLAIN[:10]
        for _ in range(2):
            reader.seek(FRAME_BYTES)
            with pytest.raises(WardnetError):
                reader.read(10)
        reader.seek(0)
        assert reader.read(10) == PLAIN[:10]
        reader.seek(2 * FRAME_BYTES)
        assert reader.read(10) == PLAIN[2 * FRAME_BYTES :][:10]


def test_a_file_of_another_length_is_not_opened(tmp_path: Path) -> None:
    """A file cut at a frame's end, or with one frame more, is found before a byte is opened."""
    for data in (SEALED[: 3 * SEALED_BYTES], SEALED + SEALED[-TAG_BYTES:], b""):
        with pytest.raises(WardnetError) as refused:
            _file(tmp_path, data)
        assert refused.value.reason is Reason.PARCEL_DAMAGED


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The sentence says which file is not there."""
    with pytest.raises(WardnetError) as refused:
        SealedFile(tmp_path / "gone", KEY, length=1)
    assert refused.value.reason is Reason.FILE_UNREADABLE


def test_a_key_of_another_length_is_a_bug() -> None:
    """Nothing is ever sealed under a short key."""
    with pytest.raises(ValueError, match="32 bytes"):
        FrameWriter(io.BytesIO(), b"short")


def test_a_range_reads_like_a_file_of_its_own(tmp_path: Path) -> None:
    """Places count from the range's beginning, and nothing outside of it is ever read."""
    with FrameReader(_file(tmp_path, SEALED), offset=100, length=FRAME_BYTES) as reader:
        assert reader.read() == PLAIN[100 : 100 + FRAME_BYTES]
        assert (reader.tell(), reader.read(1)) == (FRAME_BYTES, b"")
        assert reader.seek(-1, io.SEEK_END) == FRAME_BYTES - 1
        assert reader.read(5) == PLAIN[99 + FRAME_BYTES : 100 + FRAME_BYTES]
        reader.seek(10)
        assert reader.seek(5, io.SEEK_CUR) == 15
        with pytest.raises(ValueError, match="before"):
            reader.seek(-1)
        assert reader.seek(1 << 40) == 1 << 40
        assert reader.read(1) == b""


def test_a_range_outside_the_file_is_a_bug(tmp_path: Path) -> None:
    """A reader never wraps around."""
    frames = _file(tmp_path, SEALED)
    for offset, length in ((-1, 1), (0, len(PLAIN) + 1), (len(PLAIN) + 1, 0), (5, -1)):
        with pytest.raises(ValueError, match="outside"):
            FrameReader(frames, offset=offset, length=length)
    frames.close()


def test_a_closed_reader_reads_nothing(tmp_path: Path) -> None:
    """And keeps nothing."""
    reader = FrameReader(_file(tmp_path, SEALED))
    reader.close()
    reader.close()
    with pytest.raises(ValueError, match="closed"):
        reader.readinto(bytearray(1))


def test_a_stream_ends_before_its_counter_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """No nonce is used twice: beyond 2^32 frames nothing is sealed."""
    monkeypatch.setattr(frames, "MAXIMUM_BYTES", 100)
    writer = FrameWriter(io.BytesIO(), KEY)
    writer.write(bytes(100))
    with pytest.raises(WardnetError) as refused:
        writer.write(b"x")
    assert refused.value.reason is Reason.PARCEL_TOO_LARGE
    writer.abandon()
