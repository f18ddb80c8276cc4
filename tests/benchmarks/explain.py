"""How soon twenty hospitals say what they would do with a question."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.figures import REPEATS, Figure, seconds
from support.network import Network
from support.tables import DATASET, write
from wardnet.client import connect
from wardnet.client.queries.ask import Ask

HOSPITALS: Final = tuple(f"hospital-{number:02}" for number in range(1, 21))
FEW: Final = HOSPITALS[:4]
ROWS: Final = 100


def measure(folder: Path, *, quick: bool) -> Iterator[Figure]:
    """Measure `--explain` over hospitals that are processes, each with its signed agreement."""
    hospitals = FEW if quick else HOSPITALS
    tables, pooled, _ = write(folder, hospitals, rows=ROWS)
    with Network(folder) as network:
        network.start(tables, dataset=DATASET, table=pooled, patient="record")
        ada = network.enrol_researcher("ada")
        network.agree(ada, DATASET)
        with connect(ada.home, passphrase_file=ada.passphrase_file) as net:
            ask = Ask("count", DATASET, {})
            explained = seconds(lambda: net.explain(ask), repeats=1 if quick else REPEATS)
        network.stop()
    yield Figure(
        "explain",
        explained,
        "s",
        1.0,
        f"what each of {len(hospitals)} hospitals would do, signed, checked and logged by each",
    )
