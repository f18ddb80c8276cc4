"""An attacker with the disk can destroy the vault's files, and neither change nor swap them."""

import os
import shutil
import stat
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.vaults import NORTH, VISITS, Home, adopt, table, visits, write_csv
from wardnet.errors import Reason, WardnetError
from wardnet.identity.member import Member, Role
from wardnet_node.vault import load as loads
from wardnet_node.vault import segments
from wardnet_node.vault.snapshot import SegmentRef, Snapshot


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """Return a node's home with two segments of equally many rows."""
    monkeypatch.setattr(loads, "SEGMENT_ROWS", 1)
    home = Home(tmp_path / "home")
    adopt(home)
    with home.vault() as vault:
        for seed in (1, 2):
            path = write_csv(visits(40, seed=seed), tmp_path / "a.csv")
            vault.load("visits", path, append=True)
    return home


def pinned(home: Home) -> Snapshot:
    """Return the present snapshot."""
    with home.vault() as vault:
        return vault.pin("visits")


def refused(snapshot: Snapshot) -> WardnetError:
    """Return why a snapshot cannot be read."""
    with pytest.raises(WardnetError) as raised:
        table(snapshot)
    return raised.value


def unless_refused(snapshot: Snapshot) -> pd.DataFrame | None:
    """Return what is read, or None when it is refused as damaged."""
    try:
        return table(snapshot)
    except WardnetError as error:
        if error.reason is not Reason.VAULT_DAMAGED:
            raise
        return None


def test_no_changed_byte_changes_what_is_read(home: Home) -> None:
    """A flipped bit is refused, but for the few of the format's label, which say nothing."""
    snapshot = pinned(home)
    content = table(snapshot)
    path = snapshot.segments[0].path
    genuine = path.read_bytes()
    passed = []
    for place in {*range(0, len(genuine), 13), *range(8), *range(len(genuine) - 64, len(genuine))}:
        changed = bytearray(genuine)
        changed[place] ^= 1 << place % 8
        path.write_bytes(changed)
        found = unless_refused(snapshot)
        if found is not None:
            assert found.equals(content), place
            passed.append(place)
    assert len(passed) < 8


@pytest.mark.parametrize("keep", [0, 3, 100, -100, -1])
def test_a_file_cut_off_is_refused(home: Home, keep: int) -> None:
    """No prefix of a segment opens in its place."""
    snapshot = pinned(home)
    path = snapshot.segments[0].path
    path.write_bytes(path.read_bytes()[:keep])
    assert refused(snapshot).reason is Reason.VAULT_DAMAGED


def test_a_missing_file_is_named(home: Home) -> None:
    """The error says which file is missing."""
    snapshot = pinned(home)
    snapshot.segments[1].path.unlink()
    error = refused(snapshot)
    assert error.details["path"] == str(snapshot.segments[1].path)
    assert error.details["rule"] == "it is missing"


def test_segments_cannot_take_each_others_place(home: Home) -> None:
    """Two genuine files of one dataset, swapped on disk, are refused."""
    snapshot = pinned(home)
    first, second = (segment.path for segment in snapshot.segments)
    first.rename(first.with_suffix(".aside"))
    second.rename(first)
    first.with_suffix(".aside").rename(second)
    assert refused(snapshot).reason is Reason.VAULT_DAMAGED


def test_a_damaged_dataset_is_seen_without_reading_it(home: Home) -> None:
    """A lost or cut segment and a lost keyring are named; the keyring is not begun anew."""
    keyring, (segment, *_) = home.folder / "keyring.json", home.segments

    def damage() -> str:
        with home.vault() as vault:
            (summary,) = vault.datasets()
        return summary.damage

    assert damage() == ""
    content = segment.read_bytes()
    for path, now in ((segment, content[:-1]), (segment, None), (keyring, None)):
        before = path.read_bytes()
        path.unlink()
        if now is not None:
            path.write_bytes(now)
        assert path.name in damage()
        with home.vault() as vault, pytest.raises(WardnetError) as raised:
            vault.pin("visits")
        assert raised.value.reason is Reason.VAULT_DAMAGED
        if path is keyring:
            with pytest.raises(WardnetError):
                adopt(home, replace(VISITS, name="others"))
            assert not keyring.exists()
        path.write_bytes(before)
        path.chmod(0o600)
    assert damage() == ""


