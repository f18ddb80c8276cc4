"""Moments as the wire and the log write them: UTC, milliseconds, `2026-01-31T08:15:00.000Z`."""

from datetime import UTC, datetime
from typing import Annotated, TypeAlias

from pydantic import StringConstraints

Moment: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$")
]


def now() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(UTC)


def to_moment(time: datetime) -> str:
    """Write an aware datetime as a moment."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond // 1000:03d}Z"


def from_moment(moment: str) -> datetime:
    """Read a moment.

    Examples
    --------
    >>> to_moment(from_moment("2026-01-31T08:15:00.250Z"))
    '2026-01-31T08:15:00.250Z'
    """
    return datetime.strptime(moment, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
