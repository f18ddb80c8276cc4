"""The vault keeps what was loaded, in snapshots that appear at once and never change."""

import pickle
import shutil
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from support.vaults import VISITS, Home, adopt, table, visits, write_csv
from wardnet.audit import log
from wardnet.audit.entry import Entry
from wardnet.errors import Reason, WardnetError
from wardnet.question.dictionary import Column, ColumnType, Dictionary
from wardnet.question.values import encode
from wardnet_node.intake import blocks
from wardnet_node.intake.local_part import LocalColumn, LocalPart
from wardnet_node.vault import load as loads
from wardnet_node.vault import tables


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


def entries(home: Home) -> list[Entry]:
    """Return the access log, verified."""
    with home.catalog() as catalog, catalog.reading() as connection:
        log.verify(connection)
        return list(log.entries(connection))


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


def test_a_wrong_file_stores_nothing(home: Home, tmp_path: Path) -> None:
    """The snapshot before stays as it was, and no file is left, whatever is wrong."""
    good = visits(30)
    bad = write_csv(good.assign(age="old"), tmp_path / "bad.csv")
    torn = tmp_path / "torn.csv"
    torn.write_text(good.to_csv(index=False).rsplit(",", 2)[0])
    with home.vault() as vault:
        vault.load("visits", write_csv(good, tmp_path / "good.csv"))
        kept, files = vault.pin("visits"), home.segments
        for path, reason in ((bad, Reason.ROWS_REJECTED), (torn, Reason.FILE_TRUNCATED)):
            with pytest.raises(WardnetError) as refused:
                vault.load("visits", path)
            assert refused.value.reason is reason
        assert vault.pin("visits") == kept
    assert home.segments == files


def test_all_rejects_are_reported_and_the_first_is_named(home: Home, tmp_path: Path) -> None:
    """The error names file, line, column, rule and the report, which only the owner reads."""
    frame = visits(30)
    frame.loc[[3, 7], "sex"] = "other"
    frame.loc[7, "mass"] = 400
    path = write_csv(frame, tmp_path / "a.csv")
    with home.vault() as vault, pytest.raises(WardnetError) as refused:
        vault.load("visits", path, maximum_rejects=1)
    details = refused.value.details
    report = Path(details["report"])
    assert (details["file"], details["line"], details["column"], details["rule"]) == (
        str(path),
        "5",
        "sex",
        "is not one of the levels",
    )
    assert report.parent == home.folder / "reports"
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    assert report.read_text().splitlines() == [
        "line,column,rule",
        "5,sex,is not one of the levels",
        "9,sex,is not one of the levels",
        "9,mass,is out of bounds",
    ]


def test_accepted_rejects_leave_the_good_rows(home: Home, tmp_path: Path) -> None:
    """Up to the number that was allowed, the rest is loaded and the loss is in the report."""
    frame = visits(30)
    frame.loc[[3, 7], "sex"] = "other"
    with home.vault() as vault:
        report = vault.load("visits", write_csv(frame, tmp_path / "a.csv"), maximum_rejects=2)
    quality = report.snapshot.quality
    assert (quality.read, quality.stored, quality.rejected) == (30, 28, 2)
    assert quality.rejects == {"is not one of the levels": 2}
    assert report.rejects_report is not None
    assert report.rejects_report.exists()


def test_nothing_but_rejects_is_an_empty_file(home: Home, tmp_path: Path) -> None:
    """A snapshot without rows is not made, however many rejects are allowed."""
    path = write_csv(visits(5).assign(sex="other"), tmp_path / "a.csv")
    with home.vault() as vault:
        with pytest.raises(WardnetError, match="holds no rows that fit"):
            vault.load("visits", path, maximum_rejects=5)
        assert vault.datasets()[0].snapshot == 0


def test_a_quality_report_counts_and_compares(home: Home, tmp_path: Path) -> None:
    """Missing values by column, patients, and how shares changed since the last snapshot."""
    first, second = visits(40), visits(40).assign(age=None)
    with home.vault() as vault:
        before = vault.load("visits", write_csv(first, tmp_path / "a.csv")).snapshot.quality
        now = vault.load("visits", write_csv(second, tmp_path / "b.csv")).snapshot.quality
        assert vault.snapshots("visits")[-1].quality == now
    assert before.missing["age"] == first["age"].isna().sum()
    assert (before.drift, now.missing["age"]) == ({}, 40)
    assert now.drift["age"].before == before.missing["age"] / 40
    assert now.drift["age"].now == 1
    assert now.patients == second["record"].nunique()


