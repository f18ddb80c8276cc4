"""Entries as CSV (RFC 4180, UTF-8 with a byte order mark) that no spreadsheet takes for formulas.

The rule: wherever a spreadsheet could begin a cell (at the start of a field, and inside it after a
comma, semicolon, tab, line break or quote, because a spreadsheet of another country splits there)
and where what comes next, behind blanks, separators and apostrophes, is `=`, `+`, `-` or `@`,
also in full width, one apostrophe is put in. Every text is quoted; numbers stand as they are.

What survives a re-import: every character of every field. A reader that knows the rule takes one
apostrophe away at each of those places and has the text as it was; no text was changed otherwise,
line breaks and control characters included. A spreadsheet shows the apostrophe or hides it. Only
"not there" and "empty" look alike. An export is no evidence: only the bundle carries proofs.

References
----------
OWASP, CSV Injection, https://owasp.org/www-community/attacks/CSV_Injection. Y. Shafranovich, RFC
4180, 2005.
"""

import csv
import io
import re
from collections.abc import Iterable
from typing import BinaryIO, Final

from wardnet.audit.entry import Entry
from wardnet.audit.export.row import COLUMNS, Value, row

SEPARATORS: Final = '",;\t\r\n'
BLANKS: Final = "\\s\x00-\x20\x7f-\xa0\u00ad\u200b-\u200f\u2028-\u202f\u2060\ufeff"
FORMULAS: Final = (
    "=+\\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b"  # narrow, full width, small
)

# Nothing may be read twice: a run of blanks is entered at its beginning only.
_FILLER: Final = f"'{SEPARATORS}{BLANKS}"
_ANY: Final = re.compile(f"[{FORMULAS}]")
_RUN: Final = re.compile(f"(?:^|(?<![{_FILLER}]))[{_FILLER}]*+(?=[{FORMULAS}])")
_INSIDE: Final = re.compile(f"(?<=[{SEPARATORS}])")


def write(entries: Iterable[Entry], stream: BinaryIO) -> None:
    """Write a header and one line per entry, in the order in which they come.

    Parameters
    ----------
    entries : Iterable of Entry
        Taken one by one; any number.
    stream : BinaryIO
        Where the bytes go; stays open.
    """
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="", write_through=True)
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(COLUMNS)
    for entry in entries:
        writer.writerow(_cell(value) for value in row(entry).values())
    text.detach()


def _cell(value: Value) -> Value:
    return guarded(value) if isinstance(value, str) else value


def guarded(text: str) -> str:
    """Return a text with an apostrophe wherever a spreadsheet could begin a formula.

    Examples
    --------
    >>> guarded("=1+1")
    "'=1+1"
    >>> guarded("north;=1+1")
    "north;'=1+1"
    >>> guarded("2026-01-31")
    '2026-01-31'
    """
    return _RUN.sub(_guard, text) if _ANY.search(text) else text


def _guard(run: re.Match[str]) -> str:
    start = "'" if run.start() == 0 else ""
    return start + _INSIDE.sub("'", run.group())
