"""One transfer in a process of its own: `carry` starts it, `main` is it."""

import asyncio
import secrets
import socket
from asyncio import StreamReader, StreamWriter
from pathlib import Path
from typing import Final

from wardnet import logs
from wardnet.errors import Reason, WardnetError
from wardnet.sharing.notice import Place, Ready
from wardnet.transport.convert import envelope_from_bytes
from wardnet.transport.parcels.pace import Pace
from wardnet_node.sharing import lines
from wardnet_node.sharing.carrying.deposit import deposit
from wardnet_node.sharing.carrying.fetch import Progress, fetch
from wardnet_node.sharing.carrying.spool import Spool
from wardnet_node.sharing.lines import Line

_MODULE: Final = "wardnet_node.sharing.carrying.courier"

PATIENCE: Final = 10.0
"""Seconds without a byte. People are then told why, and the daemon tries again by itself."""


async def carry(orders: Line, progress: Progress) -> None:
    """Have one transfer done; whoever is cancelled takes its process along.

    Parameters
    ----------
    orders : Line
        What `fetching` or `bringing` returns.
    progress : Callable
        Is told how far it is.

    Raises
    ------
    WardnetError
        As `fetch` and `deposit`; `INTERNAL` when the process died.
    """
    ours, theirs = socket.socketpair()
    process = await asyncio.to_thread(lines.start, _MODULE, theirs)
    reader, writer = await asyncio.open_connection(sock=ours)
    try:
        writer.write(lines.write(orders))
        while (said := lines.read(await reader.readline())) is not None:
            if "reason" in said:
                raise lines.error_from_line(said)
            if "done" in said:
                return
            progress(int(str(said["at"])), int(str(said["of"])))
        raise _incident()
    except OSError as error:
        raise _incident() from error
    finally:
        writer.close()
        await asyncio.to_thread(lines.wait, process)


def _incident() -> WardnetError:
    incident = secrets.token_hex(4)
    logs.logger().error("courier_died", incident=incident)
    return WardnetError(Reason.INTERNAL, incident=incident)


def fetching(ready: Ready, *, owner: str) -> Line:
    """Return the orders to fetch a parcel."""
    return {
        "do": "fetch",
        "owner": owner,
        "grant": ready.grant,
        "parcel": ready.parcel,
        "header": ready.header,
        "body": ready.body,
        "place": ready.place.value,
        "address": ready.address,
    }


def bringing(parcel: str, size: int, *, address: str, consignment: bytes) -> Line:
    """Return the orders to bring a parcel to the relay, with the signed consignment's bytes."""
    return {
        "do": "bring",
        "parcel": parcel,
        "body": size,
        "address": address,
        "consignment": consignment.hex(),
    }


def main() -> None:
    """Do one transfer."""
    lines.run(_main)


async def _main(reader: StreamReader, writer: StreamWriter, orders: Line) -> None:
    def progress(there: int, size: int) -> None:
        writer.write(lines.write({"at": there, "of": size}))

    transfer = asyncio.create_task(_transfer(orders, progress))
    gone = asyncio.create_task(reader.read())
    await asyncio.wait((transfer, gone), return_when=asyncio.FIRST_COMPLETED)
    if transfer.done():
        writer.write(lines.write(transfer.result()))
        await writer.drain()
    else:
        transfer.cancel()
    gone.cancel()
    await asyncio.gather(transfer, gone, return_exceptions=True)


async def _transfer(orders: Line, progress: Progress) -> Line:
    """Return `done`, or why not."""
    spool, credentials = Spool(Path(str(orders["home"]))), lines.identity_from_line(orders)
    pace, size = Pace(float(str(orders["rate"]))), int(str(orders["body"]))
    parcel, address = str(orders["parcel"]), str(orders["address"])
    try:
        if orders["do"] == "bring":
            await deposit(
                parcel,
                size,
                consignment=envelope_from_bytes(bytes.fromhex(str(orders["consignment"]))),
                address=address,
                spool=spool,
                credentials=credentials,
                progress=progress,
                pace=pace,
                patience=PATIENCE,
            )
        else:
            ready = Ready(
                grant=str(orders["grant"]),
                parcel=parcel,
                header=int(str(orders["header"])),
                body=size,
                place=Place(str(orders["place"])),
                address=address,
            )
            await fetch(
                ready,
                owner=str(orders["owner"]),
                spool=spool,
                credentials=credentials,
                progress=progress,
                pace=pace,
                patience=PATIENCE,
            )
    except WardnetError as error:
        return lines.error_to_line(error)
    return {"done": True}


if __name__ == "__main__":
    main()
