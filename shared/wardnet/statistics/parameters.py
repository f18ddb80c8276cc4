"""Read a method's parameters, refusing by name what it does not take."""

from collections.abc import Mapping, Sequence
from typing import Final, NoReturn, TypeVar

from pydantic import JsonValue, TypeAdapter, ValidationError

from wardnet import canonical
from wardnet.errors import Reason, WardnetError
from wardnet.question.dictionary import MAXIMUM_GRID, NUMBERS, Column, Dictionary

T = TypeVar("T")

MAXIMUM_CELLS: Final = 2048
"""Most rows of an answer's table."""

LARGEST_NUMBER: Final = 10**150
"""Largest magnitude of a column's bounds, so that a variance is still a double."""

_LONGEST_ENTRY: Final = 25
_NULL_AND_QUOTES: Final = 8
_WITHHELD: Final = 80
_REST: Final = 192 << 10
"""Bytes of a number; of an entry that is withheld, beside its column's name; of naming what is
withheld by one rule in a row, beside the row's keys; and of what an answer holds beside its table.
"""

KEYS: Final = frozenset({"variable", "bin"})
"""Names that tables use for key columns of their own."""


def read(method: str, adapter: TypeAdapter[T], parameters: Mapping[str, JsonValue]) -> T:
    """Return the parameters as the method's own type.

    Raises
    ------
    WardnetError
        `PARAMETER_INVALID`, naming the parameter and the rule.
    """
    for name, value in parameters.items():
        try:
            canonical.encode(value)
        except ValueError:
            refuse(method, name, "holds what a signed question cannot: it needs ordinary numbers")
    try:
        return adapter.validate_json(canonical.encode(dict(parameters)), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        parameter = str(first["loc"][0]) if first["loc"] else "parameters"
        if first["type"] == "unexpected_keyword_argument":
            refuse(method, parameter, "is none of its parameters")
        rule = first["msg"][0].lower() + first["msg"][1:]  # names keep their capitals
        refuse(method, parameter, f"is not accepted ({rule})")


def refuse(method: str, parameter: str, rule: str) -> NoReturn:
    """Raise `PARAMETER_INVALID`; `rule` continues the sentence "<parameter> ..."."""
    raise WardnetError(Reason.PARAMETER_INVALID, method=method, parameter=parameter, rule=rule)


def grouping(
    method: str, parameter: str, names: Sequence[str], dictionary: Dictionary
) -> tuple[Column, ...]:
    """Return the columns that divide a cohort into cells.

    Raises
    ------
    WardnetError
        `COLUMN_UNAVAILABLE`, or `PARAMETER_INVALID` for a column twice or without levels.
    """
    columns = tuple(dictionary.column(name) for name in names)
    _refuse_twice(method, parameter, names)
    for column in columns:
        if not column.groups:
            refuse(method, parameter, f"needs columns with levels; {column.name} has none")
        if (column.cells or 0) > MAXIMUM_GRID:
            refuse(method, parameter, f"needs levels closer together than those of {column.name}")
        if column.name in KEYS:
            refuse(method, parameter, f"cannot be {column.name}, a column of every answer")
    return columns


def numbers(
    method: str, parameter: str, names: Sequence[str], dictionary: Dictionary
) -> tuple[Column, ...]:
    """Return columns of numbers.

    Raises
    ------
    WardnetError
        `COLUMN_UNAVAILABLE`, or `PARAMETER_INVALID` for a column twice or of another type.
    """
    columns = tuple(dictionary.column(name) for name in names)
    _refuse_twice(method, parameter, names)
    for column in columns:
        if column.type not in NUMBERS:
            refuse(method, parameter, f"needs numbers; {column.name} holds none")
        if max(abs(column.origin), abs(column.top)) > LARGEST_NUMBER:
            refuse(method, parameter, f"needs narrower bounds than {column.name} has")
    return columns


def check_size(method: str, parameter: str, cells: int) -> None:
    """Refuse a table of more than `MAXIMUM_CELLS` rows."""
    if cells > MAXIMUM_CELLS:
        refuse(method, parameter, f"gives more than {MAXIMUM_CELLS} cells; ask for fewer at once")


def check_answer(
    method: str,
    parameter: str,
    *,
    keys: Sequence[str],
    labels: Sequence[Sequence[str]],
    values: Sequence[str],
    rules: int = 1,
) -> None:
    """Refuse a table that may not fit an answer, before any round is spent on it.

    Parameters
    ----------
    keys, values : sequence of str
        Names of the table's columns.
    labels : sequence of sequences of str
        The keys of every row.
    rules : int
        How many rules may withhold something from one row.
    """
    names = len(canonical.encode(list(keys)))
    entries = sum(max(_LONGEST_ENTRY, len(name) + _NULL_AND_QUOTES) for name in values)
    told = (1 + rules) * len(canonical.encode([list(label) for label in labels]))
    size = told + len(labels) * (entries + rules * (names + 2 * len(keys) + _WITHHELD))
    if size > canonical.MAXIMUM_BYTES - _REST:
        refuse(method, parameter, "gives more than an answer can hold; ask for fewer at once")


def _refuse_twice(method: str, parameter: str, names: Sequence[str]) -> None:
    if len(set(names)) != len(names):
        refuse(method, parameter, "names a column twice")
