"""Whatever letters are lost, doubled or late: two hospitals come to hold the same share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.pki import TestNetwork
from support.sharing import PARCEL, Side, exchange, sharing_hospital, sides
from wardnet.errors import WardnetError
from wardnet.identity.envelope import Envelope
from wardnet.sharing.notice import Cause
from wardnet_node.desk.shares.state import State

STEPS = ("grant", "decline", "ready", "fetched", "opened", "revoke", "destroy")
POSTS = ("carry", "lose", "double", "repeat")


@pytest.fixture(scope="module")
def desks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Side]]:
    """Return the desks of a, whose records they are, and of b, which asks."""
    network, folder = TestNetwork(), Path(tmp_path_factory.mktemp("hospitals"))
    made = [sharing_hospital(network, folder / name, name) for name in "ab"]
    with sides(network, *made) as opened:
        yield opened


def act(step: str, a: Side, b: Side, share: str) -> None:
    """Do something at one side; what does not follow is refused there."""
    match step:
        case "grant":
            a.grant(a.shares.show(share))
        case "decline":
            a.shares.decline(share, reason="No.", stewards=a.stewards)
        case "ready":
            a.ready(a.shares.show(share))
        case "fetched":
            b.shares.mark_fetched(share, parcel=PARCEL)
        case "opened":
            b.shares.mark_opened(share, parcel=PARCEL)
        case "revoke":
            a.shares.revoke(share, reason="By mistake.", stewards=a.stewards)
        case "destroy":
            b.shares.destroy(share, cause=Cause.UNWANTED)


def carry(how: str, a: Side, b: Side, old: list[tuple[Side, Side, Envelope]]) -> None:
    """Carry what is due from each side to the other, or do what a bad post does."""
    if how == "repeat":
        letters = old[-6:]
    else:
        pairs = ((a, b), (b, a))
        letters = [(one, other, due) for one, other in pairs for _, due in one.mail.due()]
    old.extend(letters)
    if how == "lose":
        return
    for sender, taker, envelope in letters * (2 if how == "double" else 1):
        reply = taker.mail.take(sender.member.uri, envelope)
        if reply is not None:
            old.append((taker, sender, reply[1]))
            sender.mail.take(taker.member.uri, reply[1])


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(st.sampled_from(STEPS + POSTS), max_size=14))
def test_both_sides_come_to_stand_alike(desks: list[Side], course: list[str]) -> None:
    """Once the post works again; and nothing that was said goes round for ever."""
    a, b = desks
    share = b.request().digest
    old: list[tuple[Side, Side, Envelope]] = []
    for step in course:
        if step in POSTS:
            carry(step, a, b, old)
        else:
            try:
                act(step, a, b, share)
            except WardnetError:
                continue
    exchange(a, b)
    ours, theirs = a.shares.show(share), b.shares.show(share)
    assert (ours.stands, ours.grant, ours.ready) == (theirs.stands, theirs.grant, theirs.ready)
    assert (ours.undelivered, theirs.undelivered) == (0, 0)
    signed = [{one.digest for one in side.shares.statements(share)} for side in desks]
    assert signed[0] == signed[1]
    if ours.state is State.ASKED:  # only so many may wait
        act("decline", a, b, share)
        exchange(a, b)
