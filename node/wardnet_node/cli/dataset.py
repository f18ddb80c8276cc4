"""`wardnet-node dataset`: describe, publish, adopt, load, list and drop datasets."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import click
from pydantic import TypeAdapter, ValidationError

from wardnet.command import (
    Record,
    console,
    json_option,
    print_json,
    print_record,
    print_records,
)
from wardnet.errors import Reason, WardnetError
from wardnet.question.dictionary import NAME_IN_WORDS, Name
from wardnet_node import newer, published
from wardnet_node.cli.place import Place
from wardnet_node.cli.progress import bar
from wardnet_node.cli.share_record import under
from wardnet_node.desk.shares.state import Share
from wardnet_node.intake import dictionary_file, local_part, quality
from wardnet_node.intake.local_part import LocalPart
from wardnet_node.vault.summary import DatasetSummary

file_argument = click.argument("file", type=click.Path(path_type=Path))


def _name(_context: click.Context, _option: click.Parameter, value: str) -> str:
    try:
        return TypeAdapter[str](Name).validate_python(value)
    except ValidationError:
        message = f"takes {NAME_IN_WORDS}."
        raise click.BadParameter(message) from None


@click.group()
def dataset() -> None:
    """Describe, load and look after the hospital's datasets."""


@dataset.command()
@file_argument
@click.option(
    "--name",
    required=True,
    callback=_name,
    help="Of the dataset, the same in the whole network.",
)
@click.option("--patient", metavar="COLUMN", help="Column of FILE that names the patient.")
@click.option("--label", default="", help="One line for people.")
@click.option(
    "--keep-rare-levels",
    is_flag=True,
    help="Draft levels that fewer than 10 rows have, too: a rare level tells of few patients.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path(),
    help="Folder for the two drafts.  [default: here]",
)
@json_option
def describe(
    *,
    file: Path,
    name: str,
    patient: str | None,
    label: str,
    keep_rare_levels: bool,
    out: Path,
    as_json: bool,
) -> None:
    """Draft both parts of a dictionary from FILE (CSV). Edit them before they are used."""
    shared, local = out / f"{name}.dictionary.toml", out / f"{name}.local.toml"
    for path in (shared, local):
        if path.exists():
            raise WardnetError(Reason.ALREADY_EXISTS, path=str(path))
    from wardnet_node.intake import describe as drafts  # noqa: PLC0415 - it imports pandas

    with bar(f"Reading {file.name}") as progress:
        made = drafts.describe(
            file,
            name,
            patient=patient,
            label=label,
            keep_rare=keep_rare_levels,
            progress=progress,
        )
    for note in made.notes:
        console(stderr=True).print(note)
    text = dictionary_file.write(made.dictionary, notes=made.notes)
    shared.write_text(text, encoding="utf-8")
    local.write_text(local_part.write(made.local), encoding="utf-8")
    print_record({"shared_part": str(shared), "local_part": str(local)}, as_json=as_json)


@dataset.command()
@file_argument
@click.option("--yes", is_flag=True, help="Do not ask before a version takes another's place.")
@json_option
@click.pass_obj
def publish(place: Place, *, file: Path, yes: bool, as_json: bool) -> None:
    """Sign the shared part in FILE and publish it to the network.

    A new version takes the place of the present one at once: only hospitals that have adopted it
    and loaded their file again are asked then.
    """
    dictionary, credentials = dictionary_file.read(file), place.credentials
    address = place.settings.address
    with place.catalog() as catalog:
        known = published.listed(credentials=credentials, address=address).get(dictionary.name)
        if known is not None and known.digest != dictionary.digest and not yes:
            click.confirm(newer.consequence(dictionary, known), abort=True, err=True)
        published.publish(dictionary, credentials=credentials, address=address)
        published.log_published(catalog, dictionary, member=credentials.member)
    print_record(
        {"name": dictionary.name, "version": dictionary.version, "digest": dictionary.digest},
        as_json=as_json,
    )


@dataset.command()
@click.argument("name")
@click.option("--local", type=click.Path(path_type=Path), help="File with the local part.")
@click.option(
    "--keep-local", is_flag=True, help="Keep the local part that NAME was adopted with before."
)
@click.option("--plain", is_flag=True, help="The file is plain CSV and needs no local part.")
@json_option
@click.pass_obj
def adopt(
    place: Place, *, name: str, local: Path | None, keep_local: bool, plain: bool, as_json: bool
) -> None:
    """Take up the network's dataset NAME, as this hospital writes it.

    Without any of the options the file is plain CSV, as long as no other local part is lost by it.
    """
    if (local is not None) + keep_local + plain > 1:
        message = "Give only one of --local, --keep-local and --plain."
        raise click.UsageError(message)
    own = LocalPart() if local is None else local_part.read(local)
    with place.vault() as vault:
        if local is None and not plain:
            own = vault.own_part(name, keep=keep_local)
        dictionary = published.fetch(
            name, credentials=place.credentials, address=place.settings.address
        )
        vault.adopt(dictionary, own)
    print_record(
        {"name": dictionary.name, "version": dictionary.version, "digest": dictionary.digest},
        as_json=as_json,
    )