def test_the_local_part_decides_how_a_file_is_read(tmp_path: Path) -> None:
    """What was adopted is what the next load uses."""
    home = Home(tmp_path / "home")
    local = LocalPart(
        delimiter=";",
        decimal=",",
        columns={"sex": LocalColumn(source="Geschlecht", mapping={"w": "female"})},
    )
    adopt(home, local=local)
    path = tmp_path / "a.csv"
    path.write_text("record;Geschlecht;age;mass;score;seen\n1;w;40;70,5;0,25;2020-01-01\n")
    with home.vault() as vault:
        assert vault.adopted("visits").local == local
        vault.load("visits", path)
        row = table(vault.pin("visits")).iloc[0]
    assert row[["sex", "age", "mass", "score"]].tolist() == [0, 40, 705, 0.25]


def test_a_local_part_that_does_not_fit_is_refused(home: Home) -> None:
    """Unknown columns, and codes mapped to what is no level, are named before anything is kept."""
    wrong = (
        LocalPart(columns={"weight": LocalColumn()}),
        LocalPart(columns={"sex": LocalColumn(mapping={"x": "other"})}),
        LocalPart(columns={"sex": LocalColumn(factor="2")}),
        LocalPart(columns={"age": LocalColumn(date_format="%Y")}),
    )
    with home.vault() as vault:
        for local in wrong:
            with pytest.raises(WardnetError) as refused:
                vault.adopt(VISITS, local)
            assert refused.value.reason is Reason.DICTIONARY_MISMATCH
        assert vault.adopted("visits").local == LocalPart()
        with pytest.raises(WardnetError, match="none that may be shared"):
            vault.adopt(replace(VISITS, columns=VISITS.columns[:2]), LocalPart())


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


def test_of_two_loads_at_once_one_wins(home: Home, tmp_path: Path) -> None:
    """The one that commits second is refused and leaves nothing; other datasets do not matter."""
    slow = write_csv(visits(30, seed=1), tmp_path / "slow.csv")
    quick = write_csv(visits(20, seed=2), tmp_path / "quick.csv")
    with home.vault() as vault:

        def meanwhile(_done: int, _total: int) -> None:
            with home.vault() as other:
                other.load("visits", quick)

        with pytest.raises(WardnetError) as refused:
            vault.load("visits", slow, progress=meanwhile)
        assert refused.value.reason is Reason.IN_USE
        assert vault.pin("visits").rows == 20
    assert len(home.segments) == 2


