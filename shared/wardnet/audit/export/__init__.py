"""What an auditor takes along: entries in the forms that other programs read.

`EXPORTS` is the one way in. None of these forms is evidence; the bundle is.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import BinaryIO, Final, Protocol

from wardnet.audit.entry import Entry
from wardnet.audit.export import csv, fhir, html, syslog

__all__ = ["EXPORTS", "ExportKind"]


class Write(Protocol):
    """Write entries to a stream of bytes that stays open."""

    def __call__(self, entries: Iterable[Entry], stream: BinaryIO, /) -> None:
        """Write them in the order in which they come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportKind:
    """Name a form and how it is written.

    Parameters
    ----------
    name, suffix : str
        What it is called, and how its files end.
    media_type : str
        As a browser names it.
    write : function of entries and a binary stream
        One pass; all but `html` hold one entry at a time.
    """

    name: str
    suffix: str
    media_type: str
    write: Write


EXPORTS: Final[Mapping[str, ExportKind]] = MappingProxyType(
    {
        kind.name: kind
        for kind in (
            ExportKind(name="csv", suffix=".csv", media_type="text/csv", write=csv.write),
            ExportKind(
                name="fhir",
                suffix=".fhir.json",
                media_type="application/fhir+json",
                write=fhir.write,
            ),
            ExportKind(name="syslog", suffix=".log", media_type="text/plain", write=syslog.write),
            ExportKind(name="html", suffix=".html", media_type="text/html", write=html.write),
        )
    }
)
"""Every form, by its name."""
