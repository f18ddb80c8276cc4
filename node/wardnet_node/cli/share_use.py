"""`wardnet-node share open|read|destroy`: use what another hospital has lent."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from wardnet.command import console, json_option, print_record, print_records
from wardnet_node.cli.place import Place
from wardnet_node.cli.share_record import share_argument, under
from wardnet_node.cli.signing import signing_options, unlocked
from wardnet_node.sharing.taking.plain_copy import Form, pieces, plain_file
from wardnet_node.sharing.taking.recipient import Recipient

SHOWN_ROWS = 20
"""Of a table, where nobody asks for another number."""


@click.command("open")
@share_argument
@json_option
@click.pass_obj
def open_(place: Place, *, share_id: str, as_json: bool) -> None:
    """Open the fetched parcel of share ID into the vault.

    The owner gets a receipt.
    """
    with place.recipient() as recipient:
        name = recipient.open_parcel(share_id)
        opened = recipient.granted()[name]
    print_record({"dataset": name, **under(opened)}, as_json=as_json)


@click.command()
@share_argument
@click.option("--columns", help="Names with commas between them; all without.")
@click.option("--first", type=click.IntRange(1), metavar="N", help="Read N rows.")
@click.option(
    "--format",
    "form",
    type=click.Choice([form.value for form in Form]),
    default=Form.TABLE.value,
    show_default=True,
    help=f"A table shows {SHOWN_ROWS} rows unless --first says otherwise.",
)
@click.option("--attachments", is_flag=True, help="List the attachments instead.")
@click.option("--attachment", metavar="NAME", help="Read this attachment instead.")
@click.option("--output", type=click.Path(path_type=Path), help="Write a plain copy to this file.")
@json_option
@click.pass_obj
def read(
    place: Place,
    *,
    share_id: str,
    columns: str | None,
    first: int | None,
    form: str,
    attachments: bool,
    attachment: str | None,
    output: Path | None,
    as_json: bool,
) -> None:
    """Read what was lent by share ID, under its grant.

    ID may be the name of the dataset, too. Every use is in the access log with its purpose. What
    --output writes is a plain copy: it has left Wardnet's care, and you must delete it in time.
    """
    chosen = Form.JSON if as_json else Form(form)
    with place.recipient() as recipient:
        if attachments:
            found = [asdict(part) for part in recipient.attachments(share_id)]
            shown = ("name", "media_type", "length")
            print_records(found, as_json=as_json, columns=shown)
        elif attachment is not None:
            _write(recipient.attachment(share_id, attachment), output)
            _tell(recipient, share_id, output)
        else:
            names = columns.split(",") if columns else recipient.columns(share_id)
            if chosen is Form.TABLE and output is None:
                _print(recipient, share_id, names, first or SHOWN_ROWS)
            else:
                batches = recipient.read(share_id, names=names, first=first)
                plain = Form.CSV if chosen is Form.TABLE else chosen
                _write(pieces(batches, names, plain), output)
                _tell(recipient, share_id, output)


@click.command()
@share_argument
@signing_options("--steward")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@click.pass_obj
def destroy(
    place: Place,
    *,
    share_id: str,
    signers: Sequence[str],
    password_files: Sequence[Path],
    yes: bool,
    as_json: bool,
) -> None:
    """Destroy what was lent by share ID before its time.

    The owner gets a receipt.
    """
    with place.recipient() as recipient, place.decisions() as (_, stewards):
        found = recipient.find(share_id)
        if not yes:
            question = f"Destroy for good what {found.request.owner} has lent?"
            click.confirm(question, abort=True, err=True)
        signing = unlocked(stewards, signers, password_files=password_files)
        destroyed = recipient.destroy(found.digest, stewards=signing)
    print_record({"share": destroyed.digest, "state": destroyed.state.value}, as_json=as_json)


def _print(recipient: Recipient, share_id: str, names: Iterable[str], first: int) -> None:
    wanted = list(names)
    batches = recipient.read(share_id, names=wanted, first=first)
    found = [dict(zip(wanted, line, strict=True)) for batch in batches for line in batch]
    print_records(found, as_json=False)


def _write(plain: Iterable[bytes], output: Path | None) -> None:
    if output is None:
        for piece in plain:
            click.echo(piece, nl=False)
        return
    with plain_file(output) as file:
        for piece in plain:
            file.write(piece)


def _tell(recipient: Recipient, share_id: str, output: Path | None) -> None:
    """Say that a plain copy is nobody's care but the reader's."""
    until = recipient.find(share_id).until
    where = "What was printed" if output is None else str(output)
    console(stderr=True).print(
        f"{where} is a plain copy: it has left Wardnet's care. Protect it, and delete it before "
        f"{until}: Wardnet cannot."
    )


COMMANDS: Final = (open_, read, destroy)
