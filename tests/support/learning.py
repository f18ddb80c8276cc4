"""Made-up tables of simulated hospitals, and questions that models learn from."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import JsonValue

from wardnet import simulate
from wardnet.client.queries.ask import Ask
from wardnet.client.queries.result import Result
from wardnet.learning.plan import Plan, plan
from wardnet.question.dictionary import Column, ColumnType, Dictionary

NUMBERS = Dictionary(
    name="data",
    version=1,
    columns=(
        Column("x", ColumnType.REAL, minimum="-100", maximum="100"),
        Column("z", ColumnType.REAL, minimum="-100", maximum="100"),
        Column("y", ColumnType.REAL, minimum="-1000", maximum="1000"),
        Column("ill", ColumnType.BOOLEAN),
        Column("kind", ColumnType.CATEGORY, levels=("a", "b", "c")),
    ),
)
PLAIN: Mapping[str, Any] = {
    "alpha": 0,
    "standardise": False,
    "batch_size": 1 << 20,
    "clip": 10_000,
}


def asked(**parameters: JsonValue) -> Plan:
    """Return a checked question about `y` or `ill`."""
    return plan("fedavg", {"features": ["x", "z"], **parameters}, NUMBERS)


def table(rows: int, *, seed: int = 1, slope: float = 2.0, spread: float = 1.0) -> pd.DataFrame:
    """Make up a hospital's table."""
    random = np.random.default_rng(seed)
    x, z = random.normal(0, spread, rows), random.normal(0, 1, rows)
    y = slope * x - z + random.normal(0, 0.1, rows)
    kinds = np.array(["a", "b", "c"])[random.integers(0, 3, rows)]
    return pd.DataFrame({"x": x, "z": z, "y": y, "ill": y > 0, "kind": kinds}).round(9)


def learn(
    tables: Sequence[pd.DataFrame] | Mapping[str, pd.DataFrame],
    *,
    rules: bool = False,
    **parameters: JsonValue,
) -> Result:
    """Ask simulated hospitals."""
    network = simulate(tables, dictionary=NUMBERS, rules=rules)
    return network.ask(Ask("fedavg", "data", {"features": ["x", "z"], **parameters}))


def weights(result: Result) -> NDArray[np.float64]:
    """Return what a model predicts with."""
    (found,) = (each.array() for each in result.table.tensors if each.name == "weights")
    return np.asarray(found)


def why(result: Result) -> list[str]:
    """Return what an answer withholds, in words."""
    return [held.rule for held in result.table.withheld]
