"""Usage as tables and as a figure: added up by method and by period, nothing lost on the way."""

import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import date

import pytest

from wardnet.usage.command import _cell
from wardnet.usage.figure import draw
from wardnet.usage.table import (
    Handed,
    Shared,
    Spent,
    Step,
    Stored,
    Usage,
    Work,
    by_method,
    by_recipient,
    over_time,
    present,
    total,
)

SVG = "{http://www.w3.org/2000/svg}"


def spent(day: str, milliseconds: float, *, method: str = "count", results: int = 1) -> Spent:
    """Return a query of a day."""
    return Spent(
        query="q",
        method=method,
        dataset="heart",
        begun=f"{day}T08:00:00.000Z",
        milliseconds=milliseconds,
        results=results,
    )


def stored(day: str, compressed: int, *, dataset: str = "heart", plain: bool = True) -> Stored:
    """Return what a dataset takes from a day on: a half of what it took before compression."""
    return Stored(
        time=f"{day}T08:00:00.000Z",
        dataset=dataset,
        uncompressed=2 * compressed if plain else None,
        compressed=compressed,
    )


def shared(day: str, share: str, size: int, *, to: str = "west") -> Shared:
    """Return a parcel that was made on a day."""
    return Shared(time=f"{day}T08:00:00.000Z", share=share, recipient=to, size=size)


USAGE = Usage(
    clocked="time",
    kept="rows",
    counted="answers",
    spent=(
        spent("2026-01-31", 5),
        spent("2026-01-31", 7, method="summary", results=0),
        spent("2026-02-01", 11),
        spent("2026-04-30", 13),
    ),
    stored=(
        stored("2026-01-02", 100),
        stored("2026-02-03", 10, dataset="lungs"),
        stored("2026-02-04", 50),
        stored("2026-04-01", 0, dataset="lungs"),
    ),
)


@pytest.mark.parametrize(
    ("step", "start", "after", "label"),
    [
        (Step.DAY, "2026-12-31", "2027-01-01", "2026-12-31"),
        (Step.WEEK, "2026-12-28", "2027-01-04", "2026-W53"),
        (Step.MONTH, "2026-12-01", "2027-01-01", "2026-12"),
    ],
)
def test_a_period_begins_where_the_one_before_ends(
    step: Step, start: str, after: str, label: str
) -> None:
    """The last day of a year lies in a week of the old year and next to the new one."""
    begun = step.start(date(2026, 12, 31))
    assert (begun.isoformat(), step.after(begun).isoformat()) == (start, after)
    assert step.label(begun) == label


def test_every_period_is_there_and_the_last_state_stays() -> None:
    """A month without work has its line; what was stored before is stored in it, too."""
    lines = [
        (item.work.name, item.work.queries, item.work.milliseconds, item.stored.compressed)
        for item in over_time(USAGE, Step.MONTH)
    ]
    assert lines == [
        ("2026-01", 2, 12, 100),
        ("2026-02", 1, 11, 60),
        ("2026-03", 0, 0, 60),
        ("2026-04", 1, 13, 50),
    ]


@pytest.mark.parametrize("step", Step)
def test_no_work_is_lost_between_periods(step: Step) -> None:
    """However long the periods, they add up to everything."""
    periods = over_time(USAGE, step)
    assert sum(item.work.queries for item in periods) == len(USAGE.spent)
    assert sum(item.work.results for item in periods) == 3
    assert sum(item.work.milliseconds for item in periods) == 36
    assert periods[-1].stored.compressed == total(present(USAGE.stored)).compressed


def test_methods_are_added_up() -> None:
    """Queries, results and time of each method."""
    assert by_method(USAGE.spent) == (
        Work(name="count", queries=3, results=3, milliseconds=29),
        Work(name="summary", queries=1, results=0, milliseconds=7),
    )


def test_a_time_has_its_own_work_and_what_was_stored_before() -> None:
    """The first moment belongs to it and the last does not."""
    usage = USAGE.between("2026-02-01T08:00:00.000Z", "2026-04-30T08:00:00.000Z")
    assert [item.milliseconds for item in usage.spent] == [11]
    assert [item.stored.compressed for item in over_time(usage, Step.MONTH)] == [60, 60, 50]
    assert USAGE.between("", "") == USAGE


