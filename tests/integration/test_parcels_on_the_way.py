"""Parcels between real processes over mutual TLS: the same bytes arrive, whoever is killed."""

import hashlib
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.member import READY_SECONDS, Member, wait_until, write_private
from support.pki import PASSPHRASE
from support.transfers import Program, Transfers, store

SIZE = 24 << 20
RATE = 6 << 20
"""Four seconds for a parcel: time to kill somebody in the middle, also on a busy machine."""

MIDDLE = 6 << 20


@pytest.fixture
def transfers(tmp_path: Path) -> Iterator[Transfers]:
    """Return two hospitals; whatever still runs at the end is killed."""
    made = Transfers(tmp_path)
    yield made
    made.close()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _arrived(transfers: Transfers, parcel: str) -> bool:
    """Say whether hospital b has the whole parcel and nothing else."""
    sealed = transfers.spool("b").fetched(parcel)
    names = sorted(path.name for path in sealed.body.parent.iterdir())
    return (
        names == [f"{parcel}.body", f"{parcel}.header"]
        and _digest(sealed.body) == parcel
        and sealed.header.read_bytes() == b"sealed header"
    )


def _listen(transfers: Transfers, **orders: object) -> tuple[Program, str]:
    listener = transfers.start("listen", "a", **orders)
    return listener, listener.until("address")["address"]


def _left_at_the_relay(transfers: Transfers) -> list[str]:
    return [path.name for path in (transfers.relay_home / "relay").iterdir()]


def test_parcel_goes_directly_from_node_to_node(transfers: Transfers) -> None:
    """The owner's daemon is asked once who may, and hears when all has arrived."""
    parcel = store(transfers.spool("a"), SIZE)
    listener, address = _listen(transfers)
    fetching = transfers.start(
        "fetch", "b", parcel=parcel, size=SIZE, address=address, place="direct"
    )
    assert "done" in fetching.end()
    assert _arrived(transfers, parcel)
    asked = [listener.until("asked") for _ in range(2)]
    assert {line["recipient"] for line in asked} == {"b"}
    assert len({line["asked"] for line in asked}) == 1


def test_parcel_goes_by_the_relay_which_keeps_nothing(transfers: Transfers) -> None:
    """It is fetched while it is still being brought, and deleted when it was fetched."""
    parcel = store(transfers.spool("a"), SIZE)
    transfers.relay()
    way = {"parcel": parcel, "size": SIZE, "address": transfers.relay_address}
    depositing = transfers.start("deposit", "a", rate=RATE, **way)
    depositing.until("at")
    fetching = transfers.start("fetch", "b", place="relay", **way)
    assert fetching.until("at")["at"] < SIZE
    assert depositing.process.poll() is None
    assert "done" in fetching.end()
    assert "done" in depositing.end()
    assert _arrived(transfers, parcel)
    assert _left_at_the_relay(transfers) == []
    again = transfers.start("deposit", "a", **way)
    assert "done" in again.end()
    assert _left_at_the_relay(transfers) == []


def test_killed_recipient_goes_on_where_it_stopped(transfers: Transfers) -> None:
    """As the same fetch, which counts once."""
    parcel = store(transfers.spool("a"), SIZE)
    listener, address = _listen(transfers)
    way = {"parcel": parcel, "size": SIZE, "address": address, "place": "direct"}
    first = transfers.start("fetch", "b", rate=RATE, **way)
    first.until("at", MIDDLE)
    first.kill()
    there = transfers.spool("b").part(parcel).stat().st_size
    assert MIDDLE <= there < SIZE
    second = transfers.start("fetch", "b", **way)
    assert second.until("at")["at"] > there
    assert "done" in second.end()
    assert _arrived(transfers, parcel)
    listener.process.send_signal(signal.SIGKILL)
    assert len({line["asked"] for line in [*listener.said, *listener.lines()][1:]}) == 1


def test_killed_owner_is_waited_for(transfers: Transfers) -> None:
    """The fetch that runs goes on by itself once its daemon is back."""
    parcel = store(transfers.spool("a"), SIZE)
    listener, address = _listen(transfers, rate=RATE)
    fetching = transfers.start(
        "fetch", "b", parcel=parcel, size=SIZE, address=address, place="direct"
    )
    fetching.until("at", MIDDLE)
    listener.kill()
    _listen(transfers, listen=address)
    assert "done" in fetching.end()
    assert _arrived(transfers, parcel)
    seen = [line["at"] for line in fetching.said if "at" in line]
    assert seen == sorted(seen)


