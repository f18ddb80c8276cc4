"""The one thread in which the desk works, so that no fsync stops the daemon."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

D = TypeVar("D")
T = TypeVar("T")


class DeskThread(Generic[D]):
    """Own a desk and the thread that alone touches it.

    Parameters
    ----------
    make : Callable
        Makes the desk, in its thread.
    """

    def __init__(self, make: Callable[[], D]) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="desk")
        self._desk = self._thread.submit(make)

    async def do(self, job: Callable[[D], T]) -> T:
        """Run a job on the desk after all that were given before."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lambda: job(self._desk.result()))

    def close(self) -> None:
        """Wait for the jobs under way, and end the thread."""
        self._thread.shutdown()
