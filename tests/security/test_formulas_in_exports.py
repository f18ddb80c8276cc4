"""Threat: a name or a purpose in the log is a formula, and the auditor's spreadsheet runs it."""

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.log_entries import entry
from wardnet.audit.entry import Entry
from wardnet.audit.export.csv import _FILLER, BLANKS, FORMULAS, SEPARATORS, guarded, write

ATTACKS = (
    "=cmd|'/c calc'!A0",
    "+1",
    "-1+1",
    "@SUM(1+1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "\uff1d1+1",
    "\uff0b1",
    "\uff0d1",
    "\uff20x",
    "  =1+1",
    "\ufeff=1+1",
    "\x00=1+1",
    "'=1+1",
    '"=1+1',
)
TEXTS = st.text(
    alphabet=st.one_of(
        st.sampled_from("=+-@\uff1d'\",;\t\r\n \u200bab"), st.characters(codec="utf-8")
    )
)


def rows(*entries: Entry) -> list[dict[str, str]]:
    """Return what a strict CSV reader finds in an export."""
    stream = io.BytesIO()
    write(entries, stream)
    text = io.StringIO(stream.getvalue().decode("utf-8-sig"), newline="")
    return list(csv.DictReader(text, strict=True))


def unguarded(text: str) -> str:
    """Take the apostrophes away again, as the export's docstring says."""
    start = re.sub(f"^'(?=[{_FILLER}]*[{FORMULAS}])", "", text)
    return re.sub(f"(?<=[{SEPARATORS}])'(?=[{_FILLER}]*[{FORMULAS}])", "", start)


def could_begin_a_formula(cell: str) -> bool:
    """Say whether a spreadsheet that trims blanks would see a formula."""
    return re.match(f"[{BLANKS}]*[{FORMULAS}]", cell) is not None


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_cell_begins_a_formula(attack: str) -> None:
    """Each attack arrives as text, and is still there to be read."""
    (row,) = rows(entry(dataset=attack))
    assert not could_begin_a_formula(row["dataset"])
    assert unguarded(row["dataset"]) == attack


@pytest.mark.parametrize("separator", [";", "\t", ",", "\r\n"])
@pytest.mark.parametrize("attack", ATTACKS)
def test_no_cell_begins_a_formula_where_another_country_splits(attack: str, separator: str) -> None:
    """A spreadsheet that splits at other characters, and knows no quotes, finds none either."""
    stream = io.BytesIO()
    write([entry(study=f"north{separator}{attack}", dataset=attack)], stream)
    lines = stream.getvalue().decode("utf-8-sig").splitlines()
    cells = [cell.strip('"') for line in lines for cell in re.split("[;\t,]", line)]
    assert [cell for cell in cells if could_begin_a_formula(cell)] == []


@given(TEXTS)
def test_every_character_survives(text: str) -> None:
    """Whatever a field holds can be had back from the file."""
    (row,) = rows(entry(study=text, approvals=(text,)))
    assert unguarded(row["study"]) == text


@given(TEXTS)
def test_harmless_text_is_left_alone(text: str) -> None:
    """A text without a formula's character is written as it is."""
    harmless = re.sub(f"[{FORMULAS}]", "", text)
    assert guarded(harmless) == harmless


def test_long_runs_of_separators_take_no_time() -> None:
    """A megabyte of commas is read once, not once for each."""
    assert guarded("a" + "," * 1_000_000) == "a" + "," * 1_000_000
