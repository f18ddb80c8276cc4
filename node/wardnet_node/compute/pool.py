"""The daemon's side of the workers: start them warm, deal segments, add parts.

The daemon's own process never opens a segment.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from threading import Event, Lock
from typing import Final, Self, TypeAlias, TypeVar

from wardnet.statistics.session import Part, Tally
from wardnet.sums.arrays import PackedArray, pack
from wardnet_node.compute.narrow import widen
from wardnet_node.compute.process import WorkerProcess, incident
from wardnet_node.compute.worker import Task
from wardnet_node.vault.snapshot import Snapshot

T = TypeVar("T")

Packed: TypeAlias = Sequence[PackedArray]

_ENDED: Final = "QueryEnded"
"""How the log names why nothing was computed."""


@dataclass(slots=True)
class _Query:
    """Hold a query at work: whether it has ended, and its snapshot as dealt to so many workers."""

    ended: Event = field(default_factory=Event)
    snapshot: Snapshot | None = None
    dealt: dict[int, Sequence[Snapshot]] = field(default_factory=dict)

    def deal(self, snapshot: Snapshot, workers: int) -> Sequence[Snapshot]:
        """Return the same shares every round, so that workers know them."""
        if snapshot is not self.snapshot:
            self.snapshot, self.dealt = snapshot, {}
        if workers not in self.dealt:
            self.dealt[workers] = snapshot.dealt(workers)
        return self.dealt[workers]


class WorkerPool:
    """Hold warm worker processes; use it as an async context.

    Parameters
    ----------
    workers : int
        Number of processes, at least 1.
    memory : int
        Bytes of decoded rows that each may keep between rounds.
    """

    def __init__(self, *, workers: int, memory: int) -> None:
        self._workers = [_Worker(memory) for _ in range(workers)]
        self._queries: dict[str, _Query] = {}

    async def __aenter__(self) -> Self:
        """Start all workers and wait until they are warm."""
        await asyncio.gather(*(worker.run(worker.warm) for worker in self._workers))
        return self

    async def __aexit__(self, *_: object) -> None:
        """End all workers, whatever they are doing."""
        for worker in self._workers:
            worker.close()

    async def tally(self, query: str, *, snapshot: Snapshot, tally: Tally) -> Packed:
        """Compute a hospital's sums of one round.

        Parameters
        ----------
        query : str
            The query's digest; its decoded rows are kept until `forget`.
        snapshot : Snapshot
            The pinned rows; their groups are dealt to the workers in turn, or all go to one where
            the method needs them together.
        tally : Tally
            What to compute.

        Returns
        -------
        sequence of PackedArray
            As `tally.specs` declares them.

        Raises
        ------
        WardnetError
            `VAULT_DAMAGED`; `INTERNAL` when a worker failed, which is then replaced, or when the
            query was forgotten meanwhile.
        """
        known = self._queries.setdefault(query, _Query())
        shares = known.deal(snapshot, 1 if tally.whole else len(self._workers))
        tasks = [Task(query, share, tally, alone=len(shares) == 1) for share in shares]
        replies = await asyncio.gather(
            *(
                worker.run(partial(worker.part, task, known.ended))
                for worker, task in zip(self._workers, tasks, strict=False)
            )
        )
        match replies:
            case [tuple() as packed]:
                return packed
            case _:
                parts = [reply for reply in replies if isinstance(reply, Mapping)]
                return await asyncio.to_thread(_sums, tally, parts)

    def forget(self, query: str) -> None:
        """Drop the decoded rows of a query, and what is still computed for it."""
        known = self._queries.pop(query, None)
        if known is not None:
            known.ended.set()
        for worker in self._workers:
            worker.stop(None if known is None else known.ended)
            worker.run(partial(worker.forget, query)).add_done_callback(_ignore)


class _Worker:
    """Own one process and the one thread that speaks with it; replace the process when it died."""

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="worker")
        self._process: WorkerProcess | None = None
        self._stopping = Lock()
        self._until: Event | None = None

    def run(self, function: Callable[[], T]) -> asyncio.Future[T]:
        """Run one of the next three methods in this worker's thread."""
        return asyncio.get_running_loop().run_in_executor(self._thread, function)

    def warm(self) -> WorkerProcess:
        """Return the process, started and warm."""
        if self._process is not None and not self._process.alive:
            self._process.close()
            self._process = None
        if self._process is None:
            self._process = WorkerProcess(self._memory)
            self._process.wait_until_warm()
        return self._process

    def part(self, task: Task, ended: Event) -> Part | Packed:
        """Compute in the process what is asked, unless its query has ended."""
        process = self.warm()
        with self._stopping:
            if ended.is_set():
                raise incident(error=_ENDED)
            self._until = ended
        try:
            return process.part(task)
        finally:
            with self._stopping:
                self._until = None

    def stop(self, ended: Event | None) -> None:
        """End the process if it computes for a query that has ended: other queries wait."""
        with self._stopping:
            if self._until is not None and self._until is ended and self._process is not None:
                self._process.kill()

    def forget(self, query: str) -> None:
        """Drop a query's rows in the process, if there is one."""
        if self._process is not None and self._process.alive:
            self._process.forget(query)

    def close(self) -> None:
        """End the process; a request under way fails."""
        if self._process is not None:
            self._process.close()
        self._thread.shutdown(cancel_futures=True)


def _sums(tally: Tally, parts: Iterable[Part]) -> Packed:
    """Return the sums of several workers' parts, or of none's."""
    every = [widen(part) for part in parts]
    return pack(tally.sums(tally.merge(every or [tally.part(())])))


def _ignore(done: asyncio.Future[None]) -> None:
    """Take note of a failure: a worker that died has dropped everything already."""
    if not done.cancelled():
        done.exception()
