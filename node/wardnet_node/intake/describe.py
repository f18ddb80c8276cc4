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
from wardnet.question.doubts import doubts
from wardnet.question.profile import Kind, Profile, profile
from wardnet_node.intake import csv_file
from wardnet_node.intake.blocks import Block, Progress, check_utf_8, read_blocks
from wardnet_node.intake.cells import drop_missing, plain_numbers, trim
from wardnet_node.intake.local_part import LocalColumn, LocalPart

DELIMITERS: Final = (",", ";", "\t", "|")
MISSING: Final = ("NA", "N/A", "NaN", "nan", "NULL", "null", "?", ".")
"""Cells that usually mean missing; those that occur are drafted into the local part."""

DATE_FORMATS: Final = {
    "%d.%m.%Y": r"^\d{1,2}\.\d{1,2}\.\d{4}$",
    "%d.%m.%Y %H:%M": r"^\d{1,2}\.\d{1,2}\.\d{4} \d{1,2}:\d{2}$",
    "%d.%m.%Y %H:%M:%S": r"^\d{1,2}\.\d{1,2}\.\d{4} \d{1,2}:\d{2}:\d{2}$",
}
"""How dates are written besides ISO 8601, where nobody can take the day for the month."""

_WITH_COMMA: Final = r"^\s*[+-]?\d+,\d+\s*$"


@dataclass(slots=True)
class _Seen:
    """Hold what was seen of one column so far."""

    profile: Profile = field(default_factory=Profile)
    codes: set[str] = field(default_factory=set)
    formats: set[str] = field(default_factory=set)

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
        if seen.kind is Kind.TEXT:
            seen = self._dated(text, seen)
        elif seen.kind in {Kind.DATE, Kind.DATETIME}:
            self.formats.add("")
        if len(self.formats) > 1:  # no one format reads all of them
            seen = replace(seen, kind=Kind.TEXT, texts=None)
        self.profile = self.profile.merge(seen)

    def _dated(self, text: pa.Array, seen: Profile) -> Profile:
        """Return the profile as times where all cells are written in one of `DATE_FORMATS`."""
        known = pc.drop_null(text)
        for date_format, pattern in DATE_FORMATS.items():
            if pc.all(pc.match_substring_regex(known, pattern)).as_py():
                dated = profile(known, date_format=date_format)
                if dated.kind is not Kind.TEXT:
                    self.formats.add(date_format)
                    return dated
        return seen

    @property
    def date_format(self) -> str:
        """Return the format of all times; empty for ISO 8601, and where there are none."""
        times = self.profile.kind in {Kind.DATE, Kind.DATETIME}
        return next(iter(self.formats), "") if times else ""


@dataclass(frozen=True, slots=True)
class Described:
    """Hold the drafts of both parts.

    Parameters
    ----------
    dictionary, local : Dictionary, LocalPart
        The two parts.
    rare : Mapping of str to int
        How many levels were left out, by column, where any were.
    doubts : Mapping of str to str
        What to look at first, by column.
    """

    dictionary: Dictionary
    local: LocalPart
    rare: Mapping[str, int]
    doubts: Mapping[str, str]

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what whoever edits the drafts must know, as sentences."""
        nobody = (
            "No column names the patient, so every row counts as a patient of its own. Where "
            "patients may have several rows, draft again with --patient COLUMN."
        )
        return (
            *(
                f"Left out of {column}, because fewer than {draft.FEWEST_ROWS} rows have them: "
                f"{levels} levels."
                for column, levels in self.rare.items()
            ),
            *([nobody] if self.dictionary.patient is None else []),
            *self.doubts.values(),
        )


def describe(
    path: Path,
    name: str,
    *,
    patient: str | None = None,
    label: str = "",
    keep_rare: bool = False,
    progress: Progress | None = None,
) -> Described:
    """Draft both parts from all records of a file; memory does not grow with it.

    How the file is written is found out: UTF-8, UTF-16 or Windows-1252, one of `DELIMITERS`,
    decimal point or comma, ISO dates or those of `DATE_FORMATS`. A column without a name in the
    header is left out.

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
            source="" if source == column else source,
            missing=tuple(sorted(seen[source].codes)),
            date_format=seen[source].date_format,
        )
        for column, source in sources.items()
    }
    named = {column: profiles[source] for column, source in sources.items()}
    own = replace(local, columns=columns)
    return Described(dictionary, own, rare, doubts(dictionary, named))


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
