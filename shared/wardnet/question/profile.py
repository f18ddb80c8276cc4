"""Look at a column block by block, to remember only what a draft of its dictionary needs."""

# pyarrow is published without types.
# pyright: basic, reportAttributeAccessIssue=false, reportMissingTypeStubs=false

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import reduce
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wardnet.question.dictionary import ColumnType
from wardnet.question.values import SLACK, Floats, Values, numbers, times, to_arrow

MAXIMUM_LEVELS: Final = 64
MAXIMUM_DECIMALS: Final = 9

_EXACT: Final = 2.0**45
"""Largest scaled value at which a decimal fraction is still told from any other double."""
_ISO_DATE: Final = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?$"


class Kind(StrEnum):
    """Name what all values of a column seen so far are."""

    EMPTY = "empty"
    BOOLEAN = "boolean"
    WHOLE = "whole"
    DECIMAL = "decimal"
    DATE = "date"
    DATETIME = "datetime"
    TEXT = "text"


_WIDER: Final = {
    frozenset({Kind.WHOLE, Kind.DECIMAL}): Kind.DECIMAL,
    frozenset({Kind.DATE, Kind.DATETIME}): Kind.DATETIME,
}


@dataclass(frozen=True, slots=True)
class Profile:
    """Hold what a draft needs to know of a column; profiles of two blocks merge.

    Parameters
    ----------
    kind : Kind
        The narrowest kind that holds all values.
    count : int
        Values that are not missing.
    texts : Mapping of str to int, or None
        The distinct values as text, and how often each occurs; None when there are more than
        `MAXIMUM_LEVELS`.
    low, high : float
        Of numbers, or of times in seconds since 1970.
    decimals : int or None
        Fewest decimals that hold all numbers; None when more than `MAXIMUM_DECIMALS`.
    unique : bool
        Whether no value stands twice in a block.
    """

    kind: Kind = Kind.EMPTY
    count: int = 0
    texts: Mapping[str, int] | None = field(default_factory=dict)
    low: float = np.inf
    high: float = -np.inf
    decimals: int | None = 0
    unique: bool = True

    def merge(self, other: "Profile") -> "Profile":
        """Return the profile of both blocks together."""
        texts = None
        if self.texts is not None and other.texts is not None:
            union = Counter(self.texts) + Counter(other.texts)
            texts = union if len(union) <= MAXIMUM_LEVELS else None
        both = frozenset({self.kind, other.kind} - {Kind.EMPTY})
        kind = _WIDER.get(both, Kind.TEXT) if len(both) > 1 else next(iter(both), Kind.EMPTY)
        known = self.decimals is not None and other.decimals is not None
        return Profile(
            kind=kind,
            count=self.count + other.count,
            texts=texts,
            low=min(self.low, other.low),
            high=max(self.high, other.high),
            decimals=max(self.decimals or 0, other.decimals or 0) if known else None,
            unique=self.unique and other.unique,
        )


def profile(values: Values, *, date_format: str = "") -> Profile:
    """Look at one block of a column, of whatever type.

    Parameters
    ----------
    date_format : str
        `strptime` format of dates and times that are text; empty for ISO 8601.
    """
    array = pc.drop_null(to_arrow(values))
    if len(array) == 0:
        return Profile()
    kind = array.type
    if pa.types.is_boolean(kind):
        return Profile(Kind.BOOLEAN, len(array), _texts(array))
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return _profile_times(array)
    floats, bad = numbers(array)
    if not bad.any():
        return _profile_numbers(array, floats)
    texts = _texts(array)
    if texts is not None and {text.lower() for text in texts} <= {"true", "false"}:
        return Profile(Kind.BOOLEAN, len(array), texts)
    iso = pc.match_substring_regex(pc.cast(array, pa.string()), _ISO_DATE)
    if date_format or pc.all(iso).as_py():
        found = _profile_times(array, date_format)
        if found.kind is not Kind.TEXT:
            return found
    return Profile(Kind.TEXT, len(array), texts)


def _texts(array: pa.Array) -> Mapping[str, int] | None:
    counted = pc.value_counts(array)
    if len(counted) > MAXIMUM_LEVELS:
        return None
    texts = pc.cast(counted.field("values"), pa.string()).to_pylist()
    return dict(zip(texts, counted.field("counts").to_pylist(), strict=True))


def _profile_numbers(array: pa.Array, floats: Floats) -> Profile:
    digits = fewest_decimals(floats)
    return Profile(
        kind=Kind.WHOLE if digits == 0 else Kind.DECIMAL,
        count=len(array),
        texts=_texts(array),
        low=float(floats.min()),
        high=float(floats.max()),
        decimals=digits,
        unique=pc.count_distinct(array).as_py() == len(array),
    )


def _profile_times(array: pa.Array, date_format: str = "") -> Profile:
    """Profile times; finer than a second they count as text, because no grid holds them."""
    seconds, bad = times(array, ColumnType.DATETIME, date_format)
    if bad.any() or (seconds % 1).any():
        return Profile(Kind.TEXT, len(array), None)
    kind = Kind.DATETIME if (seconds % 86_400).any() else Kind.DATE
    return Profile(kind, len(array), None, float(seconds.min()), float(seconds.max()))


def fewest_decimals(floats: Floats) -> int | None:
    """Return the fewest decimals (0 to `MAXIMUM_DECIMALS`) that hold all values, or None.

    Parameters
    ----------
    floats : ndarray of float64, shape (n,)
        Finite.
    """
    left = np.abs(floats)
    for digits in range(MAXIMUM_DECIMALS + 1):
        scaled = left * 10.0**digits
        if left.size and scaled.max() > _EXACT:
            return None
        left = left[np.abs(np.rint(scaled) / 10.0**digits - left) > left * SLACK]
        if not left.size:
            return digits
    return None


def merge(profiles: Iterable[Profile]) -> Profile:
    """Return the profile of all blocks together."""
    return reduce(Profile.merge, profiles, Profile())
