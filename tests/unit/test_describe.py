"""A CSV file of unknown make is described so that it can be loaded."""

from pathlib import Path

import pytest

from wardnet.errors import Reason, WardnetError
from wardnet.question.dictionary import ColumnType, Dictionary
from wardnet_node.intake import blocks, dictionary_file
from wardnet_node.intake.batches import Batch, read
from wardnet_node.intake.describe import describe
from wardnet_node.intake.local_part import LocalPart

EXPORT = (
    "PatNr;Größe (m);Puls;Aufnahme;Raucher;Ort;\r\n"
    + "1;1,75;62,0;2020-01-01;true;Köln;x\r\n2;1,80;NA;2021-02-01;false;Köln;y\r\n" * 8
    + '3;;71;;;"Bonn; Beuel";z\r\n' * 2
)
"""As a German hospital exports it: cp1252, semicolons, decimal commas, a column without a name."""


def described(path: Path, **options: str) -> tuple[Dictionary, LocalPart, list[Batch]]:
    """Describe a file and read it with the drafts."""
    made = describe(path, "export", patient=options.get("patient"), keep_rare=True)
    read_again = read(path, made.dictionary, local=made.local, accept_last_line=True)
    return made.dictionary, made.local, list(read_again)


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8", "utf-8-sig", "utf-16"])
def test_a_file_is_described_as_it_is_written(tmp_path: Path, encoding: str) -> None:
    """Encoding, delimiter, decimal mark, missing codes and names are found; every row then fits."""
    path = tmp_path / "a.csv"
    path.write_bytes(EXPORT.encode(encoding))
    dictionary, local, batches = described(path, patient="PatNr")
    assert (local.delimiter, local.decimal) == (";", ",")
    assert local.encoding == encoding.removesuffix("-sig")
    assert local.source("Grosse_m") == "Größe (m)"
    assert local.column("Puls").missing == ("NA",)
    assert {column.name: column.type for column in dictionary.columns} == {
        "PatNr": ColumnType.IDENTIFIER,
        "Grosse_m": ColumnType.REAL,
        "Puls": ColumnType.INTEGER,
        "Aufnahme": ColumnType.DATE,
        "Raucher": ColumnType.BOOLEAN,
        "Ort": ColumnType.CATEGORY,
    }
    assert dictionary.patient == "PatNr"
    assert sum(batch.rows for batch in batches) == 18
    assert all(batch.rejects == () for batch in batches)


def test_what_stands_late_in_a_file_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A column is described from all blocks: one late word makes it text, one late digit finer."""
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 64)
    path = tmp_path / "a.csv"
    rows = "".join(f"{number},{number % 3},{number}.5\n" for number in range(100))
    path.write_text("a,b,c\n" + rows + "x,2,7.25\n")
    dictionary, _, batches = described(path)
    assert dictionary.columns[0].type is ColumnType.TEXT
    assert dictionary.column("b").levels == ("0", "1", "2")
    assert dictionary.column("c").resolution == "0.01"
    assert sum(batch.rows for batch in batches) == 101


def test_rare_levels_are_left_out_and_only_counted(tmp_path: Path) -> None:
    """Who edits the draft learns how many there were, and never which."""
    path = tmp_path / "a.csv"
    path.write_text("cause,stage\n" + "flu,1\n" * 60 + "Kuru,2\n" * 9 + "gout,1\n")
    made = describe(path, "export")
    assert made.dictionary.column("cause").levels == ("flu",)
    assert made.dictionary.column("stage").levels == ()
    assert made.rare == {"cause": 2}
    written = dictionary_file.write(made.dictionary, notes=made.notes)
    assert "\n# Left out of cause, because fewer than 10 rows have them: 2 levels.\n" in written
    assert "Kuru" not in written
    kept = describe(path, "export", keep_rare=True)
    assert kept.dictionary.column("cause").levels == ("Kuru", "flu", "gout")
    assert kept.dictionary.column("stage").levels == ("1", "2")
    assert kept.rare == {}


def test_german_dates_are_described_as_dates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The local part names their format, and every row fits then; two formats are text."""
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 256)
    path = tmp_path / "a.csv"
    days = [f"{1 + day % 28}.{1 + day % 12:02d}.2020" for day in range(60)]
    lines = (
        f"{day},{day} 14:{n:02d},{day if n < 30 else '2020-01-31'}" for n, day in enumerate(days)
    )
    path.write_text("born,seen,mixed\n" + "".join(f"{line}\n" for line in lines))
    dictionary, local, batches = described(path)
    assert dictionary.column("born").type is ColumnType.DATE
    assert dictionary.column("seen").type is ColumnType.DATETIME
    assert dictionary.columns[2].type is ColumnType.TEXT
    assert local.column("born").date_format == "%d.%m.%Y"
    assert local.column("seen").date_format == "%d.%m.%Y %H:%M"
    assert local.column("mixed").date_format == ""
    assert all(batch.rejects == () for batch in batches)


def test_columns_that_may_tell_of_patients_are_named(tmp_path: Path) -> None:
    """Whoever edits the draft reads which columns look like record numbers or free text."""
    path = tmp_path / "a.csv"
    remark = "the patient has had a cough since last week"
    rows = (
        f"{1000 + row // 2},{5000 + row},{row % 90},{('none', remark)[row % 2]},{2**53 + 2 * row}\n"
        for row in range(200)
    )
    path.write_text("Fallnummer,x,age,remark,long\n" + "".join(rows))
    made = describe(path, "export")
    assert set(made.doubts) == {"Fallnummer", "x", "remark", "long"}
    assert "--patient" in made.doubts["Fallnummer"]
    assert "free text" in made.doubts["remark"]
    assert "first 15" in made.doubts["long"]
    assert any("every row counts as a patient" in note for note in made.notes)
    named = describe(path, "export", patient="Fallnummer")
    assert set(named.doubts) == {"x", "remark", "long"}
    assert not any("every row counts as a patient" in note for note in named.notes)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", Reason.FILE_EMPTY),
        (b"a,b\n", Reason.FILE_EMPTY),
        (b"a,a\n1,2\n", Reason.FILE_HEADER),
        (b"a,b\n1,2\n3", Reason.FILE_TRUNCATED),
        (b"a,b\n1,\x81\n", Reason.FILE_ENCODING),
    ],
)
def test_a_file_that_cannot_be_read_is_not_described(
    tmp_path: Path, content: bytes, reason: Reason
) -> None:
    """The same errors as a load's."""
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(WardnetError) as raised:
        describe(path, "export")
    assert raised.value.reason is reason


def test_an_unknown_patient_column_is_named(tmp_path: Path) -> None:
    """The header has no such column."""
    path = tmp_path / "a.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(WardnetError, match="column who: the header has no such column"):
        describe(path, "export", patient="who")
