"""What the relay refuses: other hospitals' parcels, ended grants, one fetch too often, no room."""

import asyncio
import errno
import os
import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from support.coordinator import run
from support.pki import TestNetwork
from support.relaying import Hospitals, outcome, relay
from support.transfers import GRANT, consignment, store
from wardnet import clock
from wardnet.errors import Reason
from wardnet.identity.credentials import TlsIdentity
from wardnet.identity.envelope import Envelope, sign
from wardnet.identity.member import Role
from wardnet.sharing.consignment import PAYLOAD_TYPE, Consignment, signed
from wardnet.transport.channel import open_channel
from wardnet.transport.convert import envelope_to_wire
from wardnet.transport.parcels.attempts import explained
from wardnet.transport.parcels.door import Fetching
from wardnet.wire.v1.share_pb2 import (
    DepositRequest,
    DepositStart,
    FetchName,
    FetchRequest,
    FinishRequest,
    RemoveRequest,
)
from wardnet.wire.v1.share_pb2_grpc import TransferServiceStub
from wardnet_coordinator import state
from wardnet_coordinator.relay import book, keeper

NETWORK = TestNetwork()
SIZE = 3 << 20
SLOW = 2 << 20
"""Bytes per second: a parcel takes a second and a half."""


def soon(seconds: float) -> str:
    """Return a moment so many seconds from now."""
    return clock.to_moment(clock.now() + timedelta(seconds=seconds))


async def ask(
    all_of: Hospitals, caller: TlsIdentity, request: FetchRequest | FinishRequest | RemoveRequest
) -> None:
    """Make one call as anybody, and read all of its answer."""
    address = all_of.address
    async with (
        open_channel(caller, address) as channel,
        explained(address, away=Reason.RELAY_AWAY),
    ):
        stub = TransferServiceStub(channel)
        match request:
            case FetchRequest():
                async for _ in stub.Fetch(request):
                    pass
            case FinishRequest():
                await stub.Finish(request, timeout=10)
            case RemoveRequest():
                await stub.Remove(request, timeout=10)


async def bring(
    all_of: Hospitals, caller: TlsIdentity, envelope: Envelope, *, header: bytes = b"sealed"
) -> None:
    """Begin a deposit as anybody, with any statement."""
    address = all_of.address
    start = DepositStart(consignment=envelope_to_wire(envelope), header=header)
    async with (
        open_channel(caller, address) as channel,
        explained(address, away=Reason.RELAY_AWAY),
    ):
        call = TransferServiceStub(channel).Deposit()
        await call.write(DepositRequest(start=start))
        await call.read()


def fetching(parcel: str, fetch: str = "1" * 32, *, owner: str = "a") -> FetchName:
    """Name a fetch."""
    return FetchName(owner=owner, grant=GRANT, parcel=parcel, fetch=fetch)


def test_parcel_is_handed_to_whom_it_is_for(tmp_path: Path) -> None:
    """Another hospital, and the owner itself, do not even hear that there is one."""

    async def main() -> None:
        async with relay(tmp_path, NETWORK) as all_of:
            parcel = store(all_of.spool("a"), SIZE)
            await all_of.bring(parcel, SIZE)
            for other in ("a", "c"):
                refused = await outcome(all_of.get(parcel, SIZE, by=other))
                assert refused is Reason.PARCEL_UNKNOWN
                name = FinishRequest(name=fetching(parcel))
                refused = await outcome(ask(all_of, NETWORK.node(other), name))
                assert refused is Reason.PARCEL_UNKNOWN
            refused = await outcome(all_of.get(parcel, SIZE, owner="c"))
            assert refused is Reason.PARCEL_UNKNOWN
            await all_of.get(parcel, SIZE)

    run(main())


def test_fetch_once_too_often_is_refused(tmp_path: Path) -> None:
    """Two are granted and two happen; the third finds nothing, and nothing is left."""

    async def main() -> None:
        async with relay(tmp_path, NETWORK) as all_of:
            parcel = store(all_of.spool("a"), SIZE)
            await all_of.bring(parcel, SIZE, maximum_fetches=2)
            for left in (1, 0):
                await all_of.get(parcel, SIZE)
                assert len(all_of.at_the_relay()) == left
                all_of.spool("b").discard(parcel)
            assert await outcome(all_of.get(parcel, SIZE)) is Reason.SHARE_USED_UP

    run(main())


