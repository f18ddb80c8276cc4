"""Boosting over four hospitals, against scikit-learn's on the pooled rows: time and ranking."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from benchmarks.figures import Figure, once
from support.network import Network
from wardnet.client import connect

HOSPITALS: Final = ("a", "b", "c", "d")
ROWS: Final = 250_000
TREES: Final = 100
QUICK_ROWS: Final = 25_000
QUICK_TREES: Final = 20
FEATURES: Final = tuple(f"x{number}" for number in range(30))
DEPTH: Final = 6
BOUND: Final = 8
DATASET: Final = "rows"


def measure(folder: Path, *, quick: bool) -> Iterator[Figure]:
    """Measure one training each, after a small one to warm up, and both models on fresh rows."""
    rows, trees = (QUICK_ROWS, QUICK_TREES) if quick else (ROWS, TREES)
    tables = {hospital: folder / f"{hospital}.csv" for hospital in HOSPITALS}
    parts = [made_up(seed, rows=rows) for seed, _ in enumerate(HOSPITALS)]
    for part, path in zip(parts, tables.values(), strict=True):
        pyarrow.csv.write_csv(part, path)
    theirs = HistGradientBoostingClassifier(
        max_iter=trees, max_depth=DEPTH, max_leaf_nodes=None, early_stopping=False
    )
    x, y = np.concatenate([matrix(part) for part in parts]), pooled(parts)
    tried = {each: _fitted(theirs, x[::10], y[::10], threads=each) for each in (1, os.cpu_count())}
    threads = min(tried, key=lambda each: tried[each])
    alone = _fitted(theirs, x, y, threads=threads)
    formula = "sick ~ " + " + ".join(FEATURES)
    with Network(folder) as network:
        network.start(tables, dataset=DATASET, table=tables["a"], patient=None)
        ada = network.enrol_researcher("ada")
        network.agree(ada, DATASET)
        with connect(ada.home, passphrase_file=ada.passphrase_file) as net:
            net.learn.boosting(formula, DATASET, trees=1, depth=DEPTH)
            results = []
            elapsed = once(
                lambda: results.append(
                    net.learn.boosting(formula, DATASET, trees=trees, depth=DEPTH)
                )
            )
            fresh = made_up(len(HOSPITALS), rows=rows)
            ours = results[0].model.predict_proba(fresh.to_pandas())[:, 1]
        network.stop()
    truth = pooled([fresh])
    ranked = roc_auc_score(truth, theirs.predict_proba(matrix(fresh))[:, 1])
    yield Figure(
        f"boosting of {trees} trees of depth {DEPTH}",
        elapsed / alone,
        "x",
        3.0,
        f"{elapsed:.1f} s at 4 x {rows:,} rows of {len(FEATURES)} columns in "
        f"{results[0].answer.rounds} rounds, against {alone:.1f} s of scikit-learn's "
        f"HistGradientBoosting on the pooled rows in memory (threads: {threads}, the faster of one "
        "and all)",
    )
    yield Figure(
        "area under the curve lost",
        ranked - roc_auc_score(truth, ours),
        "AUC",
        0.005,
        f"{roc_auc_score(truth, ours):.4f} on {rows:,} fresh rows, against {ranked:.4f}",
    )


def _fitted(
    model: HistGradientBoostingClassifier,
    x: NDArray[np.float64],
    y: NDArray[np.bool_],
    *,
    threads: int | None,
) -> float:
    """Return the seconds of a fit; where others are at work, many threads wait for each other."""
    with threadpool_limits(threads):
        return once(lambda: model.fit(x, y))


def matrix(rows: pa.Table) -> NDArray[np.float64]:
    """Return the features, shape (rows, features)."""
    return np.stack([rows[name].to_numpy() for name in FEATURES], axis=1)


def pooled(parts: list[pa.Table]) -> NDArray[np.bool_]:
    """Return who is sick, part after part."""
    return np.concatenate([part["sick"].to_numpy() for part in parts])


def made_up(seed: int, *, rows: int) -> pa.Table:
    """Return made-up rows; the first two hold the lowest and the highest value of each column."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(len(FEATURES), rows)).clip(-BOUND, BOUND).round(4)
    x[:, 0], x[:, 1] = -BOUND, BOUND
    score = x[0] + x[1] * (x[2] > 0) + np.sin(2 * x[3]) + x[4] * x[5] / 2 + x[6:].sum(axis=0) / 9
    sick = random.random(rows) < 1 / (1 + np.exp(-score))
    return pa.table({**dict(zip(FEATURES, x, strict=True)), "sick": sick})
