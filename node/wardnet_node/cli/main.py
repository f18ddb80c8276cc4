"""`wardnet-node` itself: join a network, serve, and look after keys and settings."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Final, TextIO

import click

from wardnet import logs
from wardnet.agreement.address_book import key_of
from wardnet.command import (
    Command,
    grouped,
    home_options,
    json_option,
    print_json,
    print_records,
)
from wardnet.identity.member import Role
from wardnet.settings import effective
from wardnet.transport.enrol import check_invitation, read_invitation
from wardnet_node import enrol
from wardnet_node.cli.auditor import auditor
from wardnet_node.cli.book import book
from wardnet_node.cli.consent import consent
from wardnet_node.cli.dataset import dataset
from wardnet_node.cli.desk import desk
from wardnet_node.cli.key import keys
from wardnet_node.cli.log import log
from wardnet_node.cli.model import model, predict
from wardnet_node.cli.notify import notify
from wardnet_node.cli.place import Place
from wardnet_node.cli.share import share
from wardnet_node.cli.steward import steward
from wardnet_node.cli.study import study
from wardnet_node.cli.unlock import unlock
from wardnet_node.cli.usage import usage

RECOVERY: Final = (
    "This key opens the vault when the passphrase is lost. It is shown once and kept nowhere:\n"
    "write it down and lock it away."
)


@click.group(
    cls=Command,
    sections={
        "Begin and serve": ("init", "serve", "config", "notify"),
        "Data": ("dataset", "consent", "share", "vault"),
        "Models": ("model", "predict"),
        "Decide": ("steward", "book", "study", "auditor", "desk"),
        "Look back and take back": ("log", "usage", "key", "unlock"),
    },
)
@home_options("WARDNET_NODE_", "~/.wardnet-node")
@click.version_option(package_name="wardnet")
@click.pass_context
def main(context: click.Context, home: Path, passphrase_file: Path | None) -> None:
    """Run a hospital's node: it keeps the data, decides on questions and computes."""
    context.obj = Place(home, passphrase_file)


@main.command()
@click.argument("invitation")
@click.option("--fingerprint", help="Of the network, as its operator told you on another way.")
@json_option
@click.pass_obj
def init(place: Place, *, invitation: str, fingerprint: str | None, as_json: bool) -> None:
    """Join a network by an INVITATION.

    INVITATION is the line itself, a file that holds it, or - for standard input. What was
    interrupted can be run again.
    """
    opened = read_invitation(invitation)
    check_invitation(opened, roles={Role.NODE}, fingerprint=fingerprint)
    if fingerprint is None:
        click.echo(f"The network's fingerprint is\n  {opened.fingerprint}", err=True)
        if sys.stdin.isatty():
            click.confirm("Is it what the network's operator told you?", abort=True, err=True)
    credentials, key = enrol.join(opened, place.home, place.new_passphrase())
    member, own = credentials.member, key_of(credentials.signer.certificates[0])
    if as_json:
        named = {"hospital": member.id, "network": member.network, "key": own}
        print_json({**named, "recovery_key": key})
        return
    click.echo(f"This is now the node of {member.id} in {member.network}; home: {place.home}.")
    click.echo(f"Its key, for the other hospitals' address books:\n  {grouped(own)}")
    click.echo(f"Recovery key of the vault:\n  {key}\n{RECOVERY}")


@main.command()
@click.pass_obj
def serve(place: Place) -> None:
    """Answer questions until Ctrl-C or SIGTERM. The work in hand is finished first."""
    from wardnet_node import server  # noqa: PLC0415 - no other command needs the daemon

    settings, keystore = place.settings, place.keystore
    logs.configure("wardnet-node")
    server.run(place.home, keystore=keystore, settings=settings)


@main.command()
@json_option
@click.pass_obj
def config(place: Place, *, as_json: bool) -> None:
    """Show every setting, its value, and where it comes from."""
    print_records([asdict(item) for item in effective(place.settings)], as_json=as_json)


@main.group()
def vault() -> None:
    """Look after the keys that open the stored rows."""


@vault.command("backup-key")
@json_option
@click.pass_obj
def backup_key(place: Place, *, as_json: bool) -> None:
    """Make one more recovery key of the vault and print it, once."""
    key = enrol.add_recovery_key(place.home, place.keystore, place.credentials.member)
    if as_json:
        print_json({"recovery_key": key})
    else:
        click.echo(f"{key}\n{RECOVERY}")


@vault.command()
@click.option("--key-file", type=click.File(), help="Holds the recovery key; - for stdin.")
@click.pass_obj
def recover(place: Place, *, key_file: TextIO | None) -> None:
    """Set a new passphrase with a recovery key."""
    if key_file is None:
        key = click.prompt("Recovery key", hide_input=True, err=True)
    else:
        key = key_file.read()
    enrol.reset_passphrase(place.home, key, place.next_passphrase)
    click.echo("The vault has a new passphrase.", err=True)


main.add_command(dataset)
main.add_command(consent)
main.add_command(share)
main.add_command(log)
main.add_command(steward)
main.add_command(book)
main.add_command(keys)
main.add_command(study)
main.add_command(desk)
main.add_command(auditor)
main.add_command(usage)
main.add_command(unlock)
main.add_command(notify)
main.add_command(model)
main.add_command(predict)
