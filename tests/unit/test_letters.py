"""Letters are dealt out by kind."""

import asyncio
from typing import cast

import pytest

from support.pki import TestNetwork
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope, sign
from wardnet.wire.v1.link_pb2 import AttachRequest
from wardnet_node.letters import Letters
from wardnet_node.stream import Stream

NODE = TestNetwork().node("a")
B = "wardnet://heartnet/node/b"


def letter(kind: str, text: str = "") -> Envelope:
    """Return a letter of some kind."""
    return sign(kind, text.encode(), NODE.signer)


class Taker:
    """Remember what was brought."""

    def __init__(self, *kinds: str) -> None:
        self.kinds = frozenset(kinds)
        self.taken: list[str] = []

    async def run(self, stream: Stream) -> None:
        """Write one letter."""
        await stream.send(AttachRequest())

    async def receive(self, sender: str, envelope: Envelope) -> None:
        """Take a letter."""
        self.taken.append(f"{envelope.payload_type} of {sender}")

    async def lost(self, member: str) -> None:
        """Take a loss."""
        self.taken.append(f"lost to {member}")


class Pipe:
    """Remember what was sent."""

    def __init__(self) -> None:
        self.sent: list[AttachRequest] = []

    async def send(self, message: AttachRequest) -> None:
        """Take a message."""
        self.sent.append(message)


def test_every_letter_finds_who_takes_its_kind() -> None:
    """The news of a loss goes to all; a letter of an unknown kind to nobody."""
    one, two = Taker("a", "b"), Taker("c")

    async def scenario() -> None:
        letters = Letters(one, two)
        await letters.receive(B, letter("b"))
        await letters.receive(B, letter("c"))
        await letters.receive(B, None)
        with pytest.raises(WardnetError) as caught:
            await letters.receive(B, letter("d"))
        assert caught.value.reason is Reason.MALFORMED
        pipe = Pipe()
        await letters.run(cast("Stream", pipe))
        assert len(pipe.sent) == 2

    asyncio.run(scenario())
    assert one.taken == [f"b of {B}", f"lost to {B}"]
    assert two.taken == [f"c of {B}", f"lost to {B}"]
