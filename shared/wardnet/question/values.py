"""Typed values of any source become the codes and floats that a dictionary gives them.

One rule for everybody: the vault and the simulation encode with this module, so a value means the
same in both. What does not fit is never dropped silently: it is named by a rule and a mask, and
never by the value itself.
"""

# pyarrow is published without types.
# pyright: basic, reportAttributeAccessIssue=false, reportMissingTypeStubs=false

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from functools import lru_cache
from math import floor
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from wardnet.question.dictionary import NEVER_SHARED, Action, Column, ColumnType
from wardnet.question.rows import MISSING_CODE

if TYPE_CHECKING:
    import pandas as pd

Values: TypeAlias = "pa.Array | pa.ChunkedArray | pd.Series[Any] | NDArray[Any]"
Floats: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]

NOT_A_NUMBER: Final = "is not a number"
NOT_A_TIME: Final = "is not a valid date or time"
NOT_A_BOOLEAN: Final = "is neither true nor false"
NOT_A_LEVEL: Final = "is not one of the levels"
NOT_WHOLE: Final = "is not a whole number"
OFF_GRID: Final = "is finer than the resolution"
OUT_OF_BOUNDS: Final = "is out of bounds"
TOO_LONG: Final = "has more digits than can be kept (a whole number of 2**53 or more)"

SLACK: Final = 2.0**-50
"""Relative distance that counts as equal: what one factor and one sum of doubles can be off."""

_FIRST_INEXACT: Final = 2.0**53
"""From here on a double may stand for several whole numbers."""

_BOOLEANS: Final = ("false", "true", "0", "1")
_SECONDS: Final = 86_400
_ISO_DATE: Final = "%Y-%m-%d"


@dataclass(frozen=True, slots=True)
class Problem:
    """Name values that do not fit their column.

    Parameters
    ----------
    rule : str
        What they break, in words; never a value.
    mask : ndarray of bool, shape (rows,)
        Where.
    """

    rule: str
    mask: Mask


@dataclass(frozen=True, slots=True)
class Encoded:
    """Hold one column as `Rows` holds it.

    Parameters
    ----------
    values : ndarray, shape (rows,)
        On the grid: the narrowest signed codes, -1 where missing. Off it: float64, NaN where
        missing. Missing wherever a problem is.
    problems : tuple of Problem
        What does not fit; masks do not overlap.
    adjusted : Mapping of str to int
        How many values the column's own rules changed, by what was done.
    """

    values: NDArray[np.generic]
    problems: tuple[Problem, ...] = ()
    adjusted: Mapping[str, int] = field(default_factory=dict)


def encode(
    column: Column,
    values: Values,
    *,
    date_format: str = "",
    round_to_resolution: bool = False,
) -> Encoded:
    """Give every value its code, or its float where the column is off grid.

    Parameters
    ----------
    column : Column
        Of a type that may be shared.
    values : array, shape (rows,)
        Of any type that can carry the column's values; null, NaN and NaT are missing. Times
        without a zone are UTC.
    date_format : str
        `strptime` format of times written as text; empty for ISO 8601.
    round_to_resolution : bool
        Take the nearest code instead of refusing a value between two.

    Raises
    ------
    ValueError
        If the column's type is never shared.
    """
    if column.type in NEVER_SHARED:
        message = f"a column of type {column.type} has no values in a question"
        raise ValueError(message)
    array = to_arrow(values)
    match column.type:
        case ColumnType.CATEGORY:
            return _levels(column, array)
        case ColumnType.BOOLEAN:
            return _booleans(column, array)
        case ColumnType.DATE | ColumnType.DATETIME:
            floats, bad = times(array, column.type, date_format)
            return place(column, floats, bad, rule=NOT_A_TIME, rounds=round_to_resolution)
        case _:
            floats, bad = numbers(array)
            return place(column, floats, bad, rule=NOT_A_NUMBER, rounds=round_to_resolution)


def code_type(cells: int) -> np.dtype[np.signedinteger[Any]]:
    """Return the narrowest signed type that holds the codes of a grid and -1."""
    return np.min_scalar_type(-cells)


def to_arrow(values: Values) -> pa.Array:
    """Return the values as one Arrow array; a mixed column becomes text."""
    array: pa.Array | pa.ChunkedArray
    if isinstance(values, pa.Array | pa.ChunkedArray):
        array = values
    else:
        try:
            array = pa.array(values, from_pandas=True)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            array = _as_text(values)
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if pa.types.is_dictionary(array.type):
        return array.dictionary_decode()
    return _as_text(array.to_pylist()) if pa.types.is_nested(array.type) else array


