"""Going on after a cut: a transfer is tried again as long as it moves."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import grpc.aio

from wardnet.errors import Reason, WardnetError
from wardnet.transport.parcels.door import PROGRESS_SECONDS
from wardnet.transport.status import error_from_rpc

FIRST_PAUSE: Final = 0.5
LONGEST_PAUSE: Final = 5.0
"""Seconds; pauses double from the first to the longest, each fully random (full jitter)."""

AGAIN: Final = frozenset(
    {
        Reason.RELAY_AWAY,
        Reason.NODE_AWAY,
        Reason.PARCEL_INCOMPLETE,
        Reason.LOG_UNPROVEN,  # a node that has just started
        Reason.NODE_UNABLE,
    }
)
"""What passes by itself."""


async def keep_trying(
    attempt: Callable[[], Awaitable[None]],
    *,
    moved: Callable[[], int],
    patience: float = PROGRESS_SECONDS,
) -> None:
    """Run an attempt until one ends well.

    Parameters
    ----------
    attempt : Callable
        One call, from where the last one stopped.
    moved : Callable
        Returns how many bytes have been moved.
    patience : float
        Seconds without a byte after which it is given up.

    Raises
    ------
    WardnetError
        Why the last attempt failed.
    """
    clock = asyncio.get_running_loop().time
    seen, since, pause = moved(), clock(), FIRST_PAUSE
    while True:
        try:
            await attempt()
        except WardnetError as error:
            if moved() > seen:
                seen, since, pause = moved(), clock(), FIRST_PAUSE
            if error.reason not in AGAIN or clock() >= since + patience:
                raise
        else:
            return
        await asyncio.sleep(random.uniform(0, pause))  # noqa: S311 - spreads load
        pause = min(2 * pause, LONGEST_PAUSE)


@asynccontextmanager
async def explained(address: str, *, away: Reason) -> AsyncIterator[None]:
    """Put into words what becomes of a call; silence and a broken connection alike.

    Raises
    ------
    WardnetError
        What the other side named, or `away`.
    """
    try:
        yield
    except TimeoutError:
        rule = "it shows no sign of life"
        raise WardnetError(away, address=address, rule=rule) from None
    except grpc.aio.AioRpcError as error:
        raise error_from_rpc(error, address, away=away) from error
