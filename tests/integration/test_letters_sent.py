"""A letter about shares goes out again and again until the other side has acknowledged it."""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, cast

import pytest

from support.pki import TestNetwork
from support.witnessing import until
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope, sign
from wardnet.jobs import Jobs
from wardnet.wire.v1.link_pb2 import AttachRequest
from wardnet_node import share_letters
from wardnet_node.share_letters import ShareLetters

if TYPE_CHECKING:
    from wardnet_node.desk.shares.mail import Mail
    from wardnet_node.stream import Stream

NODE = TestNetwork().node("a")
B = "wardnet://heartnet/node/b"


def letter(kind: str, text: str = "") -> Envelope:
    """Return a letter of some kind."""
    return sign(kind, text.encode(), NODE.signer)


class Pipe:
    """Remember what was sent."""

    def __init__(self) -> None:
        self.sent: list[AttachRequest] = []

    async def send(self, message: AttachRequest) -> None:
        """Take a message."""
        self.sent.append(message)

    def payloads(self) -> list[bytes]:
        """Return what the letters hold."""
        return [message.letter.letter.payload for message in self.sent]


class Due:
    """Stand for the mail: what is due, and what was taken."""

    def __init__(self) -> None:
        self.next = letter("x", "first")

    def due(self) -> tuple[tuple[str, Envelope], ...]:
        """Return one letter."""
        return ((B, self.next),)

    def take(self, sender: str, envelope: Envelope) -> tuple[str, Envelope] | None:
        """Take an acknowledgement, and have the next one ready; or refuse."""
        if envelope.payload_type == "bad":
            raise WardnetError(Reason.SIGNATURE_INVALID, rule=f"{sender} did not sign it")
        self.next = letter("x", "second")
        return (sender, letter("y", "thanks"))


def test_a_letter_goes_out_again_until_it_is_acknowledged(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bytes, at every attach too; then the next one; a bad reply changes nothing."""
    monkeypatch.setattr(share_letters, "LOOK_SECONDS", 0.005)

    async def scenario() -> None:
        mail = Jobs(Due)
        sending = ShareLetters(cast("Jobs[Mail]", mail), again=0.01)
        for _ in range(2):
            pipe = Pipe()
            running = asyncio.create_task(sending.run(cast("Stream", pipe)))
            await until(lambda pipe=pipe: len(pipe.sent) >= 3)  # type: ignore[misc]
            assert set(pipe.payloads()) == {b"first"}
            await sending.receive(B, letter("bad"))
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
        pipe = Pipe()
        running = asyncio.create_task(sending.run(cast("Stream", pipe)))
        await sending.receive(B, letter("y"))
        await until(lambda: b"second" in pipe.payloads())
        assert b"thanks" in pipe.payloads()
        running.cancel()
        await mail.close(lambda _: None)

    asyncio.run(scenario())
