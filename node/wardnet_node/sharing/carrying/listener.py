"""The process in which a node listens for other hospitals that fetch parcels from it.

    python -m wardnet_node.sharing.carrying.listener DESCRIPTOR

Only the daemon starts it, and speaks with it over one inherited socket, a line of JSON at a time.
It has the certificate that it shows and the sealed files, and no key of the vault: the daemon
decides who may fetch what. When the socket closes, for whatever reason, it is gone.
"""

import asyncio
from asyncio import StreamReader, StreamWriter
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Final

import grpc.aio

from wardnet.errors import Reason, WardnetError
from wardnet.identity.member import Member, Role
from wardnet.transport.channel import BULK, SERVER
from wardnet.transport.interceptors import Guard
from wardnet.transport.listen import bind
from wardnet.transport.parcels.door import Fetching, ParcelDoor, Stored
from wardnet.transport.parcels.pace import Pace
from wardnet_node.sharing import lines
from wardnet_node.sharing.lines import Line

ALLOWED: Final[Mapping[str, frozenset[Role]]] = {
    f"/wardnet.wire.v1.TransferService/{method}": frozenset({Role.NODE})
    for method in ("Fetch", "Finish")
}


class AskDaemon:
    """Ask the daemon who may fetch what; the gate of this door.

    Parameters
    ----------
    reader, writer : StreamReader, StreamWriter
        The inherited socket.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._waiting: dict[int, asyncio.Future[Line]] = {}
        self._numbers = count(1)

    async def admit(self, asked: Fetching, recipient: Member) -> Stored:
        """Let a fetch begin or go on; see `Gate.admit`."""
        answer = await self._ask("admit", asked, recipient)
        return _stored(Path(str(answer["header"])), Path(str(answer["body"])))

    async def finish(self, asked: Fetching, recipient: Member) -> None:
        """Close a fetch; see `Gate.finish`."""
        await self._ask("finish", asked, recipient)

    async def run(self) -> None:
        """Take the daemon's answers until it is gone."""
        while (answer := lines.read(await self._reader.readline())) is not None:
            number = answer["id"]
            waiting = self._waiting.pop(number, None) if isinstance(number, int) else None
            if waiting is not None and not waiting.done():
                waiting.set_result(answer)

    async def _ask(self, what: str, asked: Fetching, recipient: Member) -> Line:
        number = next(self._numbers)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        question: Line = {
            "id": number,
            "ask": what,
            "owner": asked.owner,
            "grant": asked.grant,
            "parcel": asked.parcel,
            "fetch": asked.fetch,
            "recipient": recipient.uri,
        }
        self._writer.write(lines.write(question))
        answer = await self._waiting[number]
        if "reason" in answer:
            raise lines.error_from_line(answer)
        return answer


def _stored(header: Path, body: Path) -> Stored:
    try:
        return Stored(header.read_bytes(), body, body.stat().st_size)
    except FileNotFoundError:
        raise WardnetError(Reason.PARCEL_UNKNOWN) from None


def main() -> None:
    """Serve until the daemon goes."""
    lines.run(_main)


async def _main(reader: StreamReader, writer: StreamWriter, orders: Line) -> None:
    credentials = lines.identity_from_line(orders)
    daemon = AskDaemon(reader, writer)
    guard = Guard(network=credentials.member.network, allowed=ALLOWED)
    server = grpc.aio.server(interceptors=[guard], options=(*SERVER, *BULK))
    ParcelDoor(daemon, Pace(float(str(orders["rate"])))).register(server)
    try:
        address = bind(server, str(orders["listen"]), credentials)
    except WardnetError as error:
        writer.write(lines.write(lines.error_to_line(error)))
        await writer.drain()
        return
    await server.start()
    writer.write(lines.write({"address": address}))
    await daemon.run()
    await server.stop(None)


if __name__ == "__main__":
    main()
