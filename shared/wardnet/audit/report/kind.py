"""A report as a value, and what a report is asked about."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import TypeAlias

from wardnet.audit.entry import Entry
from wardnet.audit.report.figure import Figure
from wardnet.clock import Moment

Cell: TypeAlias = str | int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Hold what a report found.

    Parameters
    ----------
    name, title : str
        Its name in `REPORTS`, and its heading.
    explanation : str
        What the rows are, and what they are not.
    columns : tuple of str
        Headings.
    rows : tuple of tuple of str or int
        As long as `columns` each.
    figures : tuple of Figure
        Drawn from all rows.
    """

    name: str
    title: str
    explanation: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """State what a report needs to know besides the entries.

    Parameters
    ----------
    at : Moment
        The moment of the report; empty for that of the newest entry.
    zone : tzinfo
        Where the people work: for office hours.
    patient : frozenset of str
        The tags of one patient; each log has its own.
    coordinator : tuple of Entry
        Entries of the coordinator's log, to hold a hospital's against.
    complete : bool
        Whether the entries are whole logs, so that a missing number means something.
    covered : mapping of str to int
        By log (URI of its member), the size of its newest checkpoint that a majority of the
        witnesses cosigned; a log that is not named is not checked.
    """

    at: Moment = ""
    zone: tzinfo = UTC
    patient: frozenset[str] = frozenset()
    coordinator: tuple[Entry, ...] = ()
    complete: bool = False
    covered: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportKind:
    """Name a report and how it is made.

    Parameters
    ----------
    name, title : str
        As its reports have them.
    needs : str
        The field of `About` that it cannot do without; empty when there is none.
    make : function of entries and About to Report
        Pure; entries may come in any order, from several logs, and more than once.
    """

    name: str
    title: str
    needs: str = ""
    make: Callable[[Iterable[Entry], About], Report]
