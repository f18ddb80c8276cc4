"""Draft a dictionary from data, for a person to edit and for the simulation to start with.

A draft must not tell about one patient: bounds are rounded outward, a list of levels is drafted
only where values repeat, and without the levels that few rows have, unless they are asked for. What
looks like an identifier or free text is never shared.
"""

# pyarrow is published without types.
# pyright: basic, reportAttributeAccessIssue=false, reportMissingTypeStubs=false

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from fractions import Fraction
from functools import partial, reduce
from math import floor, log10
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from wardnet.question.dictionary import MAXIMUM_CODE, Column, ColumnType, Dictionary, decimal_text
from wardnet.question.values import SLACK, Floats, Values, numbers, times, to_arrow

if TYPE_CHECKING:
    import pandas as pd

MAXIMUM_INTEGER_LEVELS: Final = 20
MAXIMUM_LEVELS: Final = 64
MAXIMUM_DECIMALS: Final = 9
REPEATS: Final = 2
"""Values per level, on average, below which a list of levels would be a list of patients."""

FEWEST_ROWS: Final = 10
"""Rows below which a level is rare."""

COARSEST: Final = 10
"""Grid steps that a bound is rounded to at least: one step outward would tell the value."""

_LARGEST: Final = 1e299
_SMALLEST: Final = Fraction(1, 10**290)
"""Between these a dictionary can write bounds."""

