"""The daemon's look at what is due: every second, and once before it begins anything else."""

import asyncio
from typing import Final

from wardnet import logs
from wardnet.errors import WardnetError
from wardnet.jobs import Jobs
from wardnet_node.sharing.taking.recipient import Recipient

LOOK_SECONDS: Final = 1.0


class Expiry:
    """Destroy what other hospitals have lent once its time is over, or they take it back.

    Parameters
    ----------
    recipient : Jobs of Recipient
        Destroys it; beside the desk, so that no query waits for it.
    """

    def __init__(self, recipient: Jobs[Recipient]) -> None:
        self._recipient = recipient
        self._told = ""

    async def run(self) -> None:
        """Look again and again."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Destroy what is due now; what cannot be destroyed is tried again, and said once."""
        try:
            destroyed = await self._recipient.do(Recipient.expire)
        except WardnetError as error:
            if str(error) != self._told:
                logs.logger().error("not_destroyed", reason=error.reason.value, error=str(error))
            self._told = str(error)
            return
        self._told = ""
        for share in destroyed:
            logs.logger().info("share_destroyed", dataset=share.request.dataset)
