"""Keep parcels on disk, while they arrive and until they are fetched, taken back or expired."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from wardnet import clock, logs
from wardnet.errors import Reason, WardnetError
from wardnet.identity.member import Member
from wardnet.sharing.consignment import Consignment
from wardnet.transport.parcels.door import PROGRESS_SECONDS, Fetching, Stored
from wardnet.transport.parcels.incoming import Incoming, take_in
from wardnet_coordinator.relay import book
from wardnet_coordinator.relay.book import GONE, Kept, Limits
from wardnet_coordinator.state import Database

FOLDER: Final = "relay"
SWEEP_SECONDS: Final = 10.0
"""How often it looks for what has expired."""


@dataclass(slots=True)
class _Arrival:
    """Follow a parcel while it arrives."""

    size: int = 0
    stopped: WardnetError | None = None
    taking: asyncio.Task[None] | None = None
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, size: int) -> None:
        """Wake up who waits for more.

        Raises
        ------
        WardnetError
            Why nothing more is wanted.
        """
        if self.stopped is not None:
            raise self.stopped
        self.size = size
        self._wake()

    def stop(self, because: WardnetError) -> None:
        """Stop who brings it and who waits for it."""
        self.stopped = because
        self._wake()

    async def beyond(self, offset: int, *, owner: str) -> int:
        """Return how many bytes are there, once that is more than an offset."""
        while self.stopped is None and self.size <= offset:
            try:
                async with asyncio.timeout(PROGRESS_SECONDS):
                    await self._moved.wait()
            except TimeoutError:
                raise WardnetError(Reason.PARCEL_INCOMPLETE, hospital=owner) from None
        if self.stopped is not None:
            raise self.stopped
        return self.size

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()


class Keeper:
    """Take in, hand out and delete parcels; the gate of the relay's door.

    Parameters
    ----------
    folder : Path
        Where the bodies lie, one file each.
    database : Database
        Of the kind `book.RELAY`.
    limits : Limits
        How much, and how long.
    now : Callable
        Returns the present moment.
    """

    def __init__(
        self,
        folder: Path,
        *,
        database: Database,
        limits: Limits,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        self._folder = folder
        self._database = database
        self._limits = limits
        self._now = now
        self._arrivals: dict[int, _Arrival] = {}

    async def accept(self, consignment: Consignment, header: bytes) -> Kept:
        """Take a parcel into keeping; see `book.accept`."""
        take = partial(
            book.accept,
            consignment=consignment,
            header=header,
            limits=self._limits,
            at=self._now(),
        )
        return await self._database.write(take)

    @asynccontextmanager
    async def taking(self, kept: Kept) -> AsyncIterator[Incoming]:
        """Open the file of a parcel that arrives; what fails for good leaves nothing."""
        arrival = self._arrival(kept)
        path = self._path(kept.number)
        try:
            body = await asyncio.to_thread(Incoming, path, size=kept.size, digest=kept.parcel)
            arrival.tell(body.offset)
            try:
                yield body
            finally:
                body.close()
        except WardnetError as error:
            if error.reason in (Reason.DISK_FULL, Reason.TRANSFER_ALTERED):
                self._delete(kept.number)
                await self._database.write(partial(book.forget, number=kept.number, state=GONE))
            raise

    async def take(self, kept: Kept, body: Incoming, chunks: AsyncIterator[bytes]) -> None:
        """Write what comes, let fetches follow, and note when the parcel is whole."""
        arrival = self._arrival(kept)
        await take_in(body, chunks, moved=lambda: arrival.tell(body.offset))
        if body.offset < body.size:
            raise WardnetError(Reason.PARCEL_INCOMPLETE, hospital=kept.owner)
        await asyncio.to_thread(body.finish, body.path)
        await self._database.write(partial(book.arrived, number=kept.number))
        self._arrivals.pop(kept.number, None)

    async def only(self, kept: Kept, taking: asyncio.Task[None]) -> None:
        """Let a newer stream take over from one that has perhaps been cut."""
        arrival = self._arrival(kept)
        older, arrival.taking = arrival.taking, taking
        if older is not None and not older.done():
            older.cancel()
            await asyncio.wait((older,))

    async def admit(self, asked: Fetching, recipient: Member) -> Stored:
        """Let a fetch begin or go on; see `Gate.admit`."""
        let = partial(book.admit, asked=asked, recipient=recipient.id, at=self._now())
        kept = await self._database.write(let)
        path = self._path(kept.number)
        if kept.whole:
            return Stored(kept.header, path, kept.size)
        arrival = self._arrival(kept)
        path.touch(mode=0o600)  # a fetch may be faster than the first byte
        return Stored(kept.header, path, kept.size, partial(arrival.beyond, owner=kept.owner))

    async def finish(self, asked: Fetching, recipient: Member) -> None:
        """Close a fetch; after the last one the parcel is deleted."""
        close = partial(book.finish, asked=asked, recipient=recipient.id)
        number = await self._database.write(close)
        if number is not None:
            self._delete(number)

    async def take_back(self, owner: Member, grant: str) -> None:
        """Delete what a hospital has deposited under a grant."""
        revoke = partial(book.take_back, owner=owner.id, grant=grant)
        for number in await self._database.write(revoke):
            self._delete(number, WardnetError(Reason.SHARE_REVOKED, hospital=owner.id))

    async def sweep(self) -> None:
        """Delete what has expired, and files that belong to nothing."""
        await self._database.write(partial(book.expire, at=self._now()))
        # What is there is looked at before what belongs there: a row comes before its file.
        paths, arriving = list(self._folder.iterdir()), list(self._arrivals)
        kept = await self._database.read(book.kept)
        for path in set(paths) - {self._path(number) for number in kept}:
            path.unlink(missing_ok=True)
        for number in set(arriving) - kept:
            self._delete(number)

    async def run(self) -> None:
        """Sweep for ever."""
        while True:
            try:
                await self.sweep()
            except WardnetError as error:
                logs.logger().error("sweep_failed", reason=error.reason.value, error=str(error))
            await asyncio.sleep(SWEEP_SECONDS)

    def _arrival(self, kept: Kept) -> _Arrival:
        return self._arrivals.setdefault(kept.number, _Arrival())

    def _path(self, number: int) -> Path:
        return self._folder / f"{number}.body"

    def _delete(self, number: int, because: WardnetError | None = None) -> None:
        """Delete the bytes; who still brings or fetches them is stopped."""
        self._path(number).unlink(missing_ok=True)
        arrival = self._arrivals.pop(number, None)
        if arrival is not None:
            arrival.stop(because or WardnetError(Reason.PARCEL_UNKNOWN))
