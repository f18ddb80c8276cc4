"""The options and the output that the `usage` commands have in common."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import TextIO, TypeVar

import click

from wardnet import clock
from wardnet.canonical import Json
from wardnet.command import Record, json_option, print_json, print_records
from wardnet.usage.figure import BYTES, draw
from wardnet.usage.table import (
    Handed,
    Period,
    Spent,
    Step,
    Stored,
    Usage,
    Work,
    by_method,
    by_recipient,
    over_time,
    present,
    total,
)

T = TypeVar("T")


def prints_usage(function: Callable[[T], tuple[str, Usage]]) -> Callable[..., None]:
    """Make a command of a function that returns a title and a usage: print it and draw it."""
    day = click.DateTime(["%Y-%m-%d"])

    @click.option("--since", type=day, help="First day, UTC.")
    @click.option("--until", type=day, help="Last day, UTC.")
    @click.option(
        "--by",
        type=click.Choice([step.value for step in Step]),
        default=Step.MONTH.value,
        show_default=True,
        help="How long a period is.",
    )
    @click.option("--queries", is_flag=True, help="List every query too, as JSON always does.")
    @click.option(
        "--figure",
        "drawing",
        type=click.File("w", encoding="utf-8", lazy=True),
        metavar="FILE.svg",
        help="Draw the periods, too.",
    )
    @json_option
    @wraps(function)
    def command(
        place: T,
        *,
        since: datetime | None,
        until: datetime | None,
        by: str,
        queries: bool,
        drawing: TextIO | None,
        as_json: bool,
    ) -> None:
        title, usage = function(place)
        usage = usage.between(_moment(since), _moment(until, after=1))
        if drawing is not None:
            periods, notes = over_time(usage, Step(by)), tuple(_notes(usage))[:2]
            drawing.write(draw(periods, title=title, clocked=usage.clocked, notes=notes))
        tables = _tables(usage, Step(by))
        if as_json:
            lists: dict[str, Json] = {name: [*records] for name, records in tables.items()}
            told = {"clocked": usage.clocked, "kept": usage.kept, "counted": usage.counted}
            sealed = {"sealed": usage.sealed} if usage.sealed else {}
            print_json({**told, **sealed, **lists})
        else:
            _print(tables, queries=queries)
            for note in _notes(usage):
                click.echo(note)

    return command


def _tables(usage: Usage, step: Step) -> dict[str, list[dict[str, Json]]]:
    stored = present(usage.stored)
    sealed = bool(usage.sealed)
    recipients = [_handed("recipient", item) for item in by_recipient(usage.shared)]
    return {
        "stored": [_stored(item) for item in (*stored, total(stored))],
        "methods": [_work("method", item) for item in by_method(usage.spent)],
        **({"recipients": recipients} if sealed else {}),
        "periods": [_period(step, item, sealed=sealed) for item in over_time(usage, step)],
        "queries": [_spent(item) for item in usage.spent],
    }


def _print(tables: Mapping[str, Sequence[Record]], *, queries: bool) -> None:
    for name, records in tables.items():
        if name != "queries" or queries:
            click.echo(f"{name.capitalize()}:")
            print_records([_readable(record) for record in records], as_json=False)
            click.echo()


def _notes(usage: Usage) -> Iterator[str]:
    """Say what the numbers are: a hospital's are not the coordinator's."""
    yield f"Stored: {usage.kept}."
    yield f"Results: {usage.counted}."
    if usage.sealed:
        yield f"Shares: {usage.sealed}."
    yield f"Milliseconds: {usage.clocked}."


def _readable(record: Record) -> Record:
    """Return a line as people read it: sizes in units, moments to the minute, short ids."""
    return {name.removesuffix("_bytes"): _cell(name, value) for name, value in record.items()}


def _cell(name: str, value: Json) -> Json:
    if name.endswith("_bytes"):
        return _size(value) if isinstance(value, int) else "not recorded"
    if name in ("since", "begun") and value:
        return f"{str(value)[:16].replace('T', ' ')} UTC"
    return f"{str(value)[:12]}\N{HORIZONTAL ELLIPSIS}" if name == "query" else value


def _size(number: int) -> str:
    """Write a number of bytes with three digits or so, e.g. `4.5 kB`."""
    unit, factor = next((each for each in reversed(BYTES) if number >= each[1]), BYTES[0])
    return f"{number} B" if factor == 1 else f"{number / factor:.1f} {unit}"


def _moment(day: datetime | None, *, after: int = 0) -> clock.Moment:
    """Return the moment at which a day begins, or one some days later; empty for none."""
    if day is None:
        return ""
    return clock.to_moment(day.replace(tzinfo=UTC) + timedelta(days=after))


def _stored(item: Stored) -> dict[str, Json]:
    return {
        "dataset": item.dataset,
        "uncompressed_bytes": item.uncompressed,
        "stored_bytes": item.compressed,
        "since": item.time,
    }


def _work(kind: str, item: Work) -> dict[str, Json]:
    return {
        kind: item.name,
        "queries": item.queries,
        "results": item.results,
        "milliseconds": round(item.milliseconds, 1),
    }


def _handed(kind: str, item: Handed) -> dict[str, Json]:
    return {kind: item.name, "shares": item.shares, "sealed_bytes": item.size}


def _period(kind: str, item: Period, *, sealed: bool) -> dict[str, Json]:
    handed = _handed(kind, item.handed) if sealed else {}
    return {
        **_work(kind, item.work),
        "uncompressed_bytes": item.stored.uncompressed,
        "stored_bytes": item.stored.compressed,
        **handed,
    }


def _spent(item: Spent) -> dict[str, Json]:
    return {**asdict(item), "milliseconds": round(item.milliseconds, 1)}
