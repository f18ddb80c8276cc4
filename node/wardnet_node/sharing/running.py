"""The daemon's part in sharing: the door for others, and the errands that follow from decisions."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

from wardnet.identity.credentials import Credentials
from wardnet.identity.keystore import Keystore
from wardnet.jobs import Jobs
from wardnet_node.settings import NodeSettings
from wardnet_node.sharing.carrying.carrier import Carrier
from wardnet_node.sharing.carrying.serving import serving_parcels
from wardnet_node.sharing.carrying.spool import Spool
from wardnet_node.sharing.errands import Errands
from wardnet_node.sharing.giving.owner import Owner


@asynccontextmanager
async def carrying_parcels(
    home: Path,
    *,
    keystore: Keystore,
    settings: NodeSettings,
    credentials: Credentials,
    proven: Callable[[], Awaitable[None]],
) -> AsyncIterator[None]:
    """Make, bring, fetch and hand out parcels while the block runs.

    Parameters
    ----------
    proven : Callable
        As for `serving_parcels`.

    Raises
    ------
    WardnetError
        As `serving_parcels`.
    """
    async with AsyncExitStack() as stack:
        if settings.listen:
            serving = serving_parcels(
                home,
                keystore=keystore,
                settings=settings,
                credentials=credentials,
                proven=proven,
            )
            await stack.enter_async_context(serving)
        # Only now it is known where parcels wait.
        owner = Jobs(lambda: Owner.open(home, keystore, credentials, settings))
        spool = Spool(home)
        carrier = Carrier(spool, credentials=credentials, settings=settings)
        running = asyncio.create_task(Errands(owner, carrier, spool, proven=proven).run())
        try:
            yield
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
            await owner.close(Owner.close)
