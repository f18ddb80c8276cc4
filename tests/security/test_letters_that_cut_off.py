"""Attacker: a hospital that writes letters so that another one loses its stream."""

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from support.coordinator import prepare, run, serving, soon
from support.fake_node import FakeNode
from support.pki import TestNetwork
from support.witnessing import uri
from wardnet.audit import letters
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope, sign
from wardnet.transport.channel import MESSAGE_BYTES
from wardnet.transport.convert import envelope_to_wire
from wardnet.transport.pieces import LONGEST_BYTES
from wardnet.wire.v1.link_pb2 import AttachRequest, Letter
from wardnet_coordinator.broker import Broker
from wardnet_coordinator.post import Post
from wardnet_coordinator.state import Database

LONG = "a" * 30
"""A longer name than the other's: what it sends grows on the way."""


@pytest.fixture
def network() -> TestNetwork:
    """Return a network."""
    return TestNetwork()


def written(network: TestNetwork, text: bytes, kind: str = letters.REQUEST) -> Letter:
    """Return a letter to hospital b."""
    signed = sign(kind, text, network.node(LONG).signer)
    return Letter(member=uri("b"), letter=envelope_to_wire(signed))


def signed_at_length(network: TestNetwork) -> Letter:
    """Return a letter that is as long as a message may be, all of it one signature."""
    letter = written(network, b"")
    signature = letter.letter.signatures[0]
    signature.signature = bytes(MESSAGE_BYTES - 2000)
    signature.signature += bytes(MESSAGE_BYTES - AttachRequest(letter=letter).ByteSize())
    return letter


@pytest.mark.parametrize("limit", [LONGEST_BYTES, 3000])
def test_a_letter_that_is_too_long_is_lost_and_the_next_one_comes(
    network: TestNetwork, tmp_path: Path, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it was made so by a signature of four megabytes, or is simply long."""
    monkeypatch.setattr("wardnet.transport.pieces.LONGEST_BYTES", limit)
    prepare(tmp_path, [LONG])
    simply = limit < LONGEST_BYTES
    longest = written(network, bytes(3000)) if simply else signed_at_length(network)

    async def scenario() -> list[bytes]:
        async with (
            serving(network, tmp_path) as address,
            FakeNode(address, network.node("b")) as b,
            FakeNode(address, network.node(LONG)) as attacker,
        ):
            await attacker.send(letter=longest)
            await attacker.send(letter=written(network, b"short"))
            came = [(await soon(b.letters.get())).letter.payload]
            assert b.letters.empty()
            assert (b.failure, attacker.failure) == (None, None)
            return came

    assert run(scenario()) == [b"short"]


def test_letters_of_invented_kinds_do_not_fill_what_waits_for_a_hospital(
    network: TestNetwork, tmp_path: Path
) -> None:
    """One of each kind waits, and the kinds are few; of several signers there is none."""
    prepare(tmp_path, "ab")

    async def scenario() -> None:
        database, broker = Database(tmp_path), Broker()
        post = Post(credentials=network.coordinator(), database=database, broker=broker)
        attacker, other = broker.attach("a", epoch=1), broker.attach("b", epoch=1)
        good = sign(letters.REQUEST, b"", network.node("a").signer)
        for bad in (
            Envelope("invented", b"", good.signatures),
            Envelope(letters.REQUEST, b"", good.signatures * 2),
        ):
            with pytest.raises(WardnetError) as caught:
                post.take(attacker, uri("b"), bad)
            assert caught.value.reason is Reason.MALFORMED
        post.take(attacker, uri("b"), good)
        async with aclosing(other.outgoing(heartbeat=0.01)) as outgoing:
            came = [await anext(outgoing) for _ in range(2)]
        assert [getattr(message, "envelope", None) for message in came] == [good, None]
        await database.close()

    asyncio.run(scenario())
