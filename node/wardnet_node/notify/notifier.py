"""The task that tells stewards what waits: one per channel, beside all other work."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import timedelta
from threading import Thread
from typing import Final, TypeVar

from wardnet import clock, logs
from wardnet.audit.log import Connection
from wardnet.errors import WardnetError
from wardnet.identity.member import Member
from wardnet.jobs import Jobs
from wardnet_node.notify import queue
from wardnet_node.notify.channels import Way
from wardnet_node.notify.message import Message
from wardnet_node.notify.queue import Channel, Standing
from wardnet_node.vault.catalog import Catalog

T = TypeVar("T")

LOOK_SECONDS: Final = 2.0
"""How often it is looked whether something is to be told."""


class Notifier:
    """Send what waits, until it was sent or its time is over.

    Parameters
    ----------
    member : Member
        The hospital's node.
    ways : mapping of Channel to Way
        That are set.
    catalog : Jobs of Catalog
        Holds the queue; beside the desk, so that no query waits for it.
    give_up : timedelta
        How long after the first thing that it tells of a message is tried.
    """

    def __init__(
        self,
        *,
        member: Member,
        ways: Mapping[Channel, Way],
        catalog: Jobs[Catalog],
        give_up: timedelta,
    ) -> None:
        self._member = member
        self._ways = ways
        self._catalog = catalog
        self._give_up = give_up

    async def run(self) -> None:
        """Look again and again."""
        await self._record(lambda connection: queue.forget(connection, but=self._ways))
        await asyncio.gather(*(self._serve(channel) for channel in self._ways))

    async def _serve(self, channel: Channel) -> None:
        while True:
            try:
                await self.look(channel)
            except WardnetError as error:  # the disk is full, say; what was sent may be sent again
                logs.logger().error("not_notified", reason=error.reason.value, error=str(error))
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self, channel: Channel) -> None:
        """Try what is due by one channel, each once."""
        for one in await self._catalog.do(lambda catalog: self._due(catalog, channel)):
            await self._try(one)

    async def _try(self, one: Standing) -> None:
        way = self._ways[one.channel]
        message = Message(one.id or "", one.kind, self._member, clock.now())
        try:
            refused = await _in_thread(lambda: way.send(message))
        except WardnetError as error:
            await self._failed(one, error)
            return
        await self._record(lambda connection: queue.sent(connection, one, at=clock.now()))
        logs.logger().info("notified", work=one.kind.value, address=way.address)
        for recipient in refused:
            logs.logger().warning("recipient_refused", address=recipient)

    async def _failed(self, one: Standing, error: WardnetError) -> None:
        at = clock.now()
        over = one.since is not None and at - one.since >= self._give_up

        def record(connection: Connection) -> None:
            queue.failed(connection, one, at=at, error=str(error))
            if over:
                queue.give_up(connection, one)

        await self._record(record)
        say = logs.logger().error if over else logs.logger().warning
        say(
            "notification_given_up" if over else "not_notified",
            work=one.kind.value,
            reason=error.reason.value,
            error=str(error),
        )

    def _due(self, catalog: Catalog, channel: Channel) -> tuple[Standing, ...]:
        with catalog.reading() as connection:
            return queue.due(connection, channel, at=clock.now())

    async def _record(self, job: Callable[[Connection], None]) -> None:
        def write(catalog: Catalog) -> None:
            with catalog.transaction() as connection:
                job(connection)

        await self._catalog.do(write)


async def _in_thread(job: Callable[[], T]) -> T:
    """Run a job in a thread that nobody waits for when the daemon ends.

    Whether its message was sent is not known then; it is sent again, under the same id.
    """
    done = Future[T]()
    done.set_running_or_notify_cancel()

    def work() -> None:
        try:
            done.set_result(job())
        except Exception as error:  # noqa: BLE001 - raised where it is awaited
            done.set_exception(error)

    Thread(target=work, name="notify", daemon=True).start()
    return await asyncio.wrap_future(done)
