"""What a round costs beyond the computation, and how soon the first answer comes."""

from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Final

import pandas as pd

from benchmarks.figures import REPEATS, Figure, once, seconds
from support.network import Network
from support.tables import DATASET, write
from wardnet import simulate
from wardnet.client import connect

HOSPITALS: Final = ("a", "b", "c", "d")
ROWS: Final = 10_000


def measure(folder: Path, *, quick: bool) -> Iterator[Figure]:
    """Measure four hospitals of 10 000 rows each, as processes with mutual TLS and durable logs."""
    tables, pooled, _ = write(folder, HOSPITALS, rows=ROWS)
    repeats = 1 if quick else REPEATS
    with Network(folder) as network:
        network.start(tables, dataset=DATASET, table=pooled, patient="record")
        ada = network.enrol_researcher("ada")
        network.agree(ada, DATASET)
        with connect(ada.home, passphrase_file=ada.passphrase_file) as net:
            yield Figure(
                "first answer after submit",
                median(_first(network, lambda: net.count(DATASET)) for _ in range(repeats)),
                "s",
                2.0,
                "count at four daemons that were just started, signed, logged, verified",
            )
            answer = net.quantiles(DATASET, "level").answer
            elapsed = seconds(lambda: net.quantiles(DATASET, "level"), repeats=repeats)
            alone = simulate({"a": pd.read_csv(tables["a"])}, dataset=DATASET)
            local = seconds(lambda: alone.quantiles(DATASET, "level"), repeats=repeats)
        network.stop()
    yield Figure(
        "round beyond local compute",
        1000 * (elapsed - local) / answer.rounds,
        "ms",
        10.0,
        f"({1000 * elapsed:.0f} ms of a quantile query - {1000 * local:.0f} ms of the same on one "
        f"hospital's rows in memory) / {answer.rounds} rounds; submit and signatures included",
    )


def _first(network: Network, ask: object) -> float:
    """Start all daemons anew and time the first question."""
    for hospital, node in network.nodes.items():
        node.stop()
        network.serve_node(hospital)
    return once(ask)  # type: ignore[arg-type]
