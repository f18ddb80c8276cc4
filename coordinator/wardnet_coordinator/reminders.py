"""Reminders: hospitals are asked to keep the promises that came with their answers."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope
from wardnet.identity.member import Member
from wardnet.sums.arrays import MAXIMUM_HOSPITALS
from wardnet_coordinator.asking import Asking
from wardnet_coordinator.broker import Broker, Reminder


@dataclass(frozen=True, slots=True)
class Told:
    """Hold what a hospital shows for its promise; whoever holds the promise can verify it.

    Parameters
    ----------
    proof : tuple of bytes
        Inclusion proof.
    checkpoint : str
        Signed note.
    causes : tuple of WardnetError
        Why there is no receipt.
    """

    proof: tuple[bytes, ...]
    checkpoint: str
    causes: tuple[WardnetError, ...]


@dataclass(frozen=True, slots=True)
class Reminded:
    """Hold what one hospital says to its promise.

    Parameters
    ----------
    hospital : str
        Its id.
    told : Told or None
        As it sent it; None when it is away.
    """

    hospital: str
    told: Told | None


class Reminders:
    """Carry promises to hospitals, and receipts back.

    Parameters
    ----------
    broker : Broker
        The streams to the hospitals.
    """

    def __init__(self, broker: Broker) -> None:
        self._asking = Asking[Told](broker)

    async def remind(
        self, promises: Mapping[str, Envelope], caller: Member
    ) -> AsyncGenerator[Reminded, None]:
        """Yield what each hospital says to its promise, in the order of answering.

        Raises
        ------
        WardnetError
            `WORK_LIMIT`.
        """
        if len(promises) > MAXIMUM_HOSPITALS:
            rule = f"a query has at most {MAXIMUM_HOSPITALS} hospitals"
            raise WardnetError(Reason.WORK_LIMIT, rule=rule)
        asked = {
            hospital: partial(Reminder, promise=promise) for hospital, promise in promises.items()
        }
        async with aclosing(self._asking.ask(asked, researcher=caller.id)) as answers:
            async for hospital, told in answers:
                yield Reminded(hospital, told)

    def receive(self, hospital: str, number: int, told: Told) -> None:
        """Take a receipt; one that nobody waits for any more is dropped."""
        self._asking.receive(hospital, number, told)
