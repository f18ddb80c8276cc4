"""How soon the stewards' page shows what a steward opens."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from benchmarks.figures import REPEATS, Figure, seconds
from support.auditors import sign_in
from support.desk import DeskHome, fill_log
from support.pki import TestNetwork

ENTRIES: Final = 10_000
PAGES: Final = (
    "/",
    "/studies",
    "/agreements",
    "/datasets",
    "/health",
    "/auditors",
    "/auditors/new",
    "/keys",
)
SEARCHES: Final = (
    "/log",
    "/log?type=query_answer",
    "/log?subject=r7",
    "/log?dataset=oncology",
    "/log?since=2020-01-01",
    "/log?type=started",
    "/log?outcome=released&method=count",
)
READ: Final = (
    *SEARCHES,
    "/log/1",
    "/log/500",
    "/reports",
    "/reports/studies",
    "/reports/refusals",
    "/reports/budget",
    "/reports/readers",
    "/reports/anomalies",
)
"""What an auditor opens too; each is logged before it is shown."""


def measure(folder: Path, *, quick: bool) -> Iterator[Figure]:
    """Measure the slowest page of a hospital with a long access log."""
    home = DeskHome(TestNetwork(), folder)
    entries = ENTRIES // 10 if quick else ENTRIES
    fill_log(home, entries)
    study, dataset = home.study.digest, home.study.data.dataset
    pages = (
        *PAGES,
        *READ,
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
    yield _slowest("desk page", took, entries=entries)
    with home.browsing() as browser:
        sign_in(home, browser)
        took = {
            page: seconds(
                lambda page=page: browser.open(page),  # type: ignore[misc]
                repeats=1 if quick else REPEATS,
            )
            for page in READ
        }
    yield _slowest("auditor's page", took, entries=entries)


def _slowest(name: str, took: Mapping[str, float], *, entries: int) -> Figure:
    slowest = max(took, key=lambda page: took[page])
    return Figure(
        name,
        1000 * took[slowest],
        "ms",
        100.0,
        f"the slowest of {len(took)} ({slowest[:24]}), by TLS, with {entries} log entries",
    )
