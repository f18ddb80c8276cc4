"""The report page: one file, every report in it, and no name that becomes markup."""

import io
import re
from html.parser import HTMLParser
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest

from support.busy_log import busy_log
from support.log_entries import COORDINATOR, TAG, digest, entry, log
from wardnet.audit.entry import Actor, Entry, EventType, Outcome
from wardnet.audit.export import EXPORTS, ExportKind
from wardnet.audit.export.html import MOST_ROWS, write
from wardnet.audit.export.svg import MOST_BARS, MOST_LINES, draw
from wardnet.audit.report import REPORTS, About
from wardnet.audit.report.figure import Bars, Hours, Line, Lines, Series, Timeline
from wardnet.errors import Reason

ATTACK = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7 * 7 }}"
EVERYTHING = About(
    patient=frozenset({TAG}), coordinator=(entry(node=COORDINATOR, request_digest=digest(1)),)
)


class Tags(HTMLParser):
    """Collect the elements of a page and their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take an element."""
        self.found.append((tag, dict(attrs)))


def page(entries: list[Entry], about: About | None = None) -> str:
    """Return the page about some entries."""
    stream = io.BytesIO()
    write(entries, stream, about)
    return stream.getvalue().decode()


def tags(text: str) -> list[tuple[str, dict[str, str | None]]]:
    """Return the elements of a page."""
    parser = Tags()
    parser.feed(text)
    return parser.found


def hostile() -> list[Entry]:
    """Return entries with markup in every field that holds free text."""
    text: dict[str, Any] = {
        "dataset": ATTACK, "study": ATTACK, "operation": ATTACK, "purpose": ATTACK,
        "snapshot": ATTACK, "recipient": ATTACK, "agreement": ATTACK, "node": ATTACK,
        "actor": Actor(subject=ATTACK, role=ATTACK, organisation=ATTACK, key_id=ATTACK),
        "request_digest": digest(3), "patient_tags": (TAG,),
    }  # fmt: skip
    kinds: list[dict[str, Any]] = [{"type": kind} for kind in EventType]
    refused: dict[str, Any] = {"outcome": Outcome.REFUSED, "reason": Reason.COHORT_TOO_SMALL}
    return list(log(*(kind | text for kind in kinds), refused | text))


def test_no_name_becomes_markup() -> None:
    """Markup in the log arrives as text: no script, no image, no attribute of an attacker."""
    found = tags(page(hostile(), EVERYTHING))
    assert {tag for tag, _ in found} & {"script", "img", "iframe", "link", "a", "object"} == set()
    assert [name for _, held in found for name in held if name.startswith("on")] == []
    assert "{{ 7 * 7 }}" in page(hostile(), EVERYTHING)


def test_the_page_needs_nothing_else() -> None:
    """It names no address outside itself, and forbids the browser to load any."""
    text = page(busy_log(), EVERYTHING)
    outside = re.findall(
        r"(?:https?:)?//[^\s\"'<]+", text.replace("http://www.w3.org/2000/svg", "")
    )
    assert [address for address in outside if not address.startswith("//heartnet")] == []
    (policy,) = (held["content"] for tag, held in tags(text) if "http-equiv" in held)
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"


def test_every_report_has_its_section() -> None:
    """With all that reports need, all of them are there, with figures."""
    text = page(busy_log(), EVERYTHING)
    sections = [held["id"] for tag, held in tags(text) if tag == "section"]
    assert sections == list(REPORTS)
    assert text.count("<svg") == sum(
        len(kind.make(busy_log(), EVERYTHING).figures) for kind in REPORTS.values()
    )


def test_a_report_that_is_left_out_is_named() -> None:
    """Nobody takes a page without disclosures for one that says there were none."""
    text = page(busy_log())
    assert "Left out: accounting of disclosures, which needs a patient." in text
    assert "Left out: hospitals and coordinator, which needs the coordinator" in text


def test_a_table_says_when_it_is_cut() -> None:
    """The page shows the first rows and how many there are."""
    many = [
        entry(seq, type=EventType.QUERY_ACCEPTED, request_digest=digest(seq), study=str(seq))
        for seq in range(1, 200)
    ]
    text = page(many)
    assert f"The first {MOST_ROWS} of 199 rows" in text


def test_an_empty_log_makes_a_page() -> None:
    """It says that there is nothing."""
    assert "There are no entries." in page([])


def test_the_same_entries_make_the_same_page() -> None:
    """No clock and no chance is in it."""
    assert page(busy_log(), EVERYTHING) == page(busy_log()[::-1], EVERYTHING)


SERIES = (Series("a", (3, 0)), Series("b", (1, 2)))


@pytest.mark.parametrize(
    "figure",
    [
        Bars(ATTACK, (ATTACK, "x"), SERIES),
        Bars("none", ("x",), (Series("a", (0,)),)),
        Timeline(ATTACK, ("2026-03-01", "2026-03-02"), SERIES),
        Timeline("months", ("2026-03", "2026-04"), SERIES),
        Timeline("years", ("2025", "2026"), SERIES),
        Lines(ATTACK, (Line(ATTACK, (("2026-03-01T00:00:00.000Z", 0),)),)),
        Hours(ATTACK, ((0,) * 24,) * 7),
        Hours("many", ((123_456,) * 24,) * 7),
    ],
    ids=lambda figure: type(figure).__name__,
)
def test_a_figure_is_whole_xml(figure: Bars | Timeline | Lines | Hours) -> None:
    """What is drawn is well-formed, has its title, and holds no other element."""
    root = fromstring(draw(figure))
    assert root.get("aria-label") == figure.title
    names = {str(element.tag).rpartition("}")[2] for element in root.iter()}
    assert names <= {
        "svg",
        "g",
        "rect",
        "text",
        "title",
        "line",
        "path",
        "circle",
        "defs",
        "pattern",
    }


def test_a_figure_leaves_nothing_out_silently() -> None:
    """Too many bars become one that holds the rest, too many lines are counted."""
    count = MOST_BARS + 5
    bars = Bars("t", tuple(map(str, range(count))), (Series("a", (1,) * count),))
    assert "6 others" in draw(bars)
    line = Line("x", (("2026-03-01T00:00:00.000Z", 1),))
    assert "and 3 more" in draw(Lines("t", (line,) * (MOST_LINES + 3)))


@pytest.mark.parametrize("kind", EXPORTS.values(), ids=EXPORTS)
def test_every_export_leaves_the_stream_open(kind: ExportKind) -> None:
    """Whoever opened it may write on, and an empty log can be exported as well."""
    stream = io.BytesIO()
    kind.write(iter([entry(1), entry(2)]), stream)
    length = stream.tell()
    assert length > 0
    kind.write(iter([]), stream)
    assert stream.tell() >= length
