"""Signs about people: what they asked, how often, when, and with which key.

An entry holds digests of a question and no cohort, so the signs are as coarse as that: many
different questions of one kind about the same rows are a sign, whether their cohorts differ by one
patient or by all of them.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from datetime import timedelta, tzinfo
from typing import Final

from wardnet import clock
from wardnet.audit.entry import Entry, EventType, Outcome
from wardnet.audit.report.finding import Finding, Sign
from wardnet.audit.report.kind import About
from wardnet.audit.report.logs import released
from wardnet.errors import Reason
from wardnet.identity.member import Role

NEAR_IDENTICAL_COUNT: Final = 5
"""A difference of two answers needs two questions and a tracker four, which honest work asks as
well; five different ones of the same kind, rows and size in a day are rarely needed."""

NEAR_IDENTICAL_WINDOW: Final = timedelta(days=1)
"""The questions of one sitting."""

REWORDED_WINDOW: Final = timedelta(hours=1)
"""Whoever corrects an honest mistake does so at once as well, so this is for reading, not for
alarms; later than an hour nearly everything would be a sign."""

SMALL_CELL_COUNT: Final = 3
"""One small cohort is an accident, two a correction; a search for the limit needs more."""

SMALL_CELL_WINDOW: Final = timedelta(hours=1)
SMALL_CELL_REASONS: Final = {Reason.COHORT_TOO_SMALL, Reason.COMPLEMENT_TOO_SMALL}

FETCH_COUNT: Final = 3
"""A grant that has run out is noticed once; who tries several fetches looks for an open door."""

FETCH_WINDOW: Final = timedelta(hours=1)

OFFICE_DAYS: Final = range(5)
"""Monday to Friday."""

OFFICE_HOURS: Final = range(7, 20)
"""Local time, early and late shifts of an office included."""

BY_PEOPLE: Final = {
    EventType.QUERY_SUBMITTED,
    EventType.QUERY_ACCEPTED,
    EventType.QUERY_EXPLAINED,
    EventType.STEWARD_LOGIN,
    EventType.AUDITOR_LOGIN,
    EventType.AGREEMENT_SIGNED,
    EventType.LOG_READ,
    EventType.DATASET_DROPPED,
    EventType.BREAK_GLASS,
    EventType.KEY_REVOKED,
    EventType.STEWARD_REMOVED,
    EventType.PASSWORD_CHANGED,
    EventType.AUDITOR_GRANTED,
    EventType.SHARE_REQUESTED,
    EventType.SHARE_GRANTED,
    EventType.SHARE_READ,
}
"""What somebody does at that moment; rounds and answers run on by themselves."""


def behaviour(log: Sequence[Entry], about: About) -> Iterator[Finding]:
    """Yield the signs in one log, given in its order."""
    yield from _near_identical(log)
    yield from _reworded(log)
    yield from _small_cells(log)
    yield from _refused_fetches(log)
    yield from _off_hours(log, about.zone)
    yield from _new_keys(log)


def _near_identical(log: Iterable[Entry]) -> Iterator[Finding]:
    answers = (
        entry
        for entry in log
        if entry.type is EventType.QUERY_ANSWER
        and released(entry)
        and entry.parameter_digest
        and entry.dataset
    )
    alike = _grouped(
        answers,
        lambda entry: (
            entry.dataset,
            entry.snapshot,
            (entry.operation or "").split(" ")[0],
            entry.cohort_size_band,
        ),
    )
    for found in alike:
        # Asking the same again changes nothing: only the first of each question counts.
        first = {entry.parameter_digest: entry for entry in reversed(found)}
        different = sorted(first.values(), key=lambda entry: entry.seq)
        for burst in _bursts(different, NEAR_IDENTICAL_COUNT, NEAR_IDENTICAL_WINDOW):
            last = burst[-1]
            what = (
                f"{len(burst)} different questions of one kind ({last.operation}) about the same "
                f"rows of {last.dataset}, cohorts of "
                f"{last.cohort_size_band or 'a size that was not recorded'}"
            )
            yield _of(Sign.NEAR_IDENTICAL, burst, what)


def _reworded(log: Iterable[Entry]) -> Iterator[Finding]:
    refused: dict[tuple[str, str | None], Entry] = {}
    for entry in log:
        place = (entry.actor.subject, entry.dataset)
        if entry.outcome is Outcome.REFUSED and entry.parameter_digest:
            refused[place] = entry
        elif entry.type is EventType.QUERY_ANSWER and released(entry) and place in refused:
            before = refused[place]
            other = entry.parameter_digest != before.parameter_digest
            if other and _within(before, entry, REWORDED_WINDOW):
                reason = before.reason.value if before.reason else "no reason recorded"
                what = f"refused ({reason}), and another question about {entry.dataset} answered"
                yield _of(Sign.REWORDED, (before, entry), what)
                del refused[place]


def _small_cells(log: Iterable[Entry]) -> Iterator[Finding]:
    refused = (entry for entry in log if entry.reason in SMALL_CELL_REASONS)
    for found in _grouped(refused, lambda entry: entry.actor.subject):
        # One query can be refused in several entries.
        first = {entry.request_digest or str(entry.seq): entry for entry in reversed(found)}
        each = sorted(first.values(), key=lambda entry: entry.seq)
        for burst in _bursts(each, SMALL_CELL_COUNT, SMALL_CELL_WINDOW):
            what = f"{len(burst)} questions about too few patients"
            yield _of(Sign.SMALL_CELLS, burst, what)


def _refused_fetches(log: Iterable[Entry]) -> Iterator[Finding]:
    refused = (
        entry
        for entry in log
        if entry.type is EventType.SHARE_FETCHED and entry.outcome is Outcome.REFUSED
    )
    for found in _grouped(refused, lambda entry: entry.actor.subject):
        # One fetch can be tried again and again.
        first = {(entry.agreement, entry.request_id): entry for entry in reversed(found)}
        each = sorted(first.values(), key=lambda entry: entry.seq)
        for burst in _bursts(each, FETCH_COUNT, FETCH_WINDOW):
            yield _of(Sign.FETCHES, burst, f"{len(burst)} fetches of sealed records refused")


def _off_hours(log: Iterable[Entry], zone: tzinfo) -> Iterator[Finding]:
    # What another hospital's node brings was done there, at a moment that its own log tells.
    done = (
        entry for entry in log if entry.type in BY_PEOPLE and entry.actor.role != Role.NODE.value
    )
    late = (entry for entry in done if not _in_office(entry, zone))
    for found in _grouped(late, lambda entry: (entry.actor.subject, entry.type)):
        local = [clock.from_moment(entry.time).astimezone(zone) for entry in found]
        days = len({moment.date() for moment in local})
        what = (
            f"{found[0].type.value}, times: {len(found)}, days: {days}, last {local[-1]:%a %H:%M}"
        )
        yield _of(Sign.OFF_HOURS, found, what)


def _in_office(entry: Entry, zone: tzinfo) -> bool:
    local = clock.from_moment(entry.time).astimezone(zone)
    return local.weekday() in OFFICE_DAYS and local.hour in OFFICE_HOURS


def _new_keys(log: Iterable[Entry]) -> Iterator[Finding]:
    """Notice whoever signs with another key than before: a renewal, or somebody else."""
    known: dict[str, set[str]] = {}
    for entry in log:
        key = entry.actor.key_id
        if key is None:
            continue
        before = known.setdefault(entry.actor.subject, set())
        if before and key not in before:
            yield _of(Sign.NEW_KEY, (entry,), f"signed with another key than before: {key}")
        before.add(key)


def _grouped(entries: Iterable[Entry], place: Callable[[Entry], Hashable]) -> Iterable[list[Entry]]:
    groups: dict[Hashable, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(place(entry), []).append(entry)
    return groups.values()


def _bursts(entries: Sequence[Entry], count: int, window: timedelta) -> Iterator[Sequence[Entry]]:
    """Yield runs of at least `count` entries within `window` of their first; none twice."""
    start = 0
    while start < len(entries):
        end = start + 1
        while end < len(entries) and _within(entries[start], entries[end], window):
            end += 1
        if end - start >= count:
            yield entries[start:end]
            start = end
        else:
            start += 1


def _within(first: Entry, second: Entry, window: timedelta) -> bool:
    return clock.from_moment(second.time) - clock.from_moment(first.time) <= window


def _of(sign: Sign, entries: Sequence[Entry], what: str) -> Finding:
    last = entries[-1]
    people = sorted({entry.actor.subject for entry in entries})
    places = tuple(entry.seq for entry in entries)
    return Finding(sign, last.node, last.time, ", ".join(people), places, what)
