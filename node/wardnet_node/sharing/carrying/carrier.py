"""Carrying: bring a parcel to the relay, or fetch one; by the daemon and by commands alike."""

from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.sharing import consignment as consignments
from wardnet.sharing.consignment import Consignment
from wardnet.transport.convert import envelope_to_bytes
from wardnet_node.desk.shares.state import Share
from wardnet_node.settings import NodeSettings
from wardnet_node.sharing import lines
from wardnet_node.sharing.carrying import deposit
from wardnet_node.sharing.carrying.courier import bringing, carry, fetching
from wardnet_node.sharing.carrying.fetch import Progress
from wardnet_node.sharing.carrying.spool import Sealed, Spool


class Carrier:
    """Carry sealed parcels, each in a light process and no faster than the setting says.

    Parameters
    ----------
    spool : Spool
        Of this node.
    credentials : Credentials
        Of this node.
    settings : NodeSettings
        Say how fast.
    """

    def __init__(self, spool: Spool, *, credentials: Credentials, settings: NodeSettings) -> None:
        self._spool = spool
        self._credentials = credentials
        self._means = {
            **lines.identity_to_line(credentials),
            "home": str(spool.home),
            "rate": settings.bandwidth * (1 << 20),
        }

    async def bring(self, consignment: Consignment, address: str, progress: Progress) -> None:
        """Bring a parcel to the relay; its body is deleted here once it lies there whole.

        Raises
        ------
        WardnetError
            As `deposit`.
        """
        signed = consignments.signed(consignment, self._credentials.signer)
        orders = bringing(
            consignment.parcel,
            consignment.size,
            address=address,
            consignment=envelope_to_bytes(signed),
        )
        await carry({**orders, **self._means}, progress)
        # The header stays: it tells that something lies at the relay, to be taken back in time.
        self._spool.made(consignment.parcel).body.unlink(missing_ok=True)

    async def take_back(self, grant: str, address: str) -> None:
        """Have the relay delete what it still holds under a grant.

        Raises
        ------
        WardnetError
            `RELAY_AWAY`.
        """
        await deposit.take_back(grant, address=address, credentials=self._credentials)

    async def fetch(self, share: Share, progress: Progress) -> Sealed:
        """Fetch the parcel of a share whole.

        Raises
        ------
        WardnetError
            As `fetch`; `PARCEL_UNKNOWN` before one is ready.
        """
        if share.ready is None:
            raise WardnetError(Reason.PARCEL_UNKNOWN)
        orders = fetching(share.ready, owner=share.request.owner)
        await carry({**orders, **self._means}, progress)
        return self._spool.fetched(share.ready.parcel)
