"""The door of the relay: what `ParcelDoor` hands out, and what hospitals bring."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Final

from wardnet import clock
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Trust
from wardnet.identity.member import Member, Role
from wardnet.sharing.consignment import Consignment, verified
from wardnet.transport.convert import envelope_from_wire
from wardnet.transport.interceptors import Context, peer
from wardnet.transport.parcels.door import PROGRESS_SECONDS, ParcelDoor
from wardnet.transport.parcels.pace import Pace
from wardnet.wire.v1 import share_pb2
from wardnet_coordinator.relay.keeper import Keeper

_SERVICE: Final = "/wardnet.wire.v1.TransferService/"
ALLOWED: Final[Mapping[str, frozenset[Role]]] = {
    f"{_SERVICE}{method}": frozenset({Role.NODE})
    for method in ("Fetch", "Finish", "Deposit", "Remove")
}

HEADER_BYTES: Final = 1 << 20


class RelayDoor(ParcelDoor):
    """Take in and hand out parcels.

    Parameters
    ----------
    keeper : Keeper
        Keeps them.
    pace : Pace
        How fast they are handed out.
    trust : Trust
        Whose nodes may sign consignments.
    """

    def __init__(
        self,
        keeper: Keeper,
        pace: Pace,
        *,
        trust: Trust,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        super().__init__(keeper, pace)
        self._keeper = keeper
        self._trust = trust
        self._now = now

    async def Deposit(self, _: object, context: Context) -> None:  # noqa: N802 - the wire's name
        """Take in a parcel, from where an earlier attempt ended."""
        taking = asyncio.create_task(self._take(context))
        try:
            await taking
        except WardnetError as error:
            if error.reason is not Reason.DISK_FULL:
                raise
            rule = "its disk is full"
            raise WardnetError(Reason.RELAY_FULL, rule=rule) from error
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is None or not current.cancelling():  # another stream has taken over
                rule = "a newer transfer of it goes on"
                raise WardnetError(Reason.IN_USE, path="the parcel", rule=rule) from None
            taking.cancel()
            with suppress(asyncio.CancelledError, WardnetError):
                await taking
            raise

    async def Remove(  # noqa: N802 - the wire's name
        self, request: share_pb2.RemoveRequest, context: Context
    ) -> share_pb2.RemoveResponse:
        """Delete what the caller has deposited under a grant."""
        await self._keeper.take_back(peer(context), request.grant)
        return share_pb2.RemoveResponse()

    async def _take(self, context: Context) -> None:
        consignment, header = self._begin(await _next(context), peer(context))
        kept = await self._keeper.accept(consignment, header)
        if not kept.whole:
            task = asyncio.current_task()
            assert task is not None  # noqa: S101 - `Deposit` has made it
            await self._keeper.only(kept, task)
            async with self._keeper.taking(kept) as body:
                await context.write(share_pb2.DepositResponse(size=body.offset))
                await self._keeper.take(kept, body, _chunks(context))
        await context.write(share_pb2.DepositResponse(size=kept.size, whole=True))

    def _begin(
        self, message: share_pb2.DepositRequest | None, caller: Member
    ) -> tuple[Consignment, bytes]:
        """Return what is brought, once its owner is known to bring it."""
        start = share_pb2.DepositStart() if message is None else message.start
        envelope = envelope_from_wire(start.consignment)
        consignment = verified(envelope, trust=self._trust, at=self._now())
        if consignment.owner != caller.id:
            raise WardnetError(Reason.IDENTITY_MISMATCH, identity=caller.uri)
        if not 1 <= len(start.header) <= HEADER_BYTES:
            raise WardnetError(Reason.MALFORMED, field="header", rule="it must be 1 B to 1 MiB")
        return consignment, start.header


async def _chunks(context: Context) -> AsyncIterator[bytes]:
    while (message := await _next(context)) is not None:
        yield message.chunk


async def _next(context: Context) -> share_pb2.DepositRequest | None:
    """Return the next message, or None after the last one."""
    async with asyncio.timeout(PROGRESS_SECONDS):
        message = await context.read()
    return message if isinstance(message, share_pb2.DepositRequest) else None
