"""What a round of learning costs: a short step of many hospitals' rows, and a long update."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np
import pandas as pd

from benchmarks.figures import REPEATS, Figure, seconds
from benchmarks.rounds import between_releases
from support.network import Network
from wardnet import simulate
from wardnet.client import connect
from wardnet.client.queries.ask import Ask
from wardnet.client.remote import RemoteNetwork

DATASET: Final = "stays"
HOSPITALS: Final = ("a", "b", "c", "d")
ROWS: Final = 10_000
FEATURES: Final = tuple(f"x{number}" for number in range(30))

_STEP: Final = {"estimator": "SGDClassifier", "steps": 1, "batch_size": ROWS}
_LONG: Final = {
    "estimator": "MLPClassifier",
    "hidden_layer_sizes": [1000, 970],
    "steps": 1,
    "batch_size": 32,
}
"""31 000 + 970 970 + 971 weights."""

LONG_ROWS: Final = 200
LONG_ROUNDS: Final = 30


def measure(folder: Path, *, quick: bool) -> Iterator[Figure]:
    """Measure four hospitals as processes, with mutual TLS and durable logs."""
    for name in ("short", "long"):
        (folder / name).mkdir()
    yield _short(folder / "short", rounds=10 if quick else 50, repeats=1 if quick else REPEATS)
    yield from _long(folder / "long", rounds=8 if quick else LONG_ROUNDS)


def _short(folder: Path, *, rounds: int, repeats: int) -> Figure:
    """Measure a logistic step a round on 30 columns."""
    with Network(folder) as network:
        tables, net = _start(network, folder, rows=ROWS)
        with net:
            for _ in range(repeats):
                net.ask(_ask(_STEP, rounds=rounds))
        between = median(between_releases(network))
        network.stop()
    alone = simulate({"a": pd.read_csv(tables["a"])}, dataset=DATASET)
    few, many = (
        seconds(lambda r=r: alone.ask(_ask(_STEP, rounds=r)), repeats=repeats)  # type: ignore[misc]
        for r in (1, 1 + rounds)
    )
    local = 1000 * (many - few) / rounds
    return Figure(
        "logistic step beyond local compute",
        between - local,
        "ms",
        15.0,
        f"{len(HOSPITALS)} x {ROWS:,} x {len(FEATURES)}: median {between:.1f} ms between two "
        f"releases of one hospital, by its access log, - {local:.1f} ms of a round on its rows in "
        "memory",
    )


def _long(folder: Path, *, rounds: int) -> Iterator[Figure]:
    """Measure an update of a million numbers: time, and the memory of the daemons."""
    with Network(folder) as network:
        _, net = _start(network, folder, rows=LONG_ROWS)
        daemons = {"coordinator": network.coordinator, "node": network.nodes[HOSPITALS[0]]}
        pids = {name: each.daemon.pid for name, each in daemons.items() if each.daemon}
        peaks: list[dict[str, float]] = []
        with net:
            began = time.perf_counter()
            for share in (rounds, 2 * rounds):  # in the first, buffers grow to what they need
                net.ask(_ask(_LONG, rounds=share))
                peaks.append({name: _peak(pid) for name, pid in pids.items()})
            took = time.perf_counter() - began
        between = median(between_releases(network)) / 1000
        network.stop()
    how = f"{len(HOSPITALS)} hospitals, MLP of 1,002,941 weights, one batch a round"
    yield Figure(
        "round of a million numbers",
        between,
        "s",
        1.0,
        f"{how}: median between two releases of one hospital, by its access log; "
        f"{took:.0f} s for both models of {rounds} and {2 * rounds} rounds with their answers",
    )
    for name, peak in peaks[1].items():
        yield Figure(
            f"memory of the {name} over rounds of a million numbers",
            peak / peaks[0][name],
            "x",
            1.2,
            f"peak of {peak:.0f} MB after {2 * rounds} rounds more, against "
            f"{peaks[0][name]:.0f} MB after {rounds}",
        )


def _start(network: Network, folder: Path, *, rows: int) -> tuple[dict[str, Path], RemoteNetwork]:
    """Start four hospitals with made-up rows; return their tables and a researcher's network."""
    frames = {name: _made_up(seed, rows=rows) for seed, name in enumerate(HOSPITALS)}
    tables = {name: folder / f"{name}.csv" for name in HOSPITALS}
    for name, frame in frames.items():
        frame.to_csv(tables[name], index=False)
    pooled = folder / "pooled.csv"
    pd.concat(frames.values(), ignore_index=True).to_csv(pooled, index=False)
    network.start(tables, dataset=DATASET, table=pooled, patient=None)
    ada = network.enrol_researcher("ada")
    network.agree(ada, DATASET)
    return tables, connect(ada.home, passphrase_file=ada.passphrase_file)


def _made_up(seed: int, *, rows: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, len(FEATURES))).round(3)
    sick = random.random(rows) < 1 / (1 + np.exp(-x[:, 0] - x[:, 1]))
    columns = {name: x[:, at] for at, name in enumerate(FEATURES)}
    return pd.DataFrame({"sick": np.where(sick, "yes", "no"), **columns})


def _ask(estimator: dict[str, object], *, rounds: int) -> Ask:
    parameters = {"outcome": "sick", "features": list(FEATURES), "rounds": rounds, **estimator}
    return Ask("fedavg", DATASET, parameters)  # type: ignore[arg-type]


def _peak(pid: int) -> float:
    """Return the peak memory of a process so far, in MB (Linux)."""
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0
