"""Lists that fit into one message."""

from collections.abc import Iterable
from typing import Final, TypeVar

from google.protobuf.message import Message

M = TypeVar("M", bound=Message)

MAXIMUM_LIST_BYTES: Final = 3 << 20
"""A list ends before it no longer fits into one message."""


def fitting(records: Iterable[M]) -> list[M]:
    """Return as many records, from the first on, as one message can carry."""
    found: list[M] = []
    size = 0
    for record in records:
        size += record.ByteSize()
        if size > MAXIMUM_LIST_BYTES:
            break
        found.append(record)
    return found
