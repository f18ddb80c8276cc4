"""The vault keeps what was loaded, in snapshots that appear at once and never change."""

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from support.vaults import VISITS, Home, adopt, table, visits, write_csv
from wardnet.errors import Reason, WardnetError
from wardnet.question.dictionary import Column, ColumnType, Dictionary
from wardnet.question.values import encode
from wardnet_node.intake import blocks
from wardnet_node.intake.local_part import LocalPart
from wardnet_node.vault import load as loads
from wardnet_node.vault import segments
from wardnet_node.vault import snapshot as snapshots
from wardnet_node.vault.scan import scan
from wardnet_node.vault.snapshot import SegmentRef


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Return a node's home that has adopted `visits`."""
    home = Home(tmp_path / "home")
    adopt(home)
    return home


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut files and segments small, so that little tables have many."""
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 2_000)
    monkeypatch.setattr(loads, "SEGMENT_ROWS", 150)


@pytest.mark.usefixtures("small_blocks")
def test_what_was_loaded_comes_back(home: Home, tmp_path: Path) -> None:
    """Every column of every row, over many blocks and segments, in the order of the file."""
    frame = visits(1000, patients=300)
    with home.vault() as vault:
        report = vault.load("visits", write_csv(frame, tmp_path / "a.csv"))
        snapshot = vault.pin("visits")
    assert len(snapshot.segments) > 3
    assert (snapshot.rows, report.snapshot.rows, report.rejects_report) == (1000, 1000, None)
    assert snapshot.id == report.snapshot.id
    stored = table(snapshot)
    for name in ("sex", "age", "mass", "score", "seen"):
        expected = encode(VISITS.column(name), frame[name])
        assert np.array_equal(stored[name].to_numpy(), expected.values, equal_nan=name == "score")


@pytest.mark.usefixtures("small_blocks")
def test_a_patient_keeps_one_number_over_snapshots(home: Home, tmp_path: Path) -> None:
    """Replaced, appended and reordered rows of a patient have the same index, densely numbered."""
    first, second = visits(400, seed=1, patients=200), visits(500, seed=2, patients=300)
    numbers: dict[str, int] = {}
    with home.vault() as vault:
        for frame in (first, second):
            vault.load("visits", write_csv(frame, tmp_path / "a.csv"))
            for record, number in zip(
                frame["record"], table(vault.pin("visits"), ["age"])["patient"], strict=True
            ):
                assert numbers.setdefault(record, number) == number
        assert sorted(numbers.values()) == list(range(len(numbers)))
        vault.load("visits", write_csv(first.iloc[::-1], tmp_path / "a.csv"), append=True)
        together = table(vault.pin("visits"), ["age"])["patient"]
    assert together[500:].tolist() == [numbers[record] for record in first["record"][::-1]]
    assert together.dtype == np.uint32


@pytest.mark.usefixtures("small_blocks")
def test_patients_are_counted_in_the_snapshot_alone(home: Home, tmp_path: Path) -> None:
    """Replaced rows count no more, appended ones do, nobody counts twice."""
    first, second = visits(300, seed=1, patients=100), visits(300, seed=2, patients=150)
    with home.vault() as vault:
        vault.load("visits", write_csv(second, tmp_path / "a.csv"))
        vault.load("visits", write_csv(first, tmp_path / "a.csv"))
        assert vault.pin("visits").patients == first["record"].nunique()
        vault.load("visits", write_csv(second, tmp_path / "a.csv"), append=True)
        snapshot = vault.pin("visits")
    assert snapshot.patients == pd.concat([first, second])["record"].nunique()
    assert not snapshot.one_row_per_patient


def test_without_a_patient_column_every_row_is_a_patient(tmp_path: Path) -> None:
    """No index is kept, and rows have none."""
    home = Home(tmp_path / "home")
    alone = replace(VISITS, patient=None)
    adopt(home, alone)
    with home.vault() as vault:
        vault.load("visits", write_csv(visits(50, patients=5), tmp_path / "a.csv"))
        snapshot = vault.pin("visits")
    assert (snapshot.patients, snapshot.one_row_per_patient) == (50, True)
    assert table(snapshot, ["age"])["patient"].isna().all()
    assert len(home.segments) == 1


def test_one_row_per_patient_is_noticed(home: Home, tmp_path: Path) -> None:
    """A table that names each patient once counts patients by counting rows."""
    frame = visits(50).assign(record=[f"R{number}" for number in range(50)])
    with home.vault() as vault:
        vault.load("visits", write_csv(frame, tmp_path / "a.csv"))
        assert vault.pin("visits").one_row_per_patient


def test_a_pinned_snapshot_outlives_the_next_load(home: Home, tmp_path: Path) -> None:
    """A query under way reads its snapshot after one more load; older ones are forgotten."""
    paths = [write_csv(visits(60, seed=seed), tmp_path / f"{seed}.csv") for seed in range(3)]
    with home.vault() as vault:
        vault.load("visits", paths[0])
        pinned, before = vault.pin("visits"), len(home.segments)
        content = table(pinned)
        vault.load("visits", paths[1])
        assert table(pinned).equals(content)
        assert table(vault.pin("visits", 1)).equals(content)
        vault.load("visits", paths[2])
        assert [snapshot.number for snapshot in vault.snapshots("visits")] == [2, 3]
        with pytest.raises(WardnetError) as refused:
            vault.pin("visits", 1)
    assert refused.value.reason is Reason.DATASET_UNAVAILABLE
    assert len(home.segments) <= 2 * before + 1


def test_appended_snapshots_all_stay_readable(home: Home, tmp_path: Path) -> None:
    """Appending ends nothing, so that every number can be pinned, and each has its own id."""
    with home.vault() as vault:
        for seed in range(4):
            path = write_csv(visits(20, seed=seed), tmp_path / "a.csv")
            vault.load("visits", path, append=True)
        pinned = [vault.pin("visits", number) for number in (1, 2, 3, 4)]
        assert [len(table(snapshot)) for snapshot in pinned] == [20, 40, 60, 80]
    assert len({snapshot.id for snapshot in pinned}) == 4


def test_a_snapshot_travels_to_another_process(home: Home, tmp_path: Path) -> None:
    """It pickles, and shows no key when printed."""
    with home.vault() as vault:
        vault.load("visits", write_csv(visits(20), tmp_path / "a.csv"))
        snapshot = vault.pin("visits")
    travelled = pickle.loads(pickle.dumps(snapshot))
    assert travelled == snapshot
    assert table(travelled).equals(table(snapshot))
    assert all(repr(segment.key) not in repr(snapshot) for segment in snapshot.segments)


def test_an_empty_projection_counts_rows(home: Home, tmp_path: Path) -> None:
    """A scan without columns still says how many rows there are."""
    with home.vault() as vault:
        vault.load("visits", write_csv(visits(37), tmp_path / "a.csv"))
        assert len(table(vault.pin("visits"), ["age"])) == 37


def test_rows_stay_under_the_dictionary_they_were_loaded_under(home: Home, tmp_path: Path) -> None:
    """A newer version changes the next load, never the codes of stored rows."""
    path = write_csv(visits(20), tmp_path / "a.csv")
    newer = replace(VISITS, version=2, label="changed")
    with home.vault() as vault:
        vault.load("visits", path)
        vault.adopt(newer, LocalPart())
        assert vault.pin("visits").dictionary == VISITS
        assert vault.datasets()[0].dictionary == VISITS.digest
        with pytest.raises(WardnetError) as refused:
            vault.load("visits", path, append=True)
        assert refused.value.reason is Reason.DICTIONARY_MISMATCH
        vault.load("visits", path)
        assert vault.datasets()[0].dictionary == newer.digest


def test_only_columns_that_may_be_shared_are_stored(home: Home, tmp_path: Path) -> None:
    """Identifiers and text are not in the segments, and cannot be scanned."""
    with home.vault() as vault:
        vault.load("visits", write_csv(visits(20), tmp_path / "a.csv"))
        snapshot = vault.pin("visits")
    for name in ("record", "note", "_patient", "nothing"):
        with pytest.raises(WardnetError) as refused:
            table(snapshot, [name])
        assert refused.value.reason is Reason.COLUMN_UNAVAILABLE


@pytest.fixture
def wide() -> Dictionary:
    """Return a dictionary with each width of codes at its edge."""
    return Dictionary(
        name="wide",
        version=1,
        columns=tuple(
            Column(name=f"c{top}", type=ColumnType.INTEGER, minimum="0", maximum=str(top))
            for top in (127, 128, 32767, 32768, 2**31 - 1, 2**31)
        ),
    )


def test_codes_of_every_width_survive(wide: Dictionary, tmp_path: Path) -> None:
    """The widest code of each type, and missing, come back in that type."""
    home = Home(tmp_path / "home")
    adopt(home, wide)
    frame = pd.DataFrame({c.name: [c.maximum, "", "0"] for c in wide.columns})
    with home.vault() as vault:
        vault.load("wide", write_csv(frame, tmp_path / "a.csv"))
        stored = table(vault.pin("wide"))
    for column, kind in zip(wide.columns, ("i1", "i2", "i2", "i4", "i4", "f8"), strict=True):
        assert stored[column.name].dtype == np.dtype(kind)
        assert stored[column.name][0] == int(column.maximum)
        missing = stored[column.name][1]
        assert missing == -1 or np.isnan(missing)


@pytest.mark.parametrize(("written", "dealt"), [(20, 20), (20, 35), (35, 20), (100, 100)])
def test_the_groups_of_a_segment_are_all_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: int, dealt: int
) -> None:
    """Each row is in one of them, even of a file whose groups had another size."""
    monkeypatch.setattr(segments, "GROUP_ROWS", written)
    ages = {"age": np.arange(90, dtype=np.int8)}
    file = segments.write(ages, tmp_path, place="n|h|visits", schema="1")
    whole = SegmentRef(segments.path_of(tmp_path, file.id), file.key, file.aad.encode(), file.rows)
    monkeypatch.setattr(snapshots, "GROUP_ROWS", dealt)
    groups = whole.by_groups()
    found = [
        row
        for rows in scan(groups, ["age"], dictionary=VISITS, with_patient=False)
        for row in rows.columns["age"].tolist()
    ]
    assert len(groups) == -(-90 // dealt)
    assert sorted(found) == list(range(90))


@pytest.mark.parametrize("step", [0.5, 1e-9])
def test_values_come_back_to_the_bit_however_they_are_written(tmp_path: Path, step: float) -> None:
    """Few values that repeat are listed, others stand as they are; codes are differences."""
    random = np.random.default_rng(1)
    score = random.normal(size=9000).round(6) // step * step
    score[::7] = np.nan
    columns: dict[str, np.ndarray[Any, Any]] = {
        "score": score,
        "age": random.integers(-1, 120, 9000).astype(np.int8),
        "seen": random.integers(-1, 2**40, 9000),
        "pseudonym_1": random.integers(0, 2**64, 9000, dtype=np.uint64),
    }
    file = segments.write(columns, tmp_path, place="n|h|visits", schema="1")
    path = segments.path_of(tmp_path, file.id)
    with segments.opened(SegmentRef(path, file.key, file.aad.encode(), file.rows)) as stored:
        group = stored.metadata.row_group(0)
        encodings = {
            name: group.column(at).encodings for at, name in enumerate(stored.schema_arrow.names)
        }
        read = stored.read()
    assert ("RLE_DICTIONARY" in encodings["score"]) == (step == 0.5)
    assert "DELTA_BINARY_PACKED" in encodings["age"]
    for name, values in columns.items():
        found = read[name].to_numpy()
        assert found.dtype == values.dtype
        assert found.tobytes() == values.tobytes()
