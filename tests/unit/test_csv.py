"""Files become clean batches, and every mistake is named by file, line, column and rule."""

from pathlib import Path

import numpy as np
import pytest

from wardnet.errors import Reason, WardnetError
from wardnet.question.dictionary import Action, Column, ColumnType, Dictionary
from wardnet_node.intake import blocks
from wardnet_node.intake.batches import Batch, read
from wardnet_node.intake.local_part import LocalColumn, LocalPart

TABLE = Dictionary(
    name="table",
    version=1,
    columns=(
        Column(name="id", type=ColumnType.IDENTIFIER),
        Column(name="age", type=ColumnType.INTEGER, minimum="0", maximum="120"),
        Column(name="sex", type=ColumnType.CATEGORY, levels=("f", "m")),
        Column(name="chol", type=ColumnType.REAL, minimum="0", maximum="20", resolution="0.1"),
        Column(name="seen", type=ColumnType.DATE, minimum="2000-01-01", maximum="2030-12-31"),
        Column(name="note", type=ColumnType.TEXT),
    ),
    patient="id",
)
HEADER = "id,age,sex,chol,seen\n"


def batches(
    folder: Path,
    content: str | bytes,
    local: LocalPart | None = None,
    table: Dictionary = TABLE,
    *,
    accept_last_line: bool = False,
) -> list[Batch]:
    """Read a file with this content."""
    path = folder / "table.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    local = local or LocalPart()
    return list(read(path, table, local=local, accept_last_line=accept_last_line))


def ids(batch: Batch) -> list[str]:
    """Return the ids of a batch's patients."""
    return [] if batch.patients is None else batch.patients.to_pylist()


def rejects(
    folder: Path, content: str | bytes, local: LocalPart | None = None
) -> list[tuple[int, str, str]]:
    """Return what did not fit."""
    return [
        (reject.line, reject.column, reject.rule)
        for batch in batches(folder, content, local)
        for reject in batch.rejects
    ]


def refused(folder: Path, content: str | bytes, local: LocalPart | None = None) -> WardnetError:
    """Return why a file was refused as a whole."""
    with pytest.raises(WardnetError) as raised:
        batches(folder, content, local)
    return raised.value


def test_a_plain_file_is_read(tmp_path: Path) -> None:
    """Each column gets its codes; empty cells are missing; text is not read at all."""
    (batch,) = batches(tmp_path, HEADER + "a,63.0,m,5.2,2020-01-31\nb,,,,\n")
    assert (batch.rows, batch.rejected) == (2, 0)
    assert {name: values.tolist() for name, values in batch.columns.items()} == {
        "age": [63, -1],
        "sex": [1, -1],
        "chol": [52, -1],
        "seen": [7335, -1],
    }
    assert ids(batch) == ["a", "b"]
    assert batch.missing == {"age": 1, "sex": 1, "chol": 1, "seen": 1}


def test_a_file_is_read_as_its_local_part_declares_it(tmp_path: Path) -> None:
    """Encoding, delimiter, decimal comma, names, codes, factors, mappings and formats."""
    local = LocalPart(
        encoding="cp1252",
        delimiter=";",
        decimal=",",
        quote="'",
        columns={
            "id": LocalColumn(source="Nr"),
            "age": LocalColumn(source="Alter", missing=("-9", "k.A.")),
            "sex": LocalColumn(source="Geschlecht", mapping={"weiblich": "f", "männlich": "m"}),
            "chol": LocalColumn(factor="0.1"),
            "seen": LocalColumn(date_format="%d.%m.%Y"),
        },
    )
    content = (
        "Nr;Alter;Geschlecht;chol;seen\r\n"
        "1;-9,0;männlich;52,0;31.1.2020\r\n"
        "'2';k.A.; weiblich ;3;'01.02.2020'\r\n"
    )
    (batch,) = batches(tmp_path, content.encode("cp1252"), local)
    assert batch.rejects == ()
    assert {name: values.tolist() for name, values in batch.columns.items()} == {
        "age": [-1, -1],
        "sex": [1, 0],
        "chol": [52, 3],
        "seen": [7335, 7336],
    }


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends_do_not_change_what_is_read(
    tmp_path: Path, encoding: str, newline: str
) -> None:
    """The same table in any of them gives the same batch, with and without a last newline."""
    for end in ("", newline):
        content = (HEADER + "ä,1,m,2,2020-01-31\nö,2,f,3,2020-02-01").replace("\n", newline) + end
        local = LocalPart(encoding=encoding)
        found = batches(tmp_path, content.encode(encoding), local, accept_last_line=not end)
        assert [identifier for batch in found for identifier in ids(batch)] == ["ä", "ö"]
        assert [age for batch in found for age in batch.columns["age"].tolist()] == [1, 2]


