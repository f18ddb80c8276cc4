"""The door where parcels are fetched, at the relay and at a node that listens."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import grpc.aio

from wardnet.errors import Reason, WardnetError
from wardnet.identity.member import ID, Member
from wardnet.transport.interceptors import Context, peer
from wardnet.transport.parcels.incoming import CHUNK_BYTES
from wardnet.transport.parcels.pace import Pace
from wardnet.wire.v1 import share_pb2, share_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRESS_SECONDS: Final = 60.0
"""How long either side waits for a byte; however long the whole takes."""

_AGAIN_SECONDS: Final = 1.0
"""How often a running fetch is admitted anew: a grant may end meanwhile."""


@dataclass(frozen=True, slots=True)
class Fetching:
    """Name one fetch of a parcel.

    Parameters
    ----------
    owner : str
        Id of the hospital that granted it.
    grant, parcel : str
        SHA-256 of the grant's payload and of the parcel's body, hexadecimal.
    fetch : str
        32 hexadecimal digits, random; the same at every attempt to go on with it.
    """

    owner: str
    grant: str
    parcel: str
    fetch: str


@dataclass(frozen=True, slots=True)
class Stored:
    """Hold what is handed out.

    Parameters
    ----------
    header : bytes
        Sealed.
    body : Path
        File of the sealed body.
    size : int
        Bytes of the whole body.
    arrived : Callable, optional
        Waits until the file holds more bytes than it is told, and returns how many it holds; none
        when it is whole.
    """

    header: bytes
    body: Path
    size: int
    arrived: Callable[[int], Awaitable[int]] | None = None


class Gate(Protocol):
    """Decide who may fetch what."""

    async def admit(self, asked: Fetching, recipient: Member) -> Stored:
        """Let a fetch begin or go on, and count it when it is new.

        Two new fetches never share the last place of a grant. It is asked again while a fetch
        runs, so that a grant that ends also ends the fetch.

        Raises
        ------
        WardnetError
            `PARCEL_UNKNOWN` (also when it is another's), `SHARE_ENDED`, `SHARE_REVOKED`,
            `SHARE_USED_UP`.
        """

    async def finish(self, asked: Fetching, recipient: Member) -> None:
        """Close a fetch: its recipient has the whole parcel. A second time changes nothing."""


class ParcelDoor(share_pb2_grpc.TransferServiceServicer):
    """Hand out parcels.

    Parameters
    ----------
    gate : Gate
        Who may.
    pace : Pace
        How fast.
    """

    def __init__(self, gate: Gate, pace: Pace) -> None:
        self._gate = gate
        self._pace = pace

    def register(self, server: grpc.aio.Server) -> None:
        """Offer the service at a server."""
        share_pb2_grpc.add_TransferServiceServicer_to_server(self, server)

    async def Fetch(  # noqa: N802 - the wire's name
        self, request: share_pb2.FetchRequest, context: Context
    ) -> None:
        """Send a parcel from an offset on."""
        asked, recipient = fetching_from_wire(request.name), peer(context)
        stored = await self._gate.admit(asked, recipient)
        if request.offset > stored.size:
            raise WardnetError(Reason.MALFORMED, field="offset", rule="it is beyond the end")
        start = share_pb2.FetchStart(header=stored.header, size=stored.size)
        await _write(context, share_pb2.FetchResponse(start=start))
        clock = asyncio.get_running_loop().time
        admitted = clock()
        async for chunk in chunks(stored, request.offset):
            if clock() > admitted + _AGAIN_SECONDS:
                await self._gate.admit(asked, peer(context))
                admitted = clock()
            await self._pace.take(len(chunk))
            await _write(context, share_pb2.FetchResponse(chunk=chunk))

    async def Finish(  # noqa: N802 - the wire's name
        self, request: share_pb2.FinishRequest, context: Context
    ) -> share_pb2.FinishResponse:
        """Close a fetch."""
        await self._gate.finish(fetching_from_wire(request.name), peer(context))
        return share_pb2.FinishResponse()


async def chunks(stored: Stored, offset: int) -> AsyncIterator[bytes]:
    """Yield a body from an offset on; the next chunk is read while one is under way.

    Raises
    ------
    WardnetError
        `PARCEL_UNKNOWN` when the file is gone, `PARCEL_INCOMPLETE` when the rest does not come.
    """
    with _opened(stored.body) as file:
        ahead = asyncio.create_task(_read(file, stored, offset))
        try:
            while offset < stored.size:
                chunk = await ahead
                offset += len(chunk)
                ahead = asyncio.create_task(_read(file, stored, offset))
                yield chunk
        finally:
            ahead.cancel()
            with suppress(asyncio.CancelledError, WardnetError):
                await ahead  # its thread still reads the file


@contextmanager
def _opened(path: Path) -> "Iterator[int]":
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        raise WardnetError(Reason.PARCEL_UNKNOWN) from None
    try:
        yield file
    finally:
        os.close(file)


async def _read(file: int, stored: Stored, offset: int) -> bytes:
    if offset >= stored.size:
        return b""
    there = stored.size if stored.arrived is None else await stored.arrived(offset)
    size = min(CHUNK_BYTES, there - offset)
    chunk = await asyncio.to_thread(os.pread, file, size, offset)
    if not chunk:
        raise WardnetError(Reason.PARCEL_UNKNOWN)  # the file was cut short under our hands
    return chunk


async def _write(context: Context, message: share_pb2.FetchResponse) -> None:
    async with asyncio.timeout(PROGRESS_SECONDS):
        await context.write(message)


def fetching_to_wire(name: Fetching) -> share_pb2.FetchName:
    """Write the name of a fetch."""
    return share_pb2.FetchName(
        owner=name.owner, grant=name.grant, parcel=name.parcel, fetch=name.fetch
    )


def fetching_from_wire(message: share_pb2.FetchName) -> Fetching:
    """Read the name of a fetch.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    for field, length in (("grant", 64), ("parcel", 64), ("fetch", 32)):
        text = getattr(message, field)
        if len(text) != length or not set(text) <= set("0123456789abcdef"):
            rule = f"it is not {length} hexadecimal digits"
            raise WardnetError(Reason.MALFORMED, field=field, rule=rule)
    if not ID.fullmatch(message.owner):
        raise WardnetError(Reason.MALFORMED, field="owner", rule="it is not the id of a hospital")
    return Fetching(message.owner, message.grant, message.parcel, message.fetch)
