"""Rows that are shared leave sealed: no plaintext on the way, no trace of what was not granted."""

import io
import tempfile
import unicodedata
from pathlib import Path
from typing import Literal

import pyarrow.parquet as pq
import pytest

from support.extracts import extract, put_list, rules
from support.parcels import Exchange
from support.vaults import Home, adopt, visits, write_csv
from wardnet.errors import Reason, WardnetError
from wardnet.question.conditions import Compare
from wardnet.sealing.header import ROWS, ROWS_MEDIA_TYPE
from wardnet.sharing.deidentification import Keep, Patient, Shift
from wardnet_node.sharing.giving.make import make
from wardnet_node.sharing.giving.preview import preview

RECORD = "QUACKENBUSH-77"
RARE = "-7.331739182645"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Return a home with one known patient; temporary files go below it, too."""
    temporary = tmp_path / "home" / "temporary"
    temporary.mkdir(parents=True)
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)
    home = Home(tmp_path / "home")
    adopt(home)
    frame = visits(300, patients=60).astype(object)
    for column, value in {"record": RECORD, "score": RARE, "age": "77"}.items():
        frame.loc[150, column] = value
    with home.vault() as vault:
        vault.load("visits", write_csv(frame, tmp_path / "table.csv"))
    return home


def test_making_leaves_no_plaintext_on_the_disk(home: Home) -> None:
    """Ids that are kept are in the parcel, and neither beside it nor in a temporary file."""
    with Exchange().writer(home.folder) as parcel:
        with parcel.part(ROWS, ROWS_MEDIA_TYPE) as sink:
            make(extract(home, rules({"score": Keep()}, Patient.KEEP)), sink, part_bytes=1000)
        parcel.seal()
    assert list(home.folder.glob("*.body"))
    for path in filter(Path.is_file, home.folder.rglob("*")):
        assert RECORD.encode() not in path.read_bytes()
        assert RECORD[:8].encode("utf-16-le") not in path.read_bytes()


def test_a_sink_that_fails_leaves_nothing(home: Home) -> None:
    """What the sink raises comes through, and no parcel is there."""

    class Full(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: object, /) -> int:
            raise WardnetError(Reason.DISK_FULL, path="parcel")

    before = set(home.folder.rglob("*"))
    with pytest.raises(WardnetError) as caught:
        make(extract(home, rules({"sex": Keep()})), Full())
    assert caught.value.reason is Reason.DISK_FULL
    assert set(home.folder.rglob("*")) == before


def test_a_condition_on_a_hidden_value_is_shown_to_the_steward(home: Home) -> None:
    """A cohort `age == 77` tells the age of everybody in the parcel, whatever its columns."""
    asked = Compare("age", "==", "77")
    said = preview(extract(home, rules({"sex": Keep(), "seen": Shift(9)}), cohort=asked))
    assert said.told_by_cohort == ("age",)
    kept = preview(extract(home, rules({"age": Keep()}), cohort=asked))
    assert kept.told_by_cohort == ()


def test_a_pseudonym_for_somebody_who_was_named_is_shown_as_none(home: Home) -> None:
    """Who names the patients knows them under any pseudonym; the steward reads that."""
    words = "the recipient has named them"
    for patient in (Patient.DROP, Patient.PSEUDONYM):
        named = preview(extract(home, rules({"sex": Keep()}, patient), patients=(RECORD,)))
        assert words in named.identifiers
        chosen = preview(extract(home, rules({"sex": Keep()}, patient)))
        assert words not in chosen.identifiers


def test_an_objection_cannot_be_asked_around(home: Home) -> None:
    """By name, by a rare value or by everybody: the patient's rows stay, and no count tells."""
    put_list(home, [RECORD])
    for asked in (
        extract(home, rules({"score": Keep()}, Patient.KEEP)),
        extract(home, rules({"score": Keep()}, Patient.KEEP), cohort=Compare("age", "==", "77")),
    ):
        sink = io.BytesIO()
        make(asked, sink)
        table = pq.read_table(io.BytesIO(sink.getvalue()))
        assert RECORD not in table.column("record").to_pylist()
        assert float(RARE) not in table.column("score").to_pylist()
    with pytest.raises(WardnetError) as caught:
        make(extract(home, rules({"score": Keep()}), patients=(RECORD,)), io.BytesIO())
    assert caught.value.reason is Reason.NOTHING_TO_SHARE


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("number", ["J\u00fcrgen 7", "Ren\u00e9e D\u00fcrr\u00e9nmatt 7"])
def test_an_objection_holds_however_a_letter_is_spelled(
    tmp_path: Path, number: str, form: Literal["NFC", "NFD"]
) -> None:
    """Composed or not, with spaces around it or not: it is the same patient, short or long."""
    home = Home(tmp_path / "home")
    adopt(home)
    frame = visits(30, patients=5).astype(object)
    frame.loc[7, "record"] = unicodedata.normalize(form, number)
    with home.vault() as vault:
        vault.load("visits", write_csv(frame, tmp_path / "table.csv"))
    other: Literal["NFC", "NFD"] = "NFD" if form == "NFC" else "NFC"
    put_list(home, [f"\u00a0{unicodedata.normalize(other, number)} \t"])
    said = preview(extract(home, rules({"sex": Keep()})))
    assert (said.rows, said.patients_withheld) == (29, 1)


def test_what_the_file_says_of_itself_tells_nothing_of_the_hospital(home: Home) -> None:
    """Its metadata is the dictionary of the result; no statistics, no index, no names of files."""
    sink = io.BytesIO()
    make(extract(home, rules({"sex": Keep(), "age": Keep()})), sink)
    file = pq.ParquetFile(io.BytesIO(sink.getvalue()))
    assert set(file.schema_arrow.metadata) == {b"wardnet.dictionary"}
    column = file.metadata.row_group(0).column(0)
    assert column.statistics is None
    for trace in (str(home.folder).encode(), b"pandas", b"score", b"mass"):
        assert trace not in sink.getvalue()
