"""Attacker: the coordinator, which hides, sets back, reorders and forges what was taken back.

Hospital b has vouched for ada. Whatever the coordinator does with b's lists, hospital a answers her
only while it knows from b itself, not longer than a day ago, that her key still holds.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from support import neighbours
from support.coordinator import run
from support.hospital import Hospital
from support.neighbours import listed
from support.pki import TestNetwork
from support.post import Attached, post_office
from support.questions import steward
from wardnet import canonical, clock
from wardnet.audit.entry import EventType, Outcome
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope
from wardnet.identity.member import Member, Role
from wardnet.transport.convert import envelope_to_wire
from wardnet.transport.work import WorkId
from wardnet.wire.v1.link_pb2 import AttachResponse


class Watch:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.at = clock.now()

    def now(self) -> datetime:
        """Return the moment of this clock."""
        return self.at


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Return the clock of this test."""
    watch = Watch()
    monkeypatch.setattr(clock, "now", watch.now)
    return watch


@pytest.fixture
def network() -> TestNetwork:
    """Return a network whose authority the coordinator holds."""
    return TestNetwork()


@pytest.fixture
def hospital(network: TestNetwork, tmp_path: Path) -> Hospital:
    """Return hospital a, which knows hospital b and has agreed to ada's study."""
    return neighbours.hospital(network, tmp_path / "a", "a")


async def told(stream: Attached, network: TestNetwork) -> list[Reason]:
    """Return why hospital a would refuse ada."""
    await stream.explain(1, neighbours.question(network))
    return [Reason(cause.reason) for cause in (await stream.next("explanation")).causes]


async def deliver(stream: Attached, hospital: Hospital, envelope: Envelope) -> None:
    """Bring the hospital a list, and wait until its log says what became of it."""
    before = len(outcomes(hospital))
    await stream.outgoing.put(AttachResponse(study=envelope_to_wire(envelope)))
    while len(outcomes(hospital)) == before:  # noqa: ASYNC110 - the log has no event for tests
        await asyncio.sleep(0.02)


def outcomes(hospital: Hospital) -> list[Reason | None]:
    """Return why lists were refused, in order; None for one that was taken."""
    return [
        entry.reason if entry.outcome is Outcome.REFUSED else None
        for entry in hospital.entries()
        if entry.type is EventType.REVOCATIONS_RECEIVED
    ]


def test_a_list_that_is_held_back_stops_the_queries_after_a_day(
    network: TestNetwork, hospital: Hospital, watch: Watch
) -> None:
    """Missing at first, believed for 24 hours, and stale until the next one comes."""
    b = network.node("b")

    async def scenario() -> None:
        async with post_office(network) as (post, address), hospital.serving(address):
            stream = await post.attached()
            assert await told(stream, network) == [Reason.REVOCATIONS_STALE]
            await deliver(stream, hospital, listed(b, epoch=1))
            watch.at += timedelta(hours=23, minutes=59)
            assert await told(stream, network) == []
            watch.at += timedelta(minutes=2)
            assert Reason.REVOCATIONS_STALE in await told(stream, network)
            await deliver(stream, hospital, listed(b, epoch=2))
            assert Reason.REVOCATIONS_STALE not in await told(stream, network)

    run(scenario())


def test_a_question_under_hidden_revocations_is_refused_and_logged(
    network: TestNetwork, hospital: Hospital
) -> None:
    """While b's list is held back, and once it says that the key was taken back."""
    b, ada = network.node("b"), network.researcher()

    async def refused(stream: Attached, number: int) -> list[Reason]:
        envelope = neighbours.question(network, number)
        await stream.ask(envelope, WorkId(canonical.digest(envelope.payload), 1, 0))
        return [Reason(cause.reason) for cause in (await stream.next("refusal")).causes]

    async def scenario() -> None:
        async with post_office(network) as (post, address), hospital.serving(address):
            stream = await post.attached()
            assert await refused(stream, 0) == [Reason.REVOCATIONS_STALE]
            await deliver(stream, hospital, listed(b, epoch=1, keys=(ada,)))
            assert await refused(stream, 1) == [Reason.KEY_REVOKED]

    run(scenario())
    entries = [entry for entry in hospital.entries() if entry.outcome is Outcome.REFUSED]
    assert [(entry.type, entry.reasons) for entry in entries] == [
        (EventType.QUERY_FAILED, (Reason.REVOCATIONS_STALE,)),
        (EventType.QUERY_FAILED, (Reason.KEY_REVOKED,)),
    ]


