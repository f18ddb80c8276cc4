"""Figures as values: what is to be drawn, not how."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final, TypeAlias

from wardnet.clock import Moment

_LONGEST_IN_DAYS: Final = 92
_LONGEST_IN_MONTHS: Final = 48
"""More columns than these cannot be told apart on a page."""

_DAY: Final = len("2026-01-31")
_MONTH: Final = len("2026-01")
_YEAR: Final = len("2026")


class Tone(StrEnum):
    """Name what a series means, so that it looks the same in every figure."""

    PLAIN = "plain"
    GOOD = "good"
    BAD = "bad"
    WAIT = "wait"


@dataclass(frozen=True, slots=True)
class Series:
    """Hold one number for each label of a figure, each >= 0."""

    name: str
    values: tuple[int, ...]
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Bars:
    """Compare labels: one bar for each, its series end to end."""

    title: str
    labels: tuple[str, ...]
    series: tuple[Series, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """Count over time: one column for each period, its series stacked."""

    title: str
    periods: tuple[str, ...]
    series: tuple[Series, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """Hold a quantity that stays as it is until the next moment."""

    name: str
    points: tuple[tuple[Moment, int], ...]


@dataclass(frozen=True, slots=True)
class Lines:
    """Follow quantities over time."""

    title: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Hours:
    """Count by weekday (7, from Monday) and hour (24)."""

    title: str
    counts: tuple[tuple[int, ...], ...]


Figure: TypeAlias = Bars | Timeline | Lines | Hours


def timeline(title: str, groups: Mapping[str, tuple[Tone, Iterable[Moment]]]) -> Timeline:
    """Count moments by day, month or year, whichever gives few enough columns.

    Parameters
    ----------
    title : str
        Of the figure.
    groups : mapping of str to Tone and moments
        The series, by name.
    """
    moments = {name: list(found) for name, (_, found) in groups.items()}
    every = [moment for found in moments.values() for moment in found]
    width, periods = _periods(min(every), max(every)) if every else (_DAY, ())
    series = []
    for name, (tone, _) in groups.items():
        counts = dict.fromkeys(periods, 0)
        for moment in moments[name]:
            counts[moment[:width]] += 1
        series.append(Series(name, tuple(counts.values()), tone))
    return Timeline(title, periods, tuple(series))


def _periods(first: Moment, last: Moment) -> tuple[int, tuple[str, ...]]:
    """Return how much of a moment names its period, and all periods between two moments."""
    start, end = date.fromisoformat(first[:10]), date.fromisoformat(last[:10])
    length = (end - start).days
    width = _YEAR
    if length < _LONGEST_IN_DAYS:
        width = _DAY
    elif length < _LONGEST_IN_MONTHS * 30:
        width = _MONTH
    days = (start + timedelta(days=number) for number in range(length + 1))
    return width, tuple(dict.fromkeys(day.isoformat()[:width] for day in days))