def test_finished_fetch_is_not_served_again(tmp_path: Path) -> None:
    """Nor counted twice when its end is told twice."""

    async def main() -> None:
        async with relay(tmp_path, NETWORK) as all_of:
            parcel = store(all_of.spool("a"), 5000)
            await all_of.bring(parcel, 5000, maximum_fetches=2)
            b, first = NETWORK.node("b"), fetching(parcel)
            await ask(all_of, b, FetchRequest(name=first))
            for _ in range(2):
                await ask(all_of, b, FinishRequest(name=first))
            replayed = await outcome(ask(all_of, b, FetchRequest(name=first, offset=1)))
            assert replayed is Reason.SHARE_USED_UP
            await ask(all_of, b, FetchRequest(name=fetching(parcel, "2" * 32)))

    run(main())


def test_two_fetches_race_for_one_place(tmp_path: Path) -> None:
    """One gets everything, the other nothing."""

    async def main() -> None:
        async with relay(tmp_path, NETWORK) as all_of:
            for _ in range(5):
                parcel = store(all_of.spool("a"), 5000)
                await all_of.bring(parcel, 5000)
                outcomes = await asyncio.gather(
                    *(
                        outcome(
                            ask(
                                all_of,
                                NETWORK.node("b"),
                                FetchRequest(name=fetching(parcel, f"{number:032x}")),
                            )
                        )
                        for number in (1, 2)
                    )
                )
                assert set(outcomes) == {None, Reason.SHARE_USED_UP}

    run(main())


def test_ended_grant_is_refused_and_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For who brings and who fetches, and also when a fetch is under way."""
    monkeypatch.setattr(keeper, "SWEEP_SECONDS", 0.1)

    async def main() -> None:
        async with relay(tmp_path, NETWORK, relay_bandwidth=1) as all_of:
            spool = all_of.spool("a")
            late, parcel = store(spool, 5000), store(spool, SIZE)
            refused = await outcome(all_of.bring(late, 5000, until=soon(-1)))
            assert refused is Reason.SHARE_ENDED
            await all_of.bring(parcel, SIZE, until=soon(1.5))
            assert await outcome(all_of.get(parcel, SIZE)) is Reason.SHARE_ENDED
            assert not all_of.spool("b").fetched(parcel).whole
            await asyncio.sleep(0.5)
            assert all_of.at_the_relay() == []
            assert await outcome(all_of.get(parcel, SIZE)) is Reason.SHARE_ENDED

    run(main())


def test_relay_keeps_nothing_longer_than_its_own_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also under a grant that lasts longer, and also what is not whole."""
    monkeypatch.setattr(keeper, "SWEEP_SECONDS", 0.1)

    async def main() -> None:
        async with relay(tmp_path, NETWORK) as all_of:
            keep = book.Limits(parcel=1 << 30, quota=1 << 30, keep=timedelta(seconds=1))
            monkeypatch.setattr(book, "accept", _kept_for(keep))
            parcel = store(all_of.spool("a"), 5000)
            await all_of.bring(parcel, 5000)
            assert len(all_of.at_the_relay()) == 1
            await asyncio.sleep(1.5)
            assert all_of.at_the_relay() == []
            assert await outcome(all_of.get(parcel, 5000)) is Reason.PARCEL_UNKNOWN
            bringing = asyncio.create_task(all_of.bring(parcel, 5000, rate=2000))
            await _begun(all_of)
            await asyncio.sleep(1.5)
            assert all_of.at_the_relay() == []
            assert await outcome(bringing) is not None

    run(main())


def _kept_for(limits: book.Limits) -> object:
    accept = book.accept
    return lambda connection, **given: accept(connection, **{**given, "limits": limits})


def test_revoked_grant_is_refused_and_deleted(tmp_path: Path) -> None:
    """At once: who fetches and who still brings it are stopped; nobody else can revoke it."""

    async def main() -> None:
        async with relay(tmp_path, NETWORK) as all_of:
            parcel = store(all_of.spool("a"), SIZE)
            bringing = asyncio.create_task(all_of.bring(parcel, SIZE, rate=SLOW))
            await _begun(all_of)
            getting = asyncio.create_task(all_of.get(parcel, SIZE))
            await all_of.take_back(GRANT, by="b")
            assert len(all_of.at_the_relay()) == 1
            await all_of.take_back(GRANT)
            assert all_of.at_the_relay() == []
            assert await outcome(bringing) is Reason.SHARE_REVOKED
            assert await outcome(getting) in {Reason.SHARE_REVOKED, Reason.PARCEL_UNKNOWN}
            assert await outcome(all_of.get(parcel, SIZE)) is Reason.SHARE_REVOKED
            assert await outcome(all_of.bring(parcel, SIZE)) is Reason.SHARE_REVOKED
            assert all_of.at_the_relay() == []

    run(main())


