"""A relay on loopback that can change how bytes travel, or swallow them."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Relay:
    """Name a running relay's address; after `silence` it accepts bytes and forwards none."""

    address: str
    silent: asyncio.Event = field(default_factory=asyncio.Event)

    def silence(self) -> None:
        """Become a black hole: connections stay open and nothing passes."""
        self.silent.set()


@asynccontextmanager
async def relaying(target: str, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Relay]:
    """Relay to `target`, wrapping the bytes in TLS on the way when `tls` is given."""
    host, _, port = target.rpartition(":")
    pumps: list[asyncio.Task[None]] = []
    writers: list[asyncio.StreamWriter] = []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if not relay.silent.is_set():
                writer.write(data)
        if not relay.silent.is_set():  # a black hole does not tell either that one side has left
            writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        name = None if tls is None else host
        there = await asyncio.open_connection(host, int(port), ssl=tls, server_hostname=name)
        writers.extend((writer, there[1]))
        pumps.append(asyncio.create_task(pump(reader, there[1])))
        pumps.append(asyncio.create_task(pump(there[0], writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    relay = Relay(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
    try:
        yield relay
    finally:
        server.close()
        for task in pumps:
            task.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        for writer in writers:
            writer.transport.abort()