def _as_text(values: Iterable[object]) -> pa.Array:
    import pandas as pd  # noqa: PLC0415 - slow to load, and only mixed columns need it

    texts = [None if pd.isna(value) is True else str(value) for value in values]  # type: ignore[call-overload]
    return pa.array(texts, type=pa.string())


def numbers(array: pa.Array) -> tuple[Floats, Mask]:
    """Read numbers, exactly to the nearest double.

    Returns
    -------
    floats : ndarray of float64, shape (rows,)
        NaN where missing or bad.
    bad : ndarray of bool, shape (rows,)
        Where there is something else than a finite number.
    """
    if pa.types.is_temporal(array.type):
        return _nothing(array)
    try:
        floats = _to_floats(array)
    except pa.ArrowInvalid:
        pattern = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
        fits = pc.match_substring_regex(array, pattern)
        floats = _to_floats(pc.if_else(fits, array, None))
    bad = ~np.isfinite(floats) & _known(array)
    floats[bad] = np.nan
    return floats, bad


def times(array: pa.Array, kind: ColumnType, date_format: str = "") -> tuple[Floats, Mask]:
    """Read dates as days, datetimes as seconds since 1970-01-01T00:00:00Z.

    Returns
    -------
    floats, bad : ndarray of float64 and of bool, shape (rows,)
        As `numbers` returns them.
    """
    if _is_text(array):
        stamps = _parse_times(array, date_format)
    elif pa.types.is_timestamp(array.type) or pa.types.is_date(array.type):
        stamps = array
    else:
        return _nothing(array)
    zone = getattr(stamps.type, "tz", None)
    micros = pc.cast(pc.cast(stamps, pa.timestamp("us", zone)), pa.int64())
    seconds = _to_floats(micros) / 1e6
    bad = np.isnan(seconds) & _known(array)
    return (seconds / _SECONDS if kind is ColumnType.DATE else seconds), bad


def _parse_times(text: pa.Array, date_format: str) -> pa.Array:
    """Parse text to timestamps, null where it is none.

    Arrow is fast and turns 30 February into 2 March, so what it calls the first three days of a
    month, or cannot read, is read again by Python.
    """
    if not date_format:
        for form in (pa.date32(), pa.timestamp("us"), pa.timestamp("us", "UTC")):
            try:
                return pc.cast(pc.cast(text, form), pa.timestamp("us"))
            except pa.ArrowInvalid:
                continue
    fast = pc.strptime(text, format=date_format or _ISO_DATE, unit="us", error_is_null=True)
    fast = pc.cast(fast, pa.timestamp("us"))
    doubtful = pc.fill_null(pc.less_equal(pc.day(fast), 3), fill_value=True)
    again = pc.dictionary_encode(pc.filter(text, doubtful))
    parsed = [
        None if value is None else _parse_time(value, date_format)
        for value in again.dictionary.to_pylist()
    ]
    slow = pc.take(pa.array(parsed, type=pa.timestamp("us")), again.indices)
    return pc.replace_with_mask(fast, doubtful, slow)


@lru_cache(maxsize=1 << 16)
def _parse_time(text: str, date_format: str) -> datetime | None:
    with suppress(ValueError):
        return _in_utc(datetime.strptime(text, date_format or _ISO_DATE))  # noqa: DTZ007 - UTC is assumed
    if not date_format:
        with suppress(ValueError):
            return _in_utc(datetime.fromisoformat(text))
    return None


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _levels(column: Column, array: pa.Array) -> Encoded:
    codes = pc.index_in(_to_text(array), value_set=pa.array(column.levels, type=pa.string()))
    return _found(column, array, codes, NOT_A_LEVEL)


def _booleans(column: Column, array: pa.Array) -> Encoded:
    text = pc.utf8_lower(_to_text(array))
    codes = pc.index_in(text, value_set=pa.array(_BOOLEANS, type=pa.string()))
    return _found(column, array, pc.bit_wise_and(codes, 1), NOT_A_BOOLEAN)


def _found(column: Column, array: pa.Array, codes: pa.Array, rule: str) -> Encoded:
    narrow = code_type(len(column.labels))
    values = pc.fill_null(codes, MISSING_CODE).to_numpy(zero_copy_only=False).astype(narrow)
    return Encoded(values, _problems((rule, (values < 0) & _known(array))))


