"""Studies and decisions on a node's control stream, with a coordinator that tests control."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from support.coordinator import run
from support.hospital import Hospital
from support.pki import TestNetwork
from support.post import Attached, post_office
from support.questions import key, steward
from support.ward import proposal, signed_by
from wardnet import canonical, clock
from wardnet.agreement import agreement as agreements
from wardnet.agreement import revocation as revocations
from wardnet.agreement.address_book import key_of
from wardnet.agreement.revocation import RevocationList
from wardnet.agreement.study import Study
from wardnet.audit.entry import EventType
from wardnet.errors import Reason
from wardnet.identity.envelope import Envelope, verify
from wardnet.transport.convert import envelope_from_wire, envelope_to_wire
from wardnet.wire.v1.link_pb2 import Acknowledgement, AttachResponse
from wardnet_node.desk.study_state import State
from wardnet_node.desk.taken_back import read_list


@pytest.fixture
def network() -> TestNetwork:
    """Return a network."""
    return TestNetwork()


@pytest.fixture
def hospital(network: TestNetwork, tmp_path: Path) -> Hospital:
    """Return hospital a, which has agreed to one study already."""
    return Hospital(network, tmp_path / "a")


async def deliver(stream: Attached, envelope: Envelope) -> None:
    """Bring the node a study, or what passes for one."""
    await stream.outgoing.put(AttachResponse(study=envelope_to_wire(envelope)))


async def acknowledge(stream: Attached, statement: Envelope) -> None:
    """Say that a decision is durable."""
    done = Acknowledgement(work_id=canonical.digest(statement.payload))
    await stream.outgoing.put(AttachResponse(acknowledgement=done))


async def decision(stream: Attached) -> tuple[str, Envelope]:
    """Return the next decision that the node sends: the study, and the statement."""
    message = await stream.next("decision")
    return message.study, envelope_from_wire(message.statement)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so, which another process would have done."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the catalog has no event for tests
            await asyncio.sleep(0.02)


async def known(hospital: Hospital, study: Study) -> None:
    """Wait until a study has reached the inbox."""

    def there() -> bool:
        with hospital.decisions() as decisions:
            return study.digest in {state.study.digest for state in decisions.studies()}

    await until(there)


def test_a_study_comes_in_and_the_decision_goes_out(
    network: TestNetwork, hospital: Hospital
) -> None:
    """A command decides while the daemon runs; the decision is sent until it is acknowledged."""
    study = proposal(network)

    async def scenario() -> None:
        async with post_office(network) as (post, address), hospital.serving(address):
            stream = await post.attached()
            _, before = await decision(stream)
            await acknowledge(stream, before)
            await deliver(stream, signed_by(study, network.researcher("ada")))
            await known(hospital, study)
            with hospital.decisions() as decisions:
                decisions.accept(study.digest, stewards=[steward(network, "a")])
            name, statement = await decision(stream)
            assert name == study.digest
            kind = agreements.PAYLOAD_TYPE
            verify(statement, payload_type=kind, trust=network.trust, at=clock.now())
            with hospital.decisions() as decisions:
                assert [item.study for item in decisions.unsent()] == [study.digest]
            await acknowledge(stream, statement)
            await until(lambda: not _unsent(hospital))

    run(scenario())


def test_a_decision_that_was_not_acknowledged_is_sent_again(
    network: TestNetwork, hospital: Hospital
) -> None:
    """Byte for byte over the next stream; a revocation follows its agreement."""
    with hospital.decisions() as decisions:
        (state,) = decisions.studies()
        study = state.study.digest
        decisions.revoke(study, steward=steward(network, "a"), reason="No.")

    async def scenario() -> None:
        sent = []
        for _ in range(2):
            async with post_office(network) as (post, address), hospital.serving(address):
                stream = await post.attached()
                sent.append([await decision(stream), await decision(stream)])
        assert sent[0] == sent[1]
        kinds = [statement.payload_type for _, statement in sent[0]]
        assert kinds == [agreements.PAYLOAD_TYPE, revocations.PAYLOAD_TYPE]

    run(scenario())


def test_a_node_tells_what_it_has_taken_back(
    network: TestNetwork, hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every attach the same list; after a change, and after 6 hours, a new one at once."""
    node = network.node("a")

    async def told(stream: Attached) -> RevocationList:
        envelope = envelope_from_wire(await stream.next("revocations"))
        return read_list(envelope, trust=network.trust, at=clock.now()).content

    async def scenario() -> None:
        async with post_office(network) as (post, address), hospital.serving(address):
            first = await told(await post.attached())
            assert (first.organisation, first.revoked) == ("a", ())
        async with post_office(network) as (post, address), hospital.serving(address):
            stream = await post.attached()
            assert await told(stream) == first
            with hospital.decisions() as decisions:
                decisions.revoke_key(key(node), steward=steward(network, "a"), reason="Stolen.")
            second = await told(stream)
            assert second.digests == {key(node)}
            later = clock.now() + timedelta(hours=6)
            monkeypatch.setattr(clock, "now", lambda: later)
            third = await told(stream)
            assert third.digests == second.digests
            assert first.epoch < second.epoch < third.epoch

    run(scenario())


def test_a_bad_study_is_refused_and_the_node_goes_on_serving(
    network: TestNetwork, hospital: Hospital
) -> None:
    """It is logged; the next study on the same stream is taken."""
    good = proposal(network)
    bad = signed_by(proposal(network, project__title="Forged"), network.researcher("eve"))

    async def scenario() -> None:
        async with post_office(network) as (post, address), hospital.serving(address):
            stream = await post.attached()
            await stream.outgoing.put(AttachResponse(study={"payload_type": "nothing"}))
            await deliver(stream, bad)
            await deliver(stream, signed_by(good, network.researcher("ada")))
            await known(hospital, good)

    run(scenario())
    refusals = {
        entry.reason for entry in hospital.entries() if entry.type is EventType.STUDY_RECEIVED
    }
    assert refusals >= {None, Reason.SIGNATURE_INVALID}
    with hospital.decisions() as decisions:
        assert [state.state for state in decisions.studies()] == [State.NEW, State.AGREED]
        assert key_of(network.researcher("eve").signer.certificates[0]) not in str(
            decisions.studies()
        )


def _unsent(hospital: Hospital) -> bool:
    with hospital.decisions() as decisions:
        return bool(decisions.unsent())