@pytest.mark.parametrize(
    ("cells", "column", "rule"),
    [
        ("a,x,m,5,2020-01-31", "age", "is not a number"),
        ("a,1e999,m,5,2020-01-31", "age", "is not a number"),
        ("a,4.5,m,5,2020-01-31", "age", "is not a whole number"),
        ("a,121,m,5,2020-01-31", "age", "is out of bounds"),
        ("a,4,x,5,2020-01-31", "sex", "is not one of the levels"),
        ("a,4,m,5.25,2020-01-31", "chol", "is finer than the resolution"),
        ('a,4,m,"5,2",2020-01-31', "chol", "is not a number"),
        ("a,4,m,5,2020-02-30", "seen", "is not a valid date or time"),
        ("a,4,m,5,1920-01-31", "seen", "is out of bounds"),
        (" ,4,m,5,2020-01-31", "id", "is empty, and names the patient"),
        ("a,4,m,5", "(all)", "has 4 cells where the header has 5"),
        ("a,4,m,5,2020-01-31,", "(all)", "has 6 cells where the header has 5"),
    ],
)
def test_a_record_that_does_not_fit_is_named(
    tmp_path: Path, cells: str, column: str, rule: str
) -> None:
    """Line, column and rule; the records around it are kept."""
    content = HEADER + f"a,1,m,5,2020-01-31\n{cells}\nc,3,f,5,2020-01-31\n"
    (batch,) = batches(tmp_path, content)
    assert [(r.line, r.column, r.rule) for r in batch.rejects] == [(3, column, rule)]
    assert (batch.rows, batch.rejected) == (2, 1)
    assert batch.columns["age"].tolist() == [1, 3]
    assert ids(batch) == ["a", "c"]


def test_a_point_is_no_thousands_separator_where_commas_are_decimal(tmp_path: Path) -> None:
    """`1.500` in a file with decimal commas is refused, not read as 1.5."""
    local = LocalPart(delimiter=";", decimal=",")
    content = "id;age;sex;chol;seen\na;1.000;m;1,5;2020-01-31\n"
    assert rejects(tmp_path, content, local) == [(2, "age", "is not a number")]


def test_lines_are_counted_through_quotes_blank_lines_and_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records over several lines, empty lines and any cut into blocks keep the numbers right."""
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 7)
    content = (
        '\n"id",age,sex,chol,"seen"\r\n'
        '"a\n\nb",1,m,5,2020-01-31\n'
        "\n\r\n"
        'c,x,m,5,2020-01-31\n"d ""q""",2,m,5,2020-01-31\r\n'
        'e,3,"q\n",5,2020-01-31\n'
        "f,4\n"
        "g,y,z,5,2020-01-31\n"
    )
    assert rejects(tmp_path, content) == [
        (8, "age", "is not a number"),
        (10, "sex", "is not one of the levels"),
        (12, "(all)", "has 2 cells where the header has 5"),
        (13, "age", "is not a number"),
        (13, "sex", "is not one of the levels"),
    ]


