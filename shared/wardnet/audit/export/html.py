"""All reports on one page: a file that needs nothing else, for reading, printing and keeping."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from wardnet.audit.entry import Entry
from wardnet.audit.export.svg import draw, short
from wardnet.audit.report import REPORTS, About, Report
from wardnet.audit.report.logs import Ending, asked, by_log, newest

MOST_ROWS: Final = 60
"""Of each table; the report by itself has them all."""

_MOMENT: Final = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d):\d\d\.\d{3}Z")


@dataclass(frozen=True, slots=True)
class Tile:
    """Hold one number of the page's head."""

    number: int
    name: str


def write(entries: Iterable[Entry], stream: BinaryIO, about: About | None = None) -> None:
    """Write the page.

    Parameters
    ----------
    entries : Iterable of Entry
        Of one or more logs; held in memory.
    stream : BinaryIO
        Where the HTML goes, UTF-8; stays open.
    about : About or None
        What the reports are asked about. A report that needs what is not given is named as left
        out.
    """
    about = about or About()
    logs = by_log(entries)
    every = [entry for log in logs.values() for entry in log]
    kinds = [kind for kind in REPORTS.values() if not kind.needs or getattr(about, kind.needs)]
    template = _environment().get_template("page.html")
    page = template.render(
        logs=[short(node) for node in logs],
        since=min((entry.time for entry in every), default=""),
        until=newest(every),
        at=about.at or newest(every),
        tiles=_tiles(every),
        reports=[kind.make(every, about) for kind in kinds],
        left_out=[kind for kind in REPORTS.values() if kind not in kinds],
        most=MOST_ROWS,
    )
    stream.write(page.encode())


def _tiles(entries: Sequence[Entry]) -> list[Tile]:
    queries = [query for log in by_log(entries).values() for query in asked(log)]
    endings = [query.ending for query in queries]
    return [
        Tile(len(entries), "entries"),
        Tile(len(queries), "queries"),
        Tile(endings.count(Ending.ANSWERED), "answered"),
        Tile(endings.count(Ending.REFUSED), "refused"),
        Tile(len({query.researcher for query in queries}), "researchers"),
    ]


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"draw": draw, "shown": _shown, "filled": _filled}
    return environment


def _shown(cell: str | int) -> str:
    """Return a cell as people read it; the page keeps the whole as its title."""
    return short(_MOMENT.sub(r"\1 \2", str(cell)))


def _filled(report: Report) -> list[int]:
    """Return the columns that hold anything."""
    return [
        column
        for column in range(len(report.columns))
        if any(row[column] != "" for row in report.rows)
    ]
