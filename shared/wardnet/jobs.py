"""Jobs on something that one thread owns, so that no fsync stops the event loop.

Where they may share a commit, all that wait when the thread gets to them do. Whoever gave a job
hears of it after that commit, never before.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from time import monotonic
from typing import Final, Generic, TypeAlias, TypeVar

D = TypeVar("D")
T = TypeVar("T")

LONGEST: Final = 0.01
"""Seconds for which jobs are taken into one commit, so that nobody waits long for it."""

Outcome: TypeAlias = tuple[object, Exception | None]
"""What a job returned, or why it failed."""


@dataclass(frozen=True, slots=True)
class _Task(Generic[D]):
    """A job and who waits for it."""

    job: Callable[[D], object]
    future: "asyncio.Future[object]"


class Jobs(Generic[D]):
    """Own something and the thread that alone touches it; one event loop gives the jobs.

    Parameters
    ----------
    make : Callable
        Makes it, in its thread.
    together : Callable or None
        Makes the block, of what is owned, at whose end all that its jobs have done is durable; None
        for jobs that end one by one.
    """

    def __init__(
        self,
        make: Callable[[], D],
        *,
        together: Callable[[D], AbstractContextManager[object]] | None = None,
    ) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="jobs")
        self._owned = self._thread.submit(make)
        self._together = together or nullcontext
        self._longest = LONGEST if together else 0.0
        self._waiting: deque[_Task[D]] = deque()

    async def do(self, job: Callable[[D], T]) -> T:
        """Run a job after all that were given before; return once what it did is durable.

        A job that fails takes back what its own transactions do; what it raises is raised here. So
        is, for every job of a commit, why that failed: then nothing of them was stored.
        """
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Task(job, future))  # type: ignore[arg-type]
        if len(self._waiting) == 1:  # else the thread comes to this one after those before it
            self._thread.submit(self._run)
        return await future

    async def close(self, end: Callable[[D], object]) -> None:
        """Wait for the jobs under way, do what must be last, and end the thread."""
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._thread, lambda: end(self._owned.result()))
        finally:
            self._thread.shutdown()

    def _run(self) -> None:
        while self._waiting:
            tasks: list[_Task[D]] = []
            try:
                outcomes = self._commit(tasks)
            except Exception as error:  # noqa: BLE001 - each caller gets it
                tasks = tasks or list(self._take())
                outcomes = [(None, error)] * len(tasks)
            tasks[0].future.get_loop().call_soon_threadsafe(_tell, tasks, outcomes)

    def _commit(self, tasks: list[_Task[D]]) -> list[Outcome]:
        """Run what waits, noting it in `tasks`; return the outcomes once they are durable."""
        owned = self._owned.result()
        outcomes: list[Outcome] = []
        with self._together(owned):
            for task in self._take():
                tasks.append(task)
                try:
                    outcomes.append((task.job(owned), None))
                except Exception as error:  # noqa: BLE001 - its caller gets it
                    outcomes.append((None, error))
        return outcomes

    def _take(self) -> Iterator[_Task[D]]:
        """Yield the jobs that wait, and those that come meanwhile, for a short time."""
        until = monotonic() + self._longest
        yield self._waiting.popleft()
        while self._waiting and monotonic() < until:
            yield self._waiting.popleft()


def _tell(tasks: "list[_Task[D]]", outcomes: list[Outcome]) -> None:
    for task, (result, error) in zip(tasks, outcomes, strict=True):
        if task.future.done():  # its caller has gone
            continue
        if error is None:
            task.future.set_result(result)
        else:
            task.future.set_exception(error)
