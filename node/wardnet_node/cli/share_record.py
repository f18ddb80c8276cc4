"""What the commands about shares have in common: how one is named, and how it is printed."""

from typing import Final

import click

from wardnet.command import Record, console, print_record
from wardnet.sharing.link import PREFIX, ShareLink
from wardnet_node.desk.shares.describe import next_command, stands
from wardnet_node.desk.shares.state import Share
from wardnet_node.sharing.carrying.spool import Spool
from wardnet_node.sharing.carrying.way import Way

SHORT: Final = 12
"""Digits of an id that people see."""


def _id(_context: click.Context, _argument: click.Parameter, text: str) -> str:
    return ShareLink.parse(text).digest if text.startswith(PREFIX) else text


share_argument = click.argument("share_id", metavar="ID", callback=_id)
"""A share by the beginning of its id, at least 6 characters, or by its link."""


def record(share: Share, spool: Spool) -> Record:
    """Return a share as one line of a list."""
    way = Way.read(spool, share.digest)
    return {
        "id": share.digest[:SHORT],
        "share": share.digest,
        "state": share.state.value,
        "records": f"to {share.other}" if share.owned else f"from {share.other}",
        "hospital": share.other,
        "owned": share.owned,
        "dataset": share.request.dataset,
        "basis": share.request.basis.value,
        "until": share.until if share.grant else None,
        "fetches": share.fetches,
        "undelivered": share.undelivered,
        "way": on_the_way(way) if way else "",
        "why": share.why,
        "changed": share.changed,
    }


def on_the_way(way: Way) -> str:
    """Return how far a parcel is, in words."""
    if way.problem:
        return way.problem
    return way.what if way.percent is None else f"{way.what}: {way.percent} %"


def under(lent: Share) -> Record:
    """Return what a grant says about a dataset, for people and programs."""
    grant, request = lent.grant, lent.request
    return {
        "share": lent.digest,
        "from": request.owner,
        "basis": request.basis.value,
        "purpose": request.purpose,
        "columns": list(grant.columns if grant else ()),
        "obligations": list(grant.obligations if grant else ()),
        "until": lent.until,
    }


def print_done(share: Share, *, as_json: bool) -> None:
    """Print what has become of a share, and what comes next."""
    told: Record = {
        "share": share.digest,
        "state": share.state.value,
        "hospital": share.other,
        "dataset": share.request.dataset,
        "until": share.until if share.grant else None,
    }
    print_record(told, as_json=as_json)
    if as_json:
        return
    screen = console(stderr=True)
    screen.print(stands(share))
    if command := next_command(share):
        screen.print(f"Next: {command}")
