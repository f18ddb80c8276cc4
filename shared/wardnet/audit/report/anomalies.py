"""What deserves a look, in one list."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from wardnet import clock
from wardnet.audit.entry import Entry
from wardnet.audit.report.behaviour import BY_PEOPLE, behaviour
from wardnet.audit.report.figure import Bars, Hours, Series, Tone
from wardnet.audit.report.finding import COLUMNS, Finding, Sign
from wardnet.audit.report.integrity import integrity
from wardnet.audit.report.kind import About, Report, ReportKind
from wardnet.audit.report.lent import one_sided, overdue
from wardnet.audit.report.logs import by_log, newest
from wardnet.audit.report.power import power
from wardnet.audit.report.reconcile import reconcile

_TITLE: Final = "What deserves a look"


def anomalies(entries: Iterable[Entry], about: About) -> Report:
    """Return one row for each sign: those about the log first, then by kind and time."""
    logs = by_log(entries)
    every = [entry for log in logs.values() for entry in log]
    at = about.at or newest(every)
    found: list[Finding] = []
    for log in logs.values():
        found += integrity(log, about, at=at)
        found += power(log)
        found += behaviour(log, about)
        found += overdue(log, at=at)
    found += one_sided(logs, at=at)
    if about.coordinator:
        found += reconcile(every, about.coordinator)
    order = list(Sign)
    found.sort(key=lambda finding: (order.index(finding.sign), finding.time))
    counts = Counter(finding.sign for finding in found)
    signs = Bars(
        "Signs by kind",
        tuple(sign.value for sign in order if counts[sign]),
        (Series("signs", tuple(counts[sign] for sign in order if counts[sign]), Tone.WAIT),),
    )
    return Report(
        name="anomalies",
        title=_TITLE,
        explanation=(
            "Signs that a person should look at; none is a proof of misuse, and their absence "
            "proves nothing. " + _unchecked(about)
        ),
        columns=COLUMNS,
        rows=tuple(finding.as_row() for finding in found),
        figures=((signs,) if found else ()) + ((_hours(every, about),) if every else ()),
    )


def _unchecked(about: About) -> str:
    """Say which signs could not have been found."""
    missing = {
        "gaps, because these are not whole logs": about.complete,
        "witnesses, because no other hospital's key was compared": about.covered,
        "the coordinator, because its log was not given": about.coordinator,
    }
    names = [name for name, there in missing.items() if not there]
    return f"Not checked: {'; '.join(names)}." if names else "All signs were looked for."


def _hours(entries: Iterable[Entry], about: About) -> Hours:
    counts = [[0] * 24 for _ in range(7)]
    for entry in entries:
        if entry.type in BY_PEOPLE:
            local = clock.from_moment(entry.time).astimezone(about.zone)
            counts[local.weekday()][local.hour] += 1
    return Hours(f"When people acted ({about.zone})", tuple(map(tuple, counts)))


KIND: Final = ReportKind(name="anomalies", title=_TITLE, make=anomalies)
