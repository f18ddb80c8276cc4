"""Put the rooms together and serve them on one port, mutual TLS only."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import grpc.aio
import uvloop

from wardnet import logs
from wardnet.errors import Reason, WardnetError
from wardnet.identity.authority import Authority
from wardnet.identity.credentials import Credentials
from wardnet.identity.files import write_private
from wardnet.lock import only_one
from wardnet.memory import keep_freed_memory
from wardnet.transport.channel import BULK, SERVER
from wardnet.transport.interceptors import Guard
from wardnet.transport.listen import bind
from wardnet.wire.v1 import (
    audit_pb2_grpc,
    catalog_pb2_grpc,
    enrolment_pb2_grpc,
    link_pb2_grpc,
    model_pb2_grpc,
    query_pb2_grpc,
    study_pb2_grpc,
)
from wardnet_coordinator.audits import Audits
from wardnet_coordinator.broker import Broker
from wardnet_coordinator.conductor import Conductor
from wardnet_coordinator.doors import (
    ALLOWED,
    AuditService,
    CatalogService,
    EnrolmentService,
    ModelService,
    QueryService,
    StudyService,
)
from wardnet_coordinator.inquiries import Inquiries
from wardnet_coordinator.link import LinkService
from wardnet_coordinator.post import Post
from wardnet_coordinator.reminders import Reminders
from wardnet_coordinator.settings import CoordinatorSettings
from wardnet_coordinator.state import Database

ADDRESS_FILE: Final = "address"
"""Where the address stands that it listens on, while it does and after."""

LOCK_FILE: Final = "serve.lock"
DRAIN_SECONDS: Final = 2.0
"""How long calls may go on when the process is asked to stop."""


def run(
    home: Path, *, credentials: Credentials, issuing: Authority, settings: CoordinatorSettings
) -> None:
    """Serve until the process is asked to stop (SIGTERM, SIGINT).

    Raises
    ------
    WardnetError
        `IN_USE` when another process serves this folder or has the port.
    """
    keep_freed_memory()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(home, credentials=credentials, issuing=issuing, settings=settings))


async def _run(
    home: Path, *, credentials: Credentials, issuing: Authority, settings: CoordinatorSettings
) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    serving = serve(home, credentials=credentials, issuing=issuing, settings=settings)
    async with serving as address:
        logs.logger().info("serving", address=address, network=credentials.member.network)
        await stop.wait()
        logs.logger().info("stopping")


@asynccontextmanager
async def serve(
    home: Path, *, credentials: Credentials, issuing: Authority, settings: CoordinatorSettings
) -> AsyncIterator[str]:
    """Serve while the block runs; yield the address, as it is in `<home>/address`."""
    async with AsyncExitStack() as stack:
        stack.enter_context(only_one(home / LOCK_FILE))
        server = grpc.aio.server(
            interceptors=[Guard(network=credentials.member.network, allowed=ALLOWED)],
            options=(*SERVER, *BULK),  # a round of trees moves megabytes each way
        )
        address = bind(server, settings.listen, credentials)
        database = Database(home)
        stack.push_async_callback(database.close)
        broker = Broker()
        conductor = Conductor(
            database=database,
            broker=broker,
            trust=credentials.trust,
            round_deadline=settings.round_deadline,
        )
        stack.push_async_callback(conductor.close)
        inquiries = Inquiries(database=database, broker=broker, trust=credentials.trust)
        reminders = Reminders(broker)
        audits = Audits(broker=broker, trust=credentials.trust)
        post = Post(credentials=credentials, database=database, broker=broker)
        stack.callback(post.close)
        link = LinkService(
            broker=broker,
            conductor=conductor,
            inquiries=inquiries,
            reminders=reminders,
            audits=audits,
            post=post,
            database=database,
            trust=credentials.trust,
            heartbeat=settings.heartbeat,
            lease=settings.lease,
        )
        link_pb2_grpc.add_LinkServiceServicer_to_server(link, server)
        enrolment = EnrolmentService(broker=broker, database=database, issuing=issuing)
        enrolment_pb2_grpc.add_EnrolmentServiceServicer_to_server(enrolment, server)
        query = QueryService(
            broker=broker, conductor=conductor, inquiries=inquiries, reminders=reminders
        )
        query_pb2_grpc.add_QueryServiceServicer_to_server(query, server)
        study = StudyService(broker=broker, database=database, trust=credentials.trust)
        study_pb2_grpc.add_StudyServiceServicer_to_server(study, server)
        catalog = CatalogService(broker=broker, database=database, trust=credentials.trust)
        catalog_pb2_grpc.add_CatalogServiceServicer_to_server(catalog, server)
        model = ModelService(
            database=database, trust=credentials.trust, quota=settings.model_quota << 20
        )
        model_pb2_grpc.add_ModelServiceServicer_to_server(model, server)
        audit_pb2_grpc.add_AuditServiceServicer_to_server(AuditService(audits), server)
        await conductor.resume()
        await server.start()
        witnessing = asyncio.create_task(post.run(seconds=settings.checkpoint_seconds))
        stack.push_async_callback(_cancelled, witnessing)
        # Streams end first, so that nodes hear of it and look for us again.
        stack.push_async_callback(server.stop, DRAIN_SECONDS)
        stack.callback(broker.close)
        write_private(home / ADDRESS_FILE, f"{address}\n".encode())
        yield address


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def public_address(home: Path, settings: CoordinatorSettings) -> str:
    """Return the `host:port` that members dial.

    Raises
    ------
    WardnetError
        `NOT_INITIALISED` when the port is a free one and was never taken.
    """
    listen = settings.listen
    if listen.endswith(":0"):
        try:
            listen = (home / ADDRESS_FILE).read_text().strip()
        except FileNotFoundError:
            rule = "`wardnet-coordinator serve`"
            raise WardnetError(Reason.NOT_INITIALISED, path=str(home), rule=rule) from None
    host = f"[{settings.server_name}]" if ":" in settings.server_name else settings.server_name
    return f"{host}:{listen.rpartition(':')[2]}"