@dataset.command()
@click.argument("name")
@file_argument
@click.option("--append/--replace", help="Keep the rows so far, or not.  [default: replace]")
@click.option(
    "--max-rejects",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    metavar="N",
    help="Most records that may be left out.",
)
@click.option(
    "--accept-last-line",
    is_flag=True,
    help="The last line is whole, though it has no line end: without this it is rejected, because "
    "a file that was cut off looks the same.",
)
@click.option(
    "--accept-fewer-rows",
    is_flag=True,
    help="FILE may replace more than twice as many rows.",
)
@click.option(
    "--details", is_flag=True, help="Show also the columns in which nothing is missing or new."
)
@json_option
@click.pass_obj
def load(
    place: Place,
    *,
    name: str,
    file: Path,
    append: bool,
    max_rejects: int,
    accept_last_line: bool,
    accept_fewer_rows: bool,
    details: bool,
    as_json: bool,
) -> None:
    """Load FILE (CSV) as the rows of NAME: all of it, or nothing."""
    with place.vault() as vault:
        _look_for_newer(place, [item for item in vault.datasets() if item.name == name])
    with place.vault() as vault, bar(f"Loading {name}") as progress:
        report = vault.load(
            name,
            file,
            append=append,
            maximum_rejects=max_rejects,
            accept_last_line=accept_last_line,
            accept_fewer_rows=accept_fewer_rows,
            progress=progress,
        )
    snapshot = report.snapshot
    made: Record = {
        "dataset": report.dataset,
        "snapshot": snapshot.id,
        "rows": snapshot.rows,
        "patients": snapshot.patients,
        "left_out": snapshot.quality.rejected,
        "rejects_report": None if report.rejects_report is None else str(report.rejects_report),
    }
    if as_json:
        print_json({**made, "quality": asdict(snapshot.quality)})
        return
    print_record(made, as_json=False)
    if columns := quality.by_column(snapshot.quality, everything=details):
        click.echo()
        print_records(columns, as_json=False)


@dataset.command("list")
@json_option
@click.pass_obj
def list_datasets(place: Place, *, as_json: bool) -> None:
    """List the datasets that were adopted, and those that were lent."""
    with place.vault() as vault:
        found = vault.datasets()
    lent = _lent(place, found)
    shown = ["name", "version", "adopted", "snapshot", "rows", "patients", "bytes", "loaded"]
    records = [{**asdict(item), **_grant(lent.get(item.name))} for item in found]
    if lent:
        shown += ["from", "basis", "until"]
    print_records(records, as_json=as_json, columns=shown)
    for summary in found:
        if summary.damage:
            console(stderr=True).print(f"{summary.name} cannot be asked: {summary.damage}")
    _look_for_newer(place, found)


@dataset.command()
@click.argument("name")
@json_option
@click.pass_obj
def show(place: Place, *, name: str, as_json: bool) -> None:
    """Show the columns of NAME, and where the file has them.

    Of a dataset that another hospital has lent, its grant is shown too; JSON is an object then, of
    `grant` and `columns`.
    """
    with place.vault() as vault:
        adopted = vault.adopted(name)
        grant = _lent(place, vault.datasets()).get(name)
    records: list[Record] = [
        {
            **asdict(column),
            "type": column.type.value,
            "out_of_bounds": column.out_of_bounds.value,
            "levels": list(column.levels),
            "source": adopted.local.source(column.name),
        }
        for column in adopted.dictionary.columns
    ]
    shown = ["name", "type", "unit", "minimum", "maximum", "resolution", "levels"]
    if grant is None:
        print_records(records, as_json=as_json, columns=[*shown, "source"])
    elif as_json:
        print_json({"grant": dict(_grant(grant)), "columns": [dict(record) for record in records]})
    else:
        print_record(_grant(grant), as_json=False)
        click.echo()
        print_records(records, as_json=False, columns=shown)


@dataset.command()
@click.argument("name")
@json_option
@click.pass_obj
def snapshots(place: Place, *, name: str, as_json: bool) -> None:
    """List the loads of NAME that can be read. Queries may still use an earlier one."""
    with place.vault() as vault:
        records: list[Record] = [
            {
                "number": snapshot.number,
                "id": snapshot.id,
                "rows": snapshot.rows,
                "patients": snapshot.patients,
                "loaded": snapshot.loaded,
                "quality": asdict(snapshot.quality),
            }
            for snapshot in vault.snapshots(name)
        ]
    print_records(records, as_json=as_json, columns=("number", "id", "rows", "patients", "loaded"))


@dataset.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_obj
def drop(place: Place, *, name: str, yes: bool, as_json: bool) -> None:
    """Destroy the rows of NAME for good. What is left on this disk cannot be read again.

    A backup of the whole home from before still opens with the passphrase or a recovery key.
    """
    with place.vault() as vault:
        vault.adopted(name)
        if not yes:
            click.confirm(f"Destroy all rows of {name} for good?", abort=True, err=True)
        vault.drop(name)
    print_record({"destroyed": name}, as_json=as_json)


def _lent(place: Place, found: Sequence[DatasetSummary]) -> Mapping[str, Share]:
    """Return the grants of the datasets that other hospitals have lent, by their names."""
    if not any(item.share for item in found):
        return {}
    with place.recipient() as recipient:
        return recipient.granted()


def _grant(lent: Share | None) -> Record:
    """Return what a grant says; nothing for a dataset of our own."""
    if lent is None:
        return dict.fromkeys(("share", "from", "basis", "purpose", "obligations", "until"), "")
    return {name: value for name, value in under(lent).items() if name != "columns"}


def _look_for_newer(place: Place, found: Sequence[DatasetSummary]) -> None:
    """Say which datasets the network has in a newer version, where it can be reached."""
    if not found:
        return
    try:
        listed = published.listed(credentials=place.credentials, address=place.settings.address)
    except WardnetError as error:
        note = f"Whether the network has newer versions is not known now. {error}"
        console(stderr=True).print(note)
        return
    versions = {name: item.version for name, item in listed.items()}
    for sentence in newer.behind(found, versions).values():
        console(stderr=True).print(sentence)
