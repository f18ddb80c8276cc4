"""The local part of a dictionary: how this hospital's file spells what the shared part means."""

import codecs
import re
from dataclasses import asdict, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import StringConstraints, TypeAdapter, model_validator
from pydantic.dataclasses import dataclass

from wardnet import canonical
from wardnet.errors import Reason, WardnetError
from wardnet.question.dictionary import (
    NAME_IN_WORDS,
    NAME_PATTERN,
    NEVER_SHARED,
    NUMBERS,
    STRICT,
    TIMES,
    TOO_FINE,
    Column,
    ColumnType,
    Dictionary,
    Name,
)
from wardnet_node.intake import toml

DECIMALS: Final = (".", ",")
_SEPARATOR: Final = r"^[\t -~]$"
_QUOTE: Final = r"^[!-~]?$"
_IN_WORDS: Final = {
    NAME_PATTERN: NAME_IN_WORDS,
    _SEPARATOR: 'one character such as "," or ";", or "\\t" for a tabulator',
    _QUOTE: "one character such as ', or nothing where the file has no quotes",
}


_DAY: Final = datetime(2021, 11, 23, 14, 35, 57, tzinfo=UTC)
"""Day, month and year differ, so that a format that leaves one out reads another day."""


def _reads_a_day(date_format: str) -> bool:
    try:
        written = _DAY.strftime(date_format)
        return datetime.strptime(written, date_format).date() == _DAY.date()  # noqa: DTZ007 - a day
    except (ValueError, re.error):
        return False


@dataclass(frozen=True, config=STRICT)
class LocalColumn:
    """Say how one column stands in the hospital's file.

    Parameters
    ----------
    source : str
        Its name in the header; empty for the dictionary's own.
    missing : tuple of str
        Cells that mean missing, besides the empty one; in a column of numbers `-9` also means
        `-9.0`.
    factor : str
        Decimal that brings a number to the dictionary's unit; empty for 1.
    mapping : dict of str to str
        Cells and what they mean: a level, or `true` and `false`.
    date_format : str
        `strptime` format of dates and times; empty for ISO 8601.
    round_to_resolution : bool
        Whether to round a finer value instead of rejecting its row.
    """

    source: str = ""
    missing: tuple[str, ...] = ()
    factor: str = ""
    mapping: dict[str, str] = field(default_factory=dict)
    date_format: str = ""
    round_to_resolution: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.factor:
            try:
                usable = Decimal(self.factor).is_finite() and Decimal(self.factor) != 0
            except ArithmeticError:
                usable = False
            _require(usable, "the factor must be a decimal number other than 0")
        return self


@dataclass(frozen=True, config=STRICT)
class LocalPart:
    """Say how the hospital's file is written.

    Parameters
    ----------
    encoding : str
        Any text encoding that Python knows, such as `utf-8` or `cp1252`.
    delimiter, quote : str
        One ASCII character each; an empty quote for files without quoting.
    decimal : str
        `.` or `,`.
    columns : dict of str to LocalColumn
        By the dictionary's names; a column that is not here has the same name in the file and
        nothing special.
    """

    encoding: str = "utf-8"
    delimiter: Annotated[str, StringConstraints(pattern=_SEPARATOR)] = ","
    decimal: str = "."
    quote: Annotated[str, StringConstraints(pattern=_QUOTE)] = '"'
    columns: dict[Name, LocalColumn] = field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        try:
            "".encode(self.encoding)
            codecs.lookup(self.encoding)
        except LookupError:
            _require(holds=False, rule="the encoding is not known")
        _require(self.decimal in DECIMALS, "the decimal mark must be . or ,")
        _require(self.delimiter not in {self.decimal, self.quote}, "the delimiter has another use")
        return self

    def column(self, name: str) -> LocalColumn:
        """Return how a column stands in the file."""
        return self.columns.get(name, _PLAIN)

    def source(self, name: str) -> str:
        """Return a column's name in the file's header."""
        return self.column(name).source or name


_PLAIN: Final = LocalColumn()
_ADAPTER: Final = TypeAdapter(LocalPart)
_HEADER: Final = """\
# The local part of a dictionary: how this hospital's file is written. It stays at the hospital.
# Per column: source (name in the file), missing (codes besides the empty cell), factor (to the
# dictionary's unit), date_format (strptime), round_to_resolution, and a mapping of codes to levels.

"""


def read(path: Path) -> LocalPart:
    """Read a local part.

    Raises
    ------
    WardnetError
        `FILE_UNREADABLE`, or `DICTIONARY_INVALID` naming the file, the field and the rule.
    """
    return toml.read(_ADAPTER, path, patterns=_IN_WORDS)


def write(local: LocalPart) -> str:
    """Return the file's text; what is empty or usual is left out."""
    columns: dict[str, dict[str, toml.Toml]] = {
        name: {key: value for key, value in asdict(column).items() if value}
        for name, column in local.columns.items()
    }
    head = {key: value for key, value in asdict(local).items() if key != "columns"}
    return _HEADER + toml.write({**head, "columns": columns})


def to_bytes(local: LocalPart) -> bytes:
    """Return the canonical bytes that the catalog keeps."""
    return canonical.write(_ADAPTER, local)


def from_bytes(data: bytes) -> LocalPart:
    """Read canonical bytes."""
    return canonical.read(_ADAPTER, data)


def check(local: LocalPart, dictionary: Dictionary) -> None:
    """Refuse a local part that does not fit the shared part.

    Raises
    ------
    WardnetError
        `DICTIONARY_MISMATCH`, naming the column and the rule.
    """
    columns = {column.name: column for column in dictionary.columns}
    if all(column.type in NEVER_SHARED for column in dictionary.columns):
        raise WardnetError(
            Reason.DICTIONARY_MISMATCH,
            path=f"The dictionary {dictionary.name}",
            field="columns",
            rule="there is none that may be shared",
        )
    too_fine = next((column.name for column in dictionary.columns if not column.exact), None)
    if too_fine is not None:
        raise WardnetError(
            Reason.DICTIONARY_MISMATCH,
            path=f"The dictionary {dictionary.name}",
            field=f"column {too_fine}",
            rule=TOO_FINE,
        )
    for name, part in local.columns.items():
        column = columns.get(name)
        rule = "the dictionary has no such column" if column is None else _conflict(column, part)
        if rule:
            raise WardnetError(
                Reason.DICTIONARY_MISMATCH,
                path=f"The local part of {dictionary.name}",
                field=f"column {name}",
                rule=rule,
            )


def _conflict(column: Column, part: LocalColumn) -> str:
    """Return which rule a column's local part breaks, or nothing."""
    if column.type in NEVER_SHARED:
        return ""
    if part.factor and column.type not in NUMBERS:
        return "only a number has a factor"
    if part.date_format and column.type not in TIMES:
        return "only a date or time has a date format"
    if part.date_format and not _reads_a_day(part.date_format):
        return "its date_format must name day, month and year, such as %d.%m.%Y for 31.12.2020"
    groups = column.type in {ColumnType.CATEGORY, ColumnType.BOOLEAN}
    if groups and not set(part.mapping.values()) <= set(column.labels):
        return "a code is mapped to what is not a level"
    return ""


def _require(holds: bool, rule: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not holds:
        raise ValueError(rule)
