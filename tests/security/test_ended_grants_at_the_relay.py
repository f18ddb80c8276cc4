"""The relay keeps nothing past the end of its grant, its revocation, or the relay's own limit."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from support.coordinator import run
from support.pki import TestNetwork
from support.relaying import Hospitals, outcome, relay
from support.transfers import GRANT, store
from wardnet import clock
from wardnet.errors import Reason
from wardnet_coordinator.relay import book, keeper

NETWORK = TestNetwork()
SIZE = 3 << 20
SLOW = 2 << 20
"""Bytes per second: a parcel takes a second and a half."""


def soon(seconds: float) -> str:
    """Return a moment so many seconds from now."""
    return clock.to_moment(clock.now() + timedelta(seconds=seconds))


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
