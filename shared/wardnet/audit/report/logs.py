"""Entries in the order of their logs, and the queries that they are about."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from wardnet.audit.entry import Entry, EventType, Outcome
from wardnet.clock import Moment

_ABOUT_QUERIES: Final = {
    EventType.QUERY_SUBMITTED,
    EventType.QUERY_ACCEPTED,
    EventType.QUERY_PART,
    EventType.QUERY_ANSWER,
    EventType.QUERY_FAILED,
    EventType.QUERY_CANCELLED,
}


class Ending(StrEnum):
    """Name how a query ended in one log."""

    ANSWERED = "answered"
    REFUSED = "refused"
    FAILED = "failed"
    CANCELLED = "cancelled"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Asked:
    """Hold what one log says of one query.

    Parameters
    ----------
    entries : tuple of Entry
        In the log's order; at least one, all with the same request digest.
    """

    entries: tuple[Entry, ...]

    @property
    def first(self) -> Entry:
        """Return where the log first names the query."""
        return self.entries[0]

    @property
    def digest(self) -> str:
        """Return the digest of the signed query: the same in every log."""
        return self.first.request_digest or ""

    @property
    def researcher(self) -> str:
        """Return who asked."""
        return self.first.actor.subject

    @property
    def last(self) -> Entry:
        """Return the answer where there is one, else the newest entry."""
        answers = (entry for entry in self.entries if entry.type is EventType.QUERY_ANSWER)
        return next(answers, self.entries[-1])

    @property
    def ending(self) -> Ending:
        """Return how it ended; an answer stays one, whatever was refused later.

        The answer itself can be a refusal: which cohort is too small shows only in the sums.
        """
        refused = self.last.outcome is Outcome.REFUSED
        match self.last.type:
            case EventType.QUERY_ANSWER:
                return Ending.REFUSED if refused else Ending.ANSWERED
            case EventType.QUERY_CANCELLED:
                return Ending.CANCELLED
            case EventType.QUERY_FAILED:
                return Ending.REFUSED if refused else Ending.FAILED
            case _:
                return Ending.OPEN


def by_log(entries: Iterable[Entry]) -> Mapping[str, list[Entry]]:
    """Return entries by the member whose log they are of, each log in its order.

    An entry that comes twice stands once; two different ones in the same place both stay.
    """
    logs: dict[str, dict[Entry, None]] = {}
    for entry in entries:
        logs.setdefault(entry.node, {})[entry] = None
    return {
        node: sorted(found, key=lambda one: (one.seq, one.time)) for node, found in logs.items()
    }


def asked(log: Iterable[Entry]) -> tuple[Asked, ...]:
    """Return the queries that one log names, in the order in which it first names them."""
    found: dict[str, list[Entry]] = {}
    for entry in log:
        if entry.request_digest and entry.type in _ABOUT_QUERIES:
            found.setdefault(entry.request_digest, []).append(entry)
    return tuple(Asked(tuple(same)) for same in found.values())


def newest(entries: Iterable[Entry]) -> Moment:
    """Return the latest moment; empty when there is no entry."""
    return max((entry.time for entry in entries), default="")


def released(entry: Entry) -> bool:
    """Say whether something left; an entry without an outcome counts as released."""
    return entry.outcome in (Outcome.RELEASED, None)
