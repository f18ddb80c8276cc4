"""A coordinator that lies about studies, decisions and sealed answers is caught by the client."""

from collections.abc import Iterator
from dataclasses import replace

import pandas as pd
import pytest

from support.pki import TestNetwork
from support.postoffice import PostOffice, connect, honest
from support.study_office import Proposal
from support.told import Told, record, signed
from wardnet import canonical
from wardnet.agreement import agreement as agreements
from wardnet.agreement import decline as declines
from wardnet.agreement import revocation as revocations
from wardnet.agreement import study as studies
from wardnet.agreement.agreement import accept_whole
from wardnet.agreement.decline import Decline
from wardnet.agreement.revocation import Revocation
from wardnet.client import Ask, RemoteNetwork
from wardnet.client.studies.record import Standing
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope
from wardnet.identity.member import Role
from wardnet.question import query as queries
from wardnet.simulation import simulate
from wardnet.wire.v1 import query_pb2

PKI = TestNetwork()
STRANGERS = TestNetwork()
FRAME = pd.DataFrame({"sex": ["f", "m"] * 20})


@pytest.fixture
def office() -> Iterator[PostOffice]:
    """Run a coordinator that a test can corrupt."""
    with PostOffice(PKI, simulate({"a": FRAME, "b": FRAME}, dataset="heart")) as office:
        yield office


@pytest.fixture
def network(office: PostOffice) -> Iterator[RemoteNetwork]:
    """Connect ada to it."""
    with connect(PKI.researcher(), office.address) as network:
        yield network


def agreed(office: PostOffice) -> Proposal:
    """Return the study that both hospitals have agreed to."""
    (proposal,) = office.proposals.values()
    return proposal


def steward(network: TestNetwork = PKI) -> Credentials:
    """Return the credentials of a's steward."""
    return network.credentials(Role.STEWARD, "steward-a")


@pytest.mark.parametrize(
    "signers",
    [
        [steward()],
        [PKI.node("b"), steward()],
        [PKI.coordinator()],
        [PKI.node("a"), PKI.coordinator()],
        [PKI.node("a"), PKI.node("b")],
        [PKI.node("a"), PKI.researcher()],
        [STRANGERS.node("a"), steward(STRANGERS)],
    ],
    ids=[
        "only a steward",
        "another hospital",
        "the coordinator",
        "the coordinator besides",
        "another node besides",
        "the researcher besides",
        "another network",
    ],
)
def test_an_agreement_that_its_hospital_did_not_sign_is_none(
    office: PostOffice, network: RemoteNetwork, signers: list[Credentials]
) -> None:
    """It is shown as invalid, nothing is asked of that hospital, and the other one still counts."""
    proposal = agreed(office)
    payload = agreements.to_bytes(accept_whole(proposal.study, hospital="a"))
    proposal.decisions["a"] = signed(agreements.PAYLOAD_TYPE, payload, signers)
    first, second = network.study(proposal.study.digest).decisions
    assert (first.standing, second.standing) == (Standing.INVALID, Standing.AGREED)
    assert network.count("heart").hospitals == ("b",)


def test_a_decision_on_something_else_is_none(office: PostOffice, network: RemoteNetwork) -> None:
    """Another study, another hospital, a wider agreement, another kind of statement."""
    proposal = agreed(office)
    other = replace(proposal.study, output=replace(proposal.study.output, quota=99))
    mine = accept_whole(proposal.study, hospital="a")
    for payload_type, payload in (
        (agreements.PAYLOAD_TYPE, agreements.to_bytes(accept_whole(other, hospital="a"))),
        (agreements.PAYLOAD_TYPE, agreements.to_bytes(replace(mine, hospital="b"))),
        (agreements.PAYLOAD_TYPE, agreements.to_bytes(replace(mine, quota=101))),
        (agreements.PAYLOAD_TYPE, agreements.to_bytes(replace(mine, network="lungnet"))),
        (agreements.PAYLOAD_TYPE, b"{}"),
        (declines.PAYLOAD_TYPE, agreements.to_bytes(mine)),
        (declines.PAYLOAD_TYPE, declines.to_bytes(_decline(study=other.digest))),
        (revocations.PAYLOAD_TYPE, revocations.to_bytes(_revocation(hospital="b"))),
        (studies.PAYLOAD_TYPE, studies.to_bytes(proposal.study)),
    ):
        office.decide(proposal, "a", payload_type, payload)
        decision, _ = network.study(proposal.study.digest).decisions
        assert decision.standing is Standing.INVALID, payload
        assert decision.agreement is None


def test_a_decline_and_a_revocation_are_told(office: PostOffice, network: RemoteNetwork) -> None:
    """With the reason that the hospital gave; neither allows a question."""
    proposal = agreed(office)
    for payload_type, payload, standing in (
        (
            declines.PAYLOAD_TYPE,
            declines.to_bytes(_decline(study=proposal.study.digest)),
            Standing.DECLINED,
        ),
        (
            revocations.PAYLOAD_TYPE,
            revocations.to_bytes(_revocation(hospital="a")),
            Standing.REVOKED,
        ),
    ):
        office.decide(proposal, "a", payload_type, payload)
        decision, _ = network.study(proposal.study.digest).decisions
        assert (decision.standing, decision.why) == (standing, "Because.")
        assert network.count("heart").hospitals == ("b",)


def _decline(*, study: str) -> Decline:
    return Decline(version=1, network="heartnet", hospital="a", study=study, reason="Because.")


