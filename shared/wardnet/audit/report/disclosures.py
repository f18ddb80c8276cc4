"""Accounting of disclosures: to whom records about one patient went.

References
----------
45 CFR 164.528 (HIPAA): the six years before the request; of each disclosure its date, who received
it and their address if known, what it was, and its purpose.
"""

from collections.abc import Iterable
from typing import Final

from wardnet import clock
from wardnet.audit import lending
from wardnet.audit.entry import Entry
from wardnet.audit.report.figure import Tone, timeline
from wardnet.audit.report.kind import About, Report, ReportKind
from wardnet.audit.report.logs import by_log, newest, released
from wardnet.clock import Moment
from wardnet.errors import Reason, WardnetError

YEARS: Final = 6
"""45 CFR 164.528(a)(1); also how long a log keeps its entries by default."""

_TITLE: Final = "Accounting of disclosures"
_COLUMNS: Final = (
    "time", "recipient", "address", "what", "purpose", "study", "agreement", "log", "entry",
)  # fmt: skip


def disclosures(entries: Iterable[Entry], about: About) -> Report:
    """Return every release of records about one patient, the newest first.

    Raises
    ------
    WardnetError
        `PARAMETER_INVALID` without a patient: an empty accounting must mean "none", never "of
        nobody".
    """
    if not about.patient:
        raise WardnetError(
            Reason.PARAMETER_INVALID,
            method=_TITLE,
            parameter="patient",
            rule="must be named by the tag of at least one hospital",
        )
    every = [entry for log in by_log(entries).values() for entry in log]
    since = _years_before(about.at or newest(every))
    found = sorted(
        (
            entry
            for entry in every
            if about.patient.intersection(entry.patient_tags)
            and released(entry)
            and entry.time >= since
        ),
        key=lambda entry: entry.time,
        reverse=True,
    )
    times = {"disclosures": (Tone.PLAIN, [entry.time for entry in found])}
    return Report(
        name="disclosures",
        title=_TITLE,
        explanation=(
            "Every release of records about this patient in the six years before the report (45 "
            "CFR 164.528), for whatever purpose, treatment included. Records that were sealed for "
            "another hospital count from the moment on from which it could fetch them. Answers of "
            "the network are totals over at least ten patients, name none, and are not listed; "
            "nor are records of a dataset that has no patients' numbers."
        ),
        columns=_COLUMNS,
        rows=tuple(
            (
                entry.time,
                entry.recipient or entry.actor.subject,
                entry.peer_address or "",
                _what(entry),
                entry.purpose or "",
                entry.study or "",
                entry.agreement or "",
                entry.node,
                entry.seq,
            )
            for entry in found
        ),
        figures=(timeline("Disclosures over time", times),) if found else (),
    )


def _what(entry: Entry) -> str:
    parts = (entry.operation or entry.type.value, entry.dataset, entry.snapshot)
    named = " ".join(part for part in parts if part)
    lent = lending.read(entry)
    return named if lent is None else f"{named}: {lent}"


def _years_before(moment: Moment) -> Moment:
    """Return the same day, six years before; the first of March for a 29th of February."""
    if not moment:
        return ""
    end = clock.from_moment(moment)
    try:
        start = end.replace(year=end.year - YEARS)
    except ValueError:
        start = end.replace(year=end.year - YEARS, month=3, day=1)
    return clock.to_moment(start)


KIND: Final = ReportKind(name="disclosures", title=_TITLE, needs="patient", make=disclosures)