def test_what_was_not_recorded_is_not_guessed() -> None:
    """One dataset without a size before compression leaves the total unknown."""
    both = (stored("2026-01-01", 5), stored("2026-01-01", 5, dataset="lungs", plain=False))
    assert (total(both).uncompressed, total(both).compressed) == (None, 10)
    assert total(()).uncompressed == 0


def test_nothing_done_is_nothing_shown() -> None:
    """A new member has no periods, and a figure all the same."""
    empty = replace(USAGE, spent=(), stored=())
    assert over_time(empty, Step.DAY) == ()
    assert bars(draw((), title="Usage", clocked="time")) == []


def test_the_bars_are_as_high_as_the_numbers() -> None:
    """Within a panel, heights have the ratio of the values; zero has no bar."""
    drawn = bars(draw(over_time(USAGE, Step.MONTH), title="Usage", clocked="time"))
    plain, kept = drawn[:4], drawn[4:8]
    assert [high / plain[0] for high in plain] == pytest.approx([1, 0.6, 0.6, 0.5], abs=1e-3)
    assert kept == pytest.approx([high / 2 for high in plain], abs=0.01)
    times = drawn[8:11]
    assert [high / times[0] for high in times] == pytest.approx([1, 11 / 12, 13 / 12], abs=1e-3)
    assert len(drawn[11:]) == 6


def test_a_figure_loads_nothing_and_its_words_stay_words() -> None:
    """It can be opened anywhere; a title is text, whatever it looks like."""
    drawn = draw(over_time(USAGE, Step.DAY), title="<script>&", clocked='"<b>')
    tree = ET.fromstring(drawn)
    assert {element.tag.removeprefix(SVG) for element in tree.iter()} == {
        *("svg", "title", "rect", "g", "line", "text", "tspan")
    }
    assert tree.findtext(f"{SVG}title") == "<script>&"
    assert "href" not in drawn
    assert "url(" not in drawn


def bars(drawn: str) -> list[float]:
    """Return the heights of all bars, in the order in which they are drawn."""
    groups = ET.fromstring(drawn).findall(f"{SVG}g")
    return [float(bar.attrib["height"]) for group in groups for bar in group.iter(f"{SVG}rect")]


SHARING = replace(
    USAGE,
    sealed="parcels",
    shared=(
        shared("2026-01-31", "one", 100),
        shared("2026-02-01", "one", 30),
        shared("2026-02-02", "two", 7, to="south"),
        shared("2026-04-02", "three", 900),
    ),
)


def test_shares_are_counted_once_and_all_their_bytes() -> None:
    """A parcel that is made anew is the same share, and was sealed twice."""
    assert by_recipient(SHARING.shared) == (
        Handed(name="south", shares=1, size=7),
        Handed(name="west", shares=2, size=1030),
    )
    found = [item.handed for item in over_time(SHARING, Step.MONTH)]
    assert [(item.name, item.shares, item.size) for item in found] == [
        ("2026-01", 1, 100),
        ("2026-02", 2, 37),
        ("2026-03", 0, 0),
        ("2026-04", 1, 900),
    ]
    later = SHARING.between("2026-02-01T08:00:00.000Z", "2026-04-01T00:00:00.000Z")
    assert sum(item.size for item in later.shared) == 37


def test_shares_are_drawn_where_there_are_some() -> None:
    """Two panels more: how many, and how large; the picture grows by them."""
    title = {"title": "Usage", "clocked": "time"}
    before = draw(over_time(USAGE, Step.MONTH), **title)
    after = draw(over_time(SHARING, Step.MONTH), **title)
    more = bars(after)[len(bars(before)) :]
    assert [high / more[0] for high in more[:3]] == pytest.approx([1, 2, 1], abs=1e-3)
    assert [high / more[3] for high in more[3:]] == pytest.approx([1, 0.37, 9], abs=1e-2)
    heights = [float(ET.fromstring(drawn).attrib["height"]) for drawn in (before, after)]
    assert heights == [660, 1060]


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (999, "999 B"), (27_289, "27.3 kB"), (5_000_000_000, "5.0 GB")],
)
def test_sizes_are_written_with_their_unit(number: int, text: str) -> None:
    """In tables; JSON has every byte."""
    assert _cell("stored_bytes", number) == text
