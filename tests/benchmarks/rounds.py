"""What a round costs beyond the computation, and how soon the first answer comes."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Final

import pandas as pd

from benchmarks.figures import REPEATS, Figure, once, seconds
from support.network import Network
from support.tables import DATASET, write
from wardnet import clock, simulate
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
            rounds = [net.quantiles(DATASET, "level").answer.rounds for _ in range(repeats)]
            alone = simulate({"a": pd.read_csv(tables["a"])}, dataset=DATASET)
            query = seconds(lambda: alone.quantiles(DATASET, "level"), repeats=repeats)
        between, local = median(between_releases(network)), 1000 * query / rounds[0]
        network.stop()
    yield Figure(
        "round beyond local compute",
        between - local,
        "ms",
        10.0,
        f"median {between:.1f} ms between two releases of one hospital in quantile queries, by its "
        f"access log, - {local:.1f} ms of a round on its rows in memory",
    )


def between_releases(network: Network) -> list[float]:
    """Return the milliseconds between each round's release at a hospital and the next one's."""
    released = defaultdict[str, list[datetime]](list)
    for entry in network.nodes[HOSPITALS[0]].json("log", "show"):
        if entry["type"] == "query_part":
            attempt = entry["request_id"].rpartition("/")[0]
            released[attempt].append(clock.from_moment(entry["time"]))
    return [
        1000 * (after - before).total_seconds()
        for moments in released.values()
        for before, after in pairwise(moments)
    ]


def _first(network: Network, ask: object) -> float:
    """Start all daemons anew and time the first question."""
    for hospital, node in network.nodes.items():
        node.stop()
        network.serve_node(hospital)
    return once(ask)  # type: ignore[arg-type]
