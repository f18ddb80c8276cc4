"""Budget and quota: how what was agreed is being used up."""

from collections.abc import Iterable
from typing import Final

from wardnet.audit.entry import Entry, EventType
from wardnet.audit.report.figure import Line, Lines
from wardnet.audit.report.kind import About, Cell, Report, ReportKind
from wardnet.audit.report.logs import by_log

_TITLE: Final = "Budget and quota"


def budget(entries: Iterable[Entry], _: About) -> Report:
    """Return one row for each budget and each agreement, and how they went down and up."""
    spent: dict[tuple[str, str, str], list[Entry]] = {}
    accepted: dict[tuple[str, str, str], list[Entry]] = {}
    for node, log in by_log(entries).items():
        for entry in log:
            if entry.budget:
                place = (entry.budget.mechanism, entry.dataset or "", node)
                spent.setdefault(place, []).append(entry)
            if entry.type is EventType.QUERY_ACCEPTED and entry.agreement:
                accepted.setdefault((entry.agreement, entry.dataset or "", node), []).append(entry)
    rows: list[tuple[Cell, ...]] = [
        (
            f"budget: {place[0]}",
            *place[1:],
            len(found),
            sum(entry.budget.cost for entry in found if entry.budget),
            found[-1].budget.left if found[-1].budget else 0,
            found[0].time,
            found[-1].time,
        )
        for place, found in sorted(spent.items())
    ]
    rows += [
        (place[0], *place[1:], len(found), len(found), "", found[0].time, found[-1].time)
        for place, found in sorted(accepted.items())
    ]
    figures = (
        Lines("Budget left", tuple(_left(place, found) for place, found in sorted(spent.items()))),
        Lines(
            "Queries accepted under each agreement",
            tuple(_running(place, found) for place, found in sorted(accepted.items())),
        ),
    )
    return Report(
        name="budget",
        title=_TITLE,
        explanation=(
            "A budget of noise is spent in its own units, and each entry says what was left. "
            "Under an agreement every accepted query counts against its quota; the quota itself "
            "stands in the agreement, not in the log."
        ),
        columns=("of", "dataset", "log", "times", "spent", "left", "first", "last"),
        rows=tuple(rows),
        figures=tuple(figure for figure in figures if figure.lines),
    )


def _left(place: tuple[str, str, str], entries: list[Entry]) -> Line:
    first = entries[0]
    points = [(entry.time, entry.budget.left) for entry in entries if entry.budget]
    if first.budget:
        points.insert(0, (first.time, first.budget.left + first.budget.cost))
    return Line(_name(place), tuple(points))


def _running(place: tuple[str, str, str], entries: list[Entry]) -> Line:
    points = ((entry.time, count) for count, entry in enumerate(entries, start=1))
    return Line(_name(place), tuple(points))


def _name(place: tuple[str, str, str]) -> str:
    what, dataset, node = place
    return " · ".join(part for part in (what, dataset, node.rsplit("/", 1)[-1]) if part)


KIND: Final = ReportKind(name="budget", title=_TITLE, make=budget)
