"""What the stewards' pages tell: the study, the log, the data and the node."""

import re
from dataclasses import replace
from html import unescape

from support.desk import Browser, DeskHome, fill_log
from support.page import NUMBER, page_of, words
from wardnet import clock
from wardnet.audit import cosigned, log
from wardnet.audit.entry import EventType, refused
from wardnet.errors import Reason, WardnetError
from wardnet_node.desk.events import by_operator


def test_the_study_is_told_in_plain_language(anna: Browser, home: DeskHome) -> None:
    """Who, why, what, which limits, and what could leak: all of it is on the page."""
    page = words(anna.open(page_of(home)))
    for text in (
        "Women with chest pain are examined later than men",
        "Research on health, medicine or biology.",
        "EK 2026/117",
        "ada , Medical University",
        "it stands in your address book",
        "Serum cholesterol",
        "50 to 700 mg/dL",
        "The median and other cut points",
        "At most 300 different ones.",
        "at least 2 of 4 in each answer",
        "What could leak",
        "Requiring all 4 prevents this.",
        "Day of admission",
    ):
        assert text in page


def test_the_log_page_shows_every_reason_and_what_was_signed(anna: Browser, home: DeskHome) -> None:
    """Who looks through refusals and unlockings later needs no other tool."""
    reasons = [WardnetError(Reason.QUERY_REPLAYED), WardnetError(Reason.QUERY_NOT_FOR_US)]
    for kind in (EventType.QUERY_EXPLAINED, EventType.BREAK_GLASS):
        event = by_operator(home.credentials.member, kind)
        with home.catalog() as catalog, catalog.transaction() as connection:
            signed = replace(event, statement='{"reason":"The disk failed."}')
            log.append(connection, refused(signed, reasons), at=clock.now())
    page = words(anna.open("/log"))
    assert page.count("query replayed, query not for us") == 2
    assert "node unlocked by two stewards" in page
    assert "The disk failed." in page


def test_the_log_is_searched_and_paged(anna: Browser, home: DeskHome) -> None:
    """Filters join, pages hold what they should, and what is no filter is said."""
    fill_log(home, 240)
    page = anna.open("/log?type=query_answer&dataset=oncology&subject=researcher/r5")
    rows = re.findall(NUMBER, page)
    assert len(rows) == 2
    seen: list[str] = []
    page = anna.open("/log?type=query_part")
    while True:
        seen += re.findall(NUMBER, page)
        older = re.search(r'href="(/log\?[^"]*before=[^"]*)">Older', page)
        if older is None:
            break
        page = anna.open(unescape(older[1]))
    assert len(seen) == len(set(seen)) == 80
    assert seen == sorted(seen, key=int, reverse=True)
    assert "No entry fits." in anna.open("/log?until=2001-01-01")
    assert "cannot be read" in anna.open("/log?since=yesterday")
    assert "No entry fits." in anna.open("/log?subject=%25")
    assert anna.get("/log?type='--").status_code == 200


def test_the_quality_of_a_load_is_shown(anna: Browser) -> None:
    """What the last load found stands on the dataset's page."""
    page = words(anna.open("/datasets/cardiology"))
    assert "Rows stored 840" in page
    assert "94 11.2 %" in page


def test_the_health_of_the_node_is_shown(anna: Browser) -> None:
    """Connection, certificate, clock, disk and the end of the log."""
    page = words(anna.open("/health"))
    for text in ("Connected to the coordinator", "more days", "agree to 0.2 seconds", "are free"):
        assert text in page


def test_who_has_confirmed_the_log_is_shown(anna: Browser, home: DeskHome) -> None:
    """Without witnesses that is said; with them, who cosigned how much and when."""
    assert "Witnesses look at this No other hospital can witness" in words(anna.open("/health"))
    north, at = "wardnet://heartnet/node/northside", clock.now()
    with home.catalog() as catalog, catalog.transaction() as connection:
        cosigned.cover(connection, {north, "wardnet://heartnet/node/southside"}, at=at)
        connection.execute(
            "INSERT INTO witnesses VALUES (?, ?, 3, ?)", (north, bytes(32), clock.to_moment(at))
        )
    page = words(anna.open("/health"))
    assert "Witnesses good 0 of" in page
    assert re.search(r"northside 3 of \d+ \d+ \w+ 20\d\d", page)
    assert re.search(r"southside 0 of \d+ never", page)
