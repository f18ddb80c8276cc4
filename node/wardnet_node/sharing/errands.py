"""What the daemon does by itself once stewards have decided: make, bring, fetch, clear away."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final, TypeAlias

from wardnet import logs
from wardnet.errors import Reason, WardnetError
from wardnet.jobs import Jobs
from wardnet.sharing.notice import Place
from wardnet_node.desk.shares.state import Share, State
from wardnet_node.sharing.carrying import way
from wardnet_node.sharing.carrying.busy import only_here
from wardnet_node.sharing.carrying.carrier import Carrier
from wardnet_node.sharing.carrying.spool import Spool
from wardnet_node.sharing.carrying.way import Telling
from wardnet_node.sharing.giving.owner import ALIVE, Owner

LOOK_SECONDS: Final = 1.0
FIRST_PAUSE: Final = 2.0
LONGEST_PAUSE: Final = 300.0
"""Seconds between two tries of one errand; they double."""

Errand: TypeAlias = Callable[[Share, Telling], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Running:
    """Hold an errand that is under way, and whether its share was alive as it began."""

    task: asyncio.Task[None]
    alive: bool


@dataclass(slots=True)
class _Later:
    """Hold when an errand is tried again, and how its share stood when it failed."""

    state: State
    at: float
    pause: float


class Errands:
    """Run errands beside the daemon's other work, each share's on its own.

    Parameters
    ----------
    owner : Jobs of Owner
        Makes parcels, and knows the shares; beside the desk, so that no query waits for it.
    carrier : Carrier
        Of this node.
    spool : Spool
        Of this node.
    proven : Callable
        Waits until another hospital has confirmed that the log is whole, or raises: a node that
        was put back has forgotten what it took back since.
    """

    def __init__(
        self,
        owner: Jobs[Owner],
        carrier: Carrier,
        spool: Spool,
        *,
        proven: Callable[[], Awaitable[None]],
    ) -> None:
        self._owner = owner
        self._carrier = carrier
        self._spool = spool
        self._proven = proven
        self._running: dict[str, _Running] = {}
        self._later: dict[str, _Later] = {}

    async def run(self) -> None:
        """Look again and again; what is under way ends when this is cancelled."""
        way.forget_all(self._spool)
        await self._owner.do(Owner.sweep)
        try:
            while True:
                await self._look_anyway()
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            await self.stop()

    async def stop(self) -> None:
        """End what is under way."""
        for running in self._running.values():
            running.task.cancel()
        await self.settled()

    async def settled(self) -> None:
        """Wait until all that is under way has ended, well or not."""
        tasks = [running.task for running in self._running.values()]
        await asyncio.gather(*tasks, return_exceptions=True)

    async def look(self) -> None:
        """Begin what there is to do and is not under way; end what carries a share that is over."""
        for share in await self._owner.do(lambda owner: owner.shares.list()):
            alive, running = share.state in ALIVE, self._running.get(share.digest)
            if running is not None and not running.task.done():
                if running.alive and not alive:
                    running.task.cancel()
                continue
            self._running.pop(share.digest, None)
            errand = None if self._must_wait(share) else await self._errand(share)
            if errand is not None:
                task = asyncio.create_task(self._try(errand, share))
                self._running[share.digest] = _Running(task, alive)

    async def _look_anyway(self) -> None:
        """Look; what cannot be looked at now is looked at again."""
        try:
            await self.look()
        except Exception as error:  # noqa: BLE001 - one bad look must not end all errands
            logs.logger().error(
                "work_failed", work="shares", error=type(error).__name__, place=logs.place(error)
            )

    def _must_wait(self, share: Share) -> bool:
        """Say whether it failed a moment ago; once the share stands otherwise, it is tried anew."""
        later = self._later.get(share.digest)
        if later is None:
            return False
        if later.state is not share.state:
            self._done(share.digest)
            return False
        return monotonic() < later.at

    async def _errand(self, share: Share) -> Errand | None:
        if not share.owned:
            left = share.state not in ALIVE and self._is_here(share)
            return self._fetch if share.state is State.READY else self._forget if left else None
        if share.state is State.GRANTED:
            return self._send
        if share.state is State.READY:
            to_bring = await self._owner.do(lambda owner: owner.to_bring(share))
            return self._send if to_bring else None
        lies = await self._owner.do(lambda owner: owner.lies_here(share))
        return self._clear if lies else None

    async def _try(self, errand: Errand, share: Share) -> None:
        folder = self._spool.outgoing if share.owned else self._spool.incoming
        telling = Telling(self._spool, share.digest)
        try:
            with only_here(folder, share.digest):
                present = await self._owner.do(lambda owner: owner.shares.show(share.digest))
                await errand(present, telling)
        except asyncio.CancelledError:
            telling.end()
            raise
        except WardnetError as error:
            if error.reason is not Reason.IN_USE:  # a command is at it
                self._put_off(share, error, telling)
        except Exception as error:  # noqa: BLE001 - a bug ends this errand, not the daemon
            logs.logger().error(
                "work_failed", work="share", error=type(error).__name__, place=logs.place(error)
            )
            self._put_off(share, WardnetError(Reason.NODE_UNABLE), telling)
        else:
            self._done(share.digest)

    def _put_off(self, share: Share, error: WardnetError, telling: Telling) -> None:
        before = self._later.get(share.digest)
        pause = min(2 * before.pause, LONGEST_PAUSE) if before else FIRST_PAUSE
        self._later[share.digest] = _Later(share.state, monotonic() + pause, pause)
        if before is None:
            logs.logger().warning("share_waits", reason=error.reason.value, error=str(error))
        telling.fail(str(error))

    def _done(self, share: str) -> None:
        self._later.pop(share, None)
        Telling(self._spool, share).end()

    async def _send(self, share: Share, telling: Telling) -> None:
        """Make the parcel, unless it is made, and bring it to the relay, unless it waits here."""
        if share.state is State.GRANTED:
            telling.begin("being made")
            digest = share.digest
            share = await self._owner.do(lambda owner: owner.make(digest, progress=telling.move))
        consignment = await self._owner.do(lambda owner: owner.to_bring(share))
        if consignment is not None and share.ready is not None:
            telling.begin("on its way to the relay")
            await self._proven()
            await self._carrier.bring(consignment, share.ready.address, telling.move)

    async def _fetch(self, share: Share, telling: Telling) -> None:
        if share.state is State.READY:
            telling.begin("being fetched")
            here = await self._carrier.fetch(share, telling.move)
            await self._owner.do(
                lambda owner: owner.shares.mark_fetched(share.digest, parcel=here.parcel)
            )

    async def _forget(self, share: Share, _: Telling) -> None:
        """Delete what a fetch has left that went on when the share was over."""
        if share.ready is not None and share.state not in ALIVE:
            await asyncio.to_thread(self._spool.discard, share.ready.parcel)

    def _is_here(self, share: Share) -> bool:
        return share.ready is not None and self._spool.has_come(share.ready.parcel)

    async def _clear(self, share: Share, telling: Telling) -> None:
        """Delete a parcel that nobody may fetch any more, also where the relay holds it."""
        ready = await self._owner.do(lambda owner: owner.lies_here(share))
        if ready is None:
            return
        telling.begin("being deleted")
        if ready.place is Place.RELAY and share.state is not State.ENDED:
            await self._carrier.take_back(ready.grant, ready.address)
        await self._owner.do(lambda owner: owner.clear(share))
