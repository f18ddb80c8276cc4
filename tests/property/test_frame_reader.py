"""A sealed file read anyhow gives the same bytes as the plain one."""

import io
import secrets
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardnet.sealing.frame_reader import FrameReader, SealedFile
from wardnet.sealing.frames import FRAME_BYTES, FrameWriter

KEY = secrets.token_bytes(32)
PLAIN = secrets.token_bytes(2 * FRAME_BYTES + 1234)
BORDERS = (0, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 2 * FRAME_BYTES, len(PLAIN))

places = st.sampled_from(BORDERS) | st.integers(0, len(PLAIN) + 10)
reads = st.lists(st.tuples(places, places), max_size=8)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the sealed file."""
    sink = io.BytesIO()
    writer = FrameWriter(sink, KEY)
    writer.write(PLAIN)
    writer.close()
    path = tmp_path_factory.mktemp("sealed") / "body"
    path.write_bytes(sink.getvalue())
    return path


@given(first=places, last=places, reads=reads)
def test_any_reads_are_those_of_the_plain_file(
    path: Path, first: int, last: int, reads: list[tuple[int, int]]
) -> None:
    """Any range of the file, any places in it, any lengths; also across and at frames' borders."""
    start, end = sorted((min(first, len(PLAIN)), min(last, len(PLAIN))))
    plain = io.BytesIO(PLAIN[start:end])
    frames = SealedFile(path, KEY, length=len(PLAIN))
    with FrameReader(frames, offset=start, length=end - start) as reader:
        for place, size in reads:
            assert reader.seek(place) == plain.seek(place)
            assert reader.read(size) == plain.read(size)
            assert reader.tell() == max(place, plain.tell())


@given(cuts=st.lists(places, max_size=12))
def test_any_writes_give_the_same_frames(path: Path, cuts: list[int]) -> None:
    """However the stream is cut into writes, empty ones included."""
    sink = io.BytesIO()
    writer = FrameWriter(sink, KEY)
    borders = sorted({0, len(PLAIN), *(min(cut, len(PLAIN)) for cut in cuts)})
    for start, end in pairwise(borders):
        writer.write(memoryview(PLAIN)[start:end])
        writer.write(b"")
    writer.close()
    assert sink.getvalue() == path.read_bytes()
