"""Attacker: a hospital of the network, with a real certificate, against the other hospitals.

It may lie about its own numbers, and so spoil an answer; it cannot ask, decide for another
hospital, or bring others to release what the rules withhold.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from support.coordinator import run
from support.hospital import Hospital
from support.pki import TestNetwork
from support.post import Attached, post_office
from support.questions import agreement, count_query, signed, steward, study
from wardnet import canonical
from wardnet.agreement import agreement as agreements
from wardnet.agreement import revocation as revocations
from wardnet.agreement import study as studies
from wardnet.agreement.revocation import Revocation
from wardnet.audit.entry import EventType, Outcome
from wardnet.client.trust.verify_study import verify_decision
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope, sign
from wardnet.question import query as queries
from wardnet.question.answer import Participant
from wardnet.transport.work import Total, WorkId, sums_from_wire
from wardnet.wire.v1.link_pb2 import RoundPart


@pytest.fixture
def network() -> TestNetwork:
    """Return a network."""
    return TestNetwork()


@pytest.fixture
def hospital(network: TestNetwork, tmp_path: Path) -> Hospital:
    """Return hospital a, which is honest; hospital b is not."""
    return Hospital(network, tmp_path / "a")


def explained(hospital: Hospital, envelope: Envelope) -> list[Reason]:
    """Return why hospital a would refuse a query."""
    with hospital.desk() as desk:
        desk.start()
        return [error.reason for error in desk.explain(envelope)]


@pytest.mark.parametrize("researcher", ["ada", "b"])
def test_a_hospital_asks_nothing(network: TestNetwork, hospital: Hospital, researcher: str) -> None:
    """Neither in a researcher's name nor in its own."""
    query = count_query(network, researcher=researcher)
    envelope = sign(queries.PAYLOAD_TYPE, queries.to_bytes(query), network.node("b").signer)
    assert explained(hospital, envelope) == [Reason.ROLE_REFUSED]


def statements(network: TestNetwork) -> dict[str, tuple[str, bytes]]:
    """Return decisions in the name of hospital a."""
    taken_back = Revocation(
        version=1,
        network=network.name,
        hospital="a",
        agreement=agreement(network).digest,
        epoch=1,
        reason="b says so.",
    )
    return {
        "agreement": (agreements.PAYLOAD_TYPE, agreements.to_bytes(agreement(network))),
        "revocation": (revocations.PAYLOAD_TYPE, revocations.to_bytes(taken_back)),
    }


@pytest.mark.parametrize("kind", ["agreement", "revocation"])
def test_a_hospital_does_not_decide_for_another(
    network: TestNetwork, hospital: Hospital, kind: str
) -> None:
    """Its node's and its steward's signatures say nothing in another's name, there or here."""
    payload_type, payload = statements(network)[kind]
    for signer in (network.node("b"), steward(network, "b")):
        envelope = sign(payload_type, payload, signer.signer)
        with pytest.raises(WardnetError) as caught:
            verify_decision(
                envelope,
                hospital="a",
                study=study(network),
                trust=network.trust,
                at=network.at,
            )
        assert caught.value.reason is Reason.SIGNATURE_INVALID
    assert explained(hospital, signed(network, count_query(network))) == []


def test_a_steward_of_another_hospital_signs_nothing_here(
    network: TestNetwork, hospital: Hospital
) -> None:
    """The hospital's own address book says whose signature counts."""
    foreign = steward(network, "b")
    with hospital.decisions() as decisions:
        for decide in (
            lambda: decisions.accept(study(network).digest, stewards=[foreign]),
            lambda: decisions.decline(study(network).digest, steward=foreign, reason="No."),
            lambda: decisions.change_book(lambda book: book, stewards=[foreign]),
        ):
            with pytest.raises(WardnetError) as caught:
                decide()
            assert caught.value.reason is Reason.APPROVAL_MISSING
    refused = [entry for entry in hospital.entries() if entry.outcome is Outcome.REFUSED]
    assert [entry.reason for entry in refused] == [Reason.APPROVAL_MISSING] * 3


def claimed(part: RoundPart, **changes: int) -> Total:
    """Return the total of a guard round in which b claims numbers of its own."""
    sums = dict(sums_from_wire(part.sums))
    for name, value in changes.items():
        sums[name] = np.full_like(sums[name], value)
    return Total(0, sums, (Participant("a", part.snapshot), Participant("b", "1:bb")))


LIES = {
    "fewer in the cohort than in its cells": {"cohort": 0},
    "fewer in the dataset than in the cohort": {"dataset": 1},
    "less than nothing": {"dataset": -1},
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_numbers_that_cannot_be_are_refused(
    network: TestNetwork, hospital: Hospital, lie: dict[str, int]
) -> None:
    """A total that contradicts itself ends the query before anything more is computed."""
    envelope = signed(network, count_query(network))
    digest = canonical.digest(envelope.payload)

    async def scenario() -> None:
        async with post_office(network) as (post, address), hospital.serving(address):
            stream: Attached = await post.attached()
            await stream.ask(envelope, WorkId(digest, 1, 0))
            part = await stream.next("part")
            await stream.ask(envelope, WorkId(digest, 1, 1), totals=[claimed(part, **lie)])
            refusal = await stream.next("refusal")
            assert Reason(refusal.causes[0].reason) is Reason.IMPLAUSIBLE_TOTAL

    run(scenario())
    refused = [entry for entry in hospital.entries() if entry.outcome is Outcome.REFUSED]
    assert [(entry.type, entry.reason) for entry in refused] == [
        (EventType.QUERY_FAILED, Reason.IMPLAUSIBLE_TOTAL)
    ]


def test_a_study_is_not_changed_by_another_hospital(
    network: TestNetwork, hospital: Hospital
) -> None:
    """A wider study under the same people needs one of their signatures."""
    wider = study(network)
    wider = replace(wider, output=replace(wider.output, quota=1000))
    envelope = sign(studies.PAYLOAD_TYPE, studies.to_bytes(wider), network.node("b").signer)
    with hospital.decisions() as decisions, pytest.raises(WardnetError) as caught:
        decisions.receive(envelope)
    assert caught.value.reason is Reason.SIGNATURE_INVALID
