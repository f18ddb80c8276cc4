"""Parcels between real processes over mutual TLS: the same bytes arrive, whoever is killed."""

import asyncio
import hashlib
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from support.member import READY_SECONDS, Member, wait_until, write_private
from support.pki import PASSPHRASE
from support.transfers import Program, Transfers, consignment, ready, store
from wardnet.errors import Reason, WardnetError
from wardnet.sharing import consignment as consignments
from wardnet.sharing.notice import Place
from wardnet.transport.channel import open_channel
from wardnet.transport.convert import envelope_to_bytes
from wardnet.transport.status import error_from_rpc
from wardnet.wire.v1.share_pb2 import FetchName, FetchRequest
from wardnet.wire.v1.share_pb2_grpc import TransferServiceStub
from wardnet_node.sharing import lines
from wardnet_node.sharing.carrying.courier import bringing, carry, fetching
from wardnet_node.sharing.lines import Line

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
    fetcher = transfers.start(
        "fetch", "b", parcel=parcel, size=SIZE, address=address, place="direct"
    )
    assert "done" in fetcher.end()
    assert _arrived(transfers, parcel)
    asked = [listener.until("asked") for _ in range(2)]
    assert {line["recipient"] for line in asked} == {"b"}
    assert len({line["asked"] for line in asked}) == 1


def test_a_name_as_long_as_a_book_does_not_end_the_door(transfers: Transfers) -> None:
    """The listener refuses it, and its daemon never hears of it; others fetch as before."""
    parcel = store(transfers.spool("a"), 5000)
    listener, address = _listen(transfers)
    name = FetchName(owner="a" * (1 << 17), grant="1" * 64, parcel=parcel, fetch="0" * 32)

    async def ask() -> None:
        owner = transfers.network.node("a").member
        async with open_channel(transfers.network.node("b"), address, server=owner) as channel:
            async for _ in TransferServiceStub(channel).Fetch(FetchRequest(name=name)):
                pass

    with pytest.raises(grpc.RpcError) as caught:
        asyncio.run(ask())
    assert error_from_rpc(caught.value, address).reason is Reason.MALFORMED
    fetcher = transfers.start(
        "fetch", "b", parcel=parcel, size=5000, address=address, place="direct"
    )
    assert "done" in fetcher.end()
    assert listener.until("asked")["recipient"] == "b"


def test_parcel_goes_by_the_relay_which_keeps_nothing(transfers: Transfers) -> None:
    """It is fetched while it is still being brought, and deleted when it was fetched."""
    parcel = store(transfers.spool("a"), SIZE)
    transfers.relay()
    way = {"parcel": parcel, "size": SIZE, "address": transfers.relay_address}
    depositing = transfers.start("deposit", "a", rate=RATE, **way)
    depositing.until("at")
    fetcher = transfers.start("fetch", "b", place="relay", **way)
    assert fetcher.until("at")["at"] < SIZE
    assert depositing.process.poll() is None
    assert "done" in fetcher.end()
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
    fetcher = transfers.start(
        "fetch", "b", parcel=parcel, size=SIZE, address=address, place="direct"
    )
    fetcher.until("at", MIDDLE)
    listener.kill()
    _listen(transfers, listen=address)
    assert "done" in fetcher.end()
    assert _arrived(transfers, parcel)
    seen = [line["at"] for line in fetcher.said if "at" in line]
    assert seen == sorted(seen)


def test_killed_listener_is_started_again(transfers: Transfers) -> None:
    """Its daemon stays, and so does the address."""
    parcel = store(transfers.spool("a"), SIZE)
    listener, address = _listen(transfers, rate=RATE)
    fetcher = transfers.start(
        "fetch", "b", parcel=parcel, size=SIZE, address=address, place="direct"
    )
    fetcher.until("at", MIDDLE)
    _kill_child(listener)
    assert "done" in fetcher.end()
    assert _arrived(transfers, parcel)


def test_killed_sender_goes_on_at_the_relay(transfers: Transfers) -> None:
    """The recipient waits at the relay meanwhile and gets the rest."""
    parcel = store(transfers.spool("a"), SIZE)
    transfers.relay()
    way = {"parcel": parcel, "size": SIZE, "address": transfers.relay_address}
    first = transfers.start("deposit", "a", rate=RATE, **way)
    first.until("at", MIDDLE)
    fetcher = transfers.start("fetch", "b", place="relay", **way)
    fetcher.until("at", MIDDLE)
    first.kill()
    second = transfers.start("deposit", "a", rate=RATE, **way)
    assert second.until("at")["at"] > MIDDLE
    assert "done" in second.end()
    assert "done" in fetcher.end()
    assert _arrived(transfers, parcel)


def test_killed_relay_is_waited_for_by_both(transfers: Transfers) -> None:
    """What it had on its disk it still has; both go on by themselves."""
    parcel = store(transfers.spool("a"), SIZE)
    relay = transfers.relay()
    way = {"parcel": parcel, "size": SIZE, "address": transfers.relay_address}
    depositing = transfers.start("deposit", "a", rate=RATE, **way)
    depositing.until("at")
    fetcher = transfers.start("fetch", "b", place="relay", **way)
    fetcher.until("at", MIDDLE)
    relay.kill()
    transfers.relay()
    assert "done" in depositing.end()
    assert "done" in fetcher.end()
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


def test_daemon_has_parcels_carried_by_a_light_process(transfers: Transfers) -> None:
    """It tells how far it is and why it is refused, and is gone when it is no longer wanted."""
    parcel = store(transfers.spool("a"), SIZE)
    transfers.relay()
    signed = consignments.signed(consignment(parcel, SIZE), transfers.network.node("a").signer)
    bring = bringing(
        parcel,
        SIZE,
        address=transfers.relay_address,
        consignment=envelope_to_bytes(signed),
    )
    waiting = ready(parcel, SIZE, transfers.relay_address, place=Place.RELAY)
    told: list[tuple[int, int]] = []

    async def carried(name: str, orders: Line, rate: float = 0) -> None:
        means = lines.identity_to_line(transfers.network.node(name))
        home = str(transfers.home(name))
        await carry({**orders, **means, "home": home, "rate": rate}, lambda *at: told.append(at))

    asyncio.run(carried("a", bring))
    assert told[-1] == (SIZE, SIZE)
    slow = carried("b", fetching(waiting, owner="a"), RATE)
    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(slow, 3))
    assert _children(os.getpid()) == []
    asyncio.run(carried("b", fetching(waiting, owner="a")))
    assert _arrived(transfers, parcel)
    transfers.spool("b").discard(parcel)
    with pytest.raises(WardnetError) as caught:
        asyncio.run(carried("b", fetching(waiting, owner="a")))
    assert caught.value.reason is Reason.SHARE_USED_UP


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
        fetcher = transfers.start("fetch", "b", patience=0, **way)
        refused = fetcher.end()["reason"]
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
    (child,) = _children(listener.process.pid)
    os.kill(child, signal.SIGKILL)


def _children(process: int) -> list[int]:
    """Return the couriers and listeners that a process has started."""
    tasks = Path(f"/proc/{process}/task").iterdir()
    children = [child for task in tasks for child in (task / "children").read_text().split()]
    return [
        int(child)
        for child in children
        if b"wardnet_node.sharing" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]
