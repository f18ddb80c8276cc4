"""A summary of ten million rows at four hospitals, against pandas on the pooled rows."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from benchmarks.figures import REPEATS, Figure, seconds
from support.network import Network
from wardnet.client import connect

HOSPITALS: Final = ("a", "b", "c", "d")
ROWS: Final = 2_500_000
QUICK_ROWS: Final = 100_000
SAMPLE: Final = 20_000
"""Rows that the dictionary is drafted from; the lowest and highest values are among the first."""

ON_GRID: Final = {
    "age": (18, 95, 0),
    "systolic": (60, 240, 0),
    "rate": (30, 200, 0),
    "mass_index": (10, 60, 1),
    "glucose": (2, 40, 1),
    "temperature": (34, 42, 1),
}
"""Lowest, highest, decimals of each column."""

OFF_GRID: Final = tuple(f"signal_{number}" for number in range(1, 7))


def measure(folder: Path, *, quick: bool) -> Iterator[Figure]:
    """Measure on-grid and off-grid columns, six each, by sex."""
    rows, repeats = (QUICK_ROWS, 1) if quick else (ROWS, REPEATS)
    yield _figure(folder / "on", "on-grid", tuple(ON_GRID), target=1.0, rows=rows, repeats=repeats)
    yield _figure(folder / "off", "off-grid", OFF_GRID, target=1.5, rows=rows, repeats=repeats)


def _figure(
    folder: Path, kind: str, columns: tuple[str, ...], *, target: float, rows: int, repeats: int
) -> Figure:
    folder.mkdir()
    tables = {hospital: folder / f"{hospital}.csv" for hospital in HOSPITALS}
    pooled = folder / "pooled.parquet"
    with pyarrow.parquet.ParquetWriter(pooled, _rows(0, rows=0, columns=columns).schema) as writer:
        for seed, path in enumerate(tables.values()):
            part = _rows(seed, rows=rows, columns=columns)
            writer.write_table(part)
            pyarrow.csv.write_csv(part, path)
    sample = folder / "sample.csv"
    pyarrow.csv.write_csv(_rows(0, rows=rows, columns=columns).slice(0, SAMPLE), sample)

    def pandas_alone() -> object:
        frame = pd.read_parquet(pooled, columns=["sex", *columns])
        return frame.groupby("sex", observed=True)[list(columns)].agg(
            ["mean", "var", "skew", "kurt"]
        )

    alone = seconds(pandas_alone, repeats=repeats)
    with Network(folder) as network:
        network.start(tables, dataset="rows", table=sample, patient=None)
        ada = network.enrol_researcher("ada")
        network.agree(ada, "rows")
        with connect(ada.home, passphrase_file=ada.passphrase_file) as net:
            elapsed = seconds(lambda: net.summary("rows", list(columns), by="sex"), repeats=repeats)
        network.stop()
    for path in tables.values():
        path.unlink()
    return Figure(
        f"summary of 6 {kind} columns by sex",
        elapsed / alone,
        "x",
        target,
        f"{elapsed:.2f} s at 4 x {rows:,} rows, encrypted and signed, against {alone:.2f} s of "
        "pandas read_parquet + groupby.agg(mean, var, skew, kurt) on the pooled rows",
    )


def _rows(seed: int, *, rows: int, columns: tuple[str, ...]) -> pa.Table:
    """Return made-up rows; the first two hold the lowest and the highest value of each column."""
    random = np.random.default_rng(seed)
    sex = pa.DictionaryArray.from_arrays(
        pa.array(random.integers(0, 2, rows, dtype=np.int8)), pa.array(["f", "m"])
    )
    made = {"sex": sex}
    for name in columns:
        if name in ON_GRID:
            low, high, decimals = ON_GRID[name]
            values = random.uniform(low, high, rows).round(decimals)
        else:
            low, high = -8, 8
            values = random.normal(0, 1, rows).clip(low, high)
        values[:2] = [low, high][: len(values[:2])]
        whole = name in ON_GRID and ON_GRID[name][2] == 0
        made[name] = pa.array(values.astype(np.int64) if whole else values)
    return pa.table(made)
