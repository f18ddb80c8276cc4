"""No hospital takes more room at the relay than its quota, and a full disk breaks nothing."""

import asyncio
import errno
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from support.coordinator import run
from support.pki import TestNetwork
from support.relaying import outcome, relay
from support.transfer_calls import bring
from support.transfers import consignment, store
from wardnet import clock
from wardnet.errors import Reason
from wardnet.sharing.consignment import Consignment, signed
from wardnet_coordinator import state
from wardnet_coordinator.relay import book, keeper

NETWORK = TestNetwork()
SIZE = 3 << 20


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
