"""No parcel is fetched once too often: not again, not in a race, not while it arrives."""

import asyncio
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from support.coordinator import run
from support.pki import TestNetwork
from support.relaying import outcome, relay
from support.transfer_calls import ask, fetching
from support.transfers import GRANT, consignment, store
from wardnet import clock
from wardnet.errors import Reason
from wardnet.transport.parcels.door import Fetching
from wardnet.wire.v1.share_pb2 import (
    FetchRequest,
    FinishRequest,
)
from wardnet_coordinator import state
from wardnet_coordinator.relay import book

NETWORK = TestNetwork()
SIZE = 3 << 20


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


def test_no_consignment_allows_more_fetches_than_a_grant_may() -> None:
    """The relay notes each: two hospitals who are agreed cannot fill its database."""
    for number in (0, 101, 1_000_000):
        with pytest.raises(ValueError, match="maximum_fetches"):
            consignment("5" * 64, 5000, maximum_fetches=number)
    assert consignment("5" * 64, 5000, maximum_fetches=100).maximum_fetches == 100


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