def _revocation(*, hospital: str) -> Revocation:
    return Revocation(
        version=1,
        network="heartnet",
        hospital=hospital,
        agreement="0" * 64,
        epoch=1,
        reason="Because.",
    )


def test_a_false_study_is_refused(office: PostOffice, network: RemoteNetwork) -> None:
    """One that is not mine, not signed by its people, of another network, or under another id."""
    proposal = agreed(office)
    study = proposal.study
    (ada,) = study.people
    eve = PKI.researcher("eve")
    for false, signer in (
        (replace(study, people=(replace(ada, id="eve"),)), PKI.researcher()),
        (study, eve),
        (replace(study, people=(replace(ada, key="0" * 64),)), PKI.researcher()),
        (replace(study, network="lungnet"), PKI.researcher()),
        (study, STRANGERS.researcher()),
    ):
        proposal.envelope = signed(studies.PAYLOAD_TYPE, studies.to_bytes(false), [signer])
        with pytest.raises(WardnetError) as caught:
            network.study(study.digest)
        assert caught.value.reason is Reason.SIGNATURE_INVALID
    widened = replace(study, output=replace(study.output, quota=999))
    payload = studies.to_bytes(widened)
    proposal.envelope = signed(studies.PAYLOAD_TYPE, payload, [PKI.researcher()])
    with pytest.raises(WardnetError) as caught:
        network.study(study.digest)
    assert caught.value.reason is Reason.MALFORMED


def test_a_false_study_does_not_stand_in_the_way(
    office: PostOffice, network: RemoteNetwork
) -> None:
    """It is left out of the list, which says so; questions rest on the true one."""
    false = office.propose(not_after="2100-01-01T00:00:00.000Z")
    false.envelope = replace(false.envelope, payload=false.envelope.payload + b" ")
    listed = network.studies()
    assert [record.id for record in listed] == [next(iter(office.proposals))]
    assert repr(listed).startswith("studies (1 more left out: signatures do not hold)")
    assert network.count("heart").hospitals == ("a", "b")


def test_another_study_of_mine_is_not_taken_for_the_one_i_name(
    office: PostOffice, network: RemoteNetwork
) -> None:
    """A question never rests on a study that the researcher did not name."""
    first = agreed(office)
    second = office.propose(not_after="2100-01-01T00:00:00.000Z")
    office.proposals[first.study.digest] = second
    with pytest.raises(WardnetError) as caught:
        network.study(first.study.digest)
    assert caught.value.reason is Reason.MALFORMED


def _answered(office: PostOffice, envelope: Envelope) -> Told:
    return honest(office, envelope)[-1]


def test_a_sealed_answer_under_another_name_does_not_open(
    office: PostOffice, network: RemoteNetwork
) -> None:
    """Nor does one that was changed, or moved from another query."""
    other = network.submit(Ask("count", "heart", {"by": ["sex"]}))
    moved = _answered(office, office.submitted[other]).answers[0].sealed

    def swapped(office: PostOffice, envelope: Envelope) -> list[Told]:
        told = _answered(office, envelope)
        told.answers[0].hospital, told.answers[1].hospital = "b", "a"
        return [told]

    def flipped(office: PostOffice, envelope: Envelope) -> list[Told]:
        told = _answered(office, envelope)
        data = bytearray(told.answers[0].sealed)
        data[-1] ^= 1
        told.answers[0].sealed = bytes(data)
        return [told]

    def replayed(office: PostOffice, envelope: Envelope) -> list[Told]:
        told = _answered(office, envelope)
        told.answers[0].sealed = moved
        return [told]

    for lie in (swapped, flipped, replayed):
        office.records = lie
        with pytest.raises(WardnetError) as caught:
            network.count("heart")
        assert caught.value.reason is Reason.SIGNATURE_INVALID


def test_hospitals_that_answer_differently_are_found_out(
    office: PostOffice, network: RemoteNetwork
) -> None:
    """The coordinator cannot compare sealed answers; the researcher does."""

    def differing(office: PostOffice, envelope: Envelope) -> list[Told]:
        told = _answered(office, envelope)
        query = queries.from_bytes(envelope.payload)
        alone = office.partial(query, canonical.digest(envelope.payload), ["a"])
        hospitals = {"a": query_pb2.HOSPITAL_STATE_SENT}
        of_a = record(envelope, told.record.state, hospitals=hospitals, answer=alone)
        told.answers[0].CopyFrom(of_a.answers[0])
        return [told]

    office.records = differing
    with pytest.raises(WardnetError) as caught:
        network.count("heart")
    assert caught.value.reason is Reason.ROUNDS_DIVERGED


def test_an_answer_is_opened_only_where_it_was_asked(office: PostOffice) -> None:
    """Another keystore of the same researcher is told so, in words."""
    with connect(PKI.researcher(), office.address) as network:
        query = network.count("heart").query
    with (
        RemoteNetwork(PKI.researcher(), office.address, derive=lambda _: bytes(32)) as elsewhere,
        pytest.raises(WardnetError) as caught,
    ):
        elsewhere.wait(query)
    assert caught.value.reason is Reason.ANSWER_SEALED


def test_a_coordinator_reads_no_answer(office: PostOffice, network: RemoteNetwork) -> None:
    """What it holds of an answer is ciphertext: neither tables nor signatures stand in it."""
    query = network.count("heart").query
    told = _answered(office, office.submitted[query])
    assert len(told.answers) == 2
    for answer in told.answers:
        for mark in (b"table", b"patients", b"application/vnd.wardnet", query.encode()):
            assert mark not in answer.sealed
