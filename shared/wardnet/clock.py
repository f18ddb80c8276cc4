"""Moments as the wire and the log write them: UTC, milliseconds, `2026-01-31T08:15:00.000Z`."""

from datetime import UTC, datetime
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, StringConstraints


def _exists(moment: str) -> str:
    try:
        datetime.fromisoformat(moment)
    except ValueError:
        message = "there is no such moment"
        raise ValueError(message) from None
    return moment


Moment: TypeAlias = Annotated[
    str,
    StringConstraints(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$"
    ),
    AfterValidator(_exists),
]
"""A moment as text; the order of the texts is that of the moments."""


def now() -> datetime:
    """Return the present moment in UTC."""
    return datetime.now(UTC)


def to_moment(time: datetime) -> str:
    """Write an aware datetime as a moment."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def from_moment(moment: str) -> datetime:
    """Read a moment.

    Examples
    --------
    >>> to_moment(from_moment("2026-01-31T08:15:00.250Z"))
    '2026-01-31T08:15:00.250Z'
    """
    return datetime.fromisoformat(moment)
