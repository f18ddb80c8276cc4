"""The relay in this process, and hospitals that bring and fetch; or one that lies."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc.aio

from support.pki import TestNetwork
from support.transfers import GRANT, consignment, ready
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import TlsIdentity
from wardnet.sharing.consignment import signed
from wardnet.sharing.notice import Place
from wardnet.transport.channel import SERVER, server_credentials
from wardnet.transport.interceptors import Context, Guard
from wardnet.transport.parcels.pace import Pace
from wardnet.wire.v1 import share_pb2, share_pb2_grpc
from wardnet_coordinator.relay import server
from wardnet_coordinator.relay.door import ALLOWED
from wardnet_coordinator.settings import CoordinatorSettings
from wardnet_node.sharing.carrying.deposit import deposit, take_back
from wardnet_node.sharing.carrying.fetch import fetch
from wardnet_node.sharing.carrying.spool import Sealed, Spool


class Hospitals:
    """Hospitals of one network with a spool each, and the relay that they use.

    Parameters
    ----------
    folder : Path
        Where everything lies.
    network : TestNetwork
        Of all.
    address : str
        Of the relay.
    """

    def __init__(self, folder: Path, network: TestNetwork, address: str) -> None:
        self.folder = folder
        self.network = network
        self.address = address

    def spool(self, name: str) -> Spool:
        """Return a hospital's spool."""
        return Spool(self.folder / name)

    async def bring(
        self, parcel: str, size: int, *, by: str = "a", rate: float = 0, **changes: object
    ) -> None:
        """Leave a parcel at the relay."""
        credentials = self.network.node(by)
        said = consignment(parcel, size, **{"owner": by, **changes})
        await deposit(
            parcel,
            size,
            consignment=signed(said, credentials.signer),
            address=self.address,
            spool=self.spool(by),
            credentials=credentials,
            pace=Pace(rate),
            patience=2,
        )

    async def get(
        self,
        parcel: str,
        size: int,
        *,
        by: str = "b",
        owner: str = "a",
        grant: str = GRANT,
        patience: float = 2,
        **changes: Any,  # noqa: ANN401 - arguments of the two functions below
    ) -> Sealed:
        """Fetch a parcel from the relay."""
        waiting = ready(parcel, size, self.address, place=Place.RELAY, grant=grant)
        return await fetch(
            waiting,
            owner=owner,
            spool=self.spool(by),
            credentials=self.network.node(by),
            patience=patience,
            **changes,
        )

    async def take_back(self, grant: str, *, by: str = "a") -> None:
        """Have the relay delete what was brought under a grant."""
        await take_back(grant, address=self.address, credentials=self.network.node(by))

    def at_the_relay(self) -> list[bytes]:
        """Return what the relay keeps."""
        return [path.read_bytes() for path in (self.folder / "relay" / "relay").iterdir()]

    def at(self, name: str) -> list[str]:
        """Return the names of what has come to a hospital."""
        return sorted(path.name for path in self.spool(name).incoming.iterdir())


@asynccontextmanager
async def relay(folder: Path, network: TestNetwork, **settings: float) -> AsyncIterator[Hospitals]:
    """Run the relay while the block runs."""
    home = folder / "relay"
    home.mkdir(exist_ok=True)
    values = CoordinatorSettings(relay_listen="127.0.0.1:0", **settings)  # type: ignore[arg-type]
    async with server.serve(home, credentials=network.coordinator(), settings=values) as address:
        yield Hospitals(folder, network, address)


class Liar(share_pb2_grpc.TransferServiceServicer):
    """Answer every fetch with the messages that a test has prepared, then stay silent or end.

    Parameters
    ----------
    messages : Sequence of FetchResponse
        To be sent whatever the offset is.
    silent : bool
        Whether it keeps the rest for ever instead of ending the call.
    """

    def __init__(
        self, messages: Sequence[share_pb2.FetchResponse], *, silent: bool = False
    ) -> None:
        self._messages = messages
        self._silent = silent
        self.fetches = 0

    async def Fetch(self, _: share_pb2.FetchRequest, context: Context) -> None:  # noqa: N802
        """Send what was prepared."""
        self.fetches += 1
        for message in self._messages:
            await context.write(message)
        if self._silent:
            await asyncio.Event().wait()

    async def Finish(  # noqa: N802
        self, _: share_pb2.FinishRequest, __: Context
    ) -> share_pb2.FinishResponse:
        """Say that all is well."""
        return share_pb2.FinishResponse()


@asynccontextmanager
async def lying(liar: Liar, credentials: TlsIdentity) -> AsyncIterator[str]:
    """Serve a liar under somebody's certificate; yield the address."""
    guard = Guard(network=credentials.member.network, allowed=ALLOWED)
    serving = grpc.aio.server(interceptors=[guard], options=SERVER)
    share_pb2_grpc.add_TransferServiceServicer_to_server(liar, serving)
    port = serving.add_secure_port("127.0.0.1:0", server_credentials(credentials))
    await serving.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await serving.stop(None)


async def outcome(waiting: Awaitable[object]) -> Reason | None:
    """Return why something is refused, or None when it is done."""
    try:
        await waiting
    except WardnetError as error:
        return error.reason
    return None
