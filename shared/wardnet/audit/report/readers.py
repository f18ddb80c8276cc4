"""Who read the log, and what of it."""

from collections.abc import Iterable
from typing import Final

from wardnet.audit.entry import Entry, EventType, Outcome
from wardnet.audit.report.figure import Tone, timeline
from wardnet.audit.report.kind import About, Report, ReportKind
from wardnet.audit.report.logs import by_log

_TITLE: Final = "Who read the log"


def readers(entries: Iterable[Entry], _: About) -> Report:
    """Return one row for each reader and log, the latest reading first."""
    readings = [
        entry
        for log in by_log(entries).values()
        for entry in log
        if entry.type is EventType.LOG_READ
    ]
    groups: dict[tuple[str, str, str, str], list[Entry]] = {}
    for entry in readings:
        actor = entry.actor
        who = (actor.subject, actor.role or "", actor.organisation or "", entry.node)
        groups.setdefault(who, []).append(entry)
    ranked = sorted(groups.items(), key=lambda item: item[1][-1].time, reverse=True)
    times = {
        "refused": (Tone.BAD, [entry.time for entry in readings if _refused(entry)]),
        "read": (Tone.PLAIN, [entry.time for entry in readings if not _refused(entry)]),
    }
    return Report(
        name="readers",
        title=_TITLE,
        explanation=(
            "Every reading of an access log, by auditors and by the hospital's own people. A "
            "reading is logged before anything is shown, so the last one may be the one that "
            "this report comes from."
        ),
        columns=("who", "role", "organisation", "log", "readings", "refused", "first", "last"),
        rows=tuple(
            (*who, len(found), sum(map(_refused, found)), found[0].time, found[-1].time)
            for who, found in ranked
        ),
        figures=(timeline("Readings over time", times),) if readings else (),
    )


def _refused(entry: Entry) -> bool:
    return entry.outcome is Outcome.REFUSED


KIND: Final = ReportKind(name="readers", title=_TITLE, make=readers)
