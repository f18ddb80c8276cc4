"""One entry as a row: a name and a value for every field, those inside others with a dot."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Final, TypeAlias

from wardnet import canonical
from wardnet.audit.entry import Actor, Budget, Entry

Value: TypeAlias = str | int | None

_FIRST: Final = ("seq", "time", "node", "type", "outcome", "reason")
_INSIDE: Final = {"actor": Actor, "budget": Budget}


def _columns() -> Iterator[str]:
    yield from _FIRST
    for field in fields(Entry):
        if field.name in _INSIDE:
            yield from (f"{field.name}.{inner.name}" for inner in fields(_INSIDE[field.name]))
        elif field.name not in _FIRST:
            yield field.name


COLUMNS: Final = tuple(_columns())
"""Every field of an entry, once."""

_PLACES: Final = [(column, *column.partition(".")[::2]) for column in COLUMNS]


def row(entry: Entry) -> dict[str, Value]:
    """Return the value of every column, in their order.

    Parameters
    ----------
    entry : Entry
        Of any log.

    Returns
    -------
    dict of str to str, int or None
        None where a field does not apply; of several values (key ids, tags) canonical JSON, or
        None when there are none.
    """
    return {column: _value(entry, outer, inner) for column, outer, inner in _PLACES}


def _value(entry: Entry, outer: str, inner: str) -> Value:
    value = getattr(entry, outer)
    if inner and value is not None:
        value = getattr(value, inner)
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, tuple):
        return canonical.encode(list(value)).decode() if value else None
    return str(value)
