"""Tables that the demonstration is given: read as written, or refused in a sentence."""

import tomllib
from pathlib import Path

import pandas as pd
import pytest

from demonstration.reference import Pooled
from demonstration.table import MOST_HOSPITALS, from_csv
from wardnet_node.intake.describe import describe
from wardnet_node.intake.local_part import write

ROWS = ["n\u00f6rd;40;1,5;f", "n\u00f6rd;NA;2,5;m", "west; 60 ;NA;NA", "west;70;3,25;f"] * 12
TEXT = "\n".join(["Klinik;Alter;Gr\u00f6\u00dfe;sex", *ROWS, ""])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_a_table_is_read_as_it_is_written(tmp_path: Path, encoding: str) -> None:
    """Encoding and delimiter are found out; the hospitals' files keep the delimiter."""
    path = tmp_path / "my table.csv"
    path.write_text(TEXT, encoding=encoding)
    table = from_csv(path, "Klinik")
    assert list(table.hospitals) == ["n-rd", "west"]
    assert list(table.pooled.columns) == ["patient", "Alter", "Gr\u00f6\u00dfe", "sex"]
    pooled, _ = table.write(tmp_path)
    assert pooled.read_text(encoding="utf-8").startswith(
        "patient;Alter;Gr\u00f6\u00dfe;sex\n1;40;1,5;f"
    )


def test_the_reference_reads_what_the_local_part_says(tmp_path: Path) -> None:
    """NA is missing in numbers and levels, and a decimal comma is one, as the hospitals read it."""
    path = tmp_path / "table.csv"
    path.write_text(TEXT, encoding="utf-8")
    table = from_csv(path, "Klinik")
    pooled, _ = table.write(tmp_path)
    made = describe(pooled, "table", patient="patient")
    dictionary, local = made.dictionary, made.local
    columns = [
        {"name": column.name, "type": column.type.value, "levels": list(column.levels)}
        for column in dictionary.columns
        if column.name != "patient"
    ]
    found = Pooled(table.pooled, columns, tomllib.loads(write(local)))
    assert found.numbers["Alter"].tolist()[2:4] == [60, 70]
    assert found.numbers["Grosse"].dropna().unique().tolist() == [1.5, 2.5, 3.25]
    assert found.numbers.isna().sum().tolist() == [12, 12]
    assert found.labels["sex"].value_counts().to_dict() == {"f": 24, "m": 12}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"a,b\n1,2\n", "has no column site; it has a, b"),
        (b"a;b\n1;2\n", "has no column site; it has a, b"),
        (b"", "cannot be read as CSV"),
        (b"\x81site\n1\n", "is no text in UTF-8, UTF-16 or Windows-1252"),
        (
            b"site,a\n" + b"".join(b"s%d,1\n" % n for n in range(MOST_HOSPITALS + 1)),
            "names 13 hospitals",
        ),
        (b"site,a\n", "names 0 hospitals"),
    ],
    ids=["column", "semicolon", "empty", "bytes", "many", "none"],
)
def test_a_table_that_cannot_be_dealt_says_why(tmp_path: Path, data: bytes, said: str) -> None:
    """One sentence that names the file, before anything is started."""
    path = tmp_path / "table.csv"
    path.write_bytes(data)
    with pytest.raises(SystemExit) as caught:
        from_csv(path, "site")
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    """The system's own words, without a traceback."""
    with pytest.raises(SystemExit, match="cannot be read: No such file"):
        from_csv(tmp_path / "nowhere.csv", "site")


def test_two_names_that_look_alike_stay_two_hospitals(tmp_path: Path) -> None:
    """What differs only in what an id cannot hold gets a number."""
    path = tmp_path / "table.csv"
    pd.DataFrame({"site": ["A b", "a-b"], "x": [1, 2]}).to_csv(path, index=False)
    assert list(from_csv(path, "site").hospitals) == ["a-b", "a-b-1"]
