"""The vault over time: its log, what is dropped, and what a crash left behind."""

import shutil
from pathlib import Path

import pytest

from support.vaults import Home, adopt, visits, write_csv
from wardnet.audit import log
from wardnet.audit.entry import Entry
from wardnet.errors import Reason, WardnetError
from wardnet_node.vault import tables


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Return a node's home that has adopted `visits`."""
    home = Home(tmp_path / "home")
    adopt(home)
    return home


def entries(home: Home) -> list[Entry]:
    """Return the access log, verified."""
    with home.catalog() as catalog, catalog.reading() as connection:
        log.verify(connection)
        return list(log.entries(connection))


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
