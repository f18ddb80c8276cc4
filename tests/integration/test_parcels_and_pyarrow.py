"""pyarrow writes rows into a parcel and reads them from it, with no file in between."""

from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from support.parcels import Exchange, noise, table
from wardnet.errors import Reason, WardnetError
from wardnet.sealing.frame_reader import SealedFile
from wardnet.sealing.frames import FRAME_BYTES, SEALED_BYTES, FrameWriter
from wardnet.sealing.header import ROWS, ROWS_MEDIA_TYPE
from wardnet.sealing.write import SealedParcel

TWO = Exchange()
GROUPS, GROUP_ROWS = 8, 50_000
PIECES = [table(GROUP_ROWS, seed=seed) for seed in range(GROUPS)]
WHOLE = pa.concat_tables(PIECES)


def write(folder: Path) -> SealedParcel:
    """Return a parcel of some 7 MB of rows in eight groups, and an attachment."""
    with TWO.writer(folder) as parcel:
        with (
            parcel.part(ROWS, ROWS_MEDIA_TYPE) as sink,
            pq.ParquetWriter(pa.PythonFile(sink, mode="w"), WHOLE.schema) as writer,
        ):
            for piece in PIECES:
                writer.write_table(piece)
        with parcel.part("scan.dcm", "application/dicom") as sink:
            sink.write(noise(FRAME_BYTES))
        return parcel.seal()


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> SealedParcel:
    """Return the parcel."""
    return write(tmp_path_factory.mktemp("made"))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the numbers of the frames that are opened from now on."""
    numbers: list[int] = []
    usual = SealedFile.open

    def counted(file: SealedFile, number: int, out: memoryview) -> None:
        numbers.append(number)
        usual(file, number, out)

    monkeypatch.setattr(SealedFile, "open", counted)
    return numbers


@pytest.mark.parametrize("threads", [False, True])
@pytest.mark.parametrize("pre_buffer", [False, True])
def test_a_table_is_read_whole(sealed: SealedParcel, *, threads: bool, pre_buffer: bool) -> None:
    """In one thread and in several, with reads merged beforehand and not."""
    with TWO.open(sealed).part(ROWS) as file:
        read = pq.read_table(file, use_threads=threads, pre_buffer=pre_buffer)
    assert read.equals(WHOLE)


def test_batches_are_read_one_after_the_other(sealed: SealedParcel, opened: list[int]) -> None:
    """No frame is opened more than three times: at its two borders and for the file's end."""
    with TWO.open(sealed).part(ROWS) as file:
        batches = list(pq.ParquetFile(file).iter_batches(10_000))
    assert pa.Table.from_batches(batches).equals(WHOLE)
    assert max(opened.count(number) for number in opened) <= 3


def test_some_columns_of_some_rows_open_some_frames(
    sealed: SealedParcel, opened: list[int]
) -> None:
    """One small column of one group needs the end of the file and where it lies."""
    with TWO.open(sealed).part(ROWS) as file:
        read = pq.ParquetFile(file).read_row_group(3, columns=["code"])
    assert read.equals(PIECES[3].select(["code"]))
    assert len(set(opened)) <= 3 < sealed.header.frames


def test_a_dataset_filters_while_it_reads(sealed: SealedParcel) -> None:
    """By a scanner over an open file, as cohorts are filtered."""
    with TWO.open(sealed).part(ROWS) as file:
        fragment = ds.ParquetFileFormat().make_fragment(pa.PythonFile(file, mode="r"))
        read = fragment.to_table(columns=["value"], filter=ds.field("code") == 3)
    code = WHOLE.column("code").to_numpy()
    assert read.column("value").to_numpy().tolist() == (
        WHOLE.column("value").to_numpy()[code == 3].tolist()
    )


def test_a_flipped_byte_reaches_the_caller_as_our_error(tmp_path: Path) -> None:
    """Through pyarrow, which takes it neither for bad Parquet nor for a bug of its own."""
    sealed = write(tmp_path)
    data = bytearray(sealed.body_path.read_bytes())
    data[2 * SEALED_BYTES + 100] ^= 1
    sealed.body_path.write_bytes(data)
    with TWO.open(sealed).part(ROWS) as file, pytest.raises(WardnetError) as refused:
        pq.read_table(file)
    assert refused.value.reason is Reason.PARCEL_DAMAGED


def test_a_full_disk_reaches_the_caller_as_our_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through pyarrow too, and nothing is left."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(FrameWriter, "write", full)
    with pytest.raises(WardnetError) as refused:
        write(tmp_path)
    assert refused.value.reason is Reason.DISK_FULL
    assert list(tmp_path.iterdir()) == []


def test_a_closed_part_is_closed_for_pyarrow(sealed: SealedParcel) -> None:
    """And opens again as often as it is asked for."""
    parcel = TWO.open(sealed)
    for _ in range(2):
        with parcel.part(ROWS) as file:
            read = pq.ParquetFile(file)
            assert read.metadata.num_rows == GROUPS * GROUP_ROWS
        with pytest.raises(ValueError, match="closed"):
            read.read()
