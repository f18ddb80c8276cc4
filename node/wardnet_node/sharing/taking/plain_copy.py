"""Plain copies of what was lent, where the grant allows its use: on a screen, or in a file.

A file is readable by its owner only, and there is none when the reading was refused or cut off.
What is in it has left Wardnet's care: nothing destroys it in time.
"""

import csv
import io
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from wardnet.audit.export.csv import guarded
from wardnet.canonical import Json
from wardnet.errors import Reason, WardnetError
from wardnet_node.sharing.taking.plain_rows import Lines
from wardnet_node.vault.disk import disk_errors


class Form(StrEnum):
    """Name how rows are written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


@contextmanager
def plain_file(path: Path) -> Iterator[BinaryIO]:
    """Open a new file, readable by its owner only; an error leaves none behind.

    Raises
    ------
    WardnetError
        `ALREADY_EXISTS`; `DISK_FULL`.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise WardnetError(Reason.ALREADY_EXISTS, path=str(path)) from None
    except OSError as error:
        rule = "no file can be made there"
        raise WardnetError(Reason.FILE_UNREADABLE, file=str(path), rule=rule) from error
    try:
        with disk_errors(path), os.fdopen(handle, "wb") as file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def pieces(batches: Iterable[Lines], names: Sequence[str], form: Form) -> Iterator[bytes]:
    """Yield rows as UTF-8: CSV with a header that no spreadsheet takes for formulas, or JSON."""
    yield from _csv(batches, names) if form is Form.CSV else _json(batches, names)


def _csv(batches: Iterable[Lines], names: Sequence[str]) -> Iterator[bytes]:
    header: Lines = [tuple(names)]
    for lines in chain([header], batches):
        text = io.StringIO(newline="")
        csv.writer(text).writerows([_cell(value) for value in line] for line in lines)
        yield text.getvalue().encode()


def _json(batches: Iterable[Lines], names: Sequence[str]) -> Iterator[bytes]:
    before = "[\n"
    for batch in batches:
        for line in batch:
            record = dict(zip(names, line, strict=True))
            yield f"{before}{json.dumps(record, ensure_ascii=False)}".encode()
            before = ",\n"
    yield b"[]\n" if before == "[\n" else b"\n]\n"


def _cell(value: Json) -> Json:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return guarded(value)
        case _:
            return value
