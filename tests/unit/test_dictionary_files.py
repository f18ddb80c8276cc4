"""Both parts of a dictionary can be written, edited and read; mistakes are named by their place."""

from dataclasses import replace
from pathlib import Path

import pytest

from wardnet.errors import Reason, WardnetError
from wardnet.question.dictionary import Action, Column, ColumnType, Dictionary
from wardnet_node.intake import dictionary_file, local_part
from wardnet_node.intake.local_part import LocalColumn, LocalPart

SHARED = Dictionary(
    name="cardiology",
    version=3,
    label='A "label" with\ta tab, é and \x7f',
    patient="record",
    columns=(
        Column(name="record", type=ColumnType.IDENTIFIER),
        Column(name="sex", type=ColumnType.CATEGORY, levels=("f", "m"), code_system="urn:x"),
        Column(
            name="chol",
            type=ColumnType.REAL,
            label="Cholesterol",
            unit="mmol/L",
            minimum="0",
            maximum="20",
            resolution="0.1",
            out_of_bounds=Action.CLAMP,
        ),
        Column(name="seen", type=ColumnType.DATE, minimum="2000-01-01", maximum="2030-12-31"),
    ),
)
LOCAL = LocalPart(
    encoding="cp1252",
    delimiter="\t",
    decimal=",",
    quote="",
    columns={
        "sex": LocalColumn(source="Geschlecht: m/w", mapping={"w": "f", "1.0": "m"}),
        "chol": LocalColumn(missing=("-9", "n/a"), factor="0.02586", round_to_resolution=True),
        "seen": LocalColumn(date_format="%d.%m.%Y"),
    },
)


def refused(path: Path, text: str) -> dict[str, str]:
    """Write a file, read it as a shared part and return what is wrong."""
    path.write_text(text)
    with pytest.raises(WardnetError) as raised:
        dictionary_file.read(path)
    assert raised.value.reason is Reason.DICTIONARY_INVALID
    return dict(raised.value.details)


def test_a_shared_part_survives_its_file(tmp_path: Path) -> None:
    """What was written is read, to the digest."""
    path = tmp_path / "cardiology.dictionary.toml"
    path.write_text(dictionary_file.write(SHARED))
    assert dictionary_file.read(path).digest == SHARED.digest


def test_a_local_part_survives_its_file_and_the_catalog(tmp_path: Path) -> None:
    """What was written is read, from TOML and from bytes."""
    path = tmp_path / "cardiology.local.toml"
    path.write_text(local_part.write(LOCAL))
    assert local_part.read(path) == LOCAL
    assert local_part.from_bytes(local_part.to_bytes(LOCAL)) == LOCAL


def test_a_bare_date_is_a_bound_too(tmp_path: Path) -> None:
    """TOML's own dates are what an editor would write."""
    path = tmp_path / "d.toml"
    text = dictionary_file.write(SHARED).replace('"2000-01-01"', "2000-01-01")
    path.write_text(text)
    assert dictionary_file.read(path) == SHARED


@pytest.mark.parametrize(
    ("old", "new", "field", "rule"),
    [
        ('maximum = "20"', 'maximum = "-1"', "column chol", "minimum is above the maximum"),
        ('maximum = "20"', 'maxmum = "20"', "column chol, maxmum", "no such field"),
        ('type = "real"', 'type = "reel"', "column chol, type", "it must be 'identifier', "),
        ('"f", "m"', '"f", 1', "column sex, levels, 1", "text in quotes"),
        ("version = 3", "version = 0", "the document", "the version starts at 1"),
        ("version = 3", "", "version", "it is needed"),
        ('patient = "record"', 'patient = "sex"', "the document", "patient must name"),
        ('name = "sex"', 'name = "s x"', "column s x, name", "a letter, then letters"),
        ('name = "sex"', "name = sex", "the document", "line"),
        ("version = 3", 'version = "3"', "version", "whole number without quotes"),
        ('levels = ["f", "m"]', 'levels = "f"', "column sex, levels", "must be a list"),
        ('maximum = "20"', 'maximum = "x"', "column chol", "the maximum must be a number such as"),
    ],
)
def test_a_mistake_is_named_by_file_field_and_rule(
    tmp_path: Path, old: str, new: str, field: str, rule: str
) -> None:
    """The column is named, not counted; nothing of the file's other content is repeated."""
    text = dictionary_file.write(SHARED)
    assert old in text
    details = refused(tmp_path / "d.toml", text.replace(old, new))
    assert details["path"] == str(tmp_path / "d.toml")
    assert details["field"] == field
    assert rule in details["rule"]


