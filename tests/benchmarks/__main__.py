"""Run the benchmarks and print their figures beside the targets."""

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks import (
    boosting,
    desk,
    explain,
    irls,
    learning,
    log,
    parcels,
    permission,
    rounds,
    sharing,
    storage,
    summary,
)
from benchmarks.figures import REPEATS, Figure

LATEST: Final = Path(__file__).resolve().parents[2] / "benchmarks" / "latest.json"

SUITES: Final[Mapping[str, Callable[..., Iterator[Figure]]]] = {
    "rounds": rounds.measure,
    "summary": summary.measure,
    "boosting": boosting.measure,
    "storage": storage.measure,
    "permission": permission.measure,
    "explain": explain.measure,
    "desk": desk.measure,
    "log": log.measure,
    "sharing": sharing.measure,
    "parcels": parcels.measure,
    "learning": learning.measure,
    "irls": irls.measure,
}


def main() -> None:
    """Measure, print, and keep the figures of a full run."""
    parser = argparse.ArgumentParser(prog="scripts/benchmark", description=__doc__)
    parser.add_argument("suites", nargs="*", choices=[[], *SUITES], help="only these")
    parser.add_argument("--quick", action="store_true", help="small sizes, one run each; not kept")
    options = parser.parse_args()
    console, load = Console(), os.getloadavg()[0]
    figures: list[Figure] = []
    for name in options.suites or SUITES:
        with (
            console.status(f"measuring {name} ..."),
            tempfile.TemporaryDirectory(prefix="wardnet-benchmark-") as folder,
        ):
            figures += SUITES[name](Path(folder), quick=options.quick)
    console.print(_grid(figures, quick=options.quick, load=load))
    if not options.quick:
        _keep(figures, whole=not options.suites, load=load)


def _grid(figures: list[Figure], *, quick: bool, load: float) -> Table:
    repeats = "one run each, small sizes" if quick else f"median of {REPEATS} runs"
    busy = f"{os.cpu_count()} cores, {load:.1f} of them busy with other things before"
    grid = Table(title=f"{busy}; {repeats}", title_justify="left", box=None)
    grid.add_column("what")
    for heading in ("figure", "target"):
        grid.add_column(heading, justify="right", no_wrap=True)
    grid.add_column("how")
    for figure in figures:
        mark = "" if figure.met else " (missed)"
        target = f"{figure.target:g} {figure.unit}{mark}"
        grid.add_row(figure.name, f"{figure.value:.3g} {figure.unit}", target, figure.how)
    return grid


def _keep(figures: list[Figure], *, whole: bool, load: float) -> None:
    """Write the figures; a run of some suites replaces only its own."""
    kept = [] if whole or not LATEST.exists() else json.loads(LATEST.read_text())["figures"]
    made = [asdict(figure) | {"met": figure.met} for figure in figures]
    names = {figure.name for figure in figures}
    document = {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}",
        "load_before": round(load, 1),
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("grpcio", "numpy", "pandas", "pyarrow")},
        },
        "figures": [figure for figure in kept if figure["name"] not in names] + made,
    }
    LATEST.parent.mkdir(exist_ok=True)
    LATEST.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