@pytest.mark.parametrize("ending", ["1", '"11"'])
@pytest.mark.parametrize("block", [8, 1 << 22])
def test_a_last_line_without_an_end_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, block: int
) -> None:
    """A file that was cut inside its very last number would give a wrong value that fits."""
    monkeypatch.setattr(blocks, "BLOCK_BYTES", block)
    table = Dictionary(name="table", version=1, columns=(TABLE.column("sex"), TABLE.column("age")))
    content = "sex,age\nf,110\nm,110\nm,"
    (*_, last) = batches(tmp_path, content + ending, table=table)
    (reject,) = last.rejects
    assert (reject.line, reject.column) == (4, "(all)")
    assert "--accept-last-line" in reject.rule
    whole = batches(tmp_path, content + ending, table=table, accept_last_line=True)
    assert sum(batch.rows for batch in whole) == 3
    ended = batches(tmp_path, content + ending + "\r", table=table)
    assert sum(batch.rows for batch in ended) == 3


def test_out_of_bounds_values_are_adjusted_where_the_dictionary_says_so(tmp_path: Path) -> None:
    """Clamped and dropped values are counted by column and action."""
    table = Dictionary(
        name="t",
        version=1,
        columns=(
            Column(
                name="age",
                type=ColumnType.INTEGER,
                minimum="0",
                maximum="120",
                out_of_bounds=Action.MISSING,
            ),
            Column(
                name="chol",
                type=ColumnType.REAL,
                minimum="0",
                maximum="20",
                out_of_bounds=Action.CLAMP,
            ),
        ),
    )
    local = LocalPart(columns={"age": LocalColumn(round_to_resolution=True)})
    (batch,) = batches(tmp_path, "age,chol\n130,21\n4.4,-1\n", local, table)
    assert batch.columns["age"].tolist() == [-1, 4]
    assert batch.columns["chol"].tolist() == [20.0, 0.0]
    assert batch.adjusted == {
        ("age", "out of bounds, set to missing"): 1,
        ("age", "rounded to the resolution"): 1,
        ("chol", "out of bounds, clamped"): 2,
    }


@pytest.mark.parametrize(
    ("content", "reason", "details"),
    [
        ("", Reason.FILE_EMPTY, {"rule": "header"}),
        ("\n\n", Reason.FILE_EMPTY, {"rule": "header"}),
        (HEADER, Reason.FILE_EMPTY, {"rule": "rows"}),
        (HEADER + "\n\r\n", Reason.FILE_EMPTY, {"rule": "rows"}),
        (HEADER + "a,1,m,5,2020-01-31\nb,2,f", Reason.FILE_TRUNCATED, {"line": "3"}),
        (HEADER + 'a,1,m,5,2020-01-31\n"b,2\n,f', Reason.FILE_TRUNCATED, {"line": "3"}),
        (HEADER + 'a,1,m,5,2020-01-31\nb"b",2,f,5,2020-01-31\n', Reason.FILE_QUOTES, {"line": "3"}),
        (HEADER + '"b"b,2,f,5,2020-01-31\n', Reason.FILE_QUOTES, {"line": "2"}),
        ("id,age,sex,chol\na,1,m,5\n", Reason.FILE_HEADER, {"column": "seen"}),
        ("id,age,sex,age,chol,seen\n", Reason.FILE_HEADER, {"column": "age"}),
        ("id,age,sex,chol,seen,secret,secret\n", Reason.FILE_HEADER, {"column": "number 7"}),
        ("1,63,m,5.2,2020-01-31\n", Reason.FILE_HEADER, {"column": "age"}),
    ],
)
def test_a_file_that_is_wrong_as_a_whole_is_refused(
    tmp_path: Path, content: str, reason: Reason, details: dict[str, str]
) -> None:
    """Empty, truncated, wrongly quoted, or with another header: named, and nothing is kept."""
    error = refused(tmp_path, content)
    assert error.reason is reason
    assert details.items() <= error.details.items()
    assert error.details["file"] == str(tmp_path / "table.csv")


