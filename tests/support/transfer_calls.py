"""Calls to the relay, as anybody can make them."""

from support.relaying import Hospitals
from support.transfers import GRANT
from wardnet.errors import Reason
from wardnet.identity.credentials import TlsIdentity
from wardnet.identity.envelope import Envelope
from wardnet.transport.channel import open_channel
from wardnet.transport.convert import envelope_to_wire
from wardnet.transport.parcels.attempts import explained
from wardnet.wire.v1.share_pb2 import (
    DepositRequest,
    DepositStart,
    FetchName,
    FetchRequest,
    FinishRequest,
    RemoveRequest,
)
from wardnet.wire.v1.share_pb2_grpc import TransferServiceStub


async def ask(
    all_of: Hospitals, caller: TlsIdentity, request: FetchRequest | FinishRequest | RemoveRequest
) -> None:
    """Make one call as anybody, and read all of its answer."""
    address = all_of.address
    async with (
        open_channel(caller, address) as channel,
        explained(address, away=Reason.RELAY_AWAY),
    ):
        stub = TransferServiceStub(channel)
        match request:
            case FetchRequest():
                async for _ in stub.Fetch(request):
                    pass
            case FinishRequest():
                await stub.Finish(request, timeout=10)
            case RemoveRequest():
                await stub.Remove(request, timeout=10)


async def bring(
    all_of: Hospitals, caller: TlsIdentity, envelope: Envelope, *, header: bytes = b"sealed"
) -> None:
    """Begin a deposit as anybody, with any statement."""
    address = all_of.address
    start = DepositStart(consignment=envelope_to_wire(envelope), header=header)
    async with (
        open_channel(caller, address) as channel,
        explained(address, away=Reason.RELAY_AWAY),
    ):
        call = TransferServiceStub(channel).Deposit()
        await call.write(DepositRequest(start=start))
        await call.read()


def fetching(parcel: str, fetch: str = "1" * 32, *, owner: str = "a") -> FetchName:
    """Name a fetch."""
    return FetchName(owner=owner, grant=GRANT, parcel=parcel, fetch=fetch)
