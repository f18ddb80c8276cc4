"""Any table, written as any CSV, cut anywhere, is read as it was meant."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wardnet.question.dictionary import Column, ColumnType, Dictionary
from wardnet_node.intake import blocks
from wardnet_node.intake.batches import read
from wardnet_node.intake.local_part import LocalPart

TABLE = Dictionary(
    name="t",
    version=1,
    patient="id",
    columns=(
        Column(name="id", type=ColumnType.IDENTIFIER),
        Column(name="age", type=ColumnType.INTEGER, minimum="-5", maximum="300"),
        Column(name="mass", type=ColumnType.REAL, minimum="-100", maximum="100", resolution="0.01"),
    ),
)

Quoting: TypeAlias = Literal[0, 1, 2]

texts = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=12)
ids = texts.map(lambda text: f"x{text}x")
ages = st.one_of(st.none(), st.integers(-5, 300))
masses = st.one_of(st.none(), st.integers(-10_000, 10_000))
rows = st.lists(st.tuples(ids, texts, ages, masses), min_size=1, max_size=12)


def written(
    table: Sequence[tuple[str, str, int | None, int | None]], *, delimiter: str, quoting: Quoting
) -> str:
    """Write a table as Python's own writer does, with a column of any text between."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, quoting=quoting, lineterminator="\n")
    writer.writerow(["id", "text", "age", "mass"])
    for identifier, text, age, mass in table:
        cell = "" if mass is None else f"{mass / 100:.2f}"
        writer.writerow([identifier, text, "" if age is None else str(age), cell])
    return out.getvalue()


@given(
    table=rows,
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    quoting=st.sampled_from((csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC)),
    newline=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-16"]),
    block=st.integers(1, 200),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_reading_undoes_writing(
    *,
    tmp_path: Path,
    table: list[tuple[str, str, int | None, int | None]],
    delimiter: str,
    quoting: Quoting,
    newline: str,
    encoding: str,
    block: int,
) -> None:
    """Ids, codes and order come back, whatever stands in the text and wherever it is cut."""
    path = tmp_path / "t.csv"
    content = written(table, delimiter=delimiter, quoting=quoting).replace("\n", newline)
    path.write_bytes(content.encode(encoding))
    local = LocalPart(encoding=encoding, delimiter=delimiter)
    with patch.object(blocks, "BLOCK_BYTES", block):
        batches = list(read(path, TABLE, local=local))
    assert [reject for batch in batches for reject in batch.rejects] == []
    found = [name for batch in batches if batch.patients for name in batch.patients.to_pylist()]
    assert found == [identifier.replace("\n", newline) for identifier, *_ in table]
    age = [code for batch in batches for code in batch.columns["age"].tolist()]
    mass = [code for batch in batches for code in batch.columns["mass"].tolist()]
    assert age == [-1 if value is None else value + 5 for _, _, value, _ in table]
    assert mass == [-1 if value is None else value + 10_000 for *_, value in table]


@given(table=rows, wrong=st.sets(st.integers(0, 11)), block=st.integers(1, 200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_rejects_name_the_line_where_their_record_starts(
    tmp_path: Path,
    table: list[tuple[str, str, int | None, int | None]],
    wrong: set[int],
    block: int,
) -> None:
    """Python's own reader counts the same lines, through newlines in quotes and any cut."""
    path = tmp_path / "t.csv"
    content = written(table, delimiter=",", quoting=csv.QUOTE_MINIMAL)
    reader = csv.reader(io.StringIO(content))
    starts, records = [], []
    end = 0
    for record in reader:
        starts.append(end + 1)
        end = reader.line_num
        records.append(record)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for number, record in enumerate(records):
        writer.writerow(
            [*record[:2], "old", record[3]] if number - 1 in wrong and number else record
        )
    path.write_text(out.getvalue(), encoding="utf-8", newline="")
    with patch.object(blocks, "BLOCK_BYTES", block):
        batches = list(read(path, TABLE, local=LocalPart()))
    found = [reject.line for batch in batches for reject in batch.rejects]
    assert found == [starts[number + 1] for number in sorted(wrong) if number < len(table)]
    assert sum(batch.rows for batch in batches) == len(table) - len(found)


@pytest.mark.parametrize("block", [1, 2, 3, 5, 8, 1000])
def test_a_cut_inside_a_character_does_not_matter(tmp_path: Path, block: int) -> None:
    """Characters of several bytes may lie across two reads."""
    path = tmp_path / "t.csv"
    path.write_text("id,age,mass\nx😀x,1,2\nxéx,2,3\n", encoding="utf-8")
    with patch.object(blocks, "BLOCK_BYTES", block):
        found = [batch.patients for batch in read(path, TABLE, local=LocalPart())]
    assert [name for part in found if part for name in part.to_pylist()] == ["x😀x", "xéx"]
