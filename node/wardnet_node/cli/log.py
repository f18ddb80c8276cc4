"""`wardnet-node log`: read and check the hospital's access log."""

from dataclasses import asdict

import click

from wardnet.audit import log as access_log
from wardnet.audit.entry import Entry
from wardnet.canonical import Json
from wardnet.command import json_option, print_record, print_records
from wardnet_node.cli.place import Place

SHOWN = (
    "seq",
    "time",
    "type",
    "outcome",
    "reason",
    "subject",
    "operation",
    "dataset",
    "request_id",
)


@click.group()
def log() -> None:
    """Read the access log: who has asked what, and what was released or refused."""


@log.command()
@click.option("--from", "start", type=click.IntRange(1), default=1, help="First entry to show.")
@click.option("--limit", type=click.IntRange(1), help="Most entries to show.")
@json_option
@click.pass_obj
def show(place: Place, *, start: int, limit: int | None, as_json: bool) -> None:
    """Show the entries, oldest first."""
    with place.catalog() as catalog, catalog.reading() as connection:
        entries = list(access_log.entries(connection, start=start, limit=limit or -1))
    print_records([_record(entry) for entry in entries], as_json=as_json, columns=SHOWN)


@log.command()
@json_option
@click.pass_obj
def verify(place: Place, *, as_json: bool) -> None:
    """Check that no entry was changed, moved or taken out; print the head."""
    with place.catalog() as catalog, catalog.reading() as connection:
        head = access_log.verify(connection)
    print_record({"entries": head.size, "head": head.leaf}, as_json=as_json)


def _record(entry: Entry) -> dict[str, Json]:
    return {**asdict(entry), "subject": entry.actor.subject}
