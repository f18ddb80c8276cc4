"""Ask hospitals over their streams and wait for what they say; nothing is stored."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import Final, Generic, TypeVar

from wardnet.errors import Reason, WardnetError
from wardnet_coordinator.broker import Broker, Inquiry, Reminder

T = TypeVar("T")

PATIENCE: Final = 5.0
"""Seconds after which a hospital counts as away."""

MAXIMUM_OPEN: Final = 8
"""Most queries that one researcher may ask about at once."""


class Asking(Generic[T]):
    """Ask one kind of question.

    Parameters
    ----------
    broker : Broker
        The streams to the hospitals.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._numbers = count(1)
        self._waiting: dict[tuple[str, int], asyncio.Future[T]] = {}
        self._open: Counter[str] = Counter()

    async def ask(
        self, asked: Mapping[str, Callable[[int], Inquiry | Reminder]], *, researcher: str
    ) -> AsyncGenerator[tuple[str, T | None], None]:
        """Yield each hospital and what it says, None when it is away, in the order of answering.

        Raises
        ------
        WardnetError
            `WORK_LIMIT` when the researcher asks about too much at once.
        """

        async def told(hospital: str) -> tuple[str, T | None]:
            return hospital, await self._ask(hospital, asked[hospital])

        with self._place(researcher):
            asking = [asyncio.ensure_future(told(hospital)) for hospital in asked]
            try:
                for answered in asyncio.as_completed(asking):
                    yield await answered
            finally:
                for task in asking:
                    task.cancel()

    def receive(self, hospital: str, number: int, said: T) -> None:
        """Take what a hospital says; what nobody waits for any more is dropped."""
        waiting = self._waiting.get((hospital, number))
        if waiting is not None and not waiting.done():
            waiting.set_result(said)

    async def _ask(self, hospital: str, make: Callable[[int], Inquiry | Reminder]) -> T | None:
        """Return what a hospital says, or None when it is away."""
        attachment = self._broker.find(hospital)
        if attachment is None:
            return None
        key = hospital, next(self._numbers)
        self._waiting[key] = asyncio.get_running_loop().create_future()
        attachment.carry(make(key[1]))
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._waiting[key]
        except TimeoutError:
            return None
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
