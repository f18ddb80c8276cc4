"""De-identifying batches: columns of a snapshot become the columns that leave.

Everything happens on codes (see `wardnet.question.dictionary`) in whole numbers, so a value lands
in one band, month or shifted day and in no other. Missing values stay missing.
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wardnet.question.dictionary import Column, ColumnType, Dictionary, number
from wardnet.question.rows import MISSING_CODE, Rows, is_missing
from wardnet.question.values import SLACK, code_type
from wardnet.sharing.deidentification import (
    Band,
    Cap,
    Deidentification,
    Keep,
    Period,
    Prefix,
    Rule,
    Shift,
    Span,
)
from wardnet.sharing.result import DAY, result
from wardnet_node.sharing.giving.grant_secret import GrantSecret

Values: TypeAlias = NDArray[Any]
_Integers: TypeAlias = NDArray[np.int64]

_MONDAY: Final = 3
"""1970-01-01 was a Thursday: three days after a Monday."""


class Deidentifier:
    """Apply the rules of one grant.

    Parameters
    ----------
    dictionary : Dictionary
        Of the snapshot.
    deidentification : Deidentification
        What becomes of the rows.
    secret : GrantSecret
        Of the grant; any for a preview.

    Raises
    ------
    WardnetError
        `COLUMN_UNAVAILABLE` or `DEIDENTIFICATION_INVALID`.
    """

    def __init__(
        self, dictionary: Dictionary, deidentification: Deidentification, secret: GrantSecret
    ) -> None:
        self.result = result(dictionary, deidentification)
        self.rules: Mapping[str, Rule] = {item.name: item.rule for item in deidentification.columns}
        self._source = dictionary
        self._secret = secret

    def columns(
        self, rows: Rows, patients: NDArray[np.uint32], names: Iterable[str]
    ) -> dict[str, Values]:
        """Return granted columns as they leave.

        Parameters
        ----------
        rows : Rows
            Holds the named columns.
        patients : ndarray of uint32, shape (rows.size,)
            Whose rows they are.
        names : iterable of str
            Of granted columns.

        Returns
        -------
        dict of str to ndarray, shape (rows.size,)
            Codes or floats under `result`.
        """
        return {name: self._column(name, rows.columns[name], patients) for name in names}

    def _column(self, name: str, values: Values, patients: NDArray[np.uint32]) -> Values:
        source, made, rule = self._source.column(name), self.result.column(name), self.rules[name]
        if isinstance(rule, Keep):
            return values
        missing = is_missing(source, values)
        if isinstance(rule, Prefix):
            codes = _prefixes(source, made, rule)[values]
        elif source.step is None:
            codes = _off_grid(source, made, rule, values)
        else:
            places = _places(source, np.where(missing, 0, values))
            codes = _codes(made, self._moved(source, rule, places, patients))
        if made.cells is None:
            return np.where(missing, np.nan, codes)
        return np.where(missing, MISSING_CODE, codes).astype(code_type(made.cells))

    def _moved(
        self, source: Column, rule: Rule, places: _Integers, patients: NDArray[np.uint32]
    ) -> _Integers:
        """Return places on the source's grid as places on the result's."""
        step = source.step or Fraction(1)
        match rule:
            case Cap(low=low, high=high):
                return _capped(source, low, high, step, places)
            case Band(width=width, low=low, high=high):
                cells = int(number(ColumnType.REAL, width) / step)
                return _capped(source, low, high, step, places) // cells
            case Period(to=span):
                return _first_days(_days(source, places * int(step)), span)
            case Shift(days=days):
                made = int(self.result.column(source.name).step or 1)
                day = (1 if source.type is ColumnType.DATE else DAY) // made
                return places * (int(step) // made) + self._secret.shifts(patients, days) * day
            case _:
                return places


def _places(source: Column, values: Values) -> _Integers:
    """Return whole numbers of steps from 0: the exact values of a column, up to one factor."""
    step = source.step or Fraction(1)
    if source.cells is None:
        return np.rint(values / float(step)).astype(np.int64)
    return values.astype(np.int64) + int(source.origin / step)


def _codes(made: Column, places: _Integers) -> Values:
    """Return places on the result's grid as its codes, or as floats where it has too many."""
    step = made.step or Fraction(1)
    if made.cells is None:
        return np.multiply(places, float(step))
    return np.subtract(places, int(made.origin / step))


def _capped(source: Column, low: str, high: str, step: Fraction, places: _Integers) -> _Integers:
    if low:
        places = np.maximum(places, int(number(source.type, low) / step))
    return np.minimum(places, int(number(source.type, high) / step)) if high else places


def _off_grid(source: Column, made: Column, rule: Rule, values: Values) -> Values:
    if not isinstance(rule, Cap | Band):
        return values
    limits = rule.low or source.minimum, rule.high or source.maximum
    low, high = (float(number(source.type, limit)) for limit in limits)
    capped: Values = np.clip(np.nan_to_num(values), low, high)
    if isinstance(rule, Cap):
        return capped
    bands = capped / float(number(ColumnType.REAL, rule.width))
    # A value that is a band's lower end but for a rounding lies in that band.
    places = np.floor(bands + np.abs(bands) * SLACK).astype(np.int64)
    return _codes(made, places)


def _days(source: Column, moments: _Integers) -> _Integers:
    return moments if source.type is ColumnType.DATE else moments // DAY


def _first_days(days: _Integers, span: Span) -> _Integers:
    if span is Span.WEEK:
        return days - (days + _MONDAY) % 7
    unit = "datetime64[M]" if span is Span.MONTH else "datetime64[Y]"
    first: _Integers = (
        days.astype("datetime64[D]").astype(unit).astype("datetime64[D]").astype(np.int64)
    )
    return first


def _prefixes(source: Column, made: Column, rule: Prefix) -> _Integers:
    """Return the code of every level's prefix; the last stands for a missing value."""
    code = {level: place for place, level in enumerate(made.levels)}
    codes = [code[level[: rule.length]] for level in source.levels]
    return np.array([*codes, MISSING_CODE])