def test_a_file_that_is_not_there_or_not_text_is_named(tmp_path: Path) -> None:
    """Path and cause are in the error."""
    with pytest.raises(WardnetError) as raised:
        dictionary_file.read(tmp_path / "none.toml")
    assert raised.value.reason is Reason.FILE_UNREADABLE
    (tmp_path / "d.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(WardnetError, match="it is not UTF-8"):
        dictionary_file.read(tmp_path / "d.toml")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('encoding = "cp1252"', 'encoding = "cp99999"'),
        ('encoding = "cp1252"', 'encoding = "rot13"'),
        ('decimal = ","', 'decimal = ";"'),
        ('delimiter = "\\t"', 'delimiter = ","'),
        ('delimiter = "\\t"', 'delimiter = "\\n"'),
        ('quote = ""', 'quote = "\\t"'),
        ('factor = "0.02586"', 'factor = "x"'),
        ('factor = "0.02586"', 'factor = "0"'),
        ('factor = "0.02586"', 'factor = "inf"'),
        ('factor = "0.02586"', 'factr = "2"'),
    ],
)
def test_a_local_part_that_cannot_work_is_refused(tmp_path: Path, old: str, new: str) -> None:
    """Unknown encodings, marks with two uses, factors that are none."""
    text = local_part.write(LOCAL)
    assert old in text
    path = tmp_path / "l.toml"
    path.write_text(text.replace(old, new))
    with pytest.raises(WardnetError) as raised:
        local_part.read(path)
    assert raised.value.reason is Reason.DICTIONARY_INVALID


@pytest.mark.parametrize("date_format", ["DD.MM.YYYY", "%d.%m.", "%H:%M", "%", "%Q"])
def test_a_date_format_that_reads_no_day_is_refused_when_it_is_adopted(date_format: str) -> None:
    """Otherwise every row of every load would be rejected, and nobody would know why."""
    column = Column(name="d", type=ColumnType.DATE, minimum="2000-01-01", maximum="2030-12-31")
    shared = Dictionary(name="heart", version=1, columns=(column,))
    for usable in ("", "%d.%m.%Y", "%d.%m.%y", "%d %b %Y %H:%M"):
        local_part.check(LocalPart(columns={"d": LocalColumn(date_format=usable)}), shared)
    with pytest.raises(WardnetError, match="column d: its date_format must name day, month"):
        local_part.check(LocalPart(columns={"d": LocalColumn(date_format=date_format)}), shared)


def test_a_resolution_that_numbers_cannot_keep_is_neither_published_nor_adopted(
    tmp_path: Path,
) -> None:
    """Beyond so many digits values would be rounded silently; without a resolution it is said."""
    fine = Column(
        name="x", type=ColumnType.REAL, minimum="0", maximum="9007199254740993", resolution="1"
    )
    shared = Dictionary(name="heart", version=1, columns=(fine,))
    with pytest.raises(WardnetError, match="column x: its bounds have more digits"):
        local_part.check(LocalPart(), shared)
    details = refused(tmp_path / "d.toml", dictionary_file.write(shared))
    assert (details["field"], details["rule"][:10]) == ("column x", "its bounds")
    local_part.check(LocalPart(), replace(shared, columns=(replace(fine, resolution=""),)))