@pytest.mark.parametrize(
    ("encoding", "content", "line"),
    [
        ("utf-8", HEADER.encode() + b"a,1,m,5,2020-01-31\n\xff,2,m,5,2020-01-31\n", 3),
        ("utf-8", b"id,age,sex,chol,seen,\xe4\n", 1),
        ("ascii", HEADER.encode() + "ä,1,m,5,2020-01-31\n".encode(), 2),
        ("cp1252", HEADER.encode() + b"a,1,m,5,2020-01-31\n\x81,2,m,5,2020-01-31\n", 3),
    ],
)
def test_a_wrongly_declared_encoding_is_named_with_its_line(
    tmp_path: Path, encoding: str, content: bytes, line: int
) -> None:
    """Bytes that the declared encoding does not have stop the load at their line."""
    error = refused(tmp_path, content, LocalPart(encoding=encoding))
    assert error.reason is Reason.FILE_ENCODING
    assert (error.details["line"], error.details["rule"]) == (str(line), encoding)


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "iso-8859-15"])
def test_utf_8_is_not_read_as_another_encoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    """Wherever the letter stands, also where a block cuts it; the sentence says what to do."""
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 7)
    for lines in range(8):
        content = HEADER + "a,1,m,5,2020-01-31\n" * lines + "x" * lines + "ä,2,m,5,2020-01-31\n"
        error = refused(tmp_path, content.encode(), LocalPart(encoding=encoding))
        assert error.reason is Reason.FILE_IS_UTF_8
        assert (encoding in str(error), 'encoding = "utf-8"' in str(error)) == (True, True)


@pytest.mark.parametrize(
    ("encoding", "letters"),
    [
        ("cp1252", "plain"),
        ("cp1252", "ä"),
        ("cp1252", "Ã¤ and ä"),
        ("latin-1", "ä"),
        ("utf-8-sig", "ä"),
        ("utf-16-le", "\u80c3"),
        ("gbk", "脙"),
    ],
)
def test_what_is_declared_rightly_is_not_taken_for_utf_8(
    tmp_path: Path, encoding: str, letters: str
) -> None:
    """ASCII is text in both; an encoding with more bytes for a letter is left to its decoder."""
    content = (HEADER + f"{letters},1,m,5,2020-01-31\n").encode(encoding)
    (batch,) = batches(tmp_path, content, LocalPart(encoding=encoding))
    assert ids(batch) == [letters]


def test_a_quote_that_is_never_closed_does_not_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record may not be longer than the limit."""
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 64)
    monkeypatch.setattr(blocks, "MAXIMUM_RECORD", 256)
    error = refused(tmp_path, HEADER + '"a,1,m,5,2020-01-31\n' + "b,1,m,5,2020-01-31\n" * 50)
    assert (error.reason, error.details["line"]) == (Reason.FILE_TRUNCATED, "2")


def test_a_missing_file_is_unreadable(tmp_path: Path) -> None:
    """The path and the system's reason are named."""
    with pytest.raises(WardnetError, match=r"nowhere\.csv cannot be read: No such file"):
        list(read(tmp_path / "nowhere.csv", TABLE, local=LocalPart()))


def test_progress_ends_at_all_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The callback sees growing numbers of bytes, the size of the file last."""
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 64)
    path = tmp_path / "table.csv"
    path.write_text(HEADER + "a,1,m,5,2020-01-31\n" * 40)
    seen: list[tuple[int, int]] = []
    progress = lambda done, total: seen.append((done, total))  # noqa: E731
    rows = sum(batch.rows for batch in read(path, TABLE, local=LocalPart(), progress=progress))
    assert rows == 40
    assert len(seen) > 3
    assert seen == sorted(seen)
    assert seen[-1] == (path.stat().st_size,) * 2


def test_whole_floats_and_narrow_codes_keep_their_types(tmp_path: Path) -> None:
    """Every block gives the same types, also one that is all missing."""
    (batch,) = batches(tmp_path, HEADER + "a,,,,\n")
    assert {name: values.dtype for name, values in batch.columns.items()} == {
        "age": np.dtype(np.int8),
        "sex": np.dtype(np.int8),
        "chol": np.dtype(np.int16),
        "seen": np.dtype(np.int16),
    }
