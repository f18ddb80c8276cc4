"""Usage as values: what each query took and what each dataset takes, added up in any way."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from itertools import groupby

from wardnet.clock import Moment


class Step(StrEnum):
    """Name how long a period is; all begin at midnight UTC, weeks on Monday (ISO 8601)."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    def start(self, day: date) -> date:
        """Return the first day of the period that a day lies in."""
        match self:
            case Step.DAY:
                return day
            case Step.WEEK:
                return day - timedelta(day.weekday())
            case Step.MONTH:
                return day.replace(day=1)

    def after(self, start: date) -> date:
        """Return the first day of the next period."""
        return self.start(start + timedelta({Step.DAY: 1, Step.WEEK: 7, Step.MONTH: 31}[self]))

    def label(self, start: date) -> str:
        """Return how tables name a period, e.g. `2026-01-31`, `2026-W05`, `2026-01`."""
        match self:
            case Step.DAY:
                return start.isoformat()
            case Step.WEEK:
                return start.strftime("%G-W%V")
            case Step.MONTH:
                return start.strftime("%Y-%m")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """State what one query took.

    Parameters
    ----------
    query : str
        Its digest.
    method, dataset : str
        What it asked.
    begun : Moment
        When it began here.
    milliseconds : float
        How long it took, >= 0; `Usage.clocked` says what was measured.
    results : int
        Answers that were released for it.
    """

    query: str
    method: str
    dataset: str
    begun: Moment
    milliseconds: float
    results: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """State what a dataset takes from a moment on, until the next such statement about it.

    Parameters
    ----------
    time : Moment
        Since when.
    dataset : str
        Its name.
    uncompressed : int or None
        Bytes before compression; None where they were not recorded.
    compressed : int
        Bytes as they lie on the disk.
    """

    time: Moment
    dataset: str
    uncompressed: int | None
    compressed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """State what was sealed for another hospital.

    Parameters
    ----------
    time : Moment
        When.
    share : str
        Which one; what is sealed for it anew is the same share.
    recipient : str
        Id of the hospital.
    size : int
        Sealed bytes.
    """

    time: Moment
    share: str
    recipient: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """Add up what was sealed: for one hospital, or in a period.

    Parameters
    ----------
    name : str
        What it has in common.
    shares, size : int
        How many shares, and sealed bytes.
    """

    name: str
    shares: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Add up what several queries took.

    Parameters
    ----------
    name : str
        What they have in common: a method, or a period.
    queries, results : int
        How many.
    milliseconds : float
        Of all together.
    """

    name: str
    queries: int
    results: int
    milliseconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """State the work of a period, and what was stored at its end.

    Parameters
    ----------
    work : Work
        Under the name of the period.
    stored : Stored
        All datasets together.
    handed : Handed
        What was sealed for all hospitals together.
    """

    work: Work
    stored: Stored
    handed: Handed


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Hold the usage of one member of the network.

    Parameters
    ----------
    clocked : str
        What the milliseconds are, for people.
    kept, counted : str
        What the stored bytes are, and what a result is, for people.
    spent : tuple of Spent
        By beginning.
    stored : tuple of Stored
        By time.
    sealed : str
        What the bytes of shares are, for people; empty where nobody makes any.
    shared : tuple of Shared
        By time.
    """

    clocked: str
    kept: str
    counted: str
    spent: tuple[Spent, ...]
    stored: tuple[Stored, ...]
    sealed: str = ""
    shared: tuple[Shared, ...] = ()

    def between(self, since: Moment, until: Moment) -> "Usage":
        """Return the usage from one moment on and before another; an empty one sets no bound.

        What was stored before `since` still is: it counts as stored at that moment.
        """
        seen = [item for item in self.stored if not until or item.time < until]
        earlier = present(item for item in seen if item.time < since)
        return replace(
            self,
            spent=tuple(
                item
                for item in self.spent
                if since <= item.begun and (not until or item.begun < until)
            ),
            stored=(
                *(replace(item, time=since) for item in earlier),
                *(item for item in seen if item.time >= since),
            ),
            shared=tuple(
                item
                for item in self.shared
                if since <= item.time and (not until or item.time < until)
            ),
        )


def present(stored: Iterable[Stored]) -> tuple[Stored, ...]:
    """Return the last statement about each dataset that still takes something, by name."""
    last = {item.dataset: item for item in stored}
    return tuple(last[name] for name in sorted(last) if last[name].compressed)


def total(stored: Sequence[Stored]) -> Stored:
    """Add up what several datasets take; unknown before compression if one of them is."""
    known = [item.uncompressed for item in stored if item.uncompressed is not None]
    return Stored(
        time=max((item.time for item in stored), default=""),
        dataset="total",
        uncompressed=sum(known) if len(known) == len(stored) else None,
        compressed=sum(item.compressed for item in stored),
    )


def by_method(spent: Iterable[Spent]) -> tuple[Work, ...]:
    """Add up the queries of each method, by name."""
    ordered = sorted(spent, key=lambda item: item.method)
    return tuple(_work(name, group) for name, group in groupby(ordered, lambda item: item.method))


def by_recipient(shared: Iterable[Shared]) -> tuple[Handed, ...]:
    """Add up what was sealed for each hospital, by its id."""
    ordered = sorted(shared, key=lambda item: item.recipient)
    groups = groupby(ordered, lambda item: item.recipient)
    return tuple(_handed(name, group) for name, group in groups)


def over_time(usage: Usage, step: Step) -> tuple[Period, ...]:
    """Return every period from the first to the last in which something happened."""
    spent: defaultdict[date, list[Spent]] = defaultdict(list)
    stored: defaultdict[date, list[Stored]] = defaultdict(list)
    for each in usage.spent:
        spent[step.start(_day(each.begun))].append(each)
    for item in usage.stored:
        stored[step.start(_day(item.time))].append(item)
    shared: defaultdict[date, list[Shared]] = defaultdict(list)
    for one in usage.shared:
        shared[step.start(_day(one.time))].append(one)
    starts = spent.keys() | stored.keys() | shared.keys()
    if not starts:
        return ()
    first, last = min(starts), max(starts)
    return tuple(_periods(step, first, last, spent=spent, stored=stored, shared=shared))


def _periods(
    step: Step,
    start: date,
    last: date,
    *,
    spent: Mapping[date, list[Spent]],
    stored: Mapping[date, list[Stored]],
    shared: Mapping[date, list[Shared]],
) -> Iterator[Period]:
    held: tuple[Stored, ...] = ()
    while start <= last:
        held = present((*held, *stored.get(start, ())))
        label = step.label(start)
        yield Period(
            work=_work(label, spent.get(start, ())),
            stored=total(held),
            handed=_handed(label, shared.get(start, ())),
        )
        start = step.after(start)


def _work(name: str, spent: Iterable[Spent]) -> Work:
    items = tuple(spent)
    return Work(
        name=name,
        queries=len(items),
        results=sum(item.results for item in items),
        milliseconds=sum(item.milliseconds for item in items),
    )


def _handed(name: str, shared: Iterable[Shared]) -> Handed:
    items = tuple(shared)
    shares = len({item.share for item in items})
    return Handed(name=name, shares=shares, size=sum(item.size for item in items))


def _day(moment: Moment) -> date:
    return date.fromisoformat(moment[:10])
