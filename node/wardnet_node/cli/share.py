"""`wardnet-node share`: ask other hospitals for records, hand records over, use what was lent."""

from typing import Final

import click

from wardnet.canonical import Json
from wardnet.command import Command, json_option, print_json, print_records
from wardnet.sharing import link as links
from wardnet.sharing.link import ShareLink
from wardnet_node.cli import share_give, share_take, share_use
from wardnet_node.cli.place import Place
from wardnet_node.cli.share_record import SHORT, record, share_argument
from wardnet_node.desk.shares.describe import describe, next_command
from wardnet_node.desk.shares.state import Share, State
from wardnet_node.sharing.carrying.spool import Spool

LISTED: Final = ("id", "state", "records", "dataset", "until", "way", "why")


@click.group(
    cls=Command,
    sections={
        "Both hospitals": ("list", "show", "link"),
        "The hospital that has the records": (
            "inbox",
            "preview",
            "grant",
            "decline",
            "send",
            "revoke",
        ),
        "The hospital that asks for them": ("request", "fetch", "open", "read", "destroy"),
    },
)
def share() -> None:
    """Share records with another hospital, for a while.

    ID is the beginning of a share's id, at least 6 characters, or its link.
    """


@share.command("list")
@json_option
@click.pass_obj
def list_shares(place: Place, *, as_json: bool) -> None:
    """List all shares, newest first, and how each stands."""
    with place.shares() as shares:
        found = shares.list()
    spool = Spool(place.home)
    print_records([record(one, spool) for one in found], as_json=as_json, columns=LISTED)


@share.command()
@json_option
@click.pass_obj
def inbox(place: Place, *, as_json: bool) -> None:
    """List the requests that wait for a decision here."""
    with place.shares() as shares:
        waiting = shares.inbox()
    if as_json:
        spool = Spool(place.home)
        print_json([_whole(one, spool) for one in waiting])
        return
    records = [
        {
            "id": one.digest[:SHORT],
            "asked by": one.other,
            "dataset": one.request.dataset,
            "basis": one.request.basis.value,
            "patients": len(one.request.patients) or "by cohort",
            "columns": len(one.request.columns),
            "identifiers": one.request.identifiers,
            "purpose": one.request.purpose.partition("\n")[0],
        }
        for one in waiting
    ]
    print_records(records, as_json=False)


@share.command()
@share_argument
@json_option
@click.pass_obj
def show(place: Place, *, share_id: str, as_json: bool) -> None:
    """Show share ID in plain language: who, why, which records."""
    with place.shares() as shares:
        found = shares.show(share_id)
        waits = found.owned and found.state is State.ASKED
        concerns = [str(one) for one in shares.concerns(found.digest)] if waits else []
    if as_json:
        print_json({**_whole(found, Spool(place.home)), "concerns": list[Json](concerns)})
        return
    for section in describe(found):
        click.echo(section.title)
        for line in section.lines:
            click.echo(f"  {line}")
    for concern in concerns:
        click.echo(f"Concern: {concern}")
    if command := next_command(found):
        click.echo(f"Next: {command}")


@share.command()
@share_argument
@json_option
@click.pass_obj
def link(place: Place, *, share_id: str, as_json: bool) -> None:
    """Print the link of share ID, and a QR picture of it.

    It names the share and opens nothing: it can be sent by any mail or telephone.
    """
    with place.shares() as shares:
        request = shares.show(share_id).request
    made = ShareLink(request.network, request.owner, request.digest)
    if as_json:
        print_json({"link": made.text})
        return
    click.echo(made.text)
    click.echo(links.terminal(made), nl=False)


def _whole(found: Share, spool: Spool) -> dict[str, Json]:
    description: dict[str, Json] = {
        section.title: list(section.lines) for section in describe(found)
    }
    request = found.request
    return {
        **record(found, spool),
        "purpose": request.purpose,
        "study": request.study,
        "columns": list(request.columns),
        "patients": len(request.patients),
        "identifiers": request.identifiers,
        "hours": request.hours,
        "grant": found.grant.digest if found.grant else None,
        "parcel": found.ready.parcel if found.ready else None,
        "bytes": found.ready.body if found.ready else None,
        "history": [
            {"time": step.at, "hospital": step.hospital, "type": step.kind.value}
            for step in found.history
        ],
        "description": description,
    }


for _command in (*share_give.COMMANDS, *share_take.COMMANDS, *share_use.COMMANDS):
    share.add_command(_command)
