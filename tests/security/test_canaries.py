"""A planted name, record number and rare value are nowhere on the hospital's disk in clear."""

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.vaults import VISITS, Home, adopt, visits, write_csv
from wardnet.errors import WardnetError
from wardnet_node.intake import describe, dictionary_file, local_part
from wardnet_node.vault import load as loads

NAME = "Zebulon Quackenbush"
RECORD = "7391826455"
RARE = "-7.331739182645"
"""The only one of its column with so many digits."""


WIDE = "<one cell too many>"


def spellings() -> Iterator[bytes]:
    """Yield the canaries as they might be written."""
    for canary in (NAME, "Quackenbush", RECORD, RARE, RARE.replace(".", ",")):
        for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
            yield canary.encode(encoding)
    yield int(RECORD).to_bytes(8, "little")
    yield int(RECORD).to_bytes(8, "big")
    yield struct.pack("<d", float(RARE))
    yield struct.pack(">d", float(RARE))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Return a node's home; temporary files go to a folder below the same one."""
    temporary = tmp_path / "home" / "temporary"
    temporary.mkdir(parents=True)
    for variable in ("TMPDIR", "SQLITE_TMPDIR"):
        monkeypatch.setenv(variable, str(temporary))
    monkeypatch.setattr(loads, "SEGMENT_ROWS", 100)
    home = Home(tmp_path / "home")
    adopt(home)
    return home


def planted(path: Path, **cells: str) -> Path:
    """Write a table with the canaries in row 150, and some of its other cells changed."""
    frame = visits(400).astype(object)
    canaries = {"record": RECORD, "note": NAME, "score": RARE}
    for column, value in (canaries | cells).items():
        frame.loc[150, column] = value
    return write_csv(frame, path)


def found(home: Home) -> set[str]:
    """Return the files of a home that hold a canary in any spelling."""
    files = [path for path in home.folder.rglob("*") if path.is_file()]
    assert {path.name for path in files} > {"catalog.db", "keyring.json"}
    return {str(path) for path in files for canary in spellings() if canary in path.read_bytes()}


def test_a_loaded_table_leaves_no_trace_in_clear(home: Home, tmp_path: Path) -> None:
    """Segments, catalog, its write-ahead log, keyring and temporary files are all searched."""
    path = planted(tmp_path / "a.csv")
    assert RECORD.encode() in path.read_bytes()
    with home.vault() as vault:
        vault.load("visits", path)
        vault.load("visits", path, append=True)
        assert found(home) == set()
        vault.drop("visits")
    assert found(home) == set()


@pytest.mark.parametrize(
    "cells",
    [
        {"age": RECORD},
        {"sex": NAME},
        {"mass": RARE},
        {"seen": NAME},
        {"record": ""},
        {"note": f"{NAME}{WIDE}{RECORD}"},
    ],
)
def test_what_is_refused_is_not_repeated(
    home: Home, tmp_path: Path, cells: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    """Error, rejects report and output name the place of a wrong cell, never what it says."""
    path = planted(tmp_path / "a.csv", **cells)
    path.write_text(path.read_text().replace(WIDE, ","))
    with home.vault() as vault:
        with pytest.raises(WardnetError) as raised:
            vault.load("visits", path)
        report = vault.load("visits", path, maximum_rejects=1)
    said = "".join([repr(raised.value), str(raised.value), str(report), *capfd.readouterr()])
    assert not any(canary.decode("latin-1") in said for canary in spellings())
    assert found(home) == set()


def test_a_draft_lists_no_patient(tmp_path: Path) -> None:
    """A dictionary drafted from the same table names neither the person nor the rare value."""
    made = describe.describe(planted(tmp_path / "a.csv"), VISITS.name, patient="record")
    text = dictionary_file.write(made.dictionary, notes=made.notes) + local_part.write(made.local)
    assert not any(canary.decode("latin-1") in text for canary in spellings())
