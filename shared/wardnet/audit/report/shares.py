"""Records handed from one hospital to another: who received what, until when, what became of it."""

from collections.abc import Iterable
from typing import Final

from wardnet.audit.entry import Entry, EventType
from wardnet.audit.report.figure import Bars, Series, Tone, timeline
from wardnet.audit.report.kind import About, Cell, Report, ReportKind
from wardnet.audit.report.lent import Lent, Standing, lent
from wardnet.audit.report.logs import by_log, newest

_TITLE: Final = "Records handed from hospital to hospital"
_TONES: Final = {
    Standing.UNTOLD: Tone.PLAIN,
    Standing.DECLINED: Tone.PLAIN,
    Standing.ENDED: Tone.WAIT,
    Standing.OVERDUE: Tone.BAD,
    Standing.DESTROYED: Tone.PLAIN,
}
_COLUMNS: Final = (
    "share", "owner", "recipient", "dataset", "what", "patients", "purpose", "study", "granted",
    "until", "fetched", "opened", "times read", "destroyed", "standing", "logs",
)  # fmt: skip


def shares(entries: Iterable[Entry], about: About) -> Report:
    """Return one row for each share, the newest first."""
    every = [entry for log in by_log(entries).values() for entry in log]
    at = about.at or newest(every)
    found = lent(every)[::-1]
    standings = [(share, share.standing(at)) for share in found]
    recipients = tuple(sorted({_id(share.recipient) for share in found}))
    shown = [one for one in Standing if one in {standing for _, standing in standings}]
    series = tuple(
        Series(
            each.value,
            tuple(
                sum((_id(share.recipient), how) == (name, each) for share, how in standings)
                for name in recipients
            ),
            _TONES.get(each, Tone.GOOD),
        )
        for each in shown
    )
    times = [share.first(EventType.SHARE_GRANTED) for share in found]
    granted = {"granted": (Tone.PLAIN, [moment for moment in times if moment])}
    return Report(
        name="shares",
        title=_TITLE,
        explanation=(
            "What one hospital has asked of another, and what became of it, as the given logs "
            "tell it. Patients are those whose rows the owner has released, 0 where its log is "
            "not given or its dataset has no patients' numbers. A receipt is the recipient's "
            "word: that records were destroyed cannot be seen from outside. Overdue is what ended "
            "more than an hour before the report, without such a receipt; not told is how a "
            "share stands whose request is not among the entries."
        ),
        columns=_COLUMNS,
        rows=tuple(_row(share, standing) for share, standing in standings),
        figures=(
            (Bars("Shares by recipient", recipients, series), timeline("Grants over time", granted))
            if found
            else ()
        ),
    )


def _row(share: Lent, standing: Standing) -> tuple[Cell, ...]:
    first = share.entries[0]
    return (
        share.digest,
        share.owner,
        share.recipient,
        next((entry.dataset for entry in share.entries if entry.dataset), ""),
        str(share.terms or ""),
        share.patients,
        first.purpose or "",
        first.study or "",
        share.first(EventType.SHARE_GRANTED),
        share.over,
        *(share.first(kind) for kind in (EventType.SHARE_FETCHED, EventType.SHARE_OPENED)),
        _times_read(share),
        share.first(EventType.SHARE_DESTROYED),
        standing.value,
        ", ".join(sorted({_id(entry.node) for entry in share.entries})),
    )


def _times_read(share: Lent) -> int:
    """Count uses; one that names many patients takes several entries of one moment."""
    return len({(entry.node, entry.time) for entry in share.of(EventType.SHARE_READ)})


def _id(uri: str) -> str:
    return uri.rpartition("/")[2]


KIND: Final = ReportKind(name="shares", title=_TITLE, make=shares)
