"""Figures as SVG: no script, no style, no address of anything outside; legible in black and white.

Every text goes through an XML writer, so that no name can be markup.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from functools import singledispatch
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

from wardnet import clock
from wardnet.audit.export.svg_parts import (
    EMPTY,
    INK,
    LETTER,
    PLAIN,
    SOFT,
    Box,
    cut,
    grid,
    hatching,
    legend,
    piece,
    rectangle,
    write,
)
from wardnet.audit.report.behaviour import OFFICE_DAYS, OFFICE_HOURS
from wardnet.audit.report.figure import Bars, Figure, Hours, Lines, Series, Timeline
from wardnet.clock import Moment

WIDTH: Final = 560
MOST_BARS: Final = 10
MOST_LINES: Final = 8
MOST_DATES: Final = 5

COLOURS: Final = (PLAIN, "#b23a2c", "#3f8f63", "#b57614", "#6a4c93", "#1f78b4", "#666", "#a63d77")
DASHES: Final = ("none", "7 3", "2 3", "9 3 2 3")
WEEK: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip


def draw(figure: Figure) -> str:
    """Return a figure as one `<svg>` element, to stand in a page as it is."""
    height, body = _body(figure)
    attributes = {
        "xmlns": "http://www.w3.org/2000/svg",
        "viewBox": f"0 0 {WIDTH} {height:g}",
        "width": "100%",
        "role": "img",
        "aria-label": figure.title,
        "font-family": "system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif",
        "font-size": "12",
    }
    svg = Element("svg", attributes)
    hatching(svg)
    write(svg, 0, 14, figure.title, fill=INK, font_weight="600", font_size="13.5")
    svg.append(body)
    return tostring(svg, encoding="unicode")


def short(name: str) -> str:
    """Return a name as a figure or a table shows it: digests and URIs by their telling part.

    Examples
    --------
    >>> short("wardnet://heartnet/researcher/ann")
    'ann'
    >>> short("5d" * 32)
    '5d5d5d5d5d…'
    """
    bare = re.sub(r"wardnet://[^/\s]+/[a-z]+/(?=\S)", "", name)
    return re.sub(r"\b([0-9a-f]{10})[0-9a-f]{54}\b", r"\1…", bare)


@singledispatch
def _body(figure: Figure) -> tuple[float, Element]:
    """Return the height of a figure, and what is under its title."""
    raise TypeError(figure)


@_body.register
def _bars(figure: Bars) -> tuple[float, Element]:
    labels, series = _folded(figure)
    totals = [sum(numbers) for numbers in zip(*(each.values for each in series), strict=True)]
    left = 14 + max(min(len(label), 28) * LETTER for label in labels)
    scale = (WIDTH - left - 52) / max(*totals, 1)
    group = Element("g")
    top = legend(group, series, 34) - 4
    for row, label in enumerate(labels):
        x, y = left, top + 26.0 * row
        write(group, left - 10, y + 13, cut(label, 28), text_anchor="end")
        for each in series:
            if length := each.values[row] * scale:
                told = f"{label}: {each.values[row]} {each.name}"
                piece(group, Box(x, y, max(length - 1, 1), 18), each, told)
                x += length
        write(group, x + 6, y + 13, str(totals[row]), fill=INK, font_weight="600")
    return top + 26 * len(labels) + 6, group


def _folded(figure: Bars) -> tuple[Sequence[str], Sequence[Series]]:
    """Return labels and series, all but the first as one where they are too many."""
    labels = [short(label) for label in figure.labels]
    if len(labels) <= MOST_BARS:
        return labels, figure.series
    kept = MOST_BARS - 1
    folded = [
        Series(each.name, (*each.values[:kept], sum(each.values[kept:])), each.tone)
        for each in figure.series
    ]
    return [*labels[:kept], f"{len(labels) - kept} others"], folded


@_body.register
def _timeline(figure: Timeline) -> tuple[float, Element]:
    group = Element("g")
    totals = [sum(numbers) for numbers in zip(*(s.values for s in figure.series), strict=True)]
    room = Box(0, legend(group, figure.series, 34), WIDTH, 150)
    area, scale = grid(group, max(totals), room)
    step = area.width / len(totals)
    width = min(step - max(1.0, step * 0.15), 48)
    every = -(-len(totals) // MOST_DATES)
    for at, period in enumerate(figure.periods):
        middle, y = area.x + step * (at + 0.5), area.bottom
        for each in figure.series:
            if height := each.values[at] * scale:
                y -= height
                place = Box(middle - width / 2, y, width, max(height - 0.7, 0.7))
                piece(group, place, each, f"{period}: {each.values[at]} {each.name}")
        if at % every == 0:
            name = _period(period)
            half = len(name) * LETTER / 2
            x = min(max(middle, half), WIDTH - half)
            write(group, x, area.bottom + 17, name, text_anchor="middle")
    return area.bottom + 26, group


@_body.register
def _lines(figure: Lines) -> tuple[float, Element]:
    group = Element("g")
    shown = sorted(figure.lines, key=lambda line: -len(line.points))[:MOST_LINES]
    most = max(value for line in shown for _, value in line.points)
    area, scale = grid(group, most, Box(0, 34, WIDTH - 8, 150))
    moments = sorted(moment for line in shown for moment, _ in line.points)
    first = _seconds(moments[0])
    length = _seconds(moments[-1]) - first or 1.0
    y = area.bottom + 40
    for number, line in enumerate(shown):
        stroke = {
            "stroke": COLOURS[number % len(COLOURS)],
            "stroke-width": "2.2",
            "stroke-dasharray": DASHES[number % len(DASHES)],
        }
        points = [
            (
                area.x + area.width * (_seconds(moment) - first) / length,
                area.bottom - value * scale,
            )
            for moment, value in line.points
        ]
        _stairs(group, points, stroke)
        _stairs(group, [(area.x, y - 4), (area.x + 28, y - 4)], stroke)
        name = cut(short(line.name), 50)
        write(group, area.x + 38, y, f"{name}: {line.points[-1][1]}", fill=INK)
        y += 18
    days = [_period(moment[:10]) for moment in (moments[0], moments[-1])]
    write(group, area.x, area.bottom + 17, days[0])
    if days[0] != days[1]:
        write(group, area.right, area.bottom + 17, days[1], text_anchor="end")
    if more := len(figure.lines) - len(shown):
        write(group, area.x + 38, y, f"and {more} more")
        y += 18
    return y - 8, group


def _seconds(moment: Moment) -> float:
    return clock.from_moment(moment).timestamp()


def _stairs(
    group: Element, points: Sequence[tuple[float, float]], stroke: Mapping[str, str]
) -> None:
    """Draw a quantity that changes at its points and stays in between."""
    (x, y), *rest = points
    path = f"M{x:.1f} {y:.1f}" + "".join(f"H{x:.1f}V{y:.1f}" for x, y in rest)
    SubElement(group, "path", {"d": path, "fill": "none", **stroke})
    x, y = points[-1]
    dot = {"cx": f"{x:.1f}", "cy": f"{y:.1f}", "r": "3", "fill": stroke["stroke"]}
    SubElement(group, "circle", dot)


@_body.register
def _hours(figure: Hours) -> tuple[float, Element]:
    group = Element("g")
    left, top, width, height = 36, 46, (WIDTH - 40) / 24, 23
    most = max(max(day) for day in figure.counts)
    for hour in range(0, 24, 3):
        write(group, left + width * hour + 1, top - 7, f"{hour:02d}", font_size="11")
    for day, counts in enumerate(figure.counts):
        y = top + height * day
        write(group, left - 8, y + 15, WEEK[day], text_anchor="end", font_size="11")
        for hour, count in enumerate(counts):
            _hour(group, Box(left + width * hour, y, width, height), count, most)
    office = Box(
        left + width * OFFICE_HOURS.start,
        top + height * OFFICE_DAYS.start,
        width * len(OFFICE_HOURS),
        height * len(OFFICE_DAYS),
    )
    rectangle(group, office, "none").attrib.update({"stroke": SOFT, "stroke-width": "1.4"})
    foot = top + height * 7 + 16.0
    told = "Numbers: how often people acted. Frame: office hours."
    write(group, left, foot, told, font_size="11")
    return foot + 8, group


def _hour(group: Element, box: Box, count: int, most: int) -> None:
    inner = Box(box.x + 1, box.y + 1, box.width - 2, box.height - 2)
    if count == 0:
        rectangle(group, inner, EMPTY)
        return
    # The root lets a single act be seen beside hundreds.
    strength = 0.15 + 0.85 * (count / most) ** 0.5
    rectangle(group, inner, PLAIN).set("fill-opacity", f"{strength:.2f}")
    number = str(count) if count < 1000 else f"{count // 1000}k"
    ink = "#fff" if strength > 0.55 else INK
    middle = box.x + box.width / 2
    write(group, middle, box.y + 15, number, fill=ink, text_anchor="middle", font_size="10")


def _period(period: str) -> str:
    """Write a day, month or year for people."""
    match period.split("-"):
        case [_, _, _]:
            day = date.fromisoformat(period)
            return f"{day.day} {MONTHS[day.month - 1]} {day.year}"
        case [year, month]:
            return f"{MONTHS[int(month) - 1]} {year}"
        case _:
            return period
