"""What a parcel holds is on no disk in clear: not beside it, nor in a temporary file."""

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.parcels import Exchange, noise
from wardnet.errors import Reason, WardnetError
from wardnet.sealing.header import ROWS, ROWS_MEDIA_TYPE
from wardnet.sealing.parcel import Parcel
from wardnet.sealing.write import SealedParcel

TWO = Exchange()
NAME = "Zebulon Quackenbush"
PDF = b"%PDF-1.7 Zebulon Quackenbush " + noise(2_500_000)
FILE = "Quackenbush.pdf"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that parcels, and by its settings all temporary files, come to lie in."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(folder: Path) -> set[str]:
    """Return the files that hold the canary in any spelling, in bytes or as a name."""
    spellings = [NAME.encode(code) for code in ("utf-8", "utf-16-le", "utf-16-be")]
    spellings += [b"Quackenbush", b"%PDF-1.7"]
    return {
        str(path)
        for path in folder.rglob("*")
        if "Quackenbush" in path.name or any(item in path.read_bytes() for item in spellings)
    }


def seal(folder: Path) -> SealedParcel:
    """Return a parcel with the canary in a column's name, a cell, an attachment and its name."""
    rows = pa.table({NAME: [NAME] * 1000})
    with TWO.writer(folder) as parcel:
        with parcel.part(ROWS, ROWS_MEDIA_TYPE) as sink:
            pq.write_table(rows, sink, compression="none", use_dictionary=False)
        with parcel.part(FILE, "application/pdf") as sink:
            sink.write(PDF)
            assert found(folder) == set()
        return parcel.seal()


def read(parcel: Parcel) -> tuple[int, bytes]:
    """Return the number of rows and the attachment."""
    parcel.verify()
    with parcel.part(ROWS) as rows, parcel.part(FILE) as attachment:
        return pq.read_table(rows).num_rows, attachment.read()


def test_sealing_and_opening_leave_no_trace_in_clear(folder: Path) -> None:
    """The canary is searched while the parcel is made, when it is made, and after it was read."""
    (folder / "control").write_bytes(PDF)
    assert found(folder) == {str(folder / "control")}
    (folder / "control").unlink()
    sealed = seal(folder)
    assert found(folder) == set()
    assert read(TWO.open(sealed)) == (1000, PDF)
    assert found(folder) == set()
    assert len(list(folder.iterdir())) == 2


def test_what_is_shown_of_a_parcel_tells_no_key(folder: Path) -> None:
    """A parcel in a log line or a traceback shows its header at most."""
    parcel = TWO.open(seal(folder))
    shown = repr(parcel)
    assert parcel.key.hex() not in shown
    assert repr(parcel.key) not in shown


@contextmanager
def room(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size, as on a full disk."""
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, usual[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
        signal.signal(signal.SIGXFSZ, ignored)


@pytest.mark.parametrize("size", [0, 100, 1 << 20, 2 << 20])
def test_a_disk_that_is_full_keeps_nothing(folder: Path, size: int) -> None:
    """The kernel refuses a write in the middle of a frame: told in words, and no file is left."""
    with room(size), pytest.raises(WardnetError) as refused:
        seal(folder)
    assert refused.value.reason is Reason.DISK_FULL
    assert list(folder.iterdir()) == []
