"""A researcher gets a promise with each answer, and later what keeps it."""

import asyncio
from pathlib import Path

import pytest

from support.coordinator import publish, run
from support.hospital import Hospital
from support.pki import TestNetwork
from support.questions import DICTIONARY, count_query, signed
from support.witnessing import attached, coordinating, covers, hospital, until, uri
from wardnet.audit.entry import EventType
from wardnet.client.receipts import Receipts
from wardnet.client.remote import RemoteNetwork
from wardnet.sealing.answers import recipient_of

KEY = b"k" * 32


@pytest.fixture
def network() -> TestNetwork:
    """Return a network."""
    return TestNetwork()


def has_all_lists(hospital: Hospital) -> bool:
    """Say whether a hospital knows what both others have taken back."""
    received = EventType.REVOCATIONS_RECEIVED
    return sum(entry.type is received for entry in hospital.entries()) >= 2


def test_promises_are_kept_and_witnessed(network: TestNetwork, tmp_path: Path) -> None:
    """Each receipt names the entry about this very query, and the others have cosigned it."""
    a, b, c = (hospital(network, tmp_path / name, name) for name in "abc")

    def ask(address: str) -> tuple[str, RemoteNetwork]:
        remote = RemoteNetwork(network.researcher(), address, derive=lambda _: KEY)
        recipient = recipient_of(remote._connection.recipient("0" * 32))
        query = count_query(network, hospitals=("a", "b", "c"), recipient=recipient)
        digest = remote._asked.submit(signed(network, query))
        remote.wait(digest, timeout=20)
        return digest, remote

    async def scenario() -> tuple[str, Receipts]:
        async with coordinating(network, tmp_path / "office") as address:
            await publish(address, network.node("a"), DICTIONARY)
            async with attached(address, a, b, c):
                for one in (a, b, c):
                    await until(lambda one=one: has_all_lists(one))  # type: ignore[misc]
                digest, remote = await asyncio.to_thread(ask, address)
                for one in (a, b, c):
                    await until(lambda one=one: covers(one, EventType.QUERY_ANSWER))  # type: ignore[misc]
                record = await asyncio.to_thread(remote.record, digest)
                shown = await asyncio.to_thread(remote.receipts, record)
                remote.close()
                return digest, shown

    digest, shown = run(scenario())
    assert [(each.hospital, each.error) for each in shown] == [
        ("a", None),
        ("b", None),
        ("c", None),
    ]
    for each, one in zip(shown, (a, b, c), strict=True):
        assert each.kept is not None
        entry = one.entries()[each.kept.promise.seq - 1]
        assert (entry.type, entry.request_digest) == (EventType.QUERY_ANSWER, digest)
        others = {uri(name) for name in "abc" if name != each.hospital}
        assert set(each.kept.cosigned) == others
