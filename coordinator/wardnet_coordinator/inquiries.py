"""What hospitals would do with a query: asked of all at once, told as each one answers.

Nothing is stored: neither the query nor its nonce is used up, and a hospital that does not answer
at once counts as away.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from wardnet import clock
from wardnet.errors import WardnetError
from wardnet.identity.envelope import Envelope, Trust
from wardnet.identity.member import Member
from wardnet_coordinator import queries
from wardnet_coordinator.asking import Asking
from wardnet_coordinator.broker import Broker, Inquiry
from wardnet_coordinator.state import Database


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
        self._trust = trust
        self._asking = Asking[tuple[WardnetError, ...]](broker)

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
        asked = dict.fromkeys(query.hospitals, lambda number: Inquiry(number, envelope))
        async with aclosing(self._asking.ask(asked, researcher=caller.id)) as answers:
            async for hospital, causes in answers:
                yield Explained(hospital, causes)

    def receive(self, hospital: str, number: int, causes: tuple[WardnetError, ...]) -> None:
        """Take a hospital's answer; one that nobody waits for any more is dropped."""
        self._asking.receive(hospital, number, causes)
