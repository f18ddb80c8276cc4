"""Signs about a log itself: missing numbers, a clock that steps, witnesses that are behind."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Final

from wardnet import clock
from wardnet.audit.entry import Entry, EventType
from wardnet.audit.report.finding import Finding, Sign
from wardnet.audit.report.kind import About
from wardnet.clock import Moment

CLOCK_TOLERANCE: Final = timedelta(seconds=1)
"""Writers of one group commit take their time before they take their number; a clock that is
disciplined by NTP is slewed, not stepped, below half a second."""

STALE_AFTER: Final = timedelta(hours=24)
"""From then on a node answers no federated query: an entry that nobody else vouches for could
still be taken back."""


def integrity(log: Sequence[Entry], about: About, *, at: Moment) -> Iterator[Finding]:
    """Yield the signs in one log, given in its order, at the moment of the report."""
    if not log:
        return
    if about.complete and log[0].seq != 1:
        yield _of(Sign.GAP, (log[0],), "the log does not begin with entry 1")
    for before, after in pairwise(log):
        if before.seq == after.seq:
            what = "two different entries have the same number: the log was told in two ways"
            yield _of(Sign.TWO_HISTORIES, (before, after), what)
        elif about.complete and after.seq != before.seq + 1:
            yield _of(Sign.GAP, (before, after), "the entries between these two are not there")
        elif after.seq == before.seq + 1 and _since(after, before) < -CLOCK_TOLERANCE:
            back = _since(before, after)
            yield _of(Sign.CLOCK_STEP, (before, after), f"the clock went back by {back}")
    for entry in log:
        if entry.type is EventType.CLOCK_STEP:
            yield _of(Sign.CLOCK_STEP, (entry,), "the node noticed that its clock was moved")
    yield from _unclean_stops(log)
    yield from _stale(log, about, at)


def _unclean_stops(log: Sequence[Entry]) -> Iterator[Finding]:
    """Notice a start that follows a start: a crash, a power cut, or a restored copy."""
    turns = [entry for entry in log if entry.type in (EventType.STARTED, EventType.STOPPED)]
    for before, after in pairwise(turns):
        if before.type is after.type is EventType.STARTED and before.seq != after.seq:
            what = "it started again and had not said that it stopped"
            yield _of(Sign.UNCLEAN_STOP, (before, after), what)


def _stale(log: Sequence[Entry], about: About, at: Moment) -> Iterator[Finding]:
    covered = about.covered.get(log[0].node)
    if covered is None:
        return
    oldest = next((entry for entry in log if entry.seq > covered), None)
    if oldest and clock.from_moment(at) - clock.from_moment(oldest.time) > STALE_AFTER:
        what = f"no majority of witnesses vouches for what follows entry {covered}"
        yield _of(Sign.STALE_WITNESS, (oldest,), what)


def _since(entry: Entry, other: Entry) -> timedelta:
    return clock.from_moment(entry.time) - clock.from_moment(other.time)


def _of(sign: Sign, entries: tuple[Entry, ...], what: str) -> Finding:
    last = entries[-1]
    places = tuple(dict.fromkeys(entry.seq for entry in entries))
    return Finding(sign, last.node, last.time, "", places, what)