async def _begun(all_of: Hospitals) -> None:
    """Wait until the relay has something."""
    for _ in range(200):
        if all_of.at_the_relay():
            return
        await asyncio.sleep(0.05)
    message = "nothing arrived"
    raise AssertionError(message)


def test_consignment_counts_only_from_its_own_node(tmp_path: Path) -> None:
    """Not in another's hands, not of another's making, not edited, not of another kind."""
    said = consignment("5" * 64, 5000)
    good = signed(said, NETWORK.node("a").signer)
    edited = Envelope(PAYLOAD_TYPE, good.payload.replace(b'"b"', b'"c"'), good.signatures)
    other = sign("application/octet-stream", good.payload, NETWORK.node("a").signer)

    async def main() -> None:
        async with relay(tmp_path, NETWORK) as all_of:
            a, c = NETWORK.node("a"), NETWORK.node("c")
            steward = NETWORK.credentials(Role.STEWARD, "a").signer
            assert await outcome(bring(all_of, c, good)) is Reason.IDENTITY_MISMATCH
            for forged in (signed(said, c.signer), signed(said, steward), edited, other):
                assert await outcome(bring(all_of, a, forged)) is Reason.SIGNATURE_INVALID
            for header in (b"", bytes((1 << 20) + 1)):
                refused = await outcome(bring(all_of, a, good, header=header))
                assert refused is Reason.MALFORMED
            assert all_of.at_the_relay() == []
            assert await outcome(bring(all_of, a, good)) is None

    run(main())


def test_only_nodes_use_the_relay(tmp_path: Path) -> None:
    """No researcher, auditor or steward, and nobody of another network."""

    async def main() -> None:
        async with relay(tmp_path, NETWORK) as all_of:
            request = FetchRequest(name=fetching("5" * 64))
            for role in (Role.RESEARCHER, Role.AUDITOR, Role.STEWARD):
                refused = await outcome(ask(all_of, NETWORK.credentials(role, "b"), request))
                assert refused is Reason.ROLE_REFUSED
            stranger = TestNetwork().node("b")
            assert await outcome(ask(all_of, stranger, request)) is Reason.RELAY_AWAY

    run(main())


def test_hospital_has_its_quota_and_parcels_their_size(tmp_path: Path) -> None:
    """One hospital's parcels take no room from another's; what is fetched makes room."""

    async def main() -> None:
        async with relay(tmp_path, NETWORK, relay_quota=7, relay_parcel=4) as all_of:
            spool = all_of.spool("a")
            large, *parcels = (store(spool, size) for size in (5 << 20, SIZE, SIZE, SIZE))
            assert await outcome(all_of.bring(large, 5 << 20)) is Reason.PARCEL_OVERSIZE
            for parcel in parcels[:2]:
                await all_of.bring(parcel, SIZE, grant=parcel)
            last = parcels[2]
            assert await outcome(all_of.bring(last, SIZE, grant=last)) is Reason.RELAY_FULL
            other = store(all_of.spool("c"), SIZE)
            await all_of.bring(other, SIZE, by="c")
            await all_of.get(parcels[0], SIZE, grant=parcels[0])
            await all_of.bring(last, SIZE, grant=last)

    run(main())


def test_two_parcels_race_for_one_quota(tmp_path: Path) -> None:
    """Of three that are brought at once, the two that fit are taken, and nothing of the third."""

    async def main() -> None:
        async with relay(tmp_path, NETWORK, relay_quota=7) as all_of:
            parcels = [store(all_of.spool("a"), SIZE) for _ in range(3)]
            brought = (outcome(all_of.bring(parcel, SIZE, grant=parcel)) for parcel in parcels)
            reasons = await asyncio.gather(*brought)
            assert sorted(map(str, reasons)) == ["None", "None", str(Reason.RELAY_FULL)]
            assert sorted(map(len, all_of.at_the_relay())) == [SIZE, SIZE]

    run(main())


def test_quota_counts_headers_and_parcels_that_are_gone(tmp_path: Path) -> None:
    """Nobody fills the disk with tiny parcels of large headers, nor with rows that stay."""

    async def main() -> None:
        a, header = NETWORK.node("a"), bytes(1 << 20)
        async with relay(tmp_path, NETWORK, relay_quota=4) as all_of:
            for number in range(3):
                said = consignment(f"{number:064x}", 1, grant=f"{number:064x}")
                await bring(all_of, a, signed(said, a.signer), header=header)
            said = consignment(f"{3:064x}", 1, grant=f"{3:064x}")
            refused = bring(all_of, a, signed(said, a.signer), header=header)
            assert await outcome(refused) is Reason.RELAY_FULL

    run(main())


