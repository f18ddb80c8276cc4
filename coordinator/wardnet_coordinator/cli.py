"""The command `wardnet-coordinator`: found a network, invite its members, serve it."""

import re
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

import click

from wardnet import clock, logs
from wardnet import settings as sources
from wardnet.audit import bundle as bundles
from wardnet.audit import cosigned, disputes
from wardnet.audit import log as access_log
from wardnet.audit.log import Connection
from wardnet.command import (
    Command,
    home_options,
    json_option,
    print_json,
    print_record,
    print_records,
)
from wardnet.identity.certificates import fingerprint
from wardnet.identity.credentials import Credentials
from wardnet.identity.keystore import FILE_NAME, Keystore, read_passphrase
from wardnet.identity.member import Member, Role
from wardnet.transactions import Transactions
from wardnet.transport.listen import check_listen
from wardnet.usage.command import prints_usage
from wardnet.usage.table import Usage
from wardnet_coordinator import accounts, founding, registry, server, state
from wardnet_coordinator import usage as used
from wardnet_coordinator.settings import LISTEN, CoordinatorSettings


@dataclass(frozen=True, slots=True)
class _Options:
    """Hold what stands before the subcommand."""

    home: Path
    passphrase_file: Path | None

    def settings(self) -> CoordinatorSettings:
        """Return the settings in force; nothing is in force before a network is founded."""
        if not (self.home / FILE_NAME).exists():
            raise sources.not_initialised(CoordinatorSettings, self.home)
        return sources.load(CoordinatorSettings, self.home)

    def unlock(self) -> Keystore:
        """Open the keystore of a home whose settings were read."""
        return Keystore.unlock(
            self.home, read_passphrase(self.home / FILE_NAME, self.passphrase_file)
        )


def _address(_: click.Context, __: click.Parameter, value: str) -> str:
    if not re.match(LISTEN, value):
        message = "it is written HOST:PORT"
        raise click.BadParameter(message)
    return value


@click.group(
    cls=Command,
    sections={
        "Begin and serve": ("init", "serve", "relay", "config"),
        "Members": ("invite", "members"),
        "Look back": ("log", "witnesses", "usage"),
    },
)
@home_options("WARDNET_COORDINATOR_", "~/.wardnet-coordinator")
@click.version_option(package_name="wardnet")
@click.pass_context
def main(context: click.Context, home: Path, passphrase_file: Path | None) -> None:
    """Run the coordinator of a network: it brings questions to hospitals and adds up."""
    context.obj = _Options(home, passphrase_file)


@main.command()
@click.option("--network", required=True, metavar="ID", help="Id of the new network.")
@click.option(
    "--server-name",
    "server_names",
    required=True,
    multiple=True,
    metavar="NAME",
    help="DNS name or IP address that members dial; the first goes into invitations.",
)
@click.option(
    "--listen",
    default=CoordinatorSettings.model_fields["listen"].default,
    show_default=True,
    metavar="HOST:PORT",
    callback=_address,
    help="Where to listen.",
)
@json_option
@click.pass_obj
def init(
    options: _Options, *, network: str, server_names: Sequence[str], listen: str, as_json: bool
) -> None:
    """Found a network: make its keys and an empty database."""
    passphrase = read_passphrase(options.home / FILE_NAME, options.passphrase_file, confirm=True)
    root = founding.found(
        options.home,
        network=network,
        server_names=server_names,
        listen=listen,
        passphrase=passphrase,
        at=clock.now(),
    )
    folder = options.home / founding.ROOT_FOLDER
    print_record(
        {"network": network, "fingerprint": fingerprint(root), "root_key": str(folder)},
        as_json=as_json,
    )
    click.echo(
        f"Move {folder} to a medium that stays offline; serving never needs it.\n"
        "Tell members the fingerprint on another way than the invitation.",
        err=True,
    )


@main.command()
@click.option(
    "--role",
    required=True,
    type=click.Choice([role.value for role in registry.INVITABLE]),
    help="What the invited becomes.",
)
@click.option("--id", "name", required=True, metavar="ID", help="Id within network and role.")
@click.option(
    "--days", type=click.IntRange(1, 90), default=7, show_default=True, help="How long it is valid."
)
@click.option(
    "--again", is_flag=True, help="Also if there is such a member, e.g. one whose disk was lost."
)
@json_option
@click.pass_obj
def invite(
    options: _Options, *, role: str, name: str, days: int, again: bool, as_json: bool
) -> None:
    """Print an invitation: one line, for one member, to be used once."""
    settings, keystore, at = options.settings(), options.unlock(), clock.now()
    credentials = Credentials.load(options.home, keystore)
    until = at + timedelta(days=days)
    with state.writing(options.home) as connection:
        invitation = registry.invite(
            connection,
            Member(credentials.member.network, Role(role), name),
            address=server.public_address(options.home, settings),
            root=credentials.root,
            issuing=founding.load_issuing(options.home, keystore),
            at=at,
            until=until,
            again=again,
        )
    if as_json:
        print_json(
            {
                "invitation": invitation.to_line(),
                "role": role,
                "id": name,
                "expires": clock.to_moment(until),
                "fingerprint": invitation.fingerprint,
            }
        )
        return
    click.echo(invitation.to_line())
    click.echo(
        f"For the {role} {name}, once, until {clock.to_moment(until)}. Send it privately.\n"
        f"Fingerprint of the network: {invitation.fingerprint}",
        err=True,
    )


