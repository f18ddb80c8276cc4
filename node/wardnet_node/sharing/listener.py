"""The process in which a node listens for other hospitals that fetch parcels from it.

    python -m wardnet_node.sharing.listener DESCRIPTOR

Only the daemon starts it, and speaks with it over one inherited socket, a line of JSON at a time.
It has the certificate that it shows and the sealed files, and no key of the vault: the daemon
decides who may fetch what. When the socket closes, for whatever reason, it is gone.
"""

import asyncio
import json
import resource
import signal
import socket
import sys
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Final

import grpc.aio
import uvloop
from cryptography import x509
from pydantic import JsonValue

from wardnet import logs
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import TlsIdentity
from wardnet.identity.member import Member, Role
from wardnet.transport.channel import BULK, SERVER
from wardnet.transport.interceptors import Guard
from wardnet.transport.listen import bind
from wardnet.transport.parcels.door import Fetching, ParcelDoor, Stored
from wardnet.transport.parcels.memory import keep_freed_memory
from wardnet.transport.parcels.pace import Pace

Line = dict[str, JsonValue]

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
        while line := await self._reader.readline():
            answer: Line = json.loads(line)
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
        self._writer.write(json.dumps(question).encode() + b"\n")
        answer = await self._waiting[number]
        if "reason" in answer:
            raise error_from_line(answer)
        return answer


def _stored(header: Path, body: Path) -> Stored:
    try:
        return Stored(header.read_bytes(), body, body.stat().st_size)
    except FileNotFoundError:
        raise WardnetError(Reason.PARCEL_UNKNOWN) from None


def error_to_line(error: WardnetError) -> Line:
    """Write an error for the other end of the socket."""
    return {"reason": error.reason.value, "details": dict(error.details)}


def error_from_line(line: Line) -> WardnetError:
    """Read an error that the other end of the socket wrote."""
    details = line["details"]
    told = details if isinstance(details, dict) else {}
    return WardnetError(
        Reason(str(line["reason"])), **{name: str(text) for name, text in told.items()}
    )


def main() -> None:
    """Serve until the daemon goes."""
    # The daemon alone decides when this process ends, and no crash writes a key to a core file.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logs.configure("wardnet-node")
    keep_freed_memory()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main(int(sys.argv[1])))


async def _main(descriptor: int) -> None:
    inherited = socket.socket(fileno=descriptor)
    reader, writer = await asyncio.open_connection(sock=inherited)
    orders: Line = json.loads(await reader.readline())
    credentials = _identity(orders)
    daemon = AskDaemon(reader, writer)
    guard = Guard(network=credentials.member.network, allowed=ALLOWED)
    server = grpc.aio.server(interceptors=[guard], options=(*SERVER, *BULK))
    ParcelDoor(daemon, Pace(float(str(orders["rate"])))).register(server)
    try:
        address = bind(server, str(orders["listen"]), credentials)
    except WardnetError as error:
        writer.write(json.dumps(error_to_line(error)).encode() + b"\n")
        await writer.drain()
        return
    await server.start()
    writer.write(json.dumps({"address": address}).encode() + b"\n")
    await daemon.run()
    await server.stop(None)


def _identity(orders: Line) -> TlsIdentity:
    return TlsIdentity(
        member=Member.from_uri(str(orders["member"])),
        root=x509.load_pem_x509_certificate(str(orders["root"]).encode()),
        tls_key_pem=str(orders["key"]).encode(),
        tls_chain_pem=str(orders["chain"]).encode(),
    )


if __name__ == "__main__":
    main()
