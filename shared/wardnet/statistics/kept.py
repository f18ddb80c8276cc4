"""What is made of rows, kept for as long as the rows are; nothing needs it, it saves time.

A hospital's rows stay in memory from round to round where they fit; what every round makes of them
again, with the same bits, can stay beside them.
"""

import weakref
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from wardnet.question.rows import Rows

T = TypeVar("T")

_KEPT: Final[dict[tuple[object, ...], tuple[list[weakref.ref[Any]], Any]]] = {}
"""By what is made, and the identities of arrays that are still alive."""


def kept(what: object, batches: Iterable[Rows], make: Callable[[], T]) -> T:
    """Return what was made of the same arrays before, or make it.

    Parameters
    ----------
    what : object
        Tells apart what is made of the same rows; to be hashed.
    batches : iterable of Rows
        What it is made of; what is made must be new arrays, or its rows would stay for good.
    """
    arrays = [array for rows in batches for array in _arrays(rows)]
    key = (what, *map(id, arrays))
    found = _KEPT.get(key)
    if found is not None and all(
        ref() is array for ref, array in zip(found[0], arrays, strict=True)
    ):
        before: T = found[1]
        return before
    made = make()
    if not arrays:
        return made
    drop = _KEPT.pop  # at the end of a process the name may be gone before the rows are
    _KEPT[key] = ([weakref.ref(array, lambda _: drop(key, None)) for array in arrays], made)
    return made


def forget() -> None:
    """Drop everything."""
    _KEPT.clear()


def _arrays(rows: Rows) -> Iterable[NDArray[np.generic]]:
    yield from rows.columns.values()
    if rows.patient is not None:
        yield rows.patient
