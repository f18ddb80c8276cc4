"""What tests see and send at the stewards' page."""

import re
from datetime import timedelta
from html import unescape

import httpx

from support.desk import Browser, DeskHome
from wardnet import clock
from wardnet.errors import CATALOGUE, Reason
from wardnet_node.desk.study_state import State

REFUSED = CATALOGUE[Reason.LOGIN_REFUSED].sentence
PAGES = (
    "/",
    "/studies",
    "/agreements",
    "/datasets",
    "/datasets/cardiology",
    "/shares",
    "/log",
    "/log/1",
    "/reports",
    "/reports/studies",
    "/auditors",
    "/auditors/new",
    "/keys",
    "/health",
)
NUMBER = r'<td class="number"><a [^>]*>(\d+)</a></td>'
"""Where the log's page tells the number of an entry."""

DECISION: dict[str, object] = {
    "columns": ["age", "sex"],
    "cohort_columns": ["age"],
    "methods": ["count", "summary"],
    "minimum_patients": "25",
    "minimum_hospitals": "3",
    "quota": "12",
    "until": "2027-01-31",
    "cohort": "age >= 18",
    "conditions": "First condition.\r\n\r\nSecond condition.",
}
"""A decision that is stricter in everything than the study; its day must be set."""


def page_of(home: DeskHome) -> str:
    """Return where the study's page is."""
    return f"/studies/{home.study.digest}"


def state(home: DeskHome) -> State:
    """Return where the study stands."""
    with home.decisions() as decisions:
        return decisions.study(home.study.digest).state


def words(page: str) -> str:
    """Return what a page says, without its tags."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())


def accept(browser: Browser, home: DeskHome) -> httpx.Response:
    """Accept the study as proposed, and sign."""
    browser.open(page_of(home))
    confirm = browser.send(f"{page_of(home)}/accept").headers["location"]
    browser.open(confirm)
    return browser.send(confirm)


def day(home: DeskHome, *, days: int) -> str:
    """Return the date some days after the network began."""
    return clock.to_moment(home.network.at + timedelta(days=days))[:10]
