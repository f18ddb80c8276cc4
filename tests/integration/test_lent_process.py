"""The daemon destroys what was lent when its time is over, also when it slept through the end."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from support.lending import Lending, lending, lending_hospitals
from support.member import wait_until
from support.pki import PASSPHRASE, TestNetwork
from support.sharing import exchange
from support.vaults import visits
from wardnet import clock
from wardnet.audit.entry import EventType
from wardnet_node.desk.shares.state import Share, State

SECONDS = 3.0
"""That something is lent for."""


@pytest.fixture
def lent(tmp_path: Path) -> Iterator[Lending]:
    """Return hospitals a and b, whose daemon can be started."""
    network = TestNetwork()
    secret = tmp_path / "passphrase"
    secret.touch(mode=0o600)
    secret.write_text(PASSPHRASE)
    with lending(network, lending_hospitals(network, tmp_path, visits(60))) as opened:
        yield opened


def opened_briefly(lent: Lending) -> tuple[Share, float]:
    """Return a share that b has opened, and when it ends, on the clock of `time`."""
    until = clock.now() + timedelta(seconds=SECONDS)
    share = lent.fetched({"scan.dcm": bytes(100)}, until=clock.to_moment(until))
    lent.recipient.open_parcel(share.digest)
    return share, until.timestamp()


@contextmanager
def daemon(lent: Lending) -> Iterator[None]:
    """Run b's daemon, which reaches no coordinator."""
    home = lent.b.hospital.home
    environment = {
        "WARDNET_NODE_HOME": str(home),
        "WARDNET_NODE_PASSPHRASE_FILE": str(home.parent / "passphrase"),
        "WARDNET_NODE_ADDRESS": "127.0.0.1:1",
        "WARDNET_NODE_WORKERS": "1",
    }
    process = subprocess.Popen(
        [Path(sys.executable).parent / "wardnet-node", "serve"],
        env=os.environ | environment,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()


def left(lent: Lending, share: Share) -> bool:
    """Say whether b has a key or file of a share."""
    keyring = (lent.b.hospital.home / "keyring.json").read_text()
    files = lent.files(share)
    return share.digest in keyring or files.header.exists() or files.body.exists()


def test_what_ends_while_the_daemon_runs_is_gone_within_seconds(lent: Lending) -> None:
    """And not before; the owner gets the receipt with the next letters."""
    share, until = opened_briefly(lent)
    with daemon(lent):
        wait_until(lambda: EventType.STARTED in kinds(lent), seconds=20)
        assert time.time() > until or left(lent, share)
        wait_until(lambda: not left(lent, share), seconds=20)
        assert until < time.time() < until + 15
        wait_until(lambda: not lent.b.shares.show(share.digest).has_key, seconds=20)
    exchange(lent.a, lent.b)
    assert lent.a.shares.show(share.digest).state is State.DESTROYED


def test_what_ended_while_no_daemon_ran_goes_before_anything_else(lent: Lending) -> None:
    """The log has it before the start."""
    share, until = opened_briefly(lent)
    time.sleep(max(0.0, until - time.time()) + 0.01)
    assert left(lent, share)
    with daemon(lent):
        wait_until(lambda: EventType.STARTED in kinds(lent), seconds=20)
    assert not left(lent, share)
    assert kinds(lent)[-3:] == [
        EventType.DATASET_DROPPED,
        EventType.SHARE_DESTROYED,
        EventType.STARTED,
    ]


def kinds(lent: Lending) -> list[EventType]:
    """Return what b's log holds."""
    return [entry.type for entry in lent.b.hospital.entries()]
