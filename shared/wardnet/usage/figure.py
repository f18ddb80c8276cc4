"""Usage as a figure: panels over the same periods, as SVG that stands for itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import floor, log10
from typing import Final, TypeAlias

from wardnet.usage.table import Period

Units: TypeAlias = tuple[tuple[str, float], ...]

BYTES: Final[Units] = (("B", 1), ("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12))
_TIME: Final[Units] = (("ms", 1), ("s", 1e3), ("min", 6e4), ("h", 3.6e6))
_NUMBER: Final[Units] = (("", 1),)

_LIGHT, _DARK = "#a6cee3", "#1f5a94"  # told apart without colours, too
_WIDTH, _PANEL, _LEFT, _TOP = 760, 200, 70, 60
_PLOT_WIDTH, _PLOT_HEIGHT = _WIDTH - _LEFT - 30, 130
_LABELS: Final = 12
"""Most periods that are named under a panel."""


@dataclass(frozen=True, slots=True)
class _Bars:
    """Hold one number per period; None where it is not known."""

    label: str
    colour: str
    values: Sequence[float | None]


def draw(periods: Sequence[Period], *, title: str, clocked: str, notes: Sequence[str] = ()) -> str:
    """Return a figure of what was stored, spent, answered and handed over in each period.

    Parameters
    ----------
    periods : Sequence of Period
        In order, without gaps.
    title : str
        Whose usage it is.
    clocked : str
        What the milliseconds are.
    notes : Sequence of str
        At most two lines under the title.

    Returns
    -------
    str
        An SVG 1.1 document without scripts, fonts or anything else from elsewhere.
    """
    names = [period.work.name for period in periods]
    before = [period.stored.uncompressed for period in periods]
    after = [period.stored.compressed for period in periods]
    time = [period.work.milliseconds for period in periods]
    queries = [period.work.queries for period in periods]
    results = [period.work.results for period in periods]
    shares = [period.handed.shares for period in periods]
    sealed = [period.handed.size for period in periods]
    panels: tuple[str, ...] = (
        _panel(
            "Stored at the end of the period",
            BYTES,
            _Bars("before compression", _LIGHT, before),
            _Bars("as stored", _DARK, after),
        ),
        _panel("Time", _TIME, _Bars(clocked, _DARK, time)),
        _panel(
            "Queries",
            _NUMBER,
            _Bars("queries", _LIGHT, queries),
            _Bars("results", _DARK, results),
        ),
    )
    if any(shares):
        panels += (
            _panel("Shares made", _NUMBER, _Bars("shares", _DARK, shares)),
            _panel("Sealed for other hospitals", BYTES, _Bars("sealed bytes", _DARK, sealed)),
        )
    height = _TOP + len(panels) * _PANEL
    told = (
        f'<text x="{_LEFT}" y="{50 + 15 * number}" fill="#555555">{escape(note)}</text>'
        for number, note in enumerate(notes)
    )
    places = (
        f'<g transform="translate({_LEFT},{_TOP + 40 + number * _PANEL})">{panel}{_axis(names)}</g>'
        for number, panel in enumerate(panels)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}"'
        f' width="{_WIDTH}" height="{height}" role="img"'
        ' shape-rendering="crispEdges" font-family="sans-serif" font-size="12">'
        f"<title>{escape(title)}</title>"
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>'
        f'<text x="{_LEFT}" y="32" font-size="17" font-weight="bold">{escape(title)}</text>'
        f"{''.join(told)}{''.join(places)}</svg>\n"
    )


def _panel(title: str, units: Units, *series: _Bars) -> str:
    """Draw bars, each series narrower than the one behind it, between 0 and a round number."""
    highest = max((value for bars in series for value in bars.values if value), default=1)
    unit, size = next((each for each in reversed(units) if each[1] <= highest), units[0])
    top = _round_up(max(highest / size, 2))
    scale = _PLOT_HEIGHT / (top * size)
    return (
        _heading(title if not unit else f"{title} ({unit})", series)
        + _grid(top)
        + "".join(_bars(bars, scale, share=0.8 - 0.3 * n) for n, bars in enumerate(series))
    )


def _heading(title: str, series: Sequence[_Bars]) -> str:
    """Name the panel at the left and its bars at the right."""
    keys = "".join(
        f'<tspan fill="{bars.colour}">  \u25a0</tspan> {escape(bars.label)}' for bars in series
    )
    return (
        f'<text y="-14" font-weight="bold">{escape(title)}</text>'
        f'<text x="{_PLOT_WIDTH}" y="-14" text-anchor="end" xml:space="preserve">{keys}</text>'
    )


def _grid(top: float) -> str:
    """Draw the lines of 0, half and all of the height, with their numbers."""
    return "".join(
        f'<line x2="{_PLOT_WIDTH}" y1="{y:g}" y2="{y:g}" stroke="#cccccc"/>'
        f'<text x="-8" y="{y + 4:g}" text-anchor="end">{top * share:g}</text>'
        for share in (0, 0.5, 1)
        for y in [_PLOT_HEIGHT * (1 - share)]
    )


def _bars(bars: _Bars, scale: float, *, share: float) -> str:
    width = _PLOT_WIDTH / max(len(bars.values), 1)
    return "".join(
        f'<rect x="{(place + (1 - share) / 2) * width:.2f}" y="{_PLOT_HEIGHT - value * scale:.2f}"'
        f' width="{width * share:.2f}" height="{value * scale:.2f}" fill="{bars.colour}"/>'
        for place, value in enumerate(bars.values)
        if value
    )


def _round_up(number: float) -> float:
    """Return the next round number whose half is round, too: 2, 4, 6, 8, 10, 20, ..."""
    power = 10.0 ** floor(log10(number))
    return next(factor * power for factor in (1, 2, 4, 6, 8, 10) if number <= factor * power)


def _axis(names: Sequence[str]) -> str:
    """Name the periods, not more of them than there is room for."""
    every = -(-len(names) // _LABELS)
    width = _PLOT_WIDTH / max(len(names), 1)
    return "".join(
        f'<text x="{(place + 0.5) * width:.1f}" y="{_PLOT_HEIGHT + 16}" font-size="10"'
        f' text-anchor="middle">{escape(name)}</text>'
        for place, name in enumerate(names)
        if place % every == 0
    )
