"""What hospitals would do with a query: asked of all at once, told as each one answers.

Nothing is stored: neither the query nor its nonce is used up, and a hospital that does not answer
at once counts as away.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Final

from wardnet import clock
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope, Trust
from wardnet.identity.member import Member
from wardnet_coordinator import queries
from wardnet_coordinator.broker import Broker, Inquiry
from wardnet_coordinator.state import Database

PATIENCE: Final = 5.0
"""Seconds after which a hospital counts as away."""

MAXIMUM_OPEN: Final = 8
"""Most queries that one researcher may ask about at once."""


@dataclass(frozen=True, slots=True)
class Explained:
    """Say what one hospital would do with a query.

    Parameters
    ----------
    hospital : str
        Its id.
    causes : tuple of WardnetError or None
        Every reason against it; empty when it would do it, None when it is away.
    """

    hospital: str
    causes: tuple[WardnetError, ...] | None


class Inquiries:
    """Ask hospitals over their streams.

    Parameters
    ----------
    database : Database
        Which hospitals and datasets there are.
    broker : Broker
        The streams to the hospitals.
    trust : Trust
        Whose signatures count.
    """

    def __init__(self, *, database: Database, broker: Broker, trust: Trust) -> None:
        self._database = database
        self._broker = broker
        self._trust = trust
        self._numbers = count(1)
        self._waiting: dict[tuple[str, int], asyncio.Future[tuple[WardnetError, ...]]] = {}
        self._open: Counter[str] = Counter()

    async def ask(self, envelope: Envelope, caller: Member) -> AsyncGenerator[Explained, None]:
        """Yield what each hospital of a signed query would do with it, in the order of answering.

        Raises
        ------
        WardnetError
            What `queries.check` and `queries.check_usable` refuse, or `WORK_LIMIT`.
        """
        at = clock.now()
        query = queries.check(envelope, caller=caller, trust=self._trust, at=at).query
        await self._database.read(partial(queries.check_usable, query=query, at=at))
        with self._place(caller.id):
            asking = [asyncio.ensure_future(self._ask(name, envelope)) for name in query.hospitals]
            try:
                for answered in asyncio.as_completed(asking):
                    yield await answered
            finally:
                for task in asking:
                    task.cancel()

    def receive(self, hospital: str, number: int, causes: tuple[WardnetError, ...]) -> None:
        """Take a hospital's answer; one that nobody waits for any more is dropped."""
        waiting = self._waiting.get((hospital, number))
        if waiting is not None and not waiting.done():
            waiting.set_result(causes)

    async def _ask(self, hospital: str, envelope: Envelope) -> Explained:
        attachment = self._broker.find(hospital)
        if attachment is None:
            return Explained(hospital, None)
        key = hospital, next(self._numbers)
        self._waiting[key] = asyncio.get_running_loop().create_future()
        attachment.carry(Inquiry(key[1], envelope))
        try:
            async with asyncio.timeout(PATIENCE):
                return Explained(hospital, await self._waiting[key])
        except TimeoutError:
            return Explained(hospital, None)
        finally:
            del self._waiting[key]

    @contextmanager
    def _place(self, researcher: str) -> Iterator[None]:
        """Hold one of the places that a researcher may take at once."""
        if self._open[researcher] >= MAXIMUM_OPEN:
            rule = f"you are asking about {MAXIMUM_OPEN} queries"
            raise WardnetError(Reason.WORK_LIMIT, rule=rule)
        self._open[researcher] += 1
        try:
            yield
        finally:
            self._open[researcher] -= 1
