"""Killed or starved at any moment, the vault holds what it acknowledged and nothing by halves."""

import multiprocessing
import random
import time
from contextlib import suppress
from pathlib import Path

import pytest

from support.loader import load_forever, load_on_a_full_disk
from support.vaults import Home, adopt, table, visits, write_csv
from wardnet.audit import log
from wardnet_node.vault import tables

KILLS = 15
ROWS = 200

context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["pandas", "wardnet_node.vault.vault"])


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Return a node's home that has adopted `visits`."""
    home = Home(tmp_path / "home")
    adopt(home)
    return home


def kill_after(home: Home, path: Path, *, loads: int, seconds: float) -> list[tuple[int, str]]:
    """Let a process load, kill it some time after a load, return what it had acknowledged."""
    listening, speaking = context.Pipe(duplex=False)
    process = context.Process(target=load_forever, args=(home, path, speaking), daemon=True)
    process.start()
    speaking.close()
    assert listening.recv() == "open"
    said = [listening.recv() for _ in range(loads)]
    time.sleep(seconds)
    process.kill()
    with suppress(EOFError, ConnectionResetError):
        while True:
            said.append(listening.recv())
    process.join()
    return said


def test_no_acknowledged_load_is_lost_and_none_is_torn(home: Home, tmp_path: Path) -> None:
    """After every SIGKILL: the log holds, each snapshot reads whole, and no stray file is left."""
    path = write_csv(visits(ROWS), tmp_path / "a.csv")
    moments = random.Random(1)
    for turn in range(KILLS):
        said = kill_after(home, path, loads=turn % 3, seconds=moments.uniform(0.0, 0.04))
        with home.vault() as vault:
            snapshots = vault.snapshots("visits")
            present = {snapshot.number: snapshot.id for snapshot in snapshots}
            for snapshot in snapshots[-2:]:
                rows = table(vault.pin("visits", snapshot.number))
                assert len(rows) == snapshot.rows
                assert rows["patient"].nunique() == snapshot.patients
        if said:
            number, snapshot_id = said[-1]
            assert present.get(number, snapshot_id) == snapshot_id
            assert max(present) >= number
        check(home)


def check(home: Home) -> None:
    """Check that the log holds and names every load, and that files and catalog agree."""
    with home.catalog() as catalog, catalog.reading() as connection:
        log.verify(connection)
        logged = [entry.snapshot for entry in log.entries(connection) if entry.snapshot]
        known = tables.segment_ids(connection)
        (record,) = tables.datasets(connection)
    assert len(logged) == record.head
    assert {path.stem for path in home.segments} == known


def test_a_disk_that_fills_up_stores_nothing(home: Home, tmp_path: Path) -> None:
    """The load ends with `disk_full`, the snapshot before is whole and the next load works."""
    small = write_csv(visits(20), tmp_path / "small.csv")
    large = write_csv(visits(2_000), tmp_path / "large.csv")
    with home.vault() as vault:
        vault.load("visits", small)
    listening, speaking = context.Pipe(duplex=False)
    process = context.Process(target=load_on_a_full_disk, args=(home, large, speaking))
    process.start()
    assert listening.poll(30)
    assert listening.recv() == "disk_full"
    process.join()
    with home.vault() as vault:
        assert len(table(vault.pin("visits"))) == 20
        check(home)
        vault.load("visits", large)
        assert len(table(vault.pin("visits"))) == 2_000
