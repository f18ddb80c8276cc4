"""Made-up tables for networks of processes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

DATASET = "stays"


def made_up(seed: int, *, rows: int) -> pd.DataFrame:
    """Return made-up rows; `level` has so fine a grid that its quantiles take many rounds."""
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "record": [f"{seed}-{number}" for number in range(rows)],
            "sex": random.choice(["f", "m"], rows),
            "age": random.integers(18, 96, rows),
            "level": random.uniform(0, 1000, rows).round(6),
        }
    )


def write(
    folder: Path, hospitals: Sequence[str], *, rows: int
) -> tuple[dict[str, Path], Path, pd.DataFrame]:
    """Write one CSV file per hospital and a pooled one; return their paths and the pooled rows."""
    frames = {hospital: made_up(seed, rows=rows) for seed, hospital in enumerate(hospitals)}
    tables = {hospital: folder / f"{hospital}.csv" for hospital in hospitals}
    for hospital, frame in frames.items():
        frame.to_csv(tables[hospital], index=False)
    pooled = pd.concat(frames.values(), ignore_index=True)
    pooled.to_csv(folder / "pooled.csv", index=False)
    return tables, folder / "pooled.csv", pooled
