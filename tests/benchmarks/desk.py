"""How soon the stewards' page shows what a steward opens."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.figures import REPEATS, Figure, seconds
from support.desk import DeskHome, fill_log
from support.pki import TestNetwork

ENTRIES: Final = 10_000
PAGES: Final = ("/", "/studies", "/agreements", "/datasets", "/health")
SEARCHES: Final = (
    "/log",
    "/log?type=query_answer",
    "/log?subject=r7",
    "/log?dataset=oncology",
    "/log?since=2020-01-01",
    "/log?type=started",
)


def measure(folder: Path, *, quick: bool) -> Iterator[Figure]:
    """Measure the slowest page of a hospital with a long access log."""
    home = DeskHome(TestNetwork(), folder)
    entries = ENTRIES // 10 if quick else ENTRIES
    fill_log(home, entries)
    study, dataset = home.study.digest, home.study.data.dataset
    pages = (
        *PAGES,
        *SEARCHES,
        f"/studies/{study}",
        f"/studies/{study}/narrow",
        f"/datasets/{dataset}",
    )
    with home.browsing() as browser:
        browser.follow(browser.sign_in())
        took = {
            page: seconds(
                lambda page=page: browser.open(page),  # type: ignore[misc]
                repeats=1 if quick else REPEATS,
            )
            for page in pages
        }
    slowest = max(took, key=lambda page: took[page])
    yield Figure(
        "desk page",
        1000 * took[slowest],
        "ms",
        100.0,
        f"the slowest of {len(pages)} ({slowest[:24]}), by TLS, with {entries} log entries",
    )
