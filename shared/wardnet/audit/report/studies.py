"""Use per study: what was asked under each permission, and what came of it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from wardnet.audit.entry import Entry
from wardnet.audit.report.figure import Bars, Series, Tone, timeline
from wardnet.audit.report.kind import About, Cell, Report, ReportKind
from wardnet.audit.report.logs import Asked, Ending, asked, by_log

NO_STUDY: Final = "no study named"
"""The coordinator's log names none; nor does a refusal of what nobody has signed."""

TONES: Final = {
    Ending.ANSWERED: Tone.GOOD,
    Ending.REFUSED: Tone.BAD,
    Ending.FAILED: Tone.WAIT,
    Ending.CANCELLED: Tone.PLAIN,
    Ending.OPEN: Tone.PLAIN,
}
_TITLE: Final = "Use per study"


def studies(entries: Iterable[Entry], _: About) -> Report:
    """Return one row for each study, the most used first."""
    groups: dict[str, list[Asked]] = {}
    endings: dict[str, Counter[Ending]] = {}
    times: dict[Ending, list[str]] = {ending: [] for ending in Ending}
    for log in by_log(entries).values():
        for query in asked(log):
            study, ending = query.first.study or NO_STUDY, query.ending
            groups.setdefault(study, []).append(query)
            endings.setdefault(study, Counter())[ending] += 1
            times[ending].append(query.first.time)
    ranked = sorted(groups, key=lambda study: (-len(groups[study]), study))
    shown = [ending for ending in Ending if times[ending]]
    bars = Bars(
        "Queries by study",
        tuple(ranked),
        tuple(
            Series(ending.value, tuple(endings[study][ending] for study in ranked), TONES[ending])
            for ending in shown
        ),
    )
    over_time = {ending.value: (TONES[ending], times[ending]) for ending in shown}
    return Report(
        name="studies",
        title=_TITLE,
        explanation=(
            "Queries under each study and how they ended. A query counts once in each log that "
            "names it, however many rounds it took. Cells withheld are those of released answers."
        ),
        columns=(
            "study",
            "queries",
            *(ending.value for ending in Ending),
            "researchers",
            "datasets",
            "cells withheld",
            "first",
            "last",
        ),
        rows=tuple(_row(study, groups[study], endings[study]) for study in ranked),
        figures=(bars, timeline("Queries over time", over_time)) if ranked else (),
    )


def _row(study: str, queries: Sequence[Asked], endings: Counter[Ending]) -> tuple[Cell, ...]:
    times = [entry.time for query in queries for entry in query.entries]
    datasets = {query.first.dataset for query in queries if query.first.dataset}
    return (
        study,
        len(queries),
        *(endings[ending] for ending in Ending),
        len({query.researcher for query in queries}),
        ", ".join(sorted(datasets)),
        sum(query.last.cells_withheld or 0 for query in queries),
        min(times),
        max(times),
    )


KIND: Final = ReportKind(name="studies", title=_TITLE, make=studies)
