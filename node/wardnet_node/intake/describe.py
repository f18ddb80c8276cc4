"""Draft both parts of a dictionary from a CSV file, for a steward to edit."""

import codecs
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from wardnet.errors import Reason, WardnetError
from wardnet.question import draft
from wardnet.question.dictionary import ColumnType, Dictionary
from wardnet.question.draft import Kind, Profile, profile
from wardnet_node.intake import csv_file
from wardnet_node.intake.blocks import Block, Progress, check_utf_8, read_blocks
from wardnet_node.intake.cells import drop_missing, plain_numbers, trim
from wardnet_node.intake.local_part import LocalColumn, LocalPart

DELIMITERS: Final = (",", ";", "\t", "|")
MISSING: Final = ("NA", "N/A", "NaN", "nan", "NULL", "null", "?", ".")
"""Cells that usually mean missing; those that occur are drafted into the local part."""

_WITH_COMMA: Final = r"^\s*[+-]?\d+,\d+\s*$"


@dataclass(slots=True)
class _Seen:
    """Hold what was seen of one column so far."""

    profile: Profile = field(default_factory=Profile)
    codes: set[str] = field(default_factory=set)

    def add(self, text: pa.Array, *, decimal: str) -> None:
        """Look at one block."""
        if self.profile.kind is Kind.TEXT and self.profile.texts is None:
            return  # nothing can change that
        text = trim(text)
        found = pc.filter(text, pc.is_in(text, value_set=pa.array(MISSING)))
        self.codes.update(pc.unique(found).to_pylist())
        text = drop_missing(text, MISSING)
        seen = profile(plain_numbers(text, decimal))
        if decimal != "." and seen.kind not in {Kind.WHOLE, Kind.DECIMAL}:
            seen = profile(text)
        self.profile = self.profile.merge(seen)


def describe(
    path: Path,
    name: str,
    *,
    patient: str | None = None,
    label: str = "",
    keep_rare: bool = False,
    progress: Progress | None = None,
) -> tuple[Dictionary, LocalPart, Mapping[str, int]]:
    """Draft both parts from all records of a file; memory does not grow with it.

    How the file is written is found out: UTF-8, UTF-16 or Windows-1252, one of `DELIMITERS`,
    decimal point or comma. A column without a name in the header is left out.

    Parameters
    ----------
    path : Path
        A CSV file.
    name, label : str
        Of the dataset.
    patient : str or None
        The column that names the patient, as the header spells it.
    keep_rare : bool
        Whether levels that fewer than `draft.FEWEST_ROWS` rows have are drafted, too.
    progress : callable or None
        Called with the bytes done and the bytes in all.

    Returns
    -------
    dictionary, local : Dictionary, LocalPart
        The two parts.
    rare : Mapping of str to int
        How many levels were left out, by column, where any were.

    Raises
    ------
    WardnetError
        `FILE_UNREADABLE`, `FILE_EMPTY`, `FILE_ENCODING`, `FILE_QUOTES`, `FILE_TRUNCATED` or
        `FILE_HEADER`.
    """
    local = _written(path)
    seen = _look(path, local, patient=patient, progress=progress)
    profiles = {source: one.profile for source, one in seen.items()}
    dictionary, sources = draft.describe(
        profiles, name, patient=patient, label=label, keep_rare=keep_rare
    )
    rare = {
        column.name: levels
        for column in dictionary.columns
        if column.type is ColumnType.CATEGORY and not keep_rare
        if (levels := draft.rare_levels(profiles[sources[column.name]]))
    }
    columns = {
        column: LocalColumn(
            source="" if source == column else source, missing=tuple(sorted(seen[source].codes))
        )
        for column, source in sources.items()
    }
    return dictionary, replace(local, columns=columns), rare


def _look(
    path: Path, local: LocalPart, *, patient: str | None, progress: Progress | None
) -> dict[str, _Seen]:
    blocks = read_blocks(path, encoding=local.encoding, quote=local.quote)
    header, rest = csv_file.read_header(next(blocks, None), path=path, local=local)
    csv_file.check_header(header, [patient] if patient else [], path=path)
    seen = {source: _Seen() for source in header if source}
    total, rows = path.stat().st_size, 0
    for block in chain([rest], blocks):
        records = csv_file.parse(block, path=path, local=local, header=header, wanted=tuple(seen))
        for source, text in records.columns.items():
            seen[source].add(text, decimal=local.decimal)
        rows += records.rows
        if progress is not None:
            progress(block.done, total)
    if not rows:
        raise WardnetError(Reason.FILE_EMPTY, file=str(path), rule="rows")
    return seen


def _written(path: Path) -> LocalPart:
    """Find out how a file is written; its beginning tells all but the encoding."""
    encoding = _encoding(path)
    local = LocalPart(encoding=encoding)
    first = next(read_blocks(path, encoding=encoding, quote=local.quote), None)
    if first is None:
        return local
    local = replace(local, delimiter=_delimiter(first, local))
    header, rest = csv_file.read_header(first, path=path, local=local)
    records = csv_file.parse(rest, path=path, local=local, header=header, wanted=header)
    return replace(local, decimal=_decimal(records.columns.values(), local))


def _encoding(path: Path) -> str:
    """Return the first encoding that has all bytes of the file; Windows-1252 has almost any."""
    try:
        for block in read_blocks(path, encoding="utf-8", quote=""):
            if block.data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                return "utf-16"
            check_utf_8(block, file=path, encoding="utf-8")
    except WardnetError as error:
        if error.reason is not Reason.FILE_ENCODING:
            raise
        return "cp1252"
    return "utf-8"


def _delimiter(first: Block, local: LocalPart) -> str:
    """Return the delimiter that cuts the header into most names."""
    line = first.data.split(b"\n", 1)[0].decode("utf-8", "replace")
    outside = "".join(line.split(local.quote)[::2])
    return max(DELIMITERS, key=outside.count)


def _decimal(columns: Iterable[pa.Array], local: LocalPart) -> str:
    """Return a comma where the file has numbers with a decimal comma."""
    if local.delimiter == ",":
        return "."
    commas = any(pc.any(pc.match_substring_regex(text, _WITH_COMMA)).as_py() for text in columns)
    return "," if commas else "."
