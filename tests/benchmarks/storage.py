"""What encryption costs: the vault's segments against the same columns in plain Parquet."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.figures import REPEATS, Figure, once
from wardnet.question.dictionary import Column, ColumnType, Dictionary
from wardnet_node.vault import segments
from wardnet_node.vault.disk import sync
from wardnet_node.vault.load import SEGMENT_ROWS
from wardnet_node.vault.scan import BATCH_ROWS, scan
from wardnet_node.vault.snapshot import GROUP_ROWS, PATIENT, SegmentRef

ROWS: Final = 5_000_000
QUICK_ROWS: Final = 200_000
TURNS: Final = 5
"""A scan takes a tenth of a second, so it is taken this much more often."""

SCANNED: Final = ("age", "day_1", "signal_1")

_WHOLE: Final = {"age": 100, **{f"lab_{number}": 30_000 for number in range(1, 6)}}
_CELLS: Final = {
    **_WHOLE,
    **{f"code_{number}": 12 for number in range(1, 6)},
    **{f"day_{number}": 1 << 15 for number in range(1, 4)},
}
_SIGNALS: Final = tuple(f"signal_{number}" for number in range(1, 6))

DICTIONARY: Final = Dictionary(
    name="benchmark",
    version=1,
    patient="record",
    columns=(
        Column(name="record", type=ColumnType.IDENTIFIER),
        *(
            Column(name=name, type=ColumnType.INTEGER, minimum="0", maximum=str(cells - 1))
            for name, cells in _CELLS.items()
        ),
        *(
            Column(name=name, type=ColumnType.REAL, minimum="-1000", maximum="1000")
            for name in _SIGNALS
        ),
    ),
)

Columns = dict[str, NDArray[Any]]


def measure(folder: Path, *, quick: bool) -> Iterator[Figure]:
    """Measure writing, scanning three columns, and the memory of a scan of all twenty."""
    rows, repeats = (QUICK_ROWS, 1) if quick else (ROWS, REPEATS)
    parts = [
        _columns(start, rows=min(SEGMENT_ROWS, rows - start))
        for start in range(0, rows, SEGMENT_ROWS)
    ]
    plain = [folder / f"{number}.parquet" for number in range(len(parts))]
    refs: list[SegmentRef] = []

    def write_plain() -> None:
        for part, path in zip(parts, plain, strict=True):
            _write_plain(part, path)

    def write_encrypted() -> None:
        for ref in refs:
            ref.path.unlink()
        refs[:] = [_write_encrypted(part, folder) for part in parts]

    how = f"{rows:,} x {len(parts[0])}, the same columns, encodings and row groups"
    ratio, seconds = _compared(write_encrypted, write_plain, repeats=repeats)
    yield Figure("encrypted write", ratio, "x", 1.25, f"{how}, synced, SHA-256; {seconds}")
    ratio, seconds = _compared(
        lambda: _consume(scan(refs, SCANNED, dictionary=DICTIONARY, with_patient=False)),
        lambda: _consume(_scan_plain(plain)),
        repeats=repeats * TURNS,
    )
    yield Figure("encrypted scan of 3 columns", ratio, "x", 1.25, f"{how}; {seconds}")
    yield Figure(
        "memory of a scan",
        _memory(refs),
        "MB",
        600,
        f"peak of a process that scans all columns of {rows:,} rows, interpreter included",
    )


def _compared(
    ours: Callable[[], object], theirs: Callable[[], object], *, repeats: int
) -> tuple[float, str]:
    """Take turns, so that both meet the same disk."""
    ours()
    theirs()
    times = [(once(ours), once(theirs)) for _ in range(repeats)]
    mine, other = median(time for time, _ in times), median(time for _, time in times)
    return mine / other, f"{mine:.2f} s against {other:.2f} s"


def _columns(seed: int, *, rows: int) -> Columns:
    """Return made-up columns, 5 % missing."""
    random = np.random.default_rng(seed)
    columns: Columns = {}
    for name, cells in _CELLS.items():
        kind = np.min_scalar_type(-cells)
        codes = random.binomial(cells - 1, 0.4, rows).astype(kind)
        codes[random.random(rows) < 0.05] = -1
        columns[name] = codes
    for name in _SIGNALS:
        columns[name] = random.normal(0, 100, rows).round(2)
        columns[name][random.random(rows) < 0.05] = np.nan
    columns[PATIENT] = np.arange(seed, seed + rows, dtype=np.uint32)
    return columns


def _write_encrypted(part: Columns, folder: Path) -> SegmentRef:
    written = segments.write(part, folder, place="network|node|benchmark", schema="1")
    path = segments.path_of(folder, written.id)
    return SegmentRef(path, written.key, written.aad.encode(), written.rows)


def _write_plain(part: Columns, path: Path) -> None:
    table = pa.table({name: pa.array(values) for name, values in part.items()})
    pq.write_table(
        table,
        path,
        row_group_size=GROUP_ROWS,
        **segments.encodings(table),
    )
    sync(path)


def _scan_plain(paths: list[Path]) -> Iterator[Columns]:
    for path in paths:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(BATCH_ROWS, columns=list(SCANNED)):
                yield {name: batch.column(name).to_numpy() for name in SCANNED}


def _consume(batches: Iterator[object]) -> None:
    for _ in batches:
        pass


_CHILD: Final = """
import ast, re, sys
from pathlib import Path
from benchmarks.storage import DICTIONARY, _CELLS, _SIGNALS, _consume
from wardnet_node.vault.scan import scan
from wardnet_node.vault.snapshot import SegmentRef
refs = [SegmentRef(Path(path), *rest) for path, *rest in ast.literal_eval(sys.stdin.read())]
_consume(scan(refs, [*_CELLS, *_SIGNALS], dictionary=DICTIONARY, with_patient=True))
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""


def _memory(refs: list[SegmentRef]) -> float:
    """Return the peak memory of a scan in a process of its own, in MB (Linux)."""
    done = subprocess.run(
        [sys.executable, "-c", _CHILD],
        input=repr([(str(ref.path), ref.key, ref.aad, ref.rows) for ref in refs]),
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout) / 1024
