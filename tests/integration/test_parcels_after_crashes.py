"""A process that is killed while it seals leaves nothing that counts, and nothing for long."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support.parcels import Exchange
from wardnet.sealing.header import ROWS, ROWS_MEDIA_TYPE
from wardnet.sealing.write import UNFINISHED, sweep

TWO = Exchange()
TESTS = Path(__file__).resolve().parents[1]

CHILD = """
import os, signal, sys
from pathlib import Path
from support.parcels import Exchange, noise
from wardnet.sealing import write
step, folder = sys.argv[1], Path(sys.argv[2])
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
if step == "header":
    write.write_private = die
if step == "fsync":
    write.os.fsync = die
if step == "frames":
    write.FrameWriter.close = die
Exchange().seal(folder, noise(3_000_000))
"""


@pytest.mark.parametrize(
    ("step", "left"), [("frames", UNFINISHED), ("fsync", UNFINISHED), ("header", ".body")]
)
def test_what_a_killed_process_has_left_is_swept(tmp_path: Path, step: str, left: str) -> None:
    """Killed between the frames, before they are durable, and before the header is there."""
    killed = subprocess.run(
        [sys.executable, "-c", CHILD, step, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert [path.suffix for path in tmp_path.iterdir()] == [left]
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_whole_parcels_and_those_under_way_stay(tmp_path: Path) -> None:
    """Another process may be sealing while the daemon starts."""
    whole = TWO.seal(tmp_path, b"rows")
    with TWO.writer(tmp_path) as parcel:
        parcel.part(ROWS, ROWS_MEDIA_TYPE).close()
        sweep(tmp_path)
        later = parcel.seal()
    sweep(tmp_path)
    for sealed in (whole, later):
        TWO.open(sealed).verify()
