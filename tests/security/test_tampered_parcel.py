"""Whoever carries or keeps a parcel can destroy it, and neither change, cut, mix nor replay it."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from support.parcels import Exchange, noise
from wardnet.errors import Reason, WardnetError
from wardnet.sealing.frames import FRAME_BYTES, SEALED_BYTES, FrameWriter
from wardnet.sealing.header import ROWS
from wardnet.sealing.hpke import HybridKey
from wardnet.sealing.parcel import Parcel
from wardnet.sealing.write import SealedParcel

TWO = Exchange()
LENGTH = 3 * FRAME_BYTES + 500
CHANCE = random.Random(5)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SealedParcel:
    """Return a parcel of four frames; three are full."""
    return TWO.seal(tmp_path_factory.mktemp("made"), noise(LENGTH - 9), {"a.pdf": b"the file."})


@pytest.fixture
def sealed(made: SealedParcel, tmp_path: Path) -> SealedParcel:
    """Return a copy of it that a test may spoil."""
    header, body = (shutil.copy(path, tmp_path) for path in (made.header_path, made.body_path))
    return SealedParcel(made.header, Path(header), Path(body))


def frames(data: bytes) -> list[bytes]:
    """Cut a body into its frames."""
    return [data[start : start + SEALED_BYTES] for start in range(0, len(data), SEALED_BYTES)]


def read(parcel: Parcel) -> list[bytes]:
    """Read all parts."""
    with parcel.part(ROWS) as rows, parcel.part("a.pdf") as attachment:
        return [rows.read(), attachment.read()]


def refused(sealed: SealedParcel) -> Reason:
    """Return why a body is refused by the first pass; who skips that cannot read it through."""
    parcel = TWO.open(sealed)
    with pytest.raises(WardnetError) as raised:
        parcel.verify()
    assert "Nothing was taken" in str(raised.value)
    with pytest.raises(WardnetError):
        read(parcel)
    return raised.value.reason


def flip(path: Path, place: int) -> None:
    """Flip one bit of one byte of a file."""
    data = bytearray(path.read_bytes())
    data[place] ^= 1 << CHANCE.randrange(8)
    path.write_bytes(data)


def swapped(data: bytes) -> bytes:
    """Return the second frame before the first."""
    first, second, *rest = frames(data)
    return b"".join([second, first, *rest])


def repeated(data: bytes) -> bytes:
    """Return the first frame twice, in place of the second."""
    first, _, *rest = frames(data)
    return b"".join([first, first, *rest])


def rotated(data: bytes) -> bytes:
    """Return the last, shorter frame at the beginning."""
    *rest, last = frames(data)
    return b"".join([last, *rest])


def lifted(data: bytes) -> bytes:
    """Return a frame made of the second half of one and the first half of the next."""
    return data[SEALED_BYTES // 2 :] + data[: SEALED_BYTES // 2]


@pytest.mark.parametrize(
    "spoil",
    [
        swapped,
        repeated,
        rotated,
        lifted,
        lambda data: data[: 3 * SEALED_BYTES],
        lambda data: data[:SEALED_BYTES],
        lambda data: data[:-1],
        lambda data: data[:-16],
        lambda data: data + b"\0",
        lambda data: data + frames(data)[-1],
        lambda _: b"",
        lambda data: bytes(len(data)),
        lambda data: noise(len(data)),
    ],
    ids=[
        "two frames swapped",
        "a frame repeated",
        "the last frame first",
        "shifted",
        "cut at the last frame",
        "cut after the first frame",
        "one byte short",
        "one tag short",
        "one byte long",
        "the last frame twice",
        "empty",
        "zeros",
        "noise",
    ],
)
def test_a_spoilt_body_is_refused(sealed: SealedParcel, spoil: Callable[[bytes], bytes]) -> None:
    """By the first pass, before anything is taken, and again by whoever skips it."""
    sealed.body_path.write_bytes(spoil(sealed.body_path.read_bytes()))
    assert refused(sealed) is Reason.PARCEL_DAMAGED


def test_any_flipped_bit_of_the_body_is_found(sealed: SealedParcel) -> None:
    """In text or tag of any frame: at every frame's borders, and at random places."""
    data = sealed.body_path.read_bytes()
    borders = [n * SEALED_BYTES + place for n in range(4) for place in (-17, -16, -1, 0)]
    parcel = TWO.open(sealed)
    for place in [*borders, *(CHANCE.randrange(len(data)) for _ in range(40))]:
        flip(sealed.body_path, place % len(data))
        with pytest.raises(WardnetError) as raised:
            parcel.verify()
        assert raised.value.reason is Reason.PARCEL_DAMAGED
        sealed.body_path.write_bytes(data)
    parcel.verify()