def test_killed_listener_is_started_again(transfers: Transfers) -> None:
    """Its daemon stays, and so does the address."""
    parcel = store(transfers.spool("a"), SIZE)
    listener, address = _listen(transfers, rate=RATE)
    fetching = transfers.start(
        "fetch", "b", parcel=parcel, size=SIZE, address=address, place="direct"
    )
    fetching.until("at", MIDDLE)
    _kill_child(listener)
    assert "done" in fetching.end()
    assert _arrived(transfers, parcel)


def test_killed_sender_goes_on_at_the_relay(transfers: Transfers) -> None:
    """The recipient waits at the relay meanwhile and gets the rest."""
    parcel = store(transfers.spool("a"), SIZE)
    transfers.relay()
    way = {"parcel": parcel, "size": SIZE, "address": transfers.relay_address}
    first = transfers.start("deposit", "a", rate=RATE, **way)
    first.until("at", MIDDLE)
    fetching = transfers.start("fetch", "b", place="relay", **way)
    fetching.until("at", MIDDLE)
    first.kill()
    second = transfers.start("deposit", "a", rate=RATE, **way)
    assert second.until("at")["at"] > MIDDLE
    assert "done" in second.end()
    assert "done" in fetching.end()
    assert _arrived(transfers, parcel)


def test_killed_relay_is_waited_for_by_both(transfers: Transfers) -> None:
    """What it had on its disk it still has; both go on by themselves."""
    parcel = store(transfers.spool("a"), SIZE)
    relay = transfers.relay()
    way = {"parcel": parcel, "size": SIZE, "address": transfers.relay_address}
    depositing = transfers.start("deposit", "a", rate=RATE, **way)
    depositing.until("at")
    fetching = transfers.start("fetch", "b", place="relay", **way)
    fetching.until("at", MIDDLE)
    relay.kill()
    transfers.relay()
    assert "done" in depositing.end()
    assert "done" in fetching.end()
    assert _arrived(transfers, parcel)
    assert _left_at_the_relay(transfers) == []


def test_source_that_changed_between_two_attempts_is_refused(transfers: Transfers) -> None:
    """A parcel made anew has another name; what lies under the old one is not taken for it."""
    spool = transfers.spool("a")
    parcel = store(spool, SIZE)
    transfers.relay()
    way = {"parcel": parcel, "size": SIZE, "address": transfers.relay_address}
    first = transfers.start("deposit", "a", rate=RATE, **way)
    first.until("at", MIDDLE)
    first.kill()
    store(spool, SIZE)
    changed = next(path for path in spool.outgoing.glob("*.body") if path.stem != parcel)
    changed.rename(spool.made(parcel).body)
    assert transfers.start("deposit", "a", **way).end()["reason"] == "transfer_altered"
    assert _left_at_the_relay(transfers) == []
    spool.made(parcel).body.write_bytes(b"shorter")
    assert transfers.start("deposit", "a", **way).end()["reason"] == "parcel_unknown"


def test_daemon_listens_where_its_settings_say(tmp_path: Path) -> None:
    """It decides itself; the process that listens is gone when the daemon is, however it ended."""
    transfers = Transfers(tmp_path)
    owner = Member("owner", "wardnet-node", tmp_path)
    owner.home.mkdir()
    transfers.network.found(owner.home, "a")
    write_private(owner.passphrase_file, PASSPHRASE + "\n")
    settings = 'address = "localhost:1"\nlisten = "127.0.0.1:0"\nworkers = 1\n'
    (owner.home / "settings.toml").write_text(settings)
    try:
        owner.serve()
        owner.wait_for("listening")
        address = (owner.home / "listen.address").read_text().strip()
        way = {"parcel": "5" * 64, "size": 5, "address": address, "place": "direct"}
        fetching = transfers.start("fetch", "b", patience=0, **way)
        refused = fetching.end()["reason"]
        assert refused in {"log_unproven", "parcel_unknown"}
        owner.kill()
        wait_until(lambda: not _answers(address), seconds=READY_SECONDS)
        owner.serve()
        owner.wait_for("listening", times=2)
        assert owner.stop() == 0
    finally:
        owner.kill()
        transfers.close()


def _answers(address: str) -> bool:
    host, port = address.split(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def _kill_child(listener: Program) -> None:
    """Kill the process that listens for a daemon."""
    tasks = Path(f"/proc/{listener.process.pid}/task")
    children = [
        child for task in tasks.iterdir() for child in (task / "children").read_text().split()
    ]
    (child,) = children
    os.kill(int(child), signal.SIGKILL)
