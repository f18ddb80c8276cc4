"""Fetch a sealed parcel, from the owner's node or from the relay, and go on after any cut."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final, TypeAlias

import grpc.aio

from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import TlsIdentity
from wardnet.identity.files import write_private
from wardnet.identity.member import Member, Role
from wardnet.sharing.notice import Place, Ready
from wardnet.transport.channel import BULK, open_channel
from wardnet.transport.parcels.attempts import AGAIN, explained, keep_trying
from wardnet.transport.parcels.door import PROGRESS_SECONDS, Fetching, fetching_to_wire
from wardnet.transport.parcels.incoming import Incoming, take_in
from wardnet.transport.parcels.pace import Pace
from wardnet.transport.status import BROKEN
from wardnet.wire.v1.share_pb2 import FetchRequest, FetchResponse, FetchStart, FinishRequest
from wardnet.wire.v1.share_pb2_grpc import TransferServiceStub
from wardnet_node.sharing.carrying.spool import Sealed, Spool

Progress: TypeAlias = Callable[[int, int], None]
"""Is told how many bytes are there, and how many there will be."""

Call: TypeAlias = grpc.aio.UnaryStreamCall[FetchRequest, FetchResponse]

FINISH_SECONDS: Final = 20.0
"""How long the other side may take to note that all has arrived."""


async def fetch(
    ready: Ready,
    *,
    owner: str,
    spool: Spool,
    credentials: TlsIdentity,
    progress: Progress = lambda _, __: None,
    pace: Pace | None = None,
    patience: float = PROGRESS_SECONDS,
) -> Sealed:
    """Fetch a parcel into the spool; what an earlier attempt has left is gone on with.

    Parameters
    ----------
    ready : Ready
        What the owner's signed notice says.
    owner : str
        Id of the hospital that signed it.
    spool : Spool
        Of this node.
    credentials : TlsIdentity
        Of this node.
    progress : Callable
        See `Progress`; called after every chunk.
    pace : Pace, optional
        How fast.
    patience : float
        Seconds without a byte after which it is given up.

    Returns
    -------
    Sealed
        Header and body, durable; the body's SHA-256 is the parcel's name.

    Raises
    ------
    WardnetError
        `NODE_AWAY` or `RELAY_AWAY`, `PARCEL_INCOMPLETE` (try again later); `PARCEL_UNKNOWN`,
        `SHARE_ENDED`, `SHARE_REVOKED`, `SHARE_USED_UP` (the other side refuses);
        `TRANSFER_ALTERED` or `DISK_FULL` (nothing is kept); `IN_USE`.
    """
    sealed = spool.fetched(ready.parcel)
    if not sealed.whole or spool.unfinished(ready.parcel):
        one = _Fetch(
            ready,
            owner=owner,
            spool=spool,
            credentials=credentials,
            progress=progress,
            pace=pace or Pace(),
        )
        await one.run(patience)
    return sealed


class _Fetch:
    """One fetch, over as many calls as it takes."""

    def __init__(
        self,
        ready: Ready,
        *,
        owner: str,
        spool: Spool,
        credentials: TlsIdentity,
        progress: Progress,
        pace: Pace,
    ) -> None:
        self._ready = ready
        self._server = Member(credentials.member.network, Role.NODE, owner)
        self._spool = spool
        self._credentials = credentials
        self._progress = progress
        self._pace = pace
        self._name = Fetching(owner, ready.grant, ready.parcel, spool.fetch_id(ready.parcel))
        self._header = b""

    async def run(self, patience: float) -> None:
        """Fetch everything, put it in place, and say so to the other side."""
        async with self._channel() as channel:
            stub = TransferServiceStub(channel)
            if not self._spool.fetched(self._ready.parcel).whole:
                await self._download(stub, patience)
            await self._finish(stub)

    def _channel(self) -> grpc.aio.Channel:
        server = self._server if self._ready.place is Place.DIRECT else None
        return open_channel(self._credentials, self._ready.address, server=server, more=BULK)

    async def _download(self, stub: TransferServiceStub, patience: float) -> None:
        ready, sealed = self._ready, self._spool.fetched(self._ready.parcel)
        part = self._spool.part(ready.parcel)
        body = await asyncio.to_thread(Incoming, part, size=ready.body, digest=ready.parcel)
        try:
            await keep_trying(
                lambda: self._call(stub, body), moved=lambda: body.offset, patience=patience
            )
            body.check()
            await asyncio.to_thread(write_private, sealed.header, self._header)
            await asyncio.to_thread(body.finish, sealed.body)
        finally:
            body.close()

    async def _call(self, stub: TransferServiceStub, body: Incoming) -> None:
        """Fetch from where the file ends."""
        request = FetchRequest(name=fetching_to_wire(self._name), offset=body.offset)
        async with self._explained():
            call = stub.Fetch(request)
            try:
                self._begin(await _next(call), body)
                await take_in(
                    body, self._chunks(call), moved=lambda: self._progress(body.offset, body.size)
                )
            finally:
                call.cancel()
        if body.offset < body.size:
            raise WardnetError(self._away, address=self._ready.address, rule=BROKEN)

    def _begin(self, response: FetchResponse | None, body: Incoming) -> None:
        """Check that what begins is what the owner has announced."""
        start = FetchStart() if response is None else response.start
        if (len(start.header), start.size) != (self._ready.header, self._ready.body):
            body.discard()
            rule = "it has not the size that its owner has told"
            raise WardnetError(Reason.TRANSFER_ALTERED, rule=rule)
        self._header = start.header

    async def _chunks(self, call: Call) -> AsyncIterator[bytes]:
        while (response := await _next(call)) is not None:
            await self._pace.take(len(response.chunk))
            yield response.chunk

    async def _finish(self, stub: TransferServiceStub) -> None:
        """Say that all is here; who cannot be told now will delete it when its time is over."""
        request = FinishRequest(name=fetching_to_wire(self._name))
        try:
            async with self._explained():
                await stub.Finish(request, timeout=FINISH_SECONDS)
        except WardnetError as error:
            if error.reason in AGAIN:
                return
        self._spool.finished(self._ready.parcel)

    @property
    def _away(self) -> Reason:
        return Reason.NODE_AWAY if self._ready.place is Place.DIRECT else Reason.RELAY_AWAY

    def _explained(self) -> AbstractAsyncContextManager[None]:
        return explained(self._ready.address, away=self._away)


async def _next(call: Call) -> FetchResponse | None:
    """Return the next message, or None after the last one."""
    async with asyncio.timeout(PROGRESS_SECONDS):
        response = await call.read()
    return response if isinstance(response, FetchResponse) else None