def test_any_flipped_bit_of_the_header_is_found(sealed: SealedParcel) -> None:
    """In both encapsulated keys, and in the text and tag behind them."""
    data = sealed.header_path.read_bytes()
    for place in [0, 1087, 1088, 1119, 1120, *CHANCE.sample(range(len(data)), 300), len(data) - 1]:
        flip(sealed.header_path, place)
        with pytest.raises(WardnetError) as raised:
            TWO.open(sealed)
        assert raised.value.reason is Reason.SIGNATURE_INVALID
        sealed.header_path.write_bytes(data)
    assert TWO.open(sealed).header == sealed.header


@pytest.mark.parametrize("length", [0, 1, 31, 1119, 1120, 1135, 1136, -1])
def test_a_torn_header_is_refused(sealed: SealedParcel, length: int) -> None:
    """Cut inside the keys, at their ends, and by its last byte."""
    sealed.header_path.write_bytes(sealed.header_path.read_bytes()[:length])
    with pytest.raises(WardnetError) as raised:
        TWO.open(sealed)
    assert raised.value.reason is Reason.SIGNATURE_INVALID


def test_an_endless_header_is_refused_before_it_is_opened(sealed: SealedParcel) -> None:
    """Nobody makes us decrypt a gigabyte to learn that it is none."""
    sealed.header_path.write_bytes(bytes(2 << 20))
    with pytest.raises(WardnetError) as raised:
        TWO.open(sealed)
    assert raised.value.reason is Reason.PARCEL_REFUSED


def test_another_recipient_opens_nothing(sealed: SealedParcel) -> None:
    """Neither with another hospital's key, nor with the key of another request of the same one."""
    for key in (HybridKey.generate(), HybridKey(TWO.key.mlkem, HybridKey.generate().x25519)):
        with pytest.raises(WardnetError) as raised:
            TWO.open(sealed, key=key)
        assert raised.value.reason is Reason.SIGNATURE_INVALID


def test_a_parcel_counts_under_its_own_grant_only(sealed: SealedParcel) -> None:
    """Replayed under a later grant, or as if it came from or went to another hospital."""
    for label in (
        TWO.label("2" * 64),
        TWO.label(sender="c"),
        TWO.label(recipient="c"),
    ):
        with pytest.raises(WardnetError) as raised:
            TWO.open(sealed, label=label, node=label.sender)
        assert raised.value.reason is Reason.SIGNATURE_INVALID


def test_an_earlier_parcel_of_the_same_grant_is_refused(tmp_path: Path) -> None:
    """A relay that kept the first parcel cannot hand it out in place of the second."""
    first, second = (TWO.seal(tmp_path, b"rows") for _ in range(2))
    with pytest.raises(WardnetError) as raised:
        TWO.open(first, digest=second.header.digest)
    assert raised.value.reason is Reason.PARCEL_REFUSED


def test_a_header_does_not_open_another_body(tmp_path: Path) -> None:
    """Bodies of the same length, swapped between two parcels of one grant."""
    first, second = (TWO.seal(tmp_path, noise(100)) for _ in range(2))
    mixed = SealedParcel(first.header, first.header_path, second.body_path)
    parcel = TWO.open(mixed)
    with pytest.raises(WardnetError) as raised:
        parcel.verify()
    assert raised.value.reason is Reason.PARCEL_DAMAGED


def test_a_frame_of_another_parcel_does_not_fit(sealed: SealedParcel, tmp_path: Path) -> None:
    """Each parcel has its own key, so that not one frame can be moved between them."""
    other = frames(TWO.seal(tmp_path, noise(LENGTH)).body_path.read_bytes())
    own = frames(sealed.body_path.read_bytes())
    sealed.body_path.write_bytes(b"".join([own[0], other[1], *own[2:]]))
    assert refused(sealed) is Reason.PARCEL_DAMAGED


def test_a_recipient_cannot_make_another_body_for_the_header(sealed: SealedParcel) -> None:
    """It has the key and can seal what it likes; the owner has signed the digest of one body."""
    parcel = TWO.open(sealed)
    with sealed.body_path.open("wb") as file:
        writer = FrameWriter(file, parcel.key)
        writer.write(noise(sealed.header.length))
        writer.close()
    with pytest.raises(WardnetError) as raised:
        parcel.verify()
    assert "what its owner signed" in str(raised.value)


def test_a_body_exchanged_between_the_passes_is_found(sealed: SealedParcel) -> None:
    """The second pass trusts the first in nothing: every frame is opened by its tag again."""
    parcel = TWO.open(sealed)
    parcel.verify()
    with parcel.part(ROWS) as file:
        assert len(file.read(10)) == 10
        data = bytearray(sealed.body_path.read_bytes())
        data[SEALED_BYTES + 5] ^= 1
        sealed.body_path.write_bytes(data)
        file.seek(FRAME_BYTES)
        with pytest.raises(WardnetError) as raised:
            file.read(10)
    assert raised.value.reason is Reason.PARCEL_DAMAGED
