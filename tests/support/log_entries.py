"""Entries of made-up logs: what the tests of reports and exports read."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from wardnet import clock
from wardnet.audit.entry import Actor, Entry, EventType, Outcome
from wardnet.clock import Moment

NODE: Final = "wardnet://heartnet/node/north"
SOUTH: Final = "wardnet://heartnet/node/south"
COORDINATOR: Final = "wardnet://heartnet/coordinator/office"
ANN: Final = "wardnet://heartnet/researcher/ann"
BEN: Final = "wardnet://heartnet/researcher/ben"
TAG: Final = "5" * 64
START: Final = "2026-03-02T09:00:00.000Z"
"""A Monday."""


def digest(number: int) -> str:
    """Return a made-up digest."""
    return f"{number:064x}"


def later(minutes: float, start: Moment = START) -> Moment:
    """Return a moment some minutes after another."""
    return clock.to_moment(clock.from_moment(start) + timedelta(minutes=minutes))


def entry(seq: int = 1, **fields: Any) -> Entry:  # noqa: ANN401 - any field of an entry
    """Return an entry: by default an answer that a hospital released to a researcher."""
    subject = fields.pop("subject", ANN)
    known: dict[str, Any] = {
        "type": EventType.QUERY_ANSWER,
        "outcome": Outcome.RELEASED,
        "node": NODE,
        "actor": Actor(subject=subject, role="researcher", key_id=digest(len(subject))),
        "seq": seq,
        "time": later(seq),
        "software_version": "wardnet 0.1.0",
        "salt": f"{seq:032x}",
    }
    return Entry(**(known | fields))


def log(*kinds: dict[str, Any], node: str = NODE) -> Sequence[Entry]:
    """Return a log of entries with these fields, numbered from 1, one minute apart."""
    return [entry(seq, **({"node": node} | fields)) for seq, fields in enumerate(kinds, start=1)]