_EXACT: Final = 2.0**45
"""Largest scaled value at which a decimal fraction is still told from any other double."""
_IDENTIFIER: Final = re.compile(r"(?i)(^|_)(ids?|mrn|ssn)$")
_ISO_DATE: Final = r"^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?$"
_NAME_LENGTH: Final = 63


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
    """

    kind: Kind = Kind.EMPTY
    count: int = 0
    texts: Mapping[str, int] | None = field(default_factory=dict)
    low: float = np.inf
    high: float = -np.inf
    decimals: int | None = 0

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
        )


def profile(values: Values) -> Profile:
    """Look at one block of a column, of whatever type."""
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
    if pc.all(pc.match_substring_regex(pc.cast(array, pa.string()), _ISO_DATE)).as_py():
        found = _profile_times(array)
        if found.kind is not Kind.TEXT:
            return found
    return Profile(Kind.TEXT, len(array), texts)


def rare_levels(seen: Profile) -> int:
    """Return how many levels a draft of a category leaves out because few rows have them."""
    return sum(rows < FEWEST_ROWS for rows in (seen.texts or {}).values())


def describe(
    profiles: Mapping[str, Profile],
    name: str,
    *,
    patient: str | None = None,
    label: str = "",
    keep_rare: bool = False,
) -> tuple[Dictionary, Mapping[str, str]]:
    """Draft the dictionary of a table from the profiles of its columns.

    Parameters
    ----------
    profiles : Mapping of str to Profile
        By the columns' names in the source, in order.
    name, label : str
        Of the dataset.
    patient : str or None
        The source column that names the patient; None when every row is a patient of its own.
    keep_rare : bool
        Whether levels of fewer than `FEWEST_ROWS` rows are drafted, too.

    Returns
    -------
    dictionary : Dictionary
        Version 1.
    sources : Mapping of str to str
        Which source column each column of the dictionary comes from.

    Raises
    ------
    KeyError
        If `patient` names no column.
    """
    names = clean_names(profiles)
    columns = tuple(
        _identifier(names[source], source)
        if source == patient
        else _column(names[source], source, profiles[source], keep_rare=keep_rare)
        for source in profiles
    )
    dictionary = Dictionary(
        name=name,
        version=1,
        columns=columns,
        patient=None if patient is None else names[patient],
        label=label,
    )
    return dictionary, {names[source]: source for source in profiles}


def draft(
    frame: "pd.DataFrame",
    name: str,
    *,
    patient: str | None = None,
    label: str = "",
    keep_rare: bool = False,
) -> tuple[Dictionary, Mapping[str, str]]:
    """Draft the dictionary of a pandas table; see `describe`.

    Examples
    --------
    >>> import pandas as pd
    >>> dictionary, sources = draft(pd.DataFrame({"mean radius": [17.99, 20.57, 12.4]}), "tumours")
    >>> column = dictionary.column("mean_radius")
    >>> column.minimum, column.maximum, column.resolution, sources["mean_radius"]
    ('12', '21', '0.01', 'mean radius')
    """
    profiles = {str(source): profile(frame[source]) for source in frame.columns}
    return describe(profiles, name, patient=patient, label=label, keep_rare=keep_rare)


def clean_names(sources: Iterable[str]) -> Mapping[str, str]:
    """Give every source column a unique name that a dictionary allows.

    Examples
    --------
    >>> clean_names(["mean radius (cm)", "Größe", "2nd", "", "mean-radius(cm)"])["Größe"]
    'Grosse'
    """
    taken: set[str] = set()
    names: dict[str, str] = {}
    for source in sources:
        stem = _clean(source)
        name, number = stem, 1
        while name.lower() in taken:
            number += 1
            name = f"{stem[: _NAME_LENGTH - 1 - len(str(number))]}_{number}"
        taken.add(name.lower())
        names[source] = name
    return names


def _clean(source: str) -> str:
    plain = unicodedata.normalize("NFKD", source.replace("ß", "ss"))
    plain = plain.encode("ascii", "ignore").decode()
    stem = re.sub(r"[^A-Za-z0-9]+", "_", plain).strip("_") or "column"
    return (stem if stem[0].isalpha() else f"x{stem}")[:_NAME_LENGTH]


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
    )


def _profile_times(array: pa.Array) -> Profile:
    """Profile times; finer than a second they count as text, because no grid holds them."""
    seconds, bad = times(array, ColumnType.DATETIME)
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


def _identifier(name: str, source: str) -> Column:
    return Column(name=name, type=ColumnType.IDENTIFIER, label=_label(name, source))


def _label(name: str, source: str) -> str:
    return "" if name == source else source


def _column(name: str, source: str, seen: Profile, *, keep_rare: bool) -> Column:
    fewest = 1 if keep_rare else FEWEST_ROWS
    label = _label(name, source)
    if seen.kind in {Kind.WHOLE, Kind.TEXT} and _IDENTIFIER.search(name):
        return _identifier(name, source)
    draft_of: Mapping[Kind, Callable[[str, str, Profile], Column | None]] = {
        Kind.BOOLEAN: _boolean,
        Kind.WHOLE: partial(_whole, fewest=fewest),
        Kind.DECIMAL: _decimal,
        Kind.DATE: _time,
        Kind.DATETIME: _time,
        Kind.TEXT: partial(_category, fewest=fewest),
    }
    drafted = draft_of[seen.kind](name, label, seen) if seen.kind in draft_of else None
    return drafted or Column(name=name, type=ColumnType.TEXT, label=label)


def _boolean(name: str, label: str, _: Profile) -> Column:
    return Column(name=name, type=ColumnType.BOOLEAN, label=label)


def _category(name: str, label: str, seen: Profile, *, fewest: int) -> Column | None:
    if seen.texts is None or len(seen.texts) * REPEATS > seen.count:
        return None
    levels = tuple(sorted(text for text, rows in seen.texts.items() if rows >= fewest))
    if not levels:
        return None
    return Column(name=name, type=ColumnType.CATEGORY, label=label, levels=levels)


def _whole(name: str, label: str, seen: Profile, *, fewest: int) -> Column | None:
    rows: Counter[int] = Counter()
    for text, count in (seen.texts or {}).items():
        rows[int(float(text))] += count
    levels = sorted(rows)
    listed = 0 < len(levels) <= MAXIMUM_INTEGER_LEVELS and len(levels) * REPEATS <= seen.count
    if listed and min(rows.values()) >= fewest and levels[-1] - levels[0] < MAXIMUM_CODE:
        return Column(
            name=name,
            type=ColumnType.INTEGER,
            label=label,
            levels=tuple(str(level) for level in levels),
            minimum=str(levels[0]),
            maximum=str(levels[-1]),
        )
    low, high = outward(Fraction(seen.low), Fraction(seen.high), Fraction(1))
    return Column(
        name=name,
        type=ColumnType.INTEGER,
        label=label,
        minimum=decimal_text(low),
        maximum=decimal_text(high),
    )


def _decimal(name: str, label: str, seen: Profile) -> Column | None:
    if max(abs(seen.low), abs(seen.high)) > _LARGEST:
        return None
    step = None if seen.decimals is None else Fraction(1, 10**seen.decimals)
    low, high = outward(Fraction(str(seen.low)), Fraction(str(seen.high)), step)
    return Column(
        name=name,
        type=ColumnType.REAL,
        label=label,
        minimum=decimal_text(low),
        maximum=decimal_text(high),
        resolution="" if step is None else decimal_text(step),
    )


def _time(name: str, label: str, seen: Profile) -> Column:
    first = datetime.fromtimestamp(seen.low, UTC).year
    last = datetime.fromtimestamp(seen.high, UTC).year
    if seen.low == datetime(first, 1, 1, tzinfo=UTC).timestamp():
        first -= 1
    if seen.high >= datetime(last, 12, 31, tzinfo=UTC).timestamp():
        last += 1
    return Column(
        name=name,
        type=ColumnType.DATE if seen.kind is Kind.DATE else ColumnType.DATETIME,
        label=label,
        minimum=f"{max(first, 1):04d}-01-01",
        maximum=f"{min(last, 9999):04d}-12-31",
    )


def outward(low: Fraction, high: Fraction, step: Fraction | None) -> tuple[Fraction, Fraction]:
    """Round bounds outward to a round number, so that neither is anybody's value (0 may stay).

    Parameters
    ----------
    low, high : Fraction
        The smallest and the largest value.
    step : Fraction or None
        The grid's step, a power of ten; the bounds lie on the grid.

    Examples
    --------
    >>> [str(bound) for bound in outward(Fraction(29), Fraction(77), Fraction(1))]
    ['20', '80']
    >>> [str(bound) for bound in outward(Fraction(20), Fraction(22), Fraction(1))]
    ['10', '30']
    >>> [str(bound) for bound in outward(Fraction(0), Fraction(80), Fraction(1))]
    ['0', '90']
    """
    width = high - low or abs(high) or Fraction(1)
    width = max(width, _SMALLEST)
    round_to = max(Fraction(10) ** floor(log10(width)), COARSEST * (step or Fraction(0)))
    bottom = floor(low / round_to) * round_to
    top = -floor(-high / round_to) * round_to
    return (
        bottom - round_to if bottom == low != 0 else bottom,
        top + round_to if top == high != 0 else top,
    )


def merge(profiles: Iterable[Profile]) -> Profile:
    """Return the profile of all blocks together."""
    return reduce(Profile.merge, profiles, Profile())
