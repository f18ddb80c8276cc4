"""Serve the page beside the daemon's other work, in its event loop."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import uvicorn

from wardnet import logs
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.keystore import Keystore
from wardnet.jobs import Jobs
from wardnet.transport.listen import check_listen
from wardnet_node.desk.web.app import make
from wardnet_node.desk.web.certificate import load
from wardnet_node.desk.web.room import Room
from wardnet_node.desk.web.web import Web
from wardnet_node.health import LinkState
from wardnet_node.settings import NodeSettings

MAXIMUM_CONNECTIONS: Final = 200
CLOSE_SECONDS: Final = 2


class _Server(uvicorn.Server):
    """Leave the signals to the daemon."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


@asynccontextmanager
async def serving_desk(
    home: Path,
    *,
    keystore: Keystore,
    settings: NodeSettings,
    credentials: Credentials,
    link: Callable[[], LinkState],
) -> AsyncIterator[str]:
    """Serve the page where `desk_listen` says while the block runs, and give its address.

    Parameters
    ----------
    link : Callable
        Says how the node stands with its coordinator.

    Raises
    ------
    WardnetError
        `WRONG_SETTING` for an address that this machine cannot listen at, `IN_USE` for one that is
        taken, or as `certificate.load`.
    """
    check_listen(settings, "desk_listen", home)
    certificate = load(home, keystore, settings)
    listener = _listen(settings.desk_listen)
    desk = Jobs(lambda: Room(home, keystore, credentials, link=link))
    member = credentials.member
    web = Web(desk, hospital=member.id, network=member.network)
    context = certificate.context()
    config = uvicorn.Config(
        make(web),
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=MAXIMUM_CONNECTIONS,
        timeout_graceful_shutdown=CLOSE_SECONDS,
        ssl_context_factory=lambda _config, _default: context,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    host, port = listener.getsockname()[:2]
    address = f"https://{f'[{host}]' if ':' in host else host}:{port}"
    logs.logger().info("desk", address=address, fingerprint=certificate.fingerprint)
    try:
        yield address
    finally:
        server.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await task
        web.close()
        await desk.close(Room.close)


def _listen(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, int(port)), family=family)
    except OSError as error:
        raise WardnetError(Reason.IN_USE, path=address, rule="the port is taken") from error
    # Connections inherit it; else every page waits 40 ms for an acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
