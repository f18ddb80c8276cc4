"""How fast bytes may go."""

import asyncio
from typing import Final

_AHEAD: Final = 0.25
"""Seconds of silence that may be made up for at once."""


class Pace:
    """Hold all transfers of a process together below one rate.

    Parameters
    ----------
    rate : float
        Bytes per second; 0 for no limit.
    """

    def __init__(self, rate: float = 0) -> None:
        self._rate = rate
        self._free = 0.0

    async def take(self, size: int) -> None:
        """Wait until so many more bytes may go."""
        if not self._rate:
            return
        now = asyncio.get_running_loop().time()
        self._free = max(self._free, now - _AHEAD) + size / self._rate
        await asyncio.sleep(max(self._free - now, 0))
