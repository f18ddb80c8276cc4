"""The daemon: one per vault, with its workers, its desk and its link to the coordinator."""

import asyncio
import signal
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Final

import uvloop

from wardnet import clock, logs
from wardnet.errors import WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.keystore import Keystore
from wardnet.jobs import Jobs
from wardnet.lock import only_one
from wardnet.memory import keep_freed_memory
from wardnet_node.compute.pool import WorkerPool
from wardnet_node.desk.auditors import Auditors
from wardnet_node.desk.desk import Desk
from wardnet_node.desk.gate import damage
from wardnet_node.desk.shares.mail import Mail
from wardnet_node.health import ClockWatch, LinkState, warn_of_damage, warn_of_lock
from wardnet_node.letters import Letters
from wardnet_node.link import WATCH_SECONDS, Link
from wardnet_node.notify.channels import ways
from wardnet_node.notify.notifier import Notifier
from wardnet_node.rounds import Rounds
from wardnet_node.settings import NodeSettings
from wardnet_node.share_letters import ShareLetters
from wardnet_node.sharing.running import carrying_parcels
from wardnet_node.sharing.taking.expiry import Expiry
from wardnet_node.sharing.taking.recipient import Recipient
from wardnet_node.vault.catalog import Catalog
from wardnet_node.vault.vault import Vault
from wardnet_node.witness import Witnesses

LOCK_FILE: Final = "serve.lock"
CLOSE_SECONDS: Final = 2.0
"""How long the coordinator may take to end a stream that we have finished."""
DAY_SECONDS: Final = 86_400.0


def run(home: Path, *, keystore: Keystore, settings: NodeSettings) -> None:
    """Serve until the process is asked to stop (SIGTERM, SIGINT).

    Raises
    ------
    WardnetError
        `IN_USE` when another daemon serves this vault; `SUPERSEDED` and the like when the
        coordinator will not have this process any more.
    """
    keep_freed_memory()
    with only_one(home / LOCK_FILE), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(home, keystore=keystore, settings=settings))


async def _serve(home: Path, *, keystore: Keystore, settings: NodeSettings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    credentials = Credentials.load(home, keystore)
    ways_to_stewards = ways(settings, home)
    desk = Jobs(lambda: _desk(home, keystore, credentials), together=Desk.together)
    auditors = Jobs(lambda: Auditors.open(home, keystore, credentials))
    catalog = Jobs(lambda: Catalog.open(home, keystore), together=Catalog.together)
    mail = Jobs(lambda: Mail.open(home, keystore, credentials))
    recipient = Jobs(lambda: Recipient.open(home, keystore, credentials))
    expiry = Expiry(recipient)
    witnesses = Witnesses(credentials=credentials, settings=settings, catalog=catalog)
    pool = WorkerPool(workers=settings.workers, memory=settings.worker_memory << 20)
    try:
        await expiry.look()  # what ended while nobody served goes before anything else is done
        epoch = await desk.do(Desk.start)
        warn_of_lock(await desk.do(Desk.locked))
        warn_of_damage(await desk.do(Desk.datasets))
        await desk.do(partial(Desk.expire, years=settings.log_retention))
        notifier = Notifier(
            member=credentials.member,
            ways=ways_to_stewards,
            catalog=catalog,
            give_up=timedelta(days=settings.notify_days),
        )
        async with pool:
            link = Link(
                credentials=credentials,
                settings=settings,
                epoch=epoch,
                desk=desk,
                auditors=auditors,
                rounds=Rounds(
                    desk=desk,
                    pool=pool,
                    credentials=credentials,
                    log_key=keystore.derive("log"),
                ),
                witnesses=witnesses,
                letters=Letters(witnesses, ShareLetters(mail)),
            )
            async with AsyncExitStack() as stack:
                for watching in (
                    _watch_clock(desk),
                    _every_day(
                        desk,
                        years=settings.log_retention,
                        damage=partial(_damage, home, keystore, credentials),
                    ),
                    notifier.run(),
                    expiry.run(),
                ):
                    stack.callback(asyncio.create_task(watching).cancel)
                parcels = carrying_parcels(
                    home,
                    keystore=keystore,
                    settings=settings,
                    credentials=credentials,
                    proven=witnesses.wait_until_proven,
                )
                await stack.enter_async_context(parcels)
                if settings.desk_listen:
                    # Only who has the page pays for its framework: 0.5 s of every start.
                    from wardnet_node.desk.web.serve import serving_desk  # noqa: PLC0415

                    page = serving_desk(
                        home,
                        keystore=keystore,
                        settings=settings,
                        credentials=credentials,
                        link=lambda: LinkState(
                            link.attached, settings.address, link.clock_difference
                        ),
                    )
                    await stack.enter_async_context(page)
                await _until_stopped(link, stop, settings)
    finally:
        await desk.close(Desk.stop)
        await auditors.close(Auditors.close)
        await catalog.close(Catalog.close)
        await mail.close(Mail.close)
        await recipient.close(Recipient.close)


async def _watch_clock(desk: Jobs[Desk]) -> None:
    """Record every step of the machine's clock."""
    watch = ClockWatch(clock.now(), monotonic())
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        by = watch.step(clock.now(), monotonic())
        if by is not None:
            logs.logger().warning("clock_step", seconds=round(by.total_seconds()))
            await desk.do(partial(Desk.clock_stepped, by=by))


async def _every_day(
    desk: Jobs[Desk], *, years: int, damage: Callable[[], WardnetError | None]
) -> None:
    """Erase what the log says of patients once its time is over, and look whether the log holds."""
    while True:
        await asyncio.sleep(DAY_SECONDS)
        try:
            await desk.do(partial(Desk.expire, years=years))
        except WardnetError as error:  # e.g. a full disk; tomorrow again
            logs.logger().error("not_expired", reason=error.reason.value, error=str(error))
        try:
            found = await asyncio.to_thread(damage)  # beside the desk: no query waits for it
            warn_of_lock(await desk.do(partial(Desk.heed, damage=found)))
        except WardnetError as error:
            logs.logger().error("not_checked", reason=error.reason.value, error=str(error))


def _damage(home: Path, keystore: Keystore, credentials: Credentials) -> WardnetError | None:
    """Return what is wrong with the log as it is, computed anew on a connection of its own."""
    catalog = Catalog.open(home, keystore)
    try:
        with catalog.reading() as connection:
            return damage(connection, key=credentials.signer.key.public_key())
    finally:
        catalog.close()


async def _until_stopped(link: Link, stop: asyncio.Event, settings: NodeSettings) -> None:
    serving, stopping = asyncio.create_task(link.run()), asyncio.create_task(stop.wait())
    await asyncio.wait((serving, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not serving.done():
        logs.logger().info("stopping")
        await link.drain(settings.drain)
        await asyncio.wait((serving,), timeout=CLOSE_SECONDS if link.attached else 0)
        serving.cancel()
    with suppress(asyncio.CancelledError):
        await serving


def _desk(home: Path, keystore: Keystore, credentials: Credentials) -> Desk:
    catalog = Catalog.open(home, keystore)
    vault = Vault(home, keystore, catalog, member=credentials.member)
    return Desk(catalog=catalog, vault=vault, credentials=credentials)
