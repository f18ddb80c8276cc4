"""`wardnet audit report` and `export`: what an auditor makes of entries, once they are proven."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from wardnet import clock
from wardnet.audit import bundle as bundles
from wardnet.audit import checkpoint, note
from wardnet.audit.entry import Entry
from wardnet.audit.export import EXPORTS, html
from wardnet.audit.export.syslog_sender import Carrier, Receiver, send
from wardnet.audit.report import REPORTS, About
from wardnet.audit.search import EVERYTHING, Search
from wardnet.client.commands.audit_source import search_options, sources
from wardnet.client.commands.audit_words import tabled
from wardnet.client.trust.audit import Found
from wardnet.command import json_option, print_json, print_records

if TYPE_CHECKING:
    from wardnet.canonical import Json

BUNDLE: Final = "bundle"
HTML: Final = "html"
SYSLOG: Final = "syslog"


def _zone(_context: click.Context, _option: click.Parameter, name: str) -> tzinfo:
    """Read where people work."""
    try:
        return ZoneInfo(name) if name != "UTC" else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        message = f"{name[:80]!r} is no time zone; they are written like Europe/Berlin"
        raise click.BadParameter(message) from None


zone_option = click.option(
    "--zone",
    default="UTC",
    show_default=True,
    metavar="NAME",
    callback=_zone,
    help="Time zone of the people whose office hours count, e.g. Europe/Berlin.",
)


coordinator_option = click.option(
    "--coordinator",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Bundle of the coordinator's log, to hold the hospitals' against.",
)


@click.command()
@click.argument("name", type=click.Choice(list(REPORTS)))
@click.argument("named", metavar="SOURCE...", nargs=-1, required=True)
@search_options
@coordinator_option
@zone_option
@json_option
def report(
    name: str,
    *,
    named: Sequence[str],
    wanted: Search,
    patient: str,
    coordinator: Path | None,
    zone: tzinfo,
    as_json: bool,
) -> None:
    """Make the report NAME of the logs of every SOURCE.

    An accounting of disclosures needs --patient, a reconciliation --coordinator.
    """
    found, about = _taken(named, wanted, patient=patient, coordinator=coordinator)
    made = REPORTS[name].make(_entries(found), replace(about, zone=zone))
    if as_json:
        rows: list[Json] = [dict(zip(made.columns, row, strict=True)) for row in made.rows]
        print_json({"title": made.title, "explanation": made.explanation, "rows": rows})
        return
    click.echo(f"{made.title}\n")
    if made.rows:
        print_records(tabled(made.columns, made.rows), as_json=False)
    else:
        click.echo("None.")
    click.echo(f"\n{made.explanation}", err=True)


@click.command()
@click.argument("form", type=click.Choice([BUNDLE, *EXPORTS]))
@click.argument("named", metavar="SOURCE...", nargs=-1, required=True)
@search_options
@click.option("-o", "--output", type=click.File("wb"), help="File; standard output otherwise.")
@click.option(
    "--to",
    "receiver",
    callback=lambda _context, _option, text: _receiver(text) if text else None,
    metavar="URL",
    help="Send syslog instead: tls://HOST:PORT, tcp://HOST:PORT or udp://HOST:PORT.",
)
@click.option(
    "--authority",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Certificates, PEM, that a receiver by TLS must lead to; the system's otherwise.",
)
@coordinator_option
@zone_option
def export(
    form: str,
    *,
    named: Sequence[str],
    wanted: Search,
    patient: str,
    output: BinaryIO | None,
    receiver: Receiver | None,
    authority: Path | None,
    coordinator: Path | None,
    zone: tzinfo,
) -> None:
    """Write the entries of every SOURCE in another form.

    Only a bundle is evidence, and it is of one SOURCE. A page in HTML holds every report that can
    be made: an accounting of disclosures needs --patient, a reconciliation --coordinator.
    """
    if form == BUNDLE and len(named) != 1:
        message = "a bundle is of one log: name one SOURCE"
        raise click.UsageError(message)
    if receiver is not None and form != SYSLOG:
        message = "--to is for syslog"
        raise click.UsageError(message)
    if coordinator is not None and form != HTML:
        message = "--coordinator is for html"
        raise click.UsageError(message)
    found, about = _taken(named, wanted, patient=patient, coordinator=coordinator)
    if receiver is not None:
        sent = send(_entries(found), replace(receiver, authority=authority))
        click.echo(f"{sent} entries handed over.", err=True)
        return
    stream = output or sys.stdout.buffer
    if form == BUNDLE:
        bundles.write(found[0].bundle, stream)
    elif form == HTML:
        html.write(_entries(found), stream, replace(about, zone=zone))
    else:
        EXPORTS[form].write(_entries(found), stream)


def _receiver(url: str) -> Receiver:
    """Read where syslog goes."""
    message = "it is written tls://HOST:PORT, tcp://HOST:PORT or udp://HOST:PORT"
    try:
        parts = urlsplit(url)
        carrier, host, port = Carrier(parts.scheme), parts.hostname, parts.port
    except ValueError:
        raise click.BadParameter(message) from None
    if not host or not port:
        raise click.BadParameter(message)
    return Receiver(host=host, port=port, carrier=carrier)


def _taken(
    named: Sequence[str], wanted: Search, *, patient: str, coordinator: Path | None
) -> tuple[list[Found], About]:
    """Return what every source shows, all of it verified, and what reports are asked about."""
    files = [source for source in named if Path(source).is_file()]
    if files and (patient or wanted != EVERYTHING):
        message = f"{files[0]} gives all that it holds: filters are for a HOSPITAL that is asked"
        raise click.UsageError(message)
    with sources() as opened:
        found = [opened.take(source, wanted, patient=patient) for source in named]
        told = opened.read(coordinator).entries if coordinator else ()
    about = About(
        at=clock.to_moment(clock.now()),
        patient=frozenset(each.tag for each in found if each.tag),
        coordinator=told,
        complete=all(each.bundle.complete for each in found),
        covered=_covered(found),
    )
    return found, about


def _covered(found: Sequence[Found]) -> dict[str, int]:
    """Return by log how much of it most of the pinned witnesses have cosigned."""
    sizes: dict[str, int] = {}
    for each in found:
        owner = checkpoint.parse(note.parse(each.bundle.checkpoint).text).owner
        if each.verdict.covered is not None:
            sizes[owner] = max(sizes.get(owner, 0), each.verdict.covered)
    return sizes


def _entries(found: Sequence[Found]) -> list[Entry]:
    return [entry for each in found for entry in each.entries]
