"""`wardnet-node log`: read and check the hospital's access log."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import click

from wardnet import clock
from wardnet.audit import bundle as bundles
from wardnet.audit import checkpoint, cosigned
from wardnet.audit import log as access_log
from wardnet.audit.entry import Entry, EventType
from wardnet.audit.log import Connection
from wardnet.audit.search import Search
from wardnet.audit.search import search as find
from wardnet.canonical import Json
from wardnet.command import json_option, print_record, print_records, shortened
from wardnet.identity.credentials import Keys
from wardnet_node.cli.place import Place
from wardnet_node.cli.signing import signing_options, unlocked
from wardnet_node.desk import retention, vouched
from wardnet_node.desk.events import by_operator
from wardnet_node.vault.catalog import Catalog

SHOWN = (
    "seq",
    "time",
    "type",
    "outcome",
    "reasons",
    "subject",
    "operation",
    "dataset",
    "request_id",
)


@click.group()
def log() -> None:
    """Read the access log: who asked what, and what was answered."""


@log.command()
@click.option("--from", "start", type=click.IntRange(1), default=1, help="First entry to show.")
@click.option("--limit", type=click.IntRange(1), help="Most entries to show.")
@json_option
@click.pass_obj
def show(place: Place, *, start: int, limit: int | None, as_json: bool) -> None:
    """Show the entries, oldest first; that is an entry too."""
    with place.catalog() as catalog, _reading(place, catalog, "show") as connection:
        entries = list(access_log.entries(connection, start=start, limit=limit or -1))
    _print(entries, as_json=as_json)


@log.command()
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="First day, UTC.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="Last day, UTC.")
@click.option(
    "--type",
    "kind",
    type=click.Choice([kind.value for kind in EventType]),
    metavar="KIND",
    help="What happened, e.g. query_answer or break_glass; the auditors' guide lists all.",
)
@click.option("--subject", default="", help="Part of who acted.")
@click.option("--dataset", default="", help="About which one.")
@click.option("--request", default="", help="SHA-256 of a signed query or request for records.")
@click.option("--recipient", default="", help="Part of who received something.")
@click.option(
    "--limit", type=click.IntRange(1), default=50, show_default=True, help="Most entries."
)
@click.option(
    "--before", type=click.IntRange(0), default=0, help="Only those with smaller numbers."
)
@json_option
@click.pass_obj
def search(
    place: Place,
    *,
    since: datetime | None,
    until: datetime | None,
    kind: str | None,
    subject: str,
    dataset: str,
    request: str,
    recipient: str,
    limit: int,
    before: int,
    as_json: bool,
) -> None:
    """Search the entries, newest first; that is an entry too."""
    wanted = Search(
        since=_moment(since),
        until=_moment(until, after=1),
        type=EventType(kind) if kind else None,
        subject=subject,
        dataset=dataset,
        request=request,
        recipient=recipient,
        before=before,
    )
    with place.catalog() as catalog, _reading(place, catalog, "search") as connection:
        entries = find(connection, wanted, limit=limit)
    _print(entries, as_json=as_json)


@log.command()
@json_option
@click.pass_obj
def verify(place: Place, *, as_json: bool) -> None:
    """Check that no entry was changed, moved or taken out."""
    key = Keys.load(place.keystore).signing.public_key()
    with place.catalog() as catalog, catalog.reading() as connection:
        head = checkpoint.verify(connection, key=key)
    print_record({"entries": head.size, "root": head.root}, as_json=as_json)


@log.command()
@click.argument("file", type=click.File("wb"))
@click.pass_obj
def bundle(place: Place, *, file: BinaryIO) -> None:
    """Write the log to FILE with what proves it; that is an entry too."""
    uri, key = place.credentials.member.uri, place.credentials.signer.key
    with place.catalog() as catalog:
        with _reading(place, catalog, "bundle") as connection:
            cosigned.sign(connection, owner=uri, key=key, at=clock.now())
        with catalog.reading() as connection:
            bundles.write(cosigned.gather(connection, None, key=key.public_key()), file)


@log.command()
@click.option(
    "--patient",
    prompt="The patient's number",
    help="Number at the hospital; asked for when it is not given.",
)
@json_option
@click.pass_obj
def erase(place: Place, *, patient: str, as_json: bool) -> None:
    """Erase what the log says of one patient; entries and proofs stand.

    Backups of the catalog from before hold it still: destroy them too.
    """
    with place.catalog() as catalog:
        erased = retention.erase(catalog, place.keystore, place.credentials.member, patient=patient)
    print_record({"erased keys": erased}, as_json=as_json)


@log.command()
@json_option
@click.pass_obj
def witnesses(place: Place, *, as_json: bool) -> None:
    """Show how much of the log each witness has cosigned.

    Those count whose key stands in the address book.
    """
    with place.catalog() as catalog, catalog.reading() as connection:
        found = vouched.read(connection)
    records: list[Mapping[str, Json]] = [
        {
            "witness": one.name,
            "counts": one.counts,
            "cosigned": one.size,
            "of": found.coverage.size,
            "at": one.at,
            "disputes": one.disputes,
        }
        for one in found.vouchers
    ]
    print_records(records, as_json=as_json)
    click.echo(found.words(clock.now()), err=True)


@log.command()
@click.option("--reason", required=True, help="Why; it stands in the access log.")
@signing_options("--steward")
@json_option
@click.pass_obj
def extend(
    place: Place,
    *,
    reason: str,
    signers: Sequence[str],
    password_files: Sequence[Path],
    as_json: bool,
) -> None:
    """Let the node answer for 72 hours more; two stewards sign.

    It has stopped because too few other hospitals have confirmed its log for a day.
    """
    with place.decisions() as (decisions, stewards):
        signing = unlocked(stewards, signers, password_files=password_files)
        done = decisions.extend(stewards=signing, reason=reason)
    print_record({"until": done.until, "covered": done.covered}, as_json=as_json)


@contextmanager
def _reading(place: Place, catalog: Catalog, operation: str) -> Iterator[Connection]:
    """Read the log in the transaction that writes down who reads it."""
    event = by_operator(place.credentials.member, EventType.LOG_READ)
    with catalog.transaction() as connection:
        access_log.append(connection, replace(event, operation=operation), at=clock.now())
        yield connection


def _moment(day: datetime | None, *, after: int = 0) -> str:
    """Return the moment at which a day begins, or one some days later; empty for none."""
    if day is None:
        return ""
    return clock.to_moment(day.replace(tzinfo=UTC) + timedelta(days=after))


def _print(entries: Sequence[Entry], *, as_json: bool) -> None:
    records = [_record(entry) for entry in entries]
    if not as_json:
        records = [{name: _brief(record[name]) for name in SHOWN} for record in records]
    print_records(records, as_json=as_json)


def _brief(value: Json) -> Json:
    return shortened(value) if isinstance(value, str) else value


def _record(entry: Entry) -> dict[str, Json]:
    return {
        **asdict(entry),
        "reasons": list(entry.why),
        "subject": entry.actor.subject,
    }
