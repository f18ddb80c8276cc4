"""Refusals: what was asked and not given, to whom, and why."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from wardnet.audit.entry import Entry, Outcome
from wardnet.audit.report.figure import Bars, Series, Tone, timeline
from wardnet.audit.report.kind import About, Report, ReportKind
from wardnet.audit.report.logs import by_log

_TITLE: Final = "Refusals"
_UNSAID: Final = "no reason recorded"


def refusals(entries: Iterable[Entry], _: About) -> Report:
    """Return one row for each reason, person, study and dataset, the most frequent first."""
    logs = by_log(entries).values()
    refused = [entry for log in logs for entry in log if entry.outcome is Outcome.REFUSED]
    groups: dict[tuple[str, ...], list[str]] = {}
    for entry in refused:
        what = (_reason(entry), entry.actor.subject, entry.type.value)
        about = (entry.study or "", entry.dataset or "")
        groups.setdefault((*what, *about), []).append(entry.time)
    ranked = sorted(groups.items(), key=lambda item: (-len(item[1]), item[0]))
    reasons = Counter(map(_reason, refused)).most_common()
    bars = Bars(
        "Refusals by reason",
        tuple(reason for reason, _ in reasons),
        (Series("refusals", tuple(count for _, count in reasons), Tone.BAD),),
    )
    times = {"refusals": (Tone.BAD, [entry.time for entry in refused])}
    return Report(
        name="refusals",
        title=_TITLE,
        explanation=(
            "Everything that was refused: queries, logins, invitations, decisions, readings of "
            "the log. The reasons are those of the page of errors. A refusal is the rules at "
            "work; many of one person are a reason to talk."
        ),
        columns=("reason", "who", "what", "study", "dataset", "times", "first", "last"),
        rows=tuple((*group, len(found), min(found), max(found)) for group, found in ranked),
        figures=(bars, timeline("Refusals over time", times)) if refused else (),
    )


def _reason(entry: Entry) -> str:
    return entry.reason.value if entry.reason else _UNSAID


KIND: Final = ReportKind(name="refusals", title=_TITLE, make=refusals)
