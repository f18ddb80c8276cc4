"""Hold hospitals' logs against the coordinator's: the digest of a query is the same in each."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Final

from wardnet import clock
from wardnet.audit.entry import Entry, EventType
from wardnet.audit.report.figure import Bars, Series
from wardnet.audit.report.finding import COLUMNS, Finding, Sign
from wardnet.audit.report.kind import About, Report, ReportKind
from wardnet.audit.report.lent import one_sided
from wardnet.audit.report.logs import Asked, Ending, asked, by_log, newest
from wardnet.errors import Reason, WardnetError

HELD_BACK_AFTER: Final = timedelta(minutes=5)
"""A query reaches a connected hospital within seconds, and each of a pair in order; clocks that
keep time agree to far less."""

_TITLE: Final = "Hospitals and coordinator"
_UNEQUAL: Final = {
    (Ending.ANSWERED, Ending.REFUSED),
    (Ending.ANSWERED, Ending.FAILED),
    (Ending.REFUSED, Ending.ANSWERED),
    (Ending.FAILED, Ending.ANSWERED),
}
"""How a hospital's log and the coordinator's may not differ. A query that is still open, or was
cancelled on its way, ends differently in good faith."""


def reconcile(hospitals: Iterable[Entry], coordinator: Iterable[Entry]) -> Iterator[Finding]:
    """Yield where logs of hospitals and the coordinator's do not fit, oldest first.

    Parameters
    ----------
    hospitals : Iterable of Entry
        Of one or more nodes; the coordinator's among them do not count. With all hospitals'
        logs, what only the coordinator names was hidden from all of them; with some, it may have
        been for the others.
    coordinator : Iterable of Entry
        Of the same time.
    """
    told = by_log(coordinator)
    office = {query.digest: query for log in told.values() for query in asked(log)}
    logs = {node: asked(log) for node, log in by_log(hospitals).items() if node not in told}
    findings = [
        finding for log in logs.values() for query in log for finding in _compared(query, office)
    ]
    findings += _overtaken(logs, office)
    known = {query.digest for log in logs.values() for query in log}
    findings += [
        _of(
            Sign.ONLY_AT_COORDINATOR,
            query,
            "the coordinator took this query, and none of these hospitals saw it",
        )
        for digest, query in office.items()
        if digest not in known
    ]
    yield from sorted(findings, key=lambda finding: (finding.time, finding.sign, finding.node))


def _compared(query: Asked, office: Mapping[str, Asked]) -> Iterator[Finding]:
    other = office.get(query.digest)
    if other is None:
        # A hospital logs as refused what never was a query: the coordinator need not know it.
        if any(entry.type is not EventType.QUERY_FAILED for entry in query.entries):
            what = "this hospital worked on a query that the coordinator's log does not name"
            yield _of(Sign.ONLY_AT_HOSPITAL, query, what)
        return
    for name, mine, theirs in (
        ("researcher", query.researcher, other.researcher),
        ("dataset", query.first.dataset, other.first.dataset),
        ("operation", query.first.operation, other.first.operation),
    ):
        if mine and theirs and mine != theirs:
            what = f"{name}: here {mine}, at the coordinator {theirs}"
            yield _of(Sign.CONTRADICTION, query, what)
    # The coordinator carries a sealed answer, and cannot tell one that is a refusal.
    sealed = query.last.type is other.last.type is EventType.QUERY_ANSWER
    if not sealed and (query.ending, other.ending) in _UNEQUAL:
        what = f"{query.ending.value} here, {other.ending.value} at the coordinator"
        yield _of(Sign.CONTRADICTION, query, what)


def _overtaken(
    logs: Mapping[str, Sequence[Asked]], office: Mapping[str, Asked]
) -> Iterator[Finding]:
    """Notice a query that came long after it was submitted, and whether others overtook it."""
    for log in logs.values():
        newest = ""
        for query in log:
            other = office.get(query.digest)
            if other is None:
                continue
            submitted = other.first.time
            late = clock.from_moment(query.first.time) - clock.from_moment(submitted)
            if late > HELD_BACK_AFTER:
                behind = ", behind queries that were submitted later" if submitted < newest else ""
                yield _of(Sign.HELD_BACK, query, f"it came {late} after it was submitted{behind}")
            newest = max(newest, submitted)


def _of(sign: Sign, query: Asked, what: str) -> Finding:
    places = tuple(entry.seq for entry in query.entries)
    last = query.last
    told = f"{what} (query {query.digest})"
    return Finding(sign, last.node, last.time, query.researcher, places, told)


def reconciliation(entries: Iterable[Entry], about: About) -> Report:
    """Return one row for each query that does not fit, then for each share.

    Raises
    ------
    WardnetError
        `PARAMETER_INVALID` without entries of the coordinator's log.
    """
    if not about.coordinator:
        raise WardnetError(
            Reason.PARAMETER_INVALID,
            method=_TITLE,
            parameter="coordinator",
            rule="must give entries of the coordinator's log of the same time",
        )
    every = list(entries)
    logs = by_log(every)
    at = about.at or newest(every)
    findings = (*reconcile(every, about.coordinator), *one_sided(logs, at=at))
    told = by_log(about.coordinator)
    office = {query.digest for log in told.values() for query in asked(log)}
    named = {query.digest for node, log in logs.items() if node not in told for query in asked(log)}
    labels = ("in both", "at hospitals only", "at the coordinator only")
    counts = (len(named & office), len(named - office), len(office - named))
    return Report(
        name="reconciliation",
        title=_TITLE,
        explanation=(
            "Queries that the logs of hospitals and coordinator tell differently. The coordinator "
            "does not log which hospitals a query was for: what only it names was either for "
            "others or hidden from these. And what only one of two hospitals' logs tells of "
            "records that one has handed to the other; the coordinator knows nothing of them."
        ),
        columns=COLUMNS,
        rows=tuple(finding.as_row() for finding in findings),
        figures=(Bars("Queries by where they are named", labels, (Series("queries", counts),)),),
    )


KIND: Final = ReportKind(
    name="reconciliation", title=_TITLE, needs="coordinator", make=reconciliation
)
