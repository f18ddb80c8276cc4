"""Letters of other members, dealt out by kind to those who write and answer them."""

import asyncio
from collections.abc import Set as AbstractSet
from typing import Protocol

from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope
from wardnet_node.stream import Stream


class Correspondent(Protocol):
    """Write and answer letters of some kinds."""

    @property
    def kinds(self) -> AbstractSet[str]:
        """Return the payload types."""

    async def run(self, stream: Stream) -> None:
        """Write letters while a stream lasts."""

    async def receive(self, sender: str, envelope: Envelope) -> None:
        """Take a letter; `sender` is whose it is, says the coordinator."""

    async def lost(self, member: str) -> None:
        """Take note that the last letter to a member was lost, says the coordinator."""


class Letters:
    """Deal letters out.

    Parameters
    ----------
    *correspondents : Correspondent
        No two of the same kind.
    """

    def __init__(self, *correspondents: Correspondent) -> None:
        self._correspondents = correspondents
        self._by_kind = {kind: one for one in correspondents for kind in one.kinds}

    async def run(self, stream: Stream) -> None:
        """Write letters while a stream lasts."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for one in self._correspondents:
                    tasks.create_task(one.run(stream))
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None

    async def receive(self, sender: str, envelope: Envelope | None) -> None:
        """Hand a letter on, or the news that ours was lost: whose it was, nobody knows.

        Raises
        ------
        WardnetError
            `MALFORMED` for a letter of a kind that nobody takes.
        """
        if envelope is None:
            for one in self._correspondents:
                await one.lost(sender)
            return
        taker = self._by_kind.get(envelope.payload_type)
        if taker is None:
            raise WardnetError(Reason.MALFORMED, field="letter", rule="it is of another kind")
        await taker.receive(sender, envelope)
