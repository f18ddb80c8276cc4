"""Loads into the vault: all or nothing, every mistake named, one at a time."""

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from support.vaults import VISITS, Home, adopt, table, visits, write_csv
from wardnet.errors import Reason, WardnetError
from wardnet_node.intake import blocks
from wardnet_node.intake.local_part import LocalColumn, LocalPart
from wardnet_node.vault import load as loads


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Return a node's home that has adopted `visits`."""
    home = Home(tmp_path / "home")
    adopt(home)
    return home


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
