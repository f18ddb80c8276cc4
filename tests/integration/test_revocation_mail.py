"""The coordinator carries what organisations have taken back: verified, durable, to all others."""

import contextlib
from dataclasses import replace
from pathlib import Path

from support.coordinator import run, serving, soon
from support.fake_node import FakeNode
from support.pki import TestNetwork
from wardnet import clock
from wardnet.agreement.revocation import LIST_PAYLOAD_TYPE, RevocationList, list_to_bytes
from wardnet.audit import log
from wardnet.audit.entry import EventType
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope, sign
from wardnet_coordinator import state


def listed(signer: Credentials, *, epoch: int = 1, organisation: str = "") -> Envelope:
    """Return an empty list of a hospital, or what passes for one."""
    member = signer.member
    content = RevocationList(
        version=1,
        network=member.network,
        organisation=organisation or member.id,
        epoch=epoch,
        issued=clock.to_moment(clock.now()),
        revoked=(),
    )
    return sign(LIST_PAYLOAD_TYPE, list_to_bytes(content), signer.signer)


def received(home: Path) -> int:
    """Return how many lists the coordinator's log says it has taken; the log must be whole."""
    with contextlib.closing(state.connect(home)) as connection:
        log.verify(connection)
        kinds = [entry.type for entry in log.entries(connection)]
    return kinds.count(EventType.REVOCATIONS_RECEIVED)


def test_a_list_reaches_all_others_now_and_whenever_they_attach(tmp_path: Path) -> None:
    """Byte for byte, the newest only, and never its own hospital."""
    network = TestNetwork()

    async def scenario() -> None:
        first, second = (listed(network.node("a"), epoch=epoch) for epoch in (1, 2))
        async with (
            serving(network, tmp_path) as address,
            FakeNode(address, network.node("a")) as a,
            FakeNode(address, network.node("b")) as b,
        ):
            for envelope in (first, second):
                await a.take_back(envelope)
                while await soon(b.studies.get()) != envelope:  # it may come twice at an attach
                    pass
            await a.take_back(first)  # an old one again is no news
            async with FakeNode(address, network.node("c")) as c:
                assert await soon(c.studies.get()) == second
            assert a.studies.empty()
            assert b.studies.empty()

    run(scenario())
    assert received(tmp_path) == 2


def test_lists_outlive_the_coordinator(tmp_path: Path) -> None:
    """A restart brings them to who attaches next."""
    network = TestNetwork()
    envelope = listed(network.node("a"))

    async def send() -> None:
        async with (
            serving(network, tmp_path) as address,
            FakeNode(address, network.node("b")) as b,
            FakeNode(address, network.node("a")) as a,
        ):
            await a.take_back(envelope)
            assert await soon(b.studies.get()) == envelope

    async def attach() -> None:
        async with (
            serving(network, tmp_path) as address,
            FakeNode(address, network.node("d")) as d,
        ):
            assert await soon(d.studies.get()) == envelope

    run(send())
    run(attach())


def test_nobody_sends_the_list_of_another_and_no_lie_costs_a_stream(tmp_path: Path) -> None:
    """Signed by another node, about another hospital, changed, of another kind: not forwarded."""
    network = TestNetwork()
    a, b = network.node("a"), network.node("b")
    good = listed(a, epoch=7)

    async def scenario() -> None:
        async with (
            serving(network, tmp_path) as address,
            FakeNode(address, a) as sender,
            FakeNode(address, network.node("c")) as other,
        ):
            for lie in (
                listed(b),
                listed(b, organisation="a"),
                listed(a, organisation="b"),
                replace(listed(a), payload=b"{}"),
                replace(listed(a), payload_type="application/json"),
                good,
            ):
                await sender.take_back(lie)
            assert await soon(other.studies.get()) == good
            assert other.studies.empty()
            assert not sender.over.is_set()

    run(scenario())
    assert received(tmp_path) == 1
