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
    dictionary, local, _ = describe(path, "export", patient=options.get("patient"), keep_rare=True)
    return dictionary, local, list(read(path, dictionary, local=local))


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
    dictionary, _, rare = describe(path, "export")
    assert dictionary.column("cause").levels == ("flu",)
    assert dictionary.column("stage").levels == ()
    assert rare == {"cause": 2}
    written = dictionary_file.write(dictionary, notes=["Left out of cause: 2 levels."])
    assert "\n# Left out of cause: 2 levels.\n\n" in written
    assert "Kuru" not in written
    kept, _, none = describe(path, "export", keep_rare=True)
    assert kept.column("cause").levels == ("Kuru", "flu", "gout")
    assert kept.column("stage").levels == ("1", "2")
    assert none == {}


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
