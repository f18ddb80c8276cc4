"""Auditors' requests: brought to one hospital, and its sealed pages back; nothing is stored.

The coordinator can lose a request or its reply, and nothing else: both are sealed, and the reply
names the request, every page and their order under the hospital's signature.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Final

from wardnet import clock
from wardnet.audit import request as requests
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope, Trust, verify
from wardnet.identity.member import Member
from wardnet_coordinator.broker import Auditing, Broker

PATIENCE: Final = 30.0
"""Seconds between two pages after which a hospital counts as away."""

MAXIMUM_OPEN: Final = 4
"""Most requests that one auditor may have open at once."""

MAXIMUM_WAITING: Final = 64
"""Most pages of one reply that wait for its auditor: more than any reply has."""


@dataclass(frozen=True, slots=True)
class Page:
    """Hold one page of a reply, or why there is none.

    Parameters
    ----------
    sealed : bytes
        As the hospital sent it.
    last : bool
        Whether none follows.
    causes : tuple of WardnetError
        Why the hospital refuses.
    """

    sealed: bytes
    last: bool
    causes: tuple[WardnetError, ...] = ()


class Audits:
    """Ask hospitals over their streams.

    Parameters
    ----------
    broker : Broker
        The streams to the hospitals.
    trust : Trust
        Whose signatures count.
    """

    def __init__(self, *, broker: Broker, trust: Trust) -> None:
        self._broker = broker
        self._trust = trust
        self._numbers = count(1)
        self._waiting: dict[tuple[str, int], asyncio.Queue[Page]] = {}
        self._open: Counter[str] = Counter()

    async def ask(
        self, hospital: str, envelope: Envelope, caller: Member
    ) -> AsyncGenerator[bytes, None]:
        """Yield the pages of one hospital's reply as they come.

        Raises
        ------
        WardnetError
            `SIGNATURE_INVALID`, `IDENTITY_MISMATCH`, `WORK_LIMIT`, `HOSPITAL_AWAY`, or what the
            hospital refuses.
        """
        kind, at = requests.PAYLOAD_TYPE, clock.now()
        if verify(envelope, payload_type=kind, trust=self._trust, at=at) != (caller,):
            raise WardnetError(Reason.IDENTITY_MISMATCH, identity="the request's signer")
        attachment = self._broker.find(hospital)
        if attachment is None:
            raise WardnetError(Reason.HOSPITAL_AWAY, hospital=hospital[:64])
        key = hospital, next(self._numbers)
        with self._place(caller.id):
            pages = self._waiting[key] = asyncio.Queue(MAXIMUM_WAITING)
            attachment.carry(Auditing(key[1], envelope))
            try:
                while not (page := await _next(pages, hospital)).last:
                    yield page.sealed
                for cause in page.causes:
                    raise cause
                yield page.sealed
            finally:
                del self._waiting[key]

    def receive(self, hospital: str, number: int, page: Page) -> None:
        """Take a page; one that nobody waits for, or one too many, is dropped."""
        waiting = self._waiting.get((hospital, number))
        if waiting is not None and not waiting.full():
            waiting.put_nowait(page)

    @contextmanager
    def _place(self, auditor: str) -> Iterator[None]:
        """Hold one of the places that an auditor may take at once."""
        if self._open[auditor] >= MAXIMUM_OPEN:
            raise WardnetError(Reason.WORK_LIMIT, rule=f"you have {MAXIMUM_OPEN} requests open")
        self._open[auditor] += 1
        try:
            yield
        finally:
            self._open[auditor] -= 1


async def _next(pages: asyncio.Queue[Page], hospital: str) -> Page:
    try:
        async with asyncio.timeout(PATIENCE):
            return await pages.get()
    except TimeoutError:
        raise WardnetError(Reason.HOSPITAL_AWAY, hospital=hospital) from None
