"""How the node is: what an operator would be called for."""

from dataclasses import dataclass
from datetime import timedelta

from fastapi import APIRouter
from fastapi.responses import Response

from wardnet import clock
from wardnet_node.desk import words
from wardnet_node.desk.web.room import Health
from wardnet_node.desk.web.web import Visitor
from wardnet_node.health import CLOCK_SLACK, SOON

router = APIRouter()

LEAST_FREE = 0.1
"""A disk with a smaller share free is worth a warning."""


@dataclass(frozen=True, slots=True)
class Check:
    """Show one thing that was looked at.

    Parameters
    ----------
    title : str
        What.
    good : bool
        Whether it is as it should be.
    words : str
        How it is, and what to do.
    """

    title: str
    good: bool
    words: str


@router.get("/health")
async def health(visitor: Visitor) -> Response:
    """Show how the node is."""
    found = await visitor.web.do(lambda room: room.health())
    return visitor.page("health.html", checks=checks(found), head=found.head, vouched=found.vouched)


def checks(health: Health) -> tuple[Check, ...]:
    """Say what is well and what is not."""
    link, left = health.link, health.certificate_left
    difference = link.clock_difference
    apart = None if difference is None else abs(difference)
    return (
        Check(
            "Connection",
            link.attached,
            f"Connected to the coordinator at {link.address}."
            if link.attached
            else f"Not connected to the coordinator at {link.address}. Nothing is answered; "
            "the node keeps trying.",
        ),
        Check(
            "Certificate",
            left > SOON,
            f"The node's certificate holds for {max(left.days, 0)} more days."
            + ("" if left > SOON else " Ask the coordinator's operator for a new invitation."),
        ),
        Check(
            "Clock",
            apart is not None and apart <= CLOCK_SLACK,
            _clock(apart),
        ),
        Check(
            "Disk",
            health.disk_free_share >= LEAST_FREE,
            f"{words.size(health.disk_free)} of {words.size(health.disk_size)} are free.",
        ),
        Check(
            "Witnesses",
            health.vouched.is_well(clock.now()),
            health.vouched.words(clock.now()),
        ),
        Check(
            "Notifications",
            not health.not_notified,
            health.not_notified or "No message to the stewards has failed.",
        ),
    )


def _clock(apart: timedelta | None) -> str:
    if apart is None:
        return "Not compared yet: the coordinator says the time when the node connects."
    seconds = apart.total_seconds()
    if apart <= CLOCK_SLACK:
        return f"Our clock and the coordinator's agree to {max(seconds, 0.1):.1f} seconds."
    return (
        f"Our clock and the coordinator's differ by {seconds:.0f} seconds; questions may seem too "
        "early or too late. Set both by a time server."
    )
