"""Types of the fields that people sign: text that shows what it says, lists with one order."""

from collections.abc import Hashable
from typing import Annotated, Final, TypeAlias, TypeVar

from pydantic import AfterValidator, Field, StringConstraints

T = TypeVar("T", bound=Hashable)

_SHOWN: Final = r"[^\p{Cc}\u{2028}\u{2029}\u{202A}-\u{202E}\u{2066}-\u{2069}]"
"""No control character, nor one that turns the direction of a text and so hides what it says."""

Line: TypeAlias = Annotated[
    str, StringConstraints(pattern=f"^{_SHOWN}+$", min_length=1, max_length=200)
]
"""One line of text for people, 1 to 200 characters."""

Note: TypeAlias = Annotated[str, StringConstraints(pattern=f"^{_SHOWN}*$", max_length=200)]
"""One line of text for people, or nothing."""

Paragraph: TypeAlias = Annotated[
    str, StringConstraints(pattern=rf"^(?:{_SHOWN}|\n)+$", min_length=1, max_length=4000)
]
"""Lines of text for people, 1 to 4000 characters."""

Layout: TypeAlias = Annotated[int, Field(ge=1, le=1)]
"""The number of a layout; 1. A literal would take `true` for 1 and give one value two spellings."""

Patients: TypeAlias = Annotated[int, Field(ge=10, le=1_000_000)]
"""A threshold: fewest patients that may be described; 10 is the floor of every network."""

Number: TypeAlias = Annotated[int, Field(ge=1, le=1_000_000)]
"""A count from 1: of queries, of hospitals, of revisions."""


def _in_order(values: tuple[T, ...]) -> tuple[T, ...]:
    if list(values) != sorted(set(values)):  # type: ignore[type-var]
        message = "must be sorted, and nothing may stand twice"
        raise ValueError(message)
    return values


InOrder: TypeAlias = Annotated[tuple[T, ...], AfterValidator(_in_order)]
"""A set, written in its one order."""

SomeInOrder: TypeAlias = Annotated[tuple[T, ...], Field(min_length=1), AfterValidator(_in_order)]
"""A set of at least one, written in its one order."""