def test_the_refusal_names_whose_list_is_missing(network: TestNetwork, hospital: Hospital) -> None:
    """And what to do: its node must connect."""
    with hospital.desk() as desk:
        desk.start()
        (error,) = {str(error): error for error in desk.explain(neighbours.question(network))}
    assert "what b revoked" in error
    assert "once the node of b is connected" in error


def forged_by(name: str) -> Callable[[TestNetwork], Envelope]:
    """Return how the coordinator certifies another key for a member, and signs with it."""
    return lambda network: listed(
        network.issue(Member(network.name, Role.NODE, name)), organisation="b", epoch=9
    )


@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        (lambda network: listed(network.node("b"), epoch=1), Reason.REVOCATIONS_ROLLED_BACK),
        (lambda network: listed(network.node("b"), epoch=3), Reason.REVOCATIONS_ROLLED_BACK),
        (forged_by("b"), Reason.SIGNATURE_INVALID),
        (forged_by("a"), Reason.SIGNATURE_INVALID),
        (lambda network: listed(network.coordinator(), epoch=9), Reason.SIGNATURE_INVALID),
        (
            lambda network: listed(network.node("a"), organisation="a", epoch=9),
            Reason.SIGNATURE_INVALID,
        ),
    ],
    ids=["set back", "entry left out", "another key", "another node", "itself", "a's own"],
)
def test_a_lie_does_not_bring_a_key_back(
    network: TestNetwork,
    hospital: Hospital,
    lie: Callable[[TestNetwork], Envelope],
    reason: Reason,
) -> None:
    """It is refused and logged, the list before stays in force, and the node goes on serving."""
    ada = network.researcher()

    async def scenario() -> None:
        async with post_office(network) as (post, address), hospital.serving(address):
            stream = await post.attached()
            await deliver(stream, hospital, listed(network.node("b"), epoch=2, keys=(ada,)))
            await deliver(stream, hospital, lie(network))
            assert await told(stream, network) == [Reason.KEY_REVOKED]

    run(scenario())
    assert outcomes(hospital) == [None, reason]


def test_lists_in_another_order_end_at_the_newest(network: TestNetwork, hospital: Hospital) -> None:
    """Whatever comes late is older, and is refused."""
    b, ada = network.node("b"), network.researcher()
    with hospital.decisions() as decisions:
        decisions.receive_list(listed(b, epoch=3, keys=(ada,)))
        for late in (listed(b, epoch=1), listed(b, epoch=2, keys=(ada,))):
            with pytest.raises(WardnetError) as caught:
                decisions.receive_list(late)
            assert caught.value.reason is Reason.REVOCATIONS_ROLLED_BACK
        assert decisions.view().lists["b"].epoch == 3


def test_a_list_for_a_stranger_counts_for_nothing_once_it_is_known(
    network: TestNetwork, hospital: Hospital
) -> None:
    """The coordinator fills b's place in advance, by a key of its own; b's own list replaces it."""
    stewards = [steward(network, "a")]
    with hospital.decisions() as decisions:
        decisions.change_book(lambda _: neighbours.book(network, "a", ()), stewards=stewards)
        decisions.receive_list(forged_by("b")(network))
        decisions.change_book(lambda _: neighbours.book(network, "a", "b"), stewards=stewards)
        assert decisions.view().lists == {}
        decisions.receive_list(listed(network.node("b"), epoch=1))
        assert decisions.view().lists["b"].epoch == 1


def test_strangers_fill_nothing(
    network: TestNetwork, hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many organisations the coordinator invents, a hospital of the book gets its place."""
    monkeypatch.setattr("wardnet_node.desk.receive.MAXIMUM_LISTS", 2)
    inventor = network.node("z")
    with hospital.decisions() as decisions:
        for name in ("x", "y"):
            decisions.receive_list(listed(inventor, organisation=name))
        with pytest.raises(WardnetError) as caught:
            decisions.receive_list(listed(inventor, organisation="z"))
        assert caught.value.reason is Reason.WORK_LIMIT
        decisions.receive_list(listed(network.node("b")))
        assert set(decisions.view().lists) == {"b"}


def test_nobody_speaks_by_a_node_s_key_that_was_taken_back(
    network: TestNetwork, hospital: Hospital
) -> None:
    """The list that takes it back is the last one that it signs: whoever stole it says no more."""
    b = network.node("b")
    with hospital.decisions() as decisions:
        decisions.receive_list(listed(b, epoch=2, keys=(b,)))
        with pytest.raises(WardnetError) as caught:
            decisions.receive_list(listed(b, epoch=3, keys=(b,)))
        assert caught.value.reason is Reason.SIGNATURE_INVALID
    with hospital.desk() as desk:
        desk.start()
        reasons = {error.reason for error in desk.explain(neighbours.question(network))}
    assert reasons == {Reason.KEY_REVOKED}