def test_a_load_under_way_is_not_tidied_away(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process that opens the vault leaves the segments that no snapshot holds yet."""
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 1_000)
    monkeypatch.setattr(loads, "SEGMENT_ROWS", 20)
    opened: list[int] = []

    def meanwhile(_done: int, _total: int) -> None:
        with home.vault() as other:
            opened.append(len(other.datasets()))

    with home.vault() as vault:
        vault.load("visits", write_csv(visits(300), tmp_path / "a.csv"), progress=meanwhile)
        assert len(table(vault.pin("visits"))) == 300
    assert len(opened) > 5


def test_opening_removes_what_a_crash_left_behind(home: Home, tmp_path: Path) -> None:
    """Files that no snapshot holds are removed; those of snapshots stay."""
    with home.vault() as vault:
        vault.load("visits", write_csv(visits(20), tmp_path / "a.csv"))
    kept = home.segments
    for name in ("orphan.pme", "half.tmp"):
        (home.folder / "vault" / "seg" / name).write_bytes(b"left behind")
    with home.vault():
        assert home.segments == kept


def test_every_change_is_in_the_access_log(home: Home, tmp_path: Path) -> None:
    """Adopting, loading and dropping are logged with what they concerned; refused loads are not."""
    with home.vault() as vault:
        made = vault.load("visits", write_csv(visits(20), tmp_path / "a.csv"))
        vault.load("visits", tmp_path / "a.csv", append=True)
        with pytest.raises(WardnetError):
            vault.load("visits", tmp_path / "missing.csv")
        vault.drop("visits")
    found = entries(home)
    assert [(entry.type.value, entry.dataset) for entry in found] == [
        ("dataset_adopted", "visits"),
        ("dataset_loaded", "visits"),
        ("dataset_loaded", "visits"),
        ("dataset_dropped", "visits"),
    ]
    assert found[1].snapshot == made.snapshot.id
    assert [entry.operation for entry in found[1:3]] == ["replace", "append"]
    assert {entry.node for entry in found} == {"wardnet://heartnet/node/north"}


def test_dropping_destroys_the_key_of_every_copy(home: Home, tmp_path: Path) -> None:
    """A backup of catalog and segments, without the old keyring, cannot be read any more."""
    backup = Home(tmp_path / "backup")
    backup.keystore = home.keystore
    with home.vault() as vault:
        vault.load("visits", write_csv(visits(20), tmp_path / "a.csv"))
    shutil.copytree(home.folder, backup.folder, dirs_exist_ok=True)
    with home.vault() as vault:
        vault.drop("visits")
        assert vault.datasets() == ()
        with pytest.raises(WardnetError) as gone:
            vault.pin("visits")
    assert gone.value.reason is Reason.DATASET_UNAVAILABLE
    assert home.segments == []
    shutil.copy(home.folder / "keyring.json", backup.folder)
    with backup.vault() as vault, pytest.raises(WardnetError) as shredded:
        vault.pin("visits")
    assert shredded.value.reason is Reason.VAULT_DAMAGED


def test_a_drop_that_was_interrupted_is_finished(home: Home, tmp_path: Path) -> None:
    """Once logged, a drop is completed by whoever opens the vault next."""
    with home.vault() as vault:
        vault.load("visits", write_csv(visits(20), tmp_path / "a.csv"))
    with home.catalog() as catalog, catalog.transaction() as connection:
        record = tables.dataset(connection, "visits")
        assert record is not None
        tables.mark_dropped(connection, record.id)
    with home.vault() as vault:
        assert vault.datasets() == ()
        adopt(home)
        assert vault.datasets()[0].snapshot == 0
    assert home.segments == []
    assert record.id not in (home.folder / "keyring.json").read_text()


def test_an_unknown_dataset_is_unavailable(home: Home, tmp_path: Path) -> None:
    """People at the machine read what to do; a question reads one sentence, whatever the cause."""
    path = write_csv(visits(5), tmp_path / "a.csv")
    reasons = []
    with home.vault() as vault:
        calls = (
            lambda: vault.adopted("other"),
            lambda: vault.load("other", path),
            lambda: vault.snapshots("other"),
            lambda: vault.drop("other"),
            lambda: vault.pin("other"),
            lambda: vault.pin("visits"),
        )
        for call in calls:
            with pytest.raises(WardnetError) as refused:
                call()
            reasons.append(refused.value.reason)
    asked = Reason.DATASET_UNAVAILABLE
    assert reasons == [Reason.NOT_ADOPTED] * 4 + [asked] * 2


def test_only_columns_that_may_be_shared_are_stored(home: Home, tmp_path: Path) -> None:
    """Identifiers and text are not in the segments, and cannot be scanned."""
    with home.vault() as vault:
        vault.load("visits", write_csv(visits(20), tmp_path / "a.csv"))
        snapshot = vault.pin("visits")
    for name in ("record", "note", "_patient", "nothing"):
        with pytest.raises(WardnetError) as refused:
            table(snapshot, [name])
        assert refused.value.reason is Reason.COLUMN_UNAVAILABLE


def test_a_full_disk_leaves_the_snapshot_before(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No space at any step is one clear error, and what was there can be read."""
    path = write_csv(visits(20), tmp_path / "a.csv")
    with home.vault() as vault:
        vault.load("visits", path)
        kept, files = vault.pin("visits"), home.segments

        def full(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        for step in ("_write_table", "sync"):
            with monkeypatch.context() as patch:
                patch.setattr(f"wardnet_node.vault.segments.{step}", full)
                with pytest.raises(WardnetError) as refused:
                    vault.load("visits", path)
            assert refused.value.reason is Reason.DISK_FULL
        assert vault.pin("visits") == kept
        assert len(table(kept)) == 20
    assert home.segments == files


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