def place(column: Column, floats: Floats, bad: Mask, *, rule: str, rounds: bool) -> Encoded:
    """Encode a number or time column from floats: apply the bounds, then the grid.

    Parameters
    ----------
    column : Column
        Of numbers or times.
    floats : ndarray of float64, shape (rows,)
        On the column's scale (in its unit, days or seconds); NaN where missing or bad.
    bad : ndarray of bool, shape (rows,)
        Where `rule` was broken already.
    rounds : bool
        Whether to round to the resolution.
    """
    found = [(rule, bad)]
    if column.type is ColumnType.INTEGER:
        long = np.abs(floats) >= _FIRST_INEXACT
        found.append((TOO_LONG, long))
        floats = np.where(long, np.nan, floats)
    floats, outside, adjusted = _within(column, floats)
    found.append((OUT_OF_BOUNDS, outside))
    if column.cells is None or column.step is None:
        # What is out of bounds by a rounding only would be larger than sums allow for.
        inside = np.clip(floats, float(column.origin), float(column.top))
        return Encoded(inside, _problems(*found), adjusted)
    known = ~np.isnan(floats)
    codes, off = _nearest(column.origin, column.step, floats)
    np.clip(codes, 0, column.cells - 1, out=codes)
    if off.any():
        if rounds:
            adjusted = {**adjusted, "rounded to the resolution": int(off.sum())}
        else:
            whole = column.type is ColumnType.INTEGER and column.step == 1
            found.append((NOT_WHOLE if whole else OFF_GRID, off))
            known &= ~off
    if column.levels:
        allowed = np.array([column.code(level) for level in column.levels])
        strange = known & ~np.isin(codes, allowed)
        found.append((NOT_A_LEVEL, strange))
        known &= ~strange
    codes[~known] = MISSING_CODE
    return Encoded(codes.astype(code_type(column.cells)), _problems(*found), adjusted)


def _within(column: Column, floats: Floats) -> tuple[Floats, Mask, dict[str, int]]:
    """Return the values within bounds, which others to refuse, and what was done to how many."""
    low, high = float(column.origin), float(column.top)
    slack = np.abs(floats) * SLACK
    outside = (floats < low - slack) | (floats > high + slack)
    none = np.zeros(floats.shape, dtype=np.bool_)
    if not outside.any():
        return floats, none, {}
    count = int(outside.sum())
    if column.out_of_bounds is Action.CLAMP:
        if column.cells is not None and column.step is not None:
            high = float(column.origin + (column.cells - 1) * column.step)
        return np.clip(floats, low, high), none, {"out of bounds, clamped": count}
    inside = np.where(outside, np.nan, floats)
    if column.out_of_bounds is Action.MISSING:
        return inside, none, {"out of bounds, set to missing": count}
    return inside, outside, {}


def _nearest(origin: Fraction, step: Fraction, floats: Floats) -> tuple[Floats, Mask]:
    """Return each value's nearest code, as a whole float, and where the value lies between two."""
    first = floor(origin / step)
    codes = np.rint((floats - float(origin)) / float(step))
    grid = (codes + first) * step.numerator / step.denominator
    return codes, np.abs(floats - grid) > np.abs(floats) * SLACK


def _problems(*found: tuple[str, Mask]) -> tuple[Problem, ...]:
    return tuple(Problem(rule, mask) for rule, mask in found if mask.any())


def _nothing(array: pa.Array) -> tuple[Floats, Mask]:
    return np.full(len(array), np.nan), _known(array)


def _known(array: pa.Array) -> Mask:
    known: Mask = pc.is_valid(array).to_numpy(zero_copy_only=False)
    return known


def _is_text(array: pa.Array) -> bool:
    kind = array.type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _to_floats(array: pa.Array) -> Floats:
    if pa.types.is_null(array.type):
        return np.full(len(array), np.nan)
    if array.type in {pa.float16(), pa.float32()}:
        array = pc.cast(array, pa.string())  # 2.3, for which it stands, and not 2.29999995
    floats: Floats = pc.cast(array, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return floats if floats.flags.writeable else floats.copy()


def _to_text(array: pa.Array) -> pa.Array:
    """Write values as text; a whole float reads as the integer it is."""
    if _is_text(array):
        return pc.cast(array, pa.string())
    if pa.types.is_floating(array.type):
        array = pc.if_else(pc.is_finite(array), array, None)
    return pc.cast(array, pa.string())
