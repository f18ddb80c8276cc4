"""Search the access log."""

from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from fastapi import APIRouter
from fastapi.responses import Response

from wardnet import clock
from wardnet.audit.entry import EventType
from wardnet.audit.search import Search
from wardnet_node.desk.web.web import Visitor

PAGE: Final = 50
"""Entries on one page."""

router = APIRouter()


@router.get("/log")
async def log(
    visitor: Visitor,
    *,
    since: str = "",
    until: str = "",
    type: str = "",  # noqa: A002 - the field's name on the page
    subject: str = "",
    dataset: str = "",
    before: int = 0,
) -> Response:
    """Show the entries that are searched for, newest first."""
    kind = EventType(type) if type in set(EventType) else None
    wanted = Search(
        since=_day(since),
        until=_day(until, after=1),
        type=kind,
        subject=subject.strip(),
        dataset=dataset.strip(),
        before=min(max(before, 0), 1 << 62),
    )
    found, names = await visitor.web.do(
        lambda room: (
            room.search(wanted, limit=PAGE + 1),
            [item.name for item in room.vault.datasets()],
        )
    )
    asked = {
        "since": since if wanted.since else "",
        "until": until if wanted.until else "",
        "type": kind.value if kind else "",
        "subject": wanted.subject,
        "dataset": wanted.dataset,
    }
    wrong = [name for name, text in (("from", since), ("to", until)) if text and not _day(text)]
    return visitor.page(
        "log.html",
        entries=found[:PAGE],
        older=found[PAGE - 1].seq if len(found) > PAGE else 0,
        asked=asked,
        paged=bool(before),
        wrong=wrong,
        types=list(EventType),
        datasets=names,
    )


def _day(text: str, *, after: int = 0) -> str:
    """Return the moment at which a day begins, or one after it; empty when it is none."""
    with suppress(ValueError, OverflowError):
        day = date.fromisoformat(text.strip()) + timedelta(days=after)
        return clock.to_moment(datetime.combine(day, time(), UTC))
    return ""
