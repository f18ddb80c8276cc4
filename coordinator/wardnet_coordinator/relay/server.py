"""The relay's process: one port, mutual TLS, the coordinator's certificate."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Final

import grpc.aio
import uvloop

from wardnet import logs
from wardnet.identity.credentials import Credentials
from wardnet.identity.files import write_private
from wardnet.lock import only_one
from wardnet.memory import keep_freed_memory
from wardnet.transport.channel import BULK, SERVER
from wardnet.transport.interceptors import Guard
from wardnet.transport.listen import bind
from wardnet.transport.parcels.pace import Pace
from wardnet_coordinator import state
from wardnet_coordinator.relay import book
from wardnet_coordinator.relay.door import ALLOWED, RelayDoor
from wardnet_coordinator.relay.keeper import FOLDER, Keeper
from wardnet_coordinator.settings import CoordinatorSettings

LOCK_FILE: Final = "relay.lock"
ADDRESS_FILE: Final = "relay.address"
"""Where the address stands that it listens on, while it does and after."""

DRAIN_SECONDS: Final = 2.0


def run(home: Path, *, credentials: Credentials, settings: CoordinatorSettings) -> None:
    """Relay until the process is asked to stop (SIGTERM, SIGINT).

    Raises
    ------
    WardnetError
        `IN_USE` when another process relays for this folder or has the port.
    """
    keep_freed_memory(alone=True)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(home, credentials=credentials, settings=settings))


async def _run(home: Path, *, credentials: Credentials, settings: CoordinatorSettings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serve(home, credentials=credentials, settings=settings) as address:
        logs.logger().info("serving", address=address, network=credentials.member.network)
        await stop.wait()
        logs.logger().info("stopping")


@asynccontextmanager
async def serve(
    home: Path, *, credentials: Credentials, settings: CoordinatorSettings
) -> AsyncIterator[str]:
    """Relay while the block runs; yield the address, as it is in `<home>/relay.address`."""
    async with AsyncExitStack() as stack:
        stack.enter_context(only_one(home / LOCK_FILE))
        folder = home / FOLDER
        folder.mkdir(mode=0o700, exist_ok=True)
        state.create(home, book.RELAY)
        database = state.Database(home, book.RELAY)
        stack.push_async_callback(database.close)
        keeper = Keeper(folder, database=database, limits=_limits(settings))
        guard = Guard(network=credentials.member.network, allowed=ALLOWED)
        server = grpc.aio.server(interceptors=[guard], options=(*SERVER, *BULK))
        pace = Pace(settings.relay_bandwidth * (1 << 20))
        RelayDoor(keeper, pace, trust=credentials.trust).register(server)
        address = bind(server, settings.relay_listen, credentials)
        await keeper.sweep()
        await server.start()
        sweeping = asyncio.create_task(keeper.run())
        stack.push_async_callback(server.stop, DRAIN_SECONDS)
        stack.callback(sweeping.cancel)
        write_private(home / ADDRESS_FILE, f"{address}\n".encode())
        yield address


def _limits(settings: CoordinatorSettings) -> book.Limits:
    return book.Limits(
        parcel=settings.relay_parcel << 20,
        quota=settings.relay_quota << 20,
        keep=timedelta(hours=settings.relay_hours),
    )
