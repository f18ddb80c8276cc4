"""Records that one hospital handed to another, as the logs of both tell it.

Both hospitals sign what they say about a share, and both logs name each statement by its digest: so
what one log holds and the other does not is found without a word from either.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from wardnet import clock
from wardnet.audit import lending
from wardnet.audit.entry import Entry, EventType, Outcome
from wardnet.audit.lending import Lending
from wardnet.audit.report.finding import Finding, Sign
from wardnet.clock import Moment

GRACE: Final = timedelta(hours=1)
"""A receipt is sent again every 20 seconds until it arrives; an hour is a node that is away."""

STATEMENTS: Final = {
    EventType.SHARE_REQUESTED,
    EventType.SHARE_DECLINED,
    EventType.SHARE_GRANTED,
    EventType.SHARE_REVOKED,
    EventType.SHARE_READY,
    EventType.SHARE_FETCHED,
    EventType.SHARE_OPENED,
    EventType.SHARE_DESTROYED,
}
"""What is signed and goes to the other hospital; reading is not."""

_ABOUT_SHARES: Final = {*STATEMENTS, EventType.SHARE_READ}


class Standing(StrEnum):
    """Name how a share stands."""

    UNTOLD = "not told"
    """Its beginning is not among the entries, and so its end may be missing as well."""
    ASKED = "asked"
    DECLINED = "declined"
    GRANTED = "granted"
    READY = "ready"
    FETCHED = "fetched"
    OPENED = "opened"
    ENDED = "ended"
    """Over, or taken back, and its receipt may still be on its way."""
    OVERDUE = "overdue"
    """Over for longer, without a receipt that it was destroyed."""
    DESTROYED = "destroyed"


@dataclass(frozen=True, slots=True)
class Lent:
    """Hold what logs say of one share.

    Parameters
    ----------
    entries : tuple of Entry
        By time, without what was refused; at least one, all with the same request digest.
    """

    entries: tuple[Entry, ...]

    @property
    def digest(self) -> str:
        """Return the digest of the signed request: the id of the share, the same in every log."""
        return self.entries[0].request_digest or ""

    @property
    def terms(self) -> Lending | None:
        """Return what was granted, or newer, released; None before that."""
        return next(filter(None, map(lending.read, reversed(self.entries))), None)

    @property
    def recipient(self) -> str:
        """Return the URI of who gets the records."""
        return next((entry.recipient for entry in self.entries if entry.recipient), "")

    @property
    def owner(self) -> str:
        """Return the URI of whose records they are; empty where no log says it yet."""
        here = (entry.node for entry in self.entries if entry.node != self.recipient)
        return self.terms.owner if self.terms else next(here, "")

    @property
    def patients(self) -> int:
        """Return how many patients' rows the owner has released; 0 where its log is not given."""
        released = (e for e in self.of(EventType.SHARE_READY) if e.node != self.recipient)
        return len({tag for entry in released for tag in entry.patient_tags})

    def of(self, kind: EventType) -> Sequence[Entry]:
        """Return the entries of one kind."""
        return [entry for entry in self.entries if entry.type is kind]

    def first(self, kind: EventType) -> Moment:
        """Return when something happened first; empty when it did not."""
        return next((entry.time for entry in self.of(kind)), "")

    @property
    def over(self) -> Moment:
        """Return when it ends, or was taken back before; empty while nothing is granted."""
        ends = (self.terms.until if self.terms else "", self.first(EventType.SHARE_REVOKED))
        return min(filter(None, ends), default="")

    def standing(self, at: Moment) -> Standing:
        """Return how it stands at a moment."""
        if self.of(EventType.SHARE_DESTROYED):
            return Standing.DESTROYED
        if self.of(EventType.SHARE_DECLINED):
            return Standing.DECLINED
        if not self.of(EventType.SHARE_REQUESTED):
            return Standing.UNTOLD
        if self.over and self.over <= at:
            late = clock.from_moment(at) - clock.from_moment(self.over) > GRACE
            return Standing.OVERDUE if late else Standing.ENDED
        steps = (Standing.OPENED, Standing.FETCHED, Standing.READY, Standing.GRANTED)
        here = {entry.type.value.removeprefix("share_") for entry in self.entries}
        return next((step for step in steps if step.value in here), Standing.ASKED)


def lent(entries: Iterable[Entry]) -> tuple[Lent, ...]:
    """Return the shares that entries name, in the order in which they are first named."""
    found: dict[str, list[Entry]] = {}
    for entry in sorted(entries, key=lambda one: (one.time, one.node, one.seq)):
        told = entry.outcome in (Outcome.DONE, Outcome.RELEASED, None)
        if entry.type in _ABOUT_SHARES and told and entry.request_digest:
            found.setdefault(entry.request_digest, []).append(entry)
    return tuple(Lent(tuple(same)) for same in found.values())


def overdue(log: Iterable[Entry], *, at: Moment) -> Iterator[Finding]:
    """Yield the shares of one log that are over without a receipt that they were destroyed."""
    for share in lent(log):
        if share.standing(at) is Standing.OVERDUE and share.of(EventType.SHARE_READY):
            what = f"over since {share.over}, and no receipt that it was destroyed"
            yield _of(Sign.NOT_DESTROYED, share.entries, share, what)


def one_sided(logs: Mapping[str, Sequence[Entry]], *, at: Moment) -> Iterator[Finding]:
    """Yield what only one of two hospitals' logs says of a share, where both are given.

    Parameters
    ----------
    logs : mapping of str to entries
        By the member whose log it is.
    at : Moment
        The moment of the report; what was said less than `GRACE` before may be on its way.
    """
    before = clock.to_moment(clock.from_moment(at) - GRACE) if at else ""
    for share in lent(entry for log in logs.values() for entry in log):
        if not {share.owner, share.recipient} <= logs.keys():
            continue
        for node, other in ((share.owner, share.recipient), (share.recipient, share.owner)):
            begun = share.of(EventType.SHARE_REQUESTED)
            if node not in {entry.node for entry in begun}:
                continue  # some of its entries were not given
            known = {entry.result_digest for entry in share.entries if entry.node == other}
            only = [
                entry
                for entry in share.entries
                if entry.node == node
                and _is_statement(entry)
                and entry.time <= before
                and entry.result_digest not in known
            ]
            if only:
                kinds = ", ".join(dict.fromkeys(entry.type.value for entry in only))
                what = f"{kinds}: this log says so, and that of {other} does not"
                yield _of(Sign.ONE_SIDED, only, share, what)


def _is_statement(entry: Entry) -> bool:
    """Say whether both logs must have it; a fetch at the owner's own door is no statement."""
    at_the_door = entry.type is EventType.SHARE_FETCHED and entry.outcome is Outcome.RELEASED
    return entry.type in STATEMENTS and entry.result_digest is not None and not at_the_door


def _of(sign: Sign, entries: Sequence[Entry], share: Lent, what: str) -> Finding:
    last = entries[-1]
    places = tuple(entry.seq for entry in entries)
    told = f"{what} (share {share.digest})"
    return Finding(sign, last.node, last.time, share.recipient, places, told)
