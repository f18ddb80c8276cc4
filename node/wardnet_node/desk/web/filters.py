"""What is looked for in the log: the fields of the search, as they stand in the page's address."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final

from fastapi import Depends, Request

from wardnet import clock
from wardnet.audit.entry import EventType, Outcome
from wardnet.audit.search import Search

FIELDS: Final = (
    "since", "until", "type", "outcome", "subject", "study", "dataset", "method", "tag",
)  # fmt: skip
_LONGEST: Final = 400
_MOST: Final = 1 << 52


@dataclass(frozen=True, slots=True)
class Filters:
    """Hold a search.

    Parameters
    ----------
    wanted : Search
        What it finds.
    asked : Mapping of str to str
        What was understood of the fields, to be shown again and to stand in addresses.
    wrong : tuple of str
        Dates that could not be read.
    """

    wanted: Search
    asked: Mapping[str, str]
    wrong: tuple[str, ...]

    @property
    def given(self) -> Mapping[str, str]:
        """Return the fields that are filled in."""
        return {name: value for name, value in self.asked.items() if value}


def read(fields: Mapping[str, str]) -> Filters:
    """Read the fields; what none can be is left out, and a date that is none is named."""
    text = {name: fields.get(name, "").strip()[:_LONGEST] for name in FIELDS}
    since, until = _day(text["since"]), _day(text["until"], after=1)
    kind = EventType(text["type"]) if text["type"] in set(EventType) else None
    outcome = Outcome(text["outcome"]) if text["outcome"] in set(Outcome) else None
    before = fields.get("before", "")
    wanted = Search(
        since=since,
        until=until,
        type=kind,
        outcome=outcome,
        subject=text["subject"],
        study=text["study"].lower(),
        dataset=text["dataset"],
        method=text["method"],
        tag=text["tag"],
        before=min(int(before), _MOST) if before.isascii() and before.isdecimal() else 0,
    )
    days = (("from", text["since"], since), ("to", text["until"], until))
    return Filters(
        wanted,
        asked={
            **text,
            "since": text["since"] if since else "",
            "until": text["until"] if until else "",
            "type": kind.value if kind else "",
            "outcome": outcome.value if outcome else "",
        },
        wrong=tuple(name for name, written, day in days if written and not day),
    )


def filters(request: Request) -> Filters:
    """Read the fields of a page's address."""
    return read(request.query_params)


def _day(text: str, *, after: int = 0) -> str:
    """Return the moment at which a day begins, or one after it; empty when it is none."""
    with suppress(ValueError, OverflowError):
        day = date.fromisoformat(text) + timedelta(days=after)
        return clock.to_moment(datetime.combine(day, time(), UTC))
    return ""


Asked = Annotated[Filters, Depends(filters)]
"""What is looked for, in a route's signature."""
