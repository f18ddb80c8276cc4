"""Leave a sealed parcel at the relay, go on after any cut, and take it back."""

import asyncio
from typing import Final, TypeAlias

import grpc.aio

from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import TlsIdentity
from wardnet.identity.envelope import Envelope
from wardnet.transport.channel import BULK, open_channel
from wardnet.transport.convert import envelope_to_wire
from wardnet.transport.parcels.attempts import explained, keep_trying
from wardnet.transport.parcels.door import PROGRESS_SECONDS, Stored, chunks
from wardnet.transport.parcels.pace import Pace
from wardnet.transport.status import BROKEN
from wardnet.wire.v1.share_pb2 import (
    DepositRequest,
    DepositResponse,
    DepositStart,
    RemoveRequest,
)
from wardnet.wire.v1.share_pb2_grpc import TransferServiceStub
from wardnet_node.sharing.carrying.fetch import Progress
from wardnet_node.sharing.carrying.spool import Spool

Call: TypeAlias = grpc.aio.StreamStreamCall[DepositRequest, DepositResponse]

REMOVE_SECONDS: Final = 20.0


async def deposit(
    parcel: str,
    size: int,
    *,
    consignment: Envelope,
    address: str,
    spool: Spool,
    credentials: TlsIdentity,
    progress: Progress = lambda _, __: None,
    pace: Pace | None = None,
    patience: float = PROGRESS_SECONDS,
) -> None:
    """Leave a parcel at the relay; what an earlier attempt has brought is gone on with.

    Parameters
    ----------
    parcel : str
        Its name in the spool: SHA-256 of the body, hexadecimal.
    size : int
        Bytes of the body.
    consignment : Envelope
        What this node has signed for the relay: who may fetch it, how often, until when.
    address : str
        `host:port` of the relay.
    spool : Spool
        Holds the sealed parcel.
    credentials : TlsIdentity
        Of this node.
    progress : Callable
        Called with the bytes sent and their total, after every chunk.
    pace : Pace, optional
        How fast.
    patience : float
        Seconds without a byte after which it is given up.

    Raises
    ------
    WardnetError
        `RELAY_AWAY` (try again); `PARCEL_UNKNOWN` when the sealed files are gone or have another
        size; `RELAY_FULL`, `PARCEL_OVERSIZE`, `SHARE_ENDED`, `SHARE_REVOKED`,
        `TRANSFER_ALTERED`.
    """
    sealed = spool.made(parcel)
    if not sealed.whole or sealed.body.stat().st_size != size:
        raise WardnetError(Reason.PARCEL_UNKNOWN)
    stored = Stored(sealed.header.read_bytes(), sealed.body, size)
    start = DepositStart(consignment=envelope_to_wire(consignment), header=stored.header)
    sending = _Sending(stored, DepositRequest(start=start), address, progress, pace or Pace())
    async with open_channel(credentials, address, more=BULK) as channel:
        stub = TransferServiceStub(channel)
        await keep_trying(lambda: sending.call(stub), moved=lambda: sending.sent, patience=patience)


async def take_back(grant: str, *, address: str, credentials: TlsIdentity) -> None:
    """Have the relay delete all that was deposited under a grant.

    Raises
    ------
    WardnetError
        `RELAY_AWAY`: try again, until the grant has ended.
    """
    async with (
        open_channel(credentials, address) as channel,
        explained(address, away=Reason.RELAY_AWAY),
    ):
        stub = TransferServiceStub(channel)
        await stub.Remove(RemoveRequest(grant=grant), timeout=REMOVE_SECONDS)


class _Sending:
    """One deposit, over as many calls as it takes."""

    def __init__(
        self, stored: Stored, start: DepositRequest, address: str, progress: Progress, pace: Pace
    ) -> None:
        self._stored = stored
        self._start = start
        self._address = address
        self._progress = progress
        self._pace = pace
        self.sent = 0

    async def call(self, stub: TransferServiceStub) -> None:
        """Send from where the relay's file ends."""
        async with explained(self._address, away=Reason.RELAY_AWAY):
            call = stub.Deposit()
            try:
                await self._write(call, self._start)
                answer = await self._read(call)
                if not answer.whole:
                    await self._send(call, answer.size)
                    answer = await self._read(call)
            finally:
                call.cancel()
        if not answer.whole:
            raise self._broken()

    async def _send(self, call: Call, offset: int) -> None:
        size = self._stored.size
        async for chunk in chunks(self._stored, offset):
            await self._pace.take(len(chunk))
            await self._write(call, DepositRequest(chunk=chunk))
            offset += len(chunk)
            self.sent = max(self.sent, offset)
            self._progress(offset, size)
        await call.done_writing()

    async def _write(self, call: Call, message: DepositRequest) -> None:
        async with asyncio.timeout(PROGRESS_SECONDS):
            try:
                await call.write(message)
            except asyncio.InvalidStateError:  # the relay has ended the call, and said why
                await self._read(call)
                raise self._broken() from None

    async def _read(self, call: Call) -> DepositResponse:
        async with asyncio.timeout(PROGRESS_SECONDS):
            response = await call.read()
        if not isinstance(response, DepositResponse):
            raise self._broken()
        return response

    def _broken(self) -> WardnetError:
        return WardnetError(Reason.RELAY_AWAY, address=self._address, rule=BROKEN)
