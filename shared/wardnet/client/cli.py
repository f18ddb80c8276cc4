"""The command `wardnet`: for researchers, stewards and auditors."""

from dataclasses import asdict
from pathlib import Path

import click

from wardnet.client import home
from wardnet.client.commands import display
from wardnet.client.commands.audit import audit
from wardnet.client.commands.connect import connected, show_listing
from wardnet.client.commands.learn import learn
from wardnet.client.commands.model import model
from wardnet.client.commands.query import query
from wardnet.client.commands.structure import STRUCTURE
from wardnet.client.commands.study import study
from wardnet.client.commands.validate import VALIDATION
from wardnet.client.remote import RemoteNetwork
from wardnet.command import (
    Command,
    grouped,
    home_options,
    json_option,
    print_json,
    print_record,
    print_records,
)
from wardnet.settings import effective, load
from wardnet.transport.enrol import check_invitation, read_invitation


@click.group(
    cls=Command,
    sections={
        "Begin": ("login", "whoami", "config"),
        "Look around": ("hospitals", "datasets", "dictionary"),
        "Ask": ("study", "query", "learn"),
        "Hand on": ("model",),
        "Look back": ("audit",),
    },
)
@home_options("WARDNET_", home.DEFAULT_HOME)
@click.version_option(package_name="wardnet")
@click.pass_context
def main(context: click.Context, home: Path, passphrase_file: Path | None) -> None:
    """Ask the hospitals of a network questions about their patients, without seeing a record."""
    context.obj = (home, passphrase_file)


@main.command()
@click.argument("invitation")
@click.option("--fingerprint", help="Of the network, as its operator told you on another way.")
@json_option
@click.pass_obj
def login(
    places: tuple[Path, Path | None], *, invitation: str, fingerprint: str | None, as_json: bool
) -> None:
    """Join a network by an INVITATION.

    INVITATION is the line itself, a file that holds it, or - for standard input.
    """
    folder, passphrase_file = places
    opened = read_invitation(invitation)
    check_invitation(opened, roles=home.ROLES, fingerprint=fingerprint)
    if fingerprint is None:
        click.echo(f"The network's fingerprint is\n  {opened.fingerprint}", err=True)
        click.confirm("Is it what the network's operator told you?", abort=True, err=True)
    member = home.login(opened, folder, passphrase_file=passphrase_file)
    if as_json:
        print_json({"network": member.network, "role": member.role.value, "id": member.id})
    else:
        click.echo(f"You are {member.role} {member.id} in {member.network}; home: {folder}.")


@main.command()
@json_option
@connected
def whoami(network: RemoteNetwork, *, as_json: bool) -> None:
    """Show who I am, and the fingerprint of my signing key.

    Hospitals compare the key with me on another way than the network, by telephone or on paper,
    before they write it into their address books.
    """
    record = asdict(network.identity)
    if not as_json:
        record["key"] = grouped(record["key"])  # to be read aloud
    print_record(record, as_json=as_json)


@main.command()
@json_option
@connected
def datasets(network: RemoteNetwork, *, as_json: bool) -> None:
    """List the network's datasets."""
    show_listing(network.datasets(), as_json=as_json)


@main.command()
@click.argument("dataset")
@json_option
@connected
def dictionary(network: RemoteNetwork, dataset: str, *, as_json: bool) -> None:
    """List the columns of DATASET.

    Only those that questions may name; with --json the whole description.
    """
    columns = network.dictionary(dataset)
    if as_json:
        print_json(columns.to_json())
    else:
        display.show(columns.sheet())


@main.command()
@json_option
@connected
def hospitals(network: RemoteNetwork, *, as_json: bool) -> None:
    """List the network's hospitals."""
    show_listing(network.hospitals(), as_json=as_json)


@main.command()
@json_option
@click.pass_obj
def config(places: tuple[Path, Path | None], *, as_json: bool) -> None:
    """Show every setting, and where it comes from."""
    settings = load(home.ClientSettings, places[0])
    records = [
        {"name": setting.name, "value": setting.value, "source": setting.source}
        for setting in effective(settings)
    ]
    print_records(records, as_json=as_json)


main.add_command(study)
for structure in STRUCTURE:
    query.add_command(structure)
main.add_command(query)
for validation in VALIDATION:
    learn.add_command(validation)
main.add_command(learn)
main.add_command(model)
main.add_command(audit)
