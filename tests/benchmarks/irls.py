"""One step of logistic regression from encrypted storage, against a plain one in memory."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.figures import REPEATS, Figure, once
from wardnet.agreement.purpose import VOCABULARY
from wardnet.question.answer import Participant
from wardnet.question.cohort import EVERYONE
from wardnet.question.dictionary import Column, ColumnType, Dictionary
from wardnet.question.query import Query
from wardnet.statistics.session import Session
from wardnet.sums import arrays
from wardnet_node.compute.pool import WorkerPool
from wardnet_node.vault import segments
from wardnet_node.vault.load import SEGMENT_ROWS
from wardnet_node.vault.snapshot import SegmentRef, Snapshot

ROWS: Final = 5_000_000
QUICK_ROWS: Final = 400_000
NAMES: Final = tuple(f"x{number}" for number in range(10))
WARM: Final = 3
"""Rounds before the one that is timed: guards, no effect, intercept only."""

KEPT: Final = 512 << 20
"""Bytes of decoded rows that a worker keeps unless a hospital says otherwise."""

WORKERS: Final = (4, 2, 1)


def measure(folder: Path, *, quick: bool) -> Iterator[Figure]:
    """Measure columns on the grid of hundredths, and columns without a grid."""
    rows, repeats = (QUICK_ROWS, 1) if quick else (ROWS, REPEATS)
    for kind, resolution in (("on-grid", "0.01"), ("off-grid", "")):
        (folder / kind).mkdir()
        yield _compared(folder / kind, kind, resolution, rows=rows, repeats=repeats)


def _compared(folder: Path, kind: str, resolution: str, *, rows: int, repeats: int) -> Figure:
    dictionary = _dictionary(resolution)
    x, y = _made_up(rows)
    snapshot = _stored(folder, dictionary, x, y)
    design = np.column_stack([np.ones(rows), x.T])
    start = np.zeros(design.shape[1])
    times, plain = asyncio.run(
        _in_turns(dictionary, snapshot, lambda: _plain(design, y, start), repeats=repeats)
    )
    ratio = median(mine / theirs for mine, theirs in zip(times[4, 0], plain, strict=True))
    ours, kept, alone = (median(times[key]) for key in ((4, 0), (4, KEPT), (1, 0)))
    return Figure(
        f"step of logistic regression, {kind}",
        ratio,
        "x",
        1.5,
        f"{rows:,} x {len(NAMES)}, decoded anew, 4 workers on {os.cpu_count()} cores: {ours:.2f} s "
        f"({kept:.2f} s where the rows of the round before are kept; one worker {alone:.2f} s) "
        f"against {median(plain):.2f} s in one block of doubles in memory, in turns; the same bits "
        "each time",
    )


def _dictionary(resolution: str) -> Dictionary:
    columns = (
        Column(name=name, type=ColumnType.REAL, minimum="-8", maximum="8", resolution=resolution)
        for name in NAMES
    )
    outcome = Column(name="sick", type=ColumnType.BOOLEAN)
    return Dictionary(name="benchmark", version=1, columns=(*columns, outcome))


def _made_up(rows: int) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    random = np.random.default_rng(3)
    x = random.normal(size=(len(NAMES), rows)).clip(-7.9, 7.9).round(2)
    return x, (random.random(rows) < 1 / (1 + np.exp(-x[0]))).astype(np.int8)


def _stored(
    folder: Path, dictionary: Dictionary, x: NDArray[np.float64], y: NDArray[np.int8]
) -> Snapshot:
    """Write the rows as a vault does."""
    refs = []
    grid = dictionary.columns[0].cells is not None
    table: dict[str, NDArray[Any]] = {
        name: np.rint((column + 8) * 100).astype(np.int16) if grid else column
        for name, column in zip(NAMES, x, strict=True)
    }
    table["sick"] = y
    for start in range(0, y.size, SEGMENT_ROWS):
        part = {name: column[start : start + SEGMENT_ROWS] for name, column in table.items()}
        written = segments.write(part, folder, place="network|node|benchmark", schema="1")
        path = segments.path_of(folder, written.id)
        refs.append(SegmentRef(path, written.key, written.aad.encode(), written.rows))
    return Snapshot("benchmark", 1, "1:b", dictionary, tuple(refs), rows=y.size, patients=y.size)


async def _in_turns(
    dictionary: Dictionary, snapshot: Snapshot, plain: Callable[[], object], *, repeats: int
) -> tuple[dict[tuple[int, int], list[float]], list[float]]:
    """Return the seconds of steps by workers and memory, and of as many plain ones.

    They take turns, so that all meet the same machine.
    """
    session = Session(_query(dictionary), digest="0" * 64, dictionary=dictionary)
    async with AsyncExitStack() as stack:
        pools = {
            (workers, memory): await stack.enter_async_context(
                WorkerPool(workers=workers, memory=memory)
            )
            for workers in WORKERS
            for memory in (0, KEPT)
        }
        for _ in range(WARM):
            sums = [
                await pool.tally("q", snapshot=snapshot, tally=session.tally)
                for pool in pools.values()
            ]
            if len({arrays.digest(each) for each in sums}) > 1:
                message = "the bits depend on the number of workers"
                raise AssertionError(message)
            session.advance(arrays.unpack(sums[0]), [Participant("a", "1")])
        times: dict[tuple[int, int], list[float]] = {key: [] for key in pools}
        theirs = []
        for _ in range(repeats):
            plain()  # the first after a while waits for memory, three times as long
            theirs.append(once(plain))
            for key, pool in pools.items():
                began = perf_counter()
                await pool.tally("q", snapshot=snapshot, tally=session.tally)
                times[key].append(perf_counter() - began)
    return times, theirs


def _plain(
    design: NDArray[np.float64], y: NDArray[np.int8], estimates: NDArray[np.float64]
) -> tuple[NDArray[np.float64], float]:
    """Return the next estimates, and the likelihood of the present ones."""
    predictor = design @ estimates
    mean = 1 / (1 + np.exp(-predictor))
    weight = mean * (1 - mean)
    information = (design * weight[:, np.newaxis]).T @ design
    score = design.T @ (y - mean)
    likelihood = float((y * predictor - np.logaddexp(0, predictor)).sum())
    return estimates + np.linalg.solve(information, score), likelihood


def _query(dictionary: Dictionary) -> Query:
    return Query(
        version=1,
        network="benchmark",
        researcher="ada",
        dataset=dictionary.name,
        dictionary=dictionary.digest,
        method="glm",
        method_version=1,
        parameters={"outcome": "sick", "terms": [[name] for name in NAMES]},
        cohort=EVERYONE,
        hospitals=("a",),
        minimum_hospitals=1,
        mode="clear",
        study="0" * 64,
        agreements={"a": "0" * 64},
        purpose={"vocabulary": VOCABULARY},
        minimum_patients=10,
        recipient="0" * 64,
        nonce="0" * 32,
        not_before="2026-01-01T00:00:00.000Z",
        not_after="2026-01-02T00:00:00.000Z",
    )
