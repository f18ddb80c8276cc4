"""A real server with real mutual TLS on a free port, whose handlers a test chooses."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime

import grpc
import grpc.aio

from wardnet import clock
from wardnet.identity.credentials import TlsIdentity
from wardnet.identity.member import Role
from wardnet.transport.channel import SERVER, Options, server_credentials
from wardnet.transport.interceptors import Context, Guard

UNARY = "/wardnet.test.Echo/Unary"
STREAM = "/wardnet.test.Echo/Stream"
EVERYBODY = frozenset(Role)

Handler = Callable[[bytes, Context], Awaitable[bytes]]


async def echo(request: bytes, _: Context) -> bytes:
    """Return the request."""
    return request


def unary(channel: grpc.aio.Channel) -> grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]:
    """Return the unary method of a server that is `serving`."""
    return channel.unary_unary(UNARY)


def stream(channel: grpc.aio.Channel) -> grpc.aio.UnaryStreamMultiCallable[bytes, bytes]:
    """Return its streaming method."""
    return channel.unary_stream(STREAM)


@asynccontextmanager
async def serving(
    credentials: TlsIdentity,
    *,
    handler: Handler = echo,
    allowed: Mapping[str, frozenset[Role]] | None = None,
    now: Callable[[], datetime] = clock.now,
    options: Options = SERVER,
) -> AsyncIterator[str]:
    """Serve `UNARY` (the handler) and `STREAM` (three times the request); give the address."""

    async def three(request: bytes, _: Context) -> AsyncIterator[bytes]:
        for _number in range(3):
            yield request

    guard = Guard(
        network=credentials.member.network,
        allowed={UNARY: EVERYBODY, STREAM: EVERYBODY} if allowed is None else allowed,
        now=now,
    )
    server = grpc.aio.server(interceptors=[guard], options=options)
    handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        "Unary": grpc.unary_unary_rpc_method_handler(handler),
        "Stream": grpc.unary_stream_rpc_method_handler(three),
    }
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler("wardnet.test.Echo", handlers)]
    )
    port = server.add_secure_port("127.0.0.1:0", server_credentials(credentials))
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)
