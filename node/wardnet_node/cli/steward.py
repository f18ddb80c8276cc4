"""`wardnet-node steward`: the people who decide for this hospital."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from wardnet.command import json_option, print_json, print_records
from wardnet.identity.keystore import read_passphrase
from wardnet.identity.member import Role
from wardnet.transport.enrol import check_invitation, read_invitation
from wardnet_node.cli.place import Place
from wardnet_node.cli.signing import signing_options, unlocked
from wardnet_node.desk.decision import key

CODES = (
    "Add this to your authenticator (as a QR code, or by its secret). It is shown once; the web\n"
    "desk asks for its codes."
)


@click.group()
def steward() -> None:
    """Look after the stewards: they sign what this hospital agrees to."""


@steward.command()
@click.argument("invitation")
@click.option(
    "--password-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File whose first line is the steward's own password; otherwise it is asked for.",
)
@click.option("--fingerprint", help="Of the network, as its operator told you on another way.")
@json_option
@click.pass_obj
def add(
    place: Place,
    *,
    invitation: str,
    password_file: Path | None,
    fingerprint: str | None,
    as_json: bool,
) -> None:
    """Enrol a steward by an INVITATION.

    INVITATION is the line itself, a file that holds it, or - for standard input. The first
    steward's key begins the hospital's address book. Later ones are enrolled here too, and written
    into the book by `wardnet-node book add`, signed by those before.
    """
    opened = read_invitation(invitation)
    network = place.credentials.member.network
    check_invitation(opened, roles={Role.STEWARD}, fingerprint=fingerprint, network=network)
    if fingerprint is None and sys.stdin.isatty():
        click.echo(f"The network's fingerprint is\n  {opened.fingerprint}", err=True)
        click.confirm("Is it what the network's operator told you?", abort=True, err=True)
    with place.decisions() as (_, stewards):
        name = Path(f"the key of steward {opened.member.id}")
        password = read_passphrase(name, password_file, confirm=True)
        credentials, uri = stewards.add(opened, password)
        (added,) = (item for item in stewards.list() if item.id == credentials.member.id)
    if as_json:
        print_json({**asdict(added), "totp": uri})
        return
    click.echo(f"Steward {added.id}; her approving key has the fingerprint\n  {key(credentials)}")
    if not added.in_book:
        click.echo("Her decisions count once the address book names this key.", err=True)
    click.echo(f"{CODES}\n  {uri}")


@steward.command()
@click.argument("steward_id", metavar="ID")
@click.option(
    "--password-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File whose first line is the steward's own password; otherwise it is asked for.",
)
@json_option
@click.pass_obj
def codes(place: Place, *, steward_id: str, password_file: Path | None, as_json: bool) -> None:
    """Give steward ID a new authenticator. Codes of the old one end."""
    with place.decisions() as (_, stewards):
        name = Path(f"the key of steward {steward_id}")
        uri = stewards.new_codes(steward_id, password=read_passphrase(name, password_file))
    if as_json:
        print_json({"id": steward_id, "totp": uri})
    else:
        click.echo(f"{CODES}\n  {uri}")


@steward.command()
@click.argument("steward_id", metavar="ID")
@click.option(
    "--password-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File whose first line is the present password; otherwise it is asked for.",
)
@click.option(
    "--new-password-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File whose first line is the new password; otherwise it is asked for.",
)
@click.pass_obj
def password(
    place: Place, *, steward_id: str, password_file: Path | None, new_password_file: Path | None
) -> None:
    """Change the password of steward ID. Her sessions end."""
    with place.decisions() as (_, stewards):
        present = read_passphrase(Path(f"the key of steward {steward_id}"), password_file)
        name = Path(f"the key of steward {steward_id}, from now on")
        new = read_passphrase(name, new_password_file, confirm=True)
        stewards.change_password(steward_id, password=present, new=new)
    click.echo(f"Steward {steward_id} has a new password.", err=True)


@steward.command()
@click.argument("steward_id", metavar="ID")
@signing_options("--by")
@click.pass_obj
def remove(
    place: Place, *, steward_id: str, signers: Sequence[str], password_files: Sequence[Path]
) -> None:
    """Remove steward ID, who has left or lost her password. Two others sign.

    Her key leaves the address book, and is destroyed where it lies here. What she has signed before
    stands no longer on her signature: agree again where nobody else has signed.
    """
    with place.decisions() as (_, stewards):
        signing = unlocked(stewards, signers, password_files=password_files)
        stewards.remove(steward_id, stewards=signing)
    click.echo(f"Steward {steward_id} is removed.", err=True)


@steward.command("list")
@json_option
@click.pass_obj
def list_stewards(place: Place, *, as_json: bool) -> None:
    """List the stewards, and whether the address book names them."""
    with place.decisions() as (_, stewards):
        print_records([asdict(item) for item in stewards.list()], as_json=as_json)