@main.command()
@click.pass_obj
def serve(options: _Options) -> None:
    """Serve the network until Ctrl-C or SIGTERM."""
    settings = options.settings()
    check_listen(settings, "listen", options.home)
    keystore = options.unlock()
    logs.configure("wardnet-coordinator")
    server.run(
        options.home,
        credentials=Credentials.load(options.home, keystore),
        issuing=founding.load_issuing(options.home, keystore),
        settings=settings,
    )


@main.command()
@click.pass_obj
def relay(options: _Options) -> None:
    """Keep sealed parcels on their way between hospitals.

    For hospitals that cannot reach each other, until Ctrl-C or SIGTERM. A process of its own beside
    `serve`, with the same home and certificate.
    """
    from wardnet_coordinator.relay import server as relaying  # noqa: PLC0415 - pays for itself

    settings = options.settings()
    check_listen(settings, "relay_listen", options.home)
    credentials = Credentials.load(options.home, options.unlock())
    logs.configure("wardnet-coordinator")
    relaying.run(options.home, credentials=credentials, settings=settings)


@main.command()
@json_option
@click.pass_obj
def members(options: _Options, *, as_json: bool) -> None:
    """List who belongs to the network."""
    connection = state.connect(options.home)
    print_records([asdict(member) for member in registry.members(connection)], as_json=as_json)
    connection.close()


@main.command()
@click.pass_obj
@prints_usage
def usage(options: _Options) -> tuple[str, Usage]:
    """Show how long queries took, how many were answered, what is kept."""
    with closing(state.connect(options.home)) as connection:
        return "Usage of the network", used.read(connection)


@main.command()
@json_option
@click.pass_obj
def config(options: _Options, *, as_json: bool) -> None:
    """Show every setting, its value, and where it comes from."""
    effective = sources.effective(options.settings())
    print_records([asdict(setting) for setting in effective], as_json=as_json)


@main.command()
@click.option(
    "--bundle",
    type=click.File("wb"),
    help="Write it here instead, with what proves it: for `wardnet audit`.",
)
@json_option
@click.pass_obj
def log(options: _Options, *, bundle: BinaryIO | None, as_json: bool) -> None:
    """Check the access log from its first entry, then show it.

    Reading it is an entry too.
    """
    if bundle is not None:
        _write_bundle(options, bundle)
        return
    with accounts.reading(options.home, "log") as connection:
        head = access_log.verify(connection)
        entries = [asdict(entry) for entry in access_log.entries(connection)]
        _tell_disputes(connection)
    rows = [{**entry, "subject": entry["actor"]["subject"]} for entry in entries]
    shown = (
        "seq",
        "time",
        "type",
        "outcome",
        "reason",
        "subject",
        "recipient",
        "dataset",
        "request_id",
    )
    print_records(rows, as_json=as_json, columns=shown)
    click.echo(f"{head.size} entries, whole. Root {head.root}", err=True)


@main.command()
@json_option
@click.pass_obj
def witnesses(options: _Options, *, as_json: bool) -> None:
    """Show who has cosigned how much of the access log.

    And who disputes it, with the evidence.
    """
    with closing(state.connect(options.home)) as connection:
        records = [asdict(witness) for witness in accounts.witnesses(connection)]
        _tell_disputes(connection)
    shown = ("witness", "cosigned", "of", "at", "disputes")
    print_records(records, as_json=as_json, columns=shown)


def _tell_disputes(connection: Connection) -> None:
    for evidence in disputes.evidence(connection):
        click.echo(f"Disputed: {accounts.dispute(evidence)}", err=True)


def _write_bundle(options: _Options, stream: BinaryIO) -> None:
    """Write the whole log under a checkpoint of this moment."""
    credentials = Credentials.load(options.home, options.unlock())
    owner, key = credentials.member.uri, credentials.signer.key
    with accounts.reading(options.home, "bundle") as connection:
        _tell_disputes(connection)
        with Transactions(connection).transaction():
            cosigned.sign(connection, owner=owner, key=key, at=clock.now())
        bundles.write(cosigned.gather(connection, None, key=key.public_key()), stream)