def test_no_consignment_allows_more_fetches_than_a_grant_may() -> None:
    """The relay notes each: two hospitals who are agreed cannot fill its database."""
    for number in (0, 101, 1_000_000):
        with pytest.raises(ValueError, match="maximum_fetches"):
            consignment("5" * 64, 5000, maximum_fetches=number)
    assert consignment("5" * 64, 5000, maximum_fetches=100).maximum_fetches == 100


def test_new_consignment_makes_no_room_for_an_old_parcel(tmp_path: Path) -> None:
    """What was consigned first says how large a parcel is, also when it is brought again."""
    limits = book.Limits(parcel=5000, quota=9000, keep=timedelta(hours=1))
    first = consignment("1" * 64, 5000, grant="1" * 64)
    taken = consignment("2" * 64, 5000, grant="2" * 64)
    state.create(tmp_path, book.RELAY)

    async def main() -> None:
        database = state.Database(tmp_path, book.RELAY)

        async def accept(consigned: Consignment) -> book.Kept:
            return await database.write(
                lambda to: book.accept(to, consigned, b"sealed", limits=limits, at=clock.now())
            )

        kept = await accept(first)
        await database.write(lambda to: book.forget(to, kept.number, state=book.GONE))
        await accept(taken)
        assert await outcome(accept(replace(first, size=1))) is Reason.RELAY_FULL
        await database.close()

    run(main())


def test_nothing_stays_of_what_was_fetched_while_it_arrived(tmp_path: Path) -> None:
    """The recipient may say that it has everything before the relay knows that it has."""
    limits = book.Limits(parcel=5000, quota=9000, keep=timedelta(hours=1))
    consigned = consignment("1" * 64, 5000)
    asked = Fetching("a", GRANT, "1" * 64, "1" * 32)
    state.create(tmp_path, book.RELAY)

    def story(to: sqlite3.Connection) -> frozenset[int]:
        kept = book.accept(to, consigned, b"sealed", limits=limits, at=clock.now())
        book.admit(to, asked, recipient="b", at=clock.now())
        assert book.finish(to, asked, recipient="b") is None
        assert book.kept(to) == {kept.number}
        book.arrived(to, kept.number)
        return book.kept(to)

    async def main() -> None:
        database = state.Database(tmp_path, book.RELAY)
        assert await database.write(story) == set()
        await database.close()

    run(main())


def test_new_parcel_takes_the_place_of_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hospital that has sealed anew wants nobody to have what it sealed before."""
    monkeypatch.setattr(keeper, "SWEEP_SECONDS", 0.1)

    async def main() -> None:
        async with relay(tmp_path, NETWORK) as all_of:
            before, after = (store(all_of.spool("a"), SIZE) for _ in range(2))
            await all_of.bring(before, SIZE)
            await all_of.bring(after, SIZE)
            assert await outcome(all_of.get(before, SIZE)) is Reason.PARCEL_UNKNOWN
            await asyncio.sleep(0.5)
            assert all_of.at_the_relay() == [all_of.spool("a").made(after).body.read_bytes()]
            await all_of.get(after, SIZE)

    run(main())


def test_full_disk_at_the_relay_is_said_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing half-stored stays, no path is told, and it can be tried again."""
    write = os.write

    def full(handle: int, data: bytes) -> int:
        if len(data) > 1000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(handle, data)

    async def main() -> None:
        async with relay(tmp_path, NETWORK) as all_of:
            parcel = store(all_of.spool("a"), SIZE)
            with monkeypatch.context() as patch:
                patch.setattr(os, "write", full)
                assert await outcome(all_of.bring(parcel, SIZE)) is Reason.RELAY_FULL
            assert all_of.at_the_relay() == []
            await all_of.bring(parcel, SIZE)
            with monkeypatch.context() as patch:
                patch.setattr(os, "write", full)
                assert await outcome(all_of.get(parcel, SIZE)) is Reason.DISK_FULL
            assert all_of.at("b") == [f"{parcel}.fetch"]
            await all_of.get(parcel, SIZE)

    run(main())


def test_relay_holds_only_what_was_sealed(tmp_path: Path) -> None:
    """The bytes as they were brought, readable by its owner only, and names that say nothing."""

    async def main() -> None:
        async with relay(tmp_path, NETWORK) as all_of:
            parcel = store(all_of.spool("a"), 5000)
            await all_of.bring(parcel, 5000)
            assert all_of.at_the_relay() == [all_of.spool("a").made(parcel).body.read_bytes()]
            (path,) = (tmp_path / "relay" / "relay").iterdir()
            assert path.stat().st_mode & 0o777 == 0o600
            assert path.name == "1.body"

    run(main())