def test_even_under_one_key_a_segment_opens_only_in_its_place(tmp_path: Path) -> None:
    """The AAD binds network, node, dataset, segment and schema: any other one fails."""
    columns = {"age": pa.array([1, 2, 3], type=pa.int8()).to_numpy()}
    place, schema = "heartnet|north|visits", "1"
    written = segments.write(columns, tmp_path, place=place, schema=schema)
    path = segments.path_of(tmp_path, written.id)
    with segments.opened(SegmentRef(path, written.key, written.aad.encode(), 3)) as file:
        assert file.read().num_rows == 3
    assert written.aad == f"v1|{place}|{written.id}|{schema}"
    for position in range(6):
        parts = written.aad.split("|")
        parts[position] = "other"
        other = SegmentRef(path, written.key, "|".join(parts).encode(), 3)
        with pytest.raises(WardnetError), segments.opened(other):
            pass


def test_a_plain_file_is_not_taken_for_an_encrypted_one(home: Home) -> None:
    """Plain Parquet with the right columns does not open."""
    snapshot = pinned(home)
    frame = table(snapshot).drop(columns="patient")
    pq.write_table(pa.Table.from_pandas(frame), snapshot.segments[0].path)
    assert refused(snapshot).reason is Reason.VAULT_DAMAGED


def test_another_nodes_vault_cannot_be_grafted(home: Home, tmp_path: Path) -> None:
    """Files and keyring of another node, under another root key, do not open here."""
    other = Home(tmp_path / "other", member=Member(NORTH.network, Role.NODE, "south"))
    adopt(other, VISITS)
    with other.vault() as vault:
        vault.load("visits", write_csv(visits(40), tmp_path / "a.csv"))
    shutil.copy(other.folder / "keyring.json", home.folder)
    with home.vault() as vault, pytest.raises(WardnetError) as raised:
        vault.pin("visits")
    assert raised.value.reason is Reason.VAULT_DAMAGED


def test_the_catalog_opens_with_its_own_key_only(home: Home, tmp_path: Path) -> None:
    """Another keystore's key, or any changed page, is refused."""
    stranger = Home(tmp_path / "stranger")
    shutil.copy(home.folder / "catalog.db", stranger.folder)
    with pytest.raises(WardnetError) as raised, stranger.catalog():
        pass
    assert raised.value.reason is Reason.VAULT_DAMAGED


def test_a_changed_page_of_the_catalog_is_noticed(home: Home) -> None:
    """Every page is authenticated: no flipped byte passes unseen."""
    catalog = home.folder / "catalog.db"
    genuine = catalog.read_bytes()
    for page in range(0, len(genuine), 4096):
        changed = bytearray(genuine)
        changed[page + 2048] ^= 1
        catalog.write_bytes(changed)
        with pytest.raises(Exception, match=r"malformed|not a database|not hold|disk I/O|error"):
            read_everything(home)
    catalog.write_bytes(genuine)
    read_everything(home)


def read_everything(home: Home) -> None:
    """Read every page of the catalog."""
    with home.catalog() as catalog, catalog.reading() as connection:
        (result,) = connection.execute("PRAGMA integrity_check").fetchone()
        assert result == "ok", "error"


def test_a_changed_keyring_is_refused(home: Home) -> None:
    """A flipped byte of the wrapped key does not unwrap, and a keyring of another form neither."""
    keyring = home.folder / "keyring.json"
    genuine = keyring.read_text()
    wrapped = genuine.split('"wrapped":"')[1][:2]
    changed = genuine.replace(f'"wrapped":"{wrapped}', f'"wrapped":"{int(wrapped, 16) ^ 1:02x}')
    keyring.write_text(changed)
    with home.vault() as vault, pytest.raises(WardnetError) as raised:
        vault.pin("visits")
    assert raised.value.reason is Reason.VAULT_DAMAGED
    keyring.write_text("{}")
    with home.vault() as vault, pytest.raises(WardnetError) as raised:
        vault.pin("visits")
    assert raised.value.reason is Reason.VAULT_DAMAGED


def test_only_the_owner_can_read_any_file(home: Home) -> None:
    """Catalog, keyring, lock and segments have mode 0600 whatever the umask."""
    old = os.umask(0)
    try:
        fresh = Home(home.folder.parent / "fresh")
        adopt(fresh)
        with fresh.vault() as vault:
            path = write_csv(visits(40), home.folder.parent / "a.csv")
            vault.load("visits", path)
            modes = {
                str(path): stat.S_IMODE(path.stat().st_mode)
                for path in fresh.folder.rglob("*")
                if path.is_file()
            }
    finally:
        os.umask(old)
    assert len(modes) > 4
    assert {path for path, mode in modes.items() if mode != 0o600} == set()
