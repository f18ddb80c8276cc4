"""Killed at any moment, an opening has happened whole or not at all, and can be tried again."""

import multiprocessing
import random
import time
from pathlib import Path

import pytest

from support.lending import Lending, granted, lending, lending_hospitals
from support.opener import open_slowly
from support.pki import TestNetwork
from support.sharing import exchange
from support.vaults import visits
from wardnet.audit import log
from wardnet_node.desk.shares.state import Share, State
from wardnet_node.sharing.giving import make
from wardnet_node.sharing.taking.recipient import Recipient
from wardnet_node.vault import tables

KILLS = 8
ROWS = 3000

context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["support.opener"])


def kill_after(home: Path, share: Share, seconds: float) -> bool:
    """Let a process open, kill it some time after it began, and say whether it was done."""
    listening, speaking = context.Pipe(duplex=False)
    process = context.Process(target=open_slowly, args=(home, share.digest, speaking), daemon=True)
    process.start()
    speaking.close()
    assert listening.recv() == "begun"
    time.sleep(seconds)
    process.kill()
    process.join()
    try:
        return bool(listening.recv())
    except (EOFError, ConnectionResetError):
        return False


def check(lent: Lending, share: Share, *, acknowledged: bool) -> bool:
    """Check that all of the share is there or nothing, as a node sees it that starts again."""
    hospital = lent.b.hospital
    again = Recipient.open(hospital.home, hospital.keystore, hospital.credentials)
    names = [name for name, one in again.granted().items() if one.digest == share.digest]
    is_open = again.shares.show(share.digest).state is State.OPENED
    assert bool(names) is is_open
    assert is_open or not acknowledged
    if is_open:
        assert sum(map(len, again.read(share.digest))) == ROWS
    again.close()
    with hospital.catalog() as catalog, catalog.reading() as connection:
        log.verify(connection)
        known = tables.segment_ids(connection)
    assert {path.stem for path in (hospital.home / "vault" / "seg").iterdir()} == known
    return is_open


def test_an_opening_is_never_torn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After every SIGKILL no stray file is left, and the same parcel is opened in the end."""
    network, moments = TestNetwork(), random.Random(1)
    hospitals = lending_hospitals(network, tmp_path, visits(ROWS, patients=500))
    monkeypatch.setattr(make, "GROUP_ROWS", 20)  # the opener makes a segment of each
    with lending(network, hospitals) as lent:
        share = lent.fetched({"scan.dcm": bytes(1 << 20)})
        opened = []
        for _ in range(KILLS):
            done = kill_after(lent.b.hospital.home, share, moments.uniform(0.0, 0.6))
            opened.append(check(lent, share, acknowledged=done))
            if opened[-1]:
                share = lent.fetched({"scan.dcm": bytes(1 << 20)})
        assert not all(opened)
        name = lent.recipient.open_parcel(share.digest)
        assert granted(share).digest[:8] in name
        exchange(lent.a, lent.b)
        assert lent.a.shares.show(share.digest).state is State.OPENED
