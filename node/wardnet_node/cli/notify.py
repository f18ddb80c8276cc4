"""`wardnet-node notify`: how the stewards are told of what waits."""

import secrets
from collections.abc import Mapping
from datetime import datetime

import click

from wardnet import clock
from wardnet.canonical import Json
from wardnet.command import json_option, print_records
from wardnet.errors import Reason, WardnetError
from wardnet_node.cli.place import Place
from wardnet_node.notify import queue
from wardnet_node.notify.channels import Way, ways
from wardnet_node.notify.message import Kind, Message


@click.group()
def notify() -> None:
    """Tell the stewards what waits, by mail or webhook.

    `notify_*` in the settings say how.
    """


@notify.command()
@json_option
@click.pass_obj
def test(place: Place, *, as_json: bool) -> None:
    """Send one message by every way that is set, and say what fails."""
    found = ways(place.settings, place.home)
    if not found:
        raise WardnetError(Reason.NOTIFICATION_OFF)
    member = place.credentials.member
    errors, records = list[WardnetError](), list[Mapping[str, Json]]()
    for channel, way in found.items():
        message = Message(secrets.token_hex(16), Kind.TEST, member, clock.now())
        try:
            outcome = _sent(way, message)
        except WardnetError as error:
            errors.append(error)
            outcome = str(error)
        records.append({"channel": channel.value, "address": way.address, "outcome": outcome})
    print_records(records, as_json=as_json)
    if errors:
        raise errors[0]


@notify.command("list")
@json_option
@click.pass_obj
def list_(place: Place, *, as_json: bool) -> None:
    """Show what the stewards were not told yet, and why."""
    set_ = ways(place.settings, place.home)
    with place.catalog() as catalog, catalog.reading() as connection:
        found = queue.standings(connection)
    print_records(
        [
            {
                "channel": one.channel.value,
                "kind": one.kind.value,
                "since": _moment(one.since),
                "tries": one.tries,
                "next try": _moment(one.next if one.id else None),
                "error": one.error,
            }
            for one in found
            if one.channel in set_ and (one.id or one.error)
        ],
        as_json=as_json,
    )


def _sent(way: Way, message: Message) -> str:
    refused = way.send(message)
    return f"sent, but not to {', '.join(refused)}" if refused else "sent"


def _moment(at: datetime | None) -> str:
    return clock.to_moment(at) if at else ""
