"""The options and the output that the `usage` commands have in common."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import TextIO, TypeVar

import click

from wardnet import clock
from wardnet.canonical import Json
from wardnet.command import Record, json_option, print_json, print_records
from wardnet.usage.figure import draw
from wardnet.usage.table import (
    Period,
    Spent,
    Step,
    Stored,
    Usage,
    Work,
    by_method,
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
            drawing.write(draw(over_time(usage, Step(by)), title=title, clocked=usage.clocked))
        tables = _tables(usage, Step(by))
        if as_json:
            lists: dict[str, Json] = {name: [*records] for name, records in tables.items()}
            print_json({"clocked": usage.clocked, **lists})
        else:
            _print(tables, queries=queries)
            click.echo(f"Milliseconds: {usage.clocked}.")

    return command


def _tables(usage: Usage, step: Step) -> dict[str, list[dict[str, Json]]]:
    stored = present(usage.stored)
    return {
        "stored": [_stored(item) for item in (*stored, total(stored))],
        "methods": [_work("method", item) for item in by_method(usage.spent)],
        "periods": [_period(step, item) for item in over_time(usage, step)],
        "queries": [_spent(item) for item in usage.spent],
    }


def _print(tables: Mapping[str, Sequence[Record]], *, queries: bool) -> None:
    for name, records in tables.items():
        if name != "queries" or queries:
            click.echo(f"{name.capitalize()}:")
            print_records(records, as_json=False)
            click.echo()


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


def _period(kind: str, item: Period) -> dict[str, Json]:
    return {
        **_work(kind, item.work),
        "uncompressed_bytes": item.stored.uncompressed,
        "stored_bytes": item.stored.compressed,
    }


def _spent(item: Spent) -> dict[str, Json]:
    return {**asdict(item), "milliseconds": round(item.milliseconds, 1)}
