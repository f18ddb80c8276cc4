"""Parcels: what one hospital seals, the other opens, and nobody else."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from support.parcels import SNAPSHOT, Exchange, noise, parquet, sha256, table
from wardnet.errors import Reason, WardnetError
from wardnet.sealing.header import (
    MAXIMUM_HEADER_BYTES,
    MAXIMUM_PARTS,
    ROWS,
    ROWS_MEDIA_TYPE,
)
from wardnet.sealing.write import ParcelWriter

TWO = Exchange()
SCAN, LETTER = noise(3_000_000), b"%PDF-1.7 letter"


def test_rows_and_attachments_come_back(tmp_path: Path) -> None:
    """Rows are read by pyarrow straight from the frames, with column and group selection."""
    sealed = TWO.seal(tmp_path, parquet(200_000), {"scan.dcm": SCAN, "letter.pdf": LETTER})
    parcel = TWO.open(sealed)
    parcel.verify()
    with parcel.part(ROWS) as file:
        assert pq.read_table(file).equals(table(200_000))
    with parcel.part(ROWS) as file:
        group = pq.ParquetFile(file).read_row_group(2, columns=["value"])
        assert group.equals(table(200_000).slice(100_000, 50_000).select(["value"]))
    for name, data in (("scan.dcm", SCAN), ("letter.pdf", LETTER)):
        with parcel.part(name) as file:
            assert file.read() == data


def test_a_table_is_written_straight_into_the_parcel(tmp_path: Path) -> None:
    """No other file is made on the way."""
    with TWO.writer(tmp_path) as parcel:
        with (
            parcel.part(ROWS, ROWS_MEDIA_TYPE) as sink,
            pq.ParquetWriter(sink, table(1).schema) as writer,
        ):
            for _ in range(3):
                writer.write_table(table(100_000))
        sealed = parcel.seal()
    with TWO.open(sealed).part(ROWS) as file:
        assert pq.ParquetFile(file).metadata.num_rows == 300_000
    assert {path.name for path in tmp_path.iterdir()} == {
        sealed.header_path.name,
        sealed.body_path.name,
    }


def test_the_digest_names_the_files(tmp_path: Path) -> None:
    """Both files are private, and their name is the SHA-256 of the body."""
    sealed = TWO.seal(tmp_path, parquet(10))
    assert sha256(sealed.body_path) == sealed.header.digest == sealed.body_path.stem
    assert sealed.header_path.stem == sealed.header.digest
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_no_parcel_is_sealed_twice_under_one_key(tmp_path: Path) -> None:
    """The same rows, sealed again, are other bytes under another key."""
    first, second = (TWO.seal(tmp_path, b"the same") for _ in range(2))
    assert first.header.digest != second.header.digest
    assert TWO.open(first).key != TWO.open(second).key


def _broken_off(folder: Path) -> None:
    with TWO.writer(folder) as parcel, parcel.part(ROWS, ROWS_MEDIA_TYPE) as sink:
        sink.write(SCAN)
        raise KeyboardInterrupt


def test_what_is_not_finished_is_gone(tmp_path: Path) -> None:
    """Whatever ends the work on the way leaves no file."""
    with pytest.raises(KeyboardInterrupt):
        _broken_off(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_a_key_to_seal_to_nothing_begins(tmp_path: Path) -> None:
    """A wrong key is found before the records are read, not after."""
    with pytest.raises(WardnetError) as refused:
        ParcelWriter(
            tmp_path,
            TWO.label(),
            recipient="00" * 32,
            snapshot=SNAPSHOT,
            signer=TWO.network.node("a").signer,
            made=TWO.network.at,
        )
    assert refused.value.reason is Reason.MALFORMED
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "step", ["frames.FrameWriter.write", "write.os.fsync", "write.write_private", "write.os.open"]
)
def test_a_full_disk_is_told_in_words_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """While frames are written, when they are made durable, at the header, and at the start."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(f"wardnet.sealing.{step}", full)
    with pytest.raises(WardnetError) as refused:
        TWO.seal(tmp_path, SCAN)
    assert refused.value.reason is Reason.DISK_FULL
    assert list(tmp_path.iterdir()) == []


def test_parts_come_one_at_a_time_and_rows_first(tmp_path: Path) -> None:
    """Anything else is a bug of ours and fails at once."""
    with TWO.writer(tmp_path) as parcel:
        with pytest.raises(ValueError, match="rows come first"):
            parcel.part("a.pdf", "application/pdf")
        rows = parcel.part(ROWS, ROWS_MEDIA_TYPE)
        with pytest.raises(ValueError, match="one part at a time"):
            parcel.part("a.pdf", "application/pdf")
        with pytest.raises(ValueError, match="a part is open"):
            parcel.seal()
        rows.close()
        with pytest.raises(ValueError, match="closed"):
            rows.write(b"late")


def test_an_attachment_is_not_called_like_the_rows(tmp_path: Path) -> None:
    """A person's mistake, told in words."""
    with TWO.writer(tmp_path) as parcel:
        parcel.part(ROWS, ROWS_MEDIA_TYPE).close()
        with pytest.raises(WardnetError) as refused:
            parcel.part(ROWS, ROWS_MEDIA_TYPE)
    assert refused.value.reason is Reason.ATTACHMENT_NAME


def test_a_parcel_holds_a_bounded_number_of_attachments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One more is refused before a byte of it is read."""
    monkeypatch.setattr("wardnet.sealing.write.MAXIMUM_PARTS", 2)
    with TWO.writer(tmp_path) as parcel:
        parcel.part(ROWS, ROWS_MEDIA_TYPE).close()
        parcel.part("1.dcm", "application/dicom").close()
        with pytest.raises(WardnetError) as refused:
            parcel.part("2.dcm", "application/dicom")
    assert refused.value.reason is Reason.PARCEL_TOO_LARGE


def test_a_media_type_is_one(tmp_path: Path) -> None:
    """What a browser would guess further from is refused before a byte is read."""
    with TWO.writer(tmp_path) as parcel:
        parcel.part(ROWS, ROWS_MEDIA_TYPE).close()
        with pytest.raises(WardnetError) as refused:
            parcel.part("a.pdf", "text/html; charset=utf-7")
    assert refused.value.reason is Reason.MALFORMED


def test_the_longest_header_can_be_sealed_and_opened(tmp_path: Path) -> None:
    """2000 parts with the longest names and types there are."""
    with TWO.writer(tmp_path) as parcel:
        parcel.part(ROWS, ROWS_MEDIA_TYPE).close()
        for number in range(MAXIMUM_PARTS - 1):
            parcel.part(f"{number:0>255}", "application/" + "x" * 115).close()
        sealed = parcel.seal()
    assert sealed.header_path.stat().st_size <= MAXIMUM_HEADER_BYTES
    assert len(TWO.open(sealed).header.parts) == MAXIMUM_PARTS
