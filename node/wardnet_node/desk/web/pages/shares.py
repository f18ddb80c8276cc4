"""Shares: what waits, how every one stands, and one of them in plain language."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from fastapi.responses import Response

from wardnet.sharing.link import ShareLink, svg
from wardnet_node.desk.plain import Section
from wardnet_node.desk.shares.describe import describe, stands
from wardnet_node.desk.shares.state import Share, State
from wardnet_node.desk.web.room import Room
from wardnet_node.desk.web.web import Form, Visitor, redirect
from wardnet_node.sharing.carrying.way import Way
from wardnet_node.sharing.giving.owner import ALIVE
from wardnet_node.sharing.taking.recipient import Recipient

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Row:
    """Show one share in the list.

    Parameters
    ----------
    share : Share
        As it stands.
    stands : str
        That, in one sentence.
    way : Way or None
        How far its parcel is.
    dataset : str
        What it was opened into; empty where it was not.
    """

    share: Share
    stands: str
    way: Way | None
    dataset: str


@dataclass(frozen=True, slots=True)
class SharePage:
    """Hold what the page of a share shows.

    Parameters
    ----------
    row : Row
        As in the list.
    details : Sequence of str
        What else there is to know of how it stands.
    sections : Sequence of Section
        The rest, in plain language.
    concerns : Sequence of str
        Why it cannot be granted as things are.
    link : str
        That names it.
    attachments : Sequence of str
        What came with the rows.
    """

    row: Row
    details: Sequence[str]
    sections: Sequence[Section]
    concerns: Sequence[str]
    link: str
    attachments: Sequence[str]


@router.get("/shares")
async def shares(visitor: Visitor) -> Response:
    """Show what waits, what was received, and all shares."""
    rows = await visitor.web.do(_rows)
    waiting = [row.share for row in rows if row.share.owned and row.share.state is State.ASKED]
    received = [row for row in rows if not row.share.owned and row.share.state is State.OPENED]
    return visitor.page("shares.html", rows=rows, waiting=waiting, received=received)


@router.get("/shares/{digest}")
async def share(visitor: Visitor, digest: str) -> Response:
    """Show one share."""
    shown = await visitor.web.do(lambda room: _page(room, digest))
    return visitor.page("share.html", shown=shown, share=shown.row.share, alive=ALIVE)


@router.get("/shares/{digest}/link.svg")
async def picture(visitor: Visitor, digest: str) -> Response:
    """Draw the link of a share as a QR picture."""
    found = await visitor.web.do(lambda room: room.shares.show(digest))
    return Response(svg(_link(found)), media_type="image/svg+xml")


@router.post("/shares/{digest}/open")
async def open_parcel(visitor: Visitor, digest: str, _form: Form) -> Response:
    """Open the parcel into the vault; whatever its size, other pages go on meanwhile."""
    recipient = await visitor.web.do(Room.recipient_of_its_own)
    name = await asyncio.to_thread(_open, recipient, digest)
    visitor.session.notice = (
        f"The records are in your vault as {name}. Read them with wardnet-node share read."
    )
    return redirect(f"/shares/{digest}")


def _open(recipient: Recipient, digest: str) -> str:
    try:
        return recipient.open_parcel(digest)
    finally:
        recipient.close()


def _rows(room: Room) -> list[Row]:
    datasets = _datasets(room)
    return [_row(room, share, datasets.get(share.digest, "")) for share in room.shares.list()]


def _row(room: Room, share: Share, dataset: str) -> Row:
    return Row(share, stands(share), Way.read(room.spool, share.digest), dataset)


def _datasets(room: Room) -> dict[str, str]:
    return {share.digest: name for name, share in room.recipient.granted().items()}


def _page(room: Room, digest: str) -> SharePage:
    found = room.shares.show(digest)
    waits = found.owned and found.state is State.ASKED
    standing, *sections = describe(found)
    opened = not found.owned and found.state is State.OPENED
    return SharePage(
        row=_row(room, found, _datasets(room).get(found.digest, "")),
        details=standing.lines[1:],
        sections=sections,
        concerns=[str(one) for one in room.shares.concerns(found.digest)] if waits else (),
        link=_link(found).text,
        attachments=_attachments(room, found) if opened else (),
    )


def _attachments(room: Room, share: Share) -> Sequence[str]:
    return [part.name for part in room.recipient.attachments(share.digest)]


def _link(share: Share) -> ShareLink:
    return ShareLink(share.request.network, share.request.owner, share.digest)
