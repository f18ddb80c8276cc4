"""Signs that entries are by themselves: what witnesses found, and changes of who may do what.

All changes are allowed; none is everyday work, and each is where a takeover would begin.
"""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from wardnet.audit.entry import Entry, EventType, Outcome
from wardnet.audit.report.finding import Finding, Sign

CHANGES: Final[Mapping[EventType, tuple[Sign, str]]] = MappingProxyType(
    {
        EventType.LOG_LOCKED: (
            Sign.LOG_LOCKED,
            "this member holds a history of this log that the log does not continue",
        ),
        EventType.FORK_FOUND: (
            Sign.FORK_FOUND,
            "this member's log has shown us what does not continue what it showed before",
        ),
        EventType.LOG_EXTENDED: (
            Sign.EXTENDED,
            "two stewards let the node answer although too few witnesses confirm its log",
        ),
        EventType.BREAK_GLASS: (
            Sign.BREAK_GLASS,
            "a node that had locked itself serves again, on the word of its stewards",
        ),
        EventType.KEY_REVOKED: (Sign.KEY_REVOKED, "from now on nothing that it signed holds"),
        EventType.STEWARD_REMOVED: (Sign.STEWARDS, "a steward was removed"),
        EventType.PASSWORD_CHANGED: (Sign.STEWARDS, "a steward's password was changed"),
        EventType.AUDITOR_GRANTED: (Sign.READERS, "an auditor may read this log"),
        EventType.DETAIL_ERASED: (
            Sign.ERASED,
            "what the log said of one patient was erased; entries and proofs stand",
        ),
    }
)


def power(log: Iterable[Entry]) -> Iterator[Finding]:
    """Yield the signs in one log, given in its order; attempts that were refused among them."""
    for entry in log:
        if entry.type not in CHANGES or _by_calendar(entry):
            continue
        sign, what = CHANGES[entry.type]
        if entry.outcome is Outcome.REFUSED:
            reason = entry.reason.value if entry.reason else "no reason recorded"
            what = f"tried, and refused ({reason})"
        elif entry.recipient:
            what = f"{what}: {entry.recipient}"
        yield Finding(sign, entry.node, entry.time, entry.actor.subject, (entry.seq,), what)


def _by_calendar(entry: Entry) -> bool:
    """Say whether detail was erased because its time was over: then it is about no one patient."""
    return entry.type is EventType.DETAIL_ERASED and not entry.patient_tags
