"""A grant that is taken back while its parcel travels: the transfer ends, and nothing is left."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from support.lending import Lending, lending, lending_hospitals
from support.relaying import Hospitals, relay
from support.sharing import Side, exchange, shared_network
from support.vaults import visits
from wardnet.jobs import Jobs
from wardnet_node.desk.shares.state import Share, State
from wardnet_node.settings import NodeSettings
from wardnet_node.sharing.carrying.carrier import Carrier
from wardnet_node.sharing.carrying.spool import Spool
from wardnet_node.sharing.errands import Errands
from wardnet_node.sharing.giving.attachments import Attachment, digests
from wardnet_node.sharing.giving.owner import Owner

SIZE = 12 << 20
SLOW = 0.5
"""MiB per second: without an end, the parcel would be on its way for 24 seconds."""

SECONDS = 15.0


async def _proven() -> None:
    """Let the log be whole."""


def settings(relay_address: str, *, bandwidth: float = 0) -> NodeSettings:
    """Return a node's settings: it does not listen."""
    return NodeSettings(address="127.0.0.1:1", relay=relay_address, bandwidth=bandwidth)


@asynccontextmanager
async def errands(side: Side, of: NodeSettings) -> AsyncIterator[Errands]:
    """Run what a daemon does by itself for shares, one look at a time."""
    hospital = side.hospital
    opened = hospital.home, hospital.keystore, hospital.credentials
    owner, spool = Jobs(lambda: Owner.open(*opened, of)), Spool(hospital.home)
    carrier = Carrier(spool, credentials=hospital.credentials, settings=of)
    made = Errands(owner, carrier, spool, proven=_proven)
    try:
        yield made
    finally:
        await made.stop()
        await owner.close(Owner.close)


async def looking(made: Errands, until: Callable[[], bool]) -> None:
    """Look until something holds."""
    async with asyncio.timeout(SECONDS):
        while not until():
            await made.look()
            await asyncio.sleep(0.05)


def granted(lent: Lending, all_of: Hospitals, folder: Path) -> Share:
    """Return a share as a has it, with a parcel that waits to be brought to the relay."""
    scan = folder / "scan.dcm"
    scan.write_bytes(secrets.token_bytes(SIZE))
    share = lent.grant(lent.ask(), attachments=digests([Attachment(scan)]))
    hospital = lent.a.hospital
    opened = hospital.home, hospital.keystore, hospital.credentials
    owner = Owner.open(*opened, settings(all_of.address))
    try:
        made = owner.make(share.digest, [Attachment(scan)])
    finally:
        owner.close()
    exchange(lent.a, lent.b)
    return made


def revoke(lent: Lending, share: Share) -> None:
    """Let a take it back."""
    lent.a.shares.revoke(share.digest, reason="A mistake.", stewards=lent.a.stewards)


def test_what_is_being_brought_is_taken_back_at_once(tmp_path: Path) -> None:
    """No byte of it stays at the relay or at the owner, and nobody waits for the transfer's end."""

    async def main(lent: Lending, all_of: Hospitals) -> None:
        share = granted(lent, all_of, tmp_path)
        spool = Spool(lent.a.hospital.home)
        async with errands(lent.a, settings(all_of.address, bandwidth=SLOW)) as made:
            await looking(made, lambda: any(map(len, all_of.at_the_relay())))
            revoke(lent, share)
            await looking(made, lambda: not list(spool.outgoing.glob("*.*")))
            assert all_of.at_the_relay() == []

    both(main, tmp_path)


def test_what_is_being_fetched_is_dropped_when_it_is_over(tmp_path: Path) -> None:
    """Neither the part that has come nor the name of the fetch stays at the recipient."""

    async def main(lent: Lending, all_of: Hospitals) -> None:
        share = granted(lent, all_of, tmp_path)
        assert share.ready is not None
        parcel = share.ready.parcel
        async with errands(lent.a, settings(all_of.address)) as made:
            await looking(made, lambda: not Spool(lent.a.hospital.home).made(parcel).body.exists())
        part = lent.spool.part(parcel)
        async with errands(lent.b, settings(all_of.address, bandwidth=SLOW)) as made:
            await looking(made, lambda: part.exists() and part.stat().st_size > 0)
            revoke(lent, share)
            exchange(lent.a, lent.b)
            assert lent.b.shares.show(share.digest).state is State.REVOKED
            await looking(made, lambda: not list(lent.spool.incoming.glob("*.*")))
            for _ in range(10):  # nor does a process come later with the rest
                await made.look()
                await asyncio.sleep(0.05)
            assert not list(lent.spool.incoming.glob("*.*"))

    both(main, tmp_path)


def both(main: Callable[[Lending, Hospitals], Awaitable[None]], folder: Path) -> None:
    """Run a test with two hospitals and a relay."""
    network = shared_network()

    async def whole() -> None:
        hospitals = lending_hospitals(network, folder, visits(60))
        with lending(network, hospitals) as lent:
            async with relay(folder, network) as all_of:
                await main(lent, all_of)

    asyncio.run(whole())
