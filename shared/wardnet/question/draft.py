"""Draft a dictionary from data, for a person to edit and for the simulation to start with.

A draft must not tell about one patient: bounds are rounded outward, a list of levels is drafted
only where values repeat, and without the levels that few rows have, unless they are asked for. What
looks like an identifier or free text is never shared.
"""

# pyarrow is published without types.
# pyright: basic

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from fractions import Fraction
from functools import partial
from math import floor, log10
from typing import TYPE_CHECKING, Final

from wardnet.question.dictionary import MAXIMUM_CODE, Column, ColumnType, Dictionary, decimal_text
from wardnet.question.profile import Kind, Profile, profile

if TYPE_CHECKING:
    import pandas as pd

MAXIMUM_INTEGER_LEVELS: Final = 20
REPEATS: Final = 2
"""Values per level, on average, below which a list of levels would be a list of patients."""

FEWEST_ROWS: Final = 10
"""Rows below which a level is rare."""

COARSEST: Final = 10
"""Grid steps that a bound is rounded to at least: one step outward would tell the value."""

_LARGEST: Final = 1e299
_SMALLEST: Final = Fraction(1, 10**290)
"""Between these a dictionary can write bounds."""

_IDENTIFIER: Final = re.compile(r"(?i)(^|_)(ids?|mrn|ssn)$")
_NAME_LENGTH: Final = 63


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
