"""Studies through a real coordinator: to the hospitals that they ask, and decisions back."""

import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import grpc.aio
import pytest

from support.coordinator import HEART, SECONDS, calls, publish, refused, run, serving, soon
from support.fake_node import FakeNode
from support.pki import TestNetwork
from support.studies import STUDY, changed
from wardnet import canonical, clock
from wardnet.agreement import agreement, decline, revocation, study
from wardnet.agreement.address_book import key_of
from wardnet.agreement.agreement import Agreement, accept_whole
from wardnet.agreement.decline import Decline
from wardnet.agreement.revocation import Revocation
from wardnet.agreement.study import Data, Researcher, Study
from wardnet.audit import log
from wardnet.audit.entry import EventType
from wardnet.errors import Reason
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope, merge, sign
from wardnet.identity.member import Role
from wardnet.transport.convert import envelope_from_wire, envelope_to_wire
from wardnet.wire.v1 import study_pb2, study_pb2_grpc
from wardnet_coordinator import state, studies


class Mail:
    """A member's calls about studies, each with a deadline."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = study_pb2_grpc.StudyServiceStub(channel)

    async def submit(self, envelope: Envelope) -> str:
        """Submit a study and return its id."""
        request = study_pb2.SubmitStudyRequest(study=envelope_to_wire(envelope))
        response = await self._stub.SubmitStudy(request, timeout=SECONDS)
        digest: str = response.study
        return digest

    async def get(self, study_id: str) -> study_pb2.StudyRecord:
        """Return how a study stands."""
        request = study_pb2.GetStudyRequest(study=study_id)
        record: study_pb2.StudyRecord = (await self._stub.GetStudy(request, timeout=SECONDS)).record
        return record

    async def recent(self) -> list[str]:
        """Return the ids of the newest studies."""
        request = study_pb2.ListStudiesRequest(limit=100)
        response = await self._stub.ListStudies(request, timeout=SECONDS)
        return [record.study for record in response.records]

    async def decided(self, study_id: str) -> dict[str, str]:
        """Return the kind of each hospital's newest statement."""
        decisions = (await self.get(study_id)).decisions
        return {one.hospital: one.statement.payload_type for one in decisions}


@asynccontextmanager
async def mail(address: str, credentials: Credentials) -> AsyncIterator[Mail]:
    """Connect a member."""
    async with calls(address, credentials) as channel:
        yield Mail(channel)


@asynccontextmanager
async def scene(home: Path) -> AsyncIterator[tuple[TestNetwork, str, Mail]]:
    """Serve a network whose dataset is published, and connect researcher ada."""
    network = TestNetwork()
    async with serving(network, home) as address:
        await publish(address, network.node("a"))
        async with mail(address, network.researcher()) as ada:
            yield network, address, ada


def proposed(credentials: Credentials, **changes: object) -> Study:
    """Return a study by one researcher about the published dataset, to hospitals a, b and c."""
    member = credentials.member
    person = Researcher(member.id, "university", key_of(credentials.signer.certificates[0]))
    made = replace(
        STUDY,
        people=(person,),
        data=Data("heart", dictionary=HEART.digest, columns=("age",)),
        not_after=clock.to_moment(clock.now() + timedelta(days=30)),
    )
    for field, value in changes.items():
        made = changed(made, field, value)
    return made


def signed(proposal: Study, *signers: Credentials) -> Envelope:
    """Return a study with signatures."""
    payload = study.to_bytes(proposal)
    return merge([sign(study.PAYLOAD_TYPE, payload, one.signer) for one in signers])


def stated(
    network: TestNetwork, statement: Agreement | Decline | Revocation, node: str = "a"
) -> Envelope:
    """Return a hospital's statement, signed by a steward and by its node."""
    kind, payload = _written(statement)
    signers = (network.credentials(Role.STEWARD, "sue"), network.node(node))
    return merge([sign(kind, payload, one.signer) for one in signers])


def _written(statement: Agreement | Decline | Revocation) -> tuple[str, bytes]:
    match statement:
        case Agreement():
            return agreement.PAYLOAD_TYPE, agreement.to_bytes(statement)
        case Decline():
            return decline.PAYLOAD_TYPE, decline.to_bytes(statement)
        case Revocation():
            return revocation.PAYLOAD_TYPE, revocation.to_bytes(statement)


def digest_of(envelope: Envelope) -> str:
    """Return the id of what an envelope holds."""
    return canonical.digest(envelope.payload)


def declined(proposal: Study, reason: str = "Too wide.") -> Decline:
    """Return hospital a's decline."""
    return Decline(1, proposal.network, "a", proposal.digest, reason)


def revoked(agreed: Agreement, epoch: int = 1) -> Revocation:
    """Return the revocation of an agreement."""
    return Revocation(1, agreed.network, agreed.hospital, agreed.digest, epoch, "No longer.")


def events(home: Path) -> list[EventType]:
    """Return the types of all entries of the coordinator's log, which must be whole."""
    with contextlib.closing(state.connect(home)) as connection:
        log.verify(connection)
        return [entry.type for entry in log.entries(connection)]


def test_a_study_reaches_its_hospitals_now_and_whenever_they_attach(tmp_path: Path) -> None:
    """Bytes and signatures as they were made; hospitals that it does not ask hear nothing."""

    async def scenario() -> None:
        async with scene(tmp_path) as (network, address, ada):
            envelope = signed(proposed(network.researcher()), network.researcher())
            async with (
                FakeNode(address, network.node("a")) as a,
                FakeNode(address, network.node("d")) as d,
            ):
                digest = await ada.submit(envelope)
                assert await soon(a.studies.get()) == envelope
                assert d.studies.empty()
            for _ in range(2):
                async with FakeNode(address, network.node("b")) as b:
                    assert await soon(b.studies.get()) == envelope
            record = await ada.get(digest)
        assert record.study == digest == digest_of(envelope)
        assert envelope_from_wire(record.envelope) == envelope
        assert record.submitted_ms > 0
        assert list(record.decisions) == []

    run(scenario())
    assert events(tmp_path)[1:] == [EventType.STUDY_RECEIVED]


def test_studies_outlive_the_coordinator(tmp_path: Path) -> None:
    """What was submitted is durable; a restart brings it to who was away."""
    network = TestNetwork()
    envelope = signed(proposed(network.researcher()), network.researcher())

    async def submit() -> None:
        async with serving(network, tmp_path) as address:
            await publish(address, network.node("a"))
            async with mail(address, network.researcher()) as ada:
                await ada.submit(envelope)

    async def attach() -> None:
        async with (
            serving(network, tmp_path) as address,
            FakeNode(address, network.node("c")) as node,
        ):
            assert await soon(node.studies.get()) == envelope

    run(submit())
    run(attach())


def test_the_same_study_again_changes_nothing(tmp_path: Path) -> None:
    """A client that lost the response may simply repeat itself."""

    async def scenario() -> None:
        async with scene(tmp_path) as (network, address, ada):
            envelope = signed(proposed(network.researcher()), network.researcher())
            async with FakeNode(address, network.node("a")) as node:
                assert await ada.submit(envelope) == await ada.submit(envelope)
                await soon(node.studies.get())
                assert node.studies.empty()
            assert len(await ada.recent()) == 1

    run(scenario())
    assert events(tmp_path).count(EventType.STUDY_RECEIVED) == 1


def test_a_later_signature_is_added_and_brought_to_the_hospitals(tmp_path: Path) -> None:
    """A steward may vouch for the researchers after they have submitted."""

    async def scenario() -> None:
        async with scene(tmp_path) as (network, address, ada):
            steward = network.credentials(Role.STEWARD, "uma")
            proposal = proposed(network.researcher())
            alone = signed(proposal, network.researcher())
            vouched = signed(proposal, network.researcher(), steward)
            async with FakeNode(address, network.node("a")) as node:
                assert await ada.submit(alone) == await ada.submit(vouched)
                assert await soon(node.studies.get()) == alone
                assert await soon(node.studies.get()) == vouched
                digest = await ada.submit(alone)
                assert node.studies.empty()
            assert envelope_from_wire((await ada.get(digest)).envelope) == vouched

    run(scenario())


def test_only_those_whom_a_study_concerns_see_it(tmp_path: Path) -> None:
    """To all others it does not exist."""

    async def scenario() -> None:
        async with scene(tmp_path) as (network, address, ada):
            digest = await ada.submit(signed(proposed(network.researcher()), network.researcher()))
            assert await ada.recent() == [digest]
            assert (await ada.get(digest[:6])).study == digest
            await refused(ada.get(digest[:5]), Reason.STUDY_UNKNOWN)
            async with mail(address, network.node("a")) as asked:
                assert await asked.recent() == [digest]
            for stranger in (network.node("d"), network.researcher("bob")):
                async with mail(address, stranger) as other:
                    assert await other.recent() == []
                    await refused(other.get(digest), Reason.STUDY_UNKNOWN)

    run(scenario())


def test_only_named_researchers_submit_a_study(tmp_path: Path) -> None:
    """The caller has signed it, and it names her with the key that she signs with."""

    async def scenario() -> None:
        async with scene(tmp_path) as (network, address, ada):
            bob = network.researcher("bob")
            own, others = proposed(network.researcher()), proposed(bob)
            await refused(ada.submit(signed(own, bob)), Reason.IDENTITY_MISMATCH)
            unnamed = signed(others, network.researcher(), bob)
            await refused(ada.submit(unnamed), Reason.RESEARCHER_NOT_NAMED)
            foreign = replace(own, people=(replace(own.people[0], key="0" * 64),))
            wrong_key = signed(foreign, network.researcher())
            await refused(ada.submit(wrong_key), Reason.RESEARCHER_NOT_NAMED)
            forged = replace(signed(own, network.researcher()), payload=study.to_bytes(others))
            await refused(ada.submit(forged), Reason.SIGNATURE_INVALID)
            async with mail(address, network.node("a")) as node:
                await refused(node.submit(signed(own, bob)), Reason.ROLE_REFUSED)
            assert await ada.recent() == []

    run(scenario())


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("not_after", "2026-01-01T00:00:00.000Z", Reason.STUDY_INVALID),
        ("setting.hospitals", ("a", "zurich"), Reason.STUDY_INVALID),
        ("data.dictionary", "0" * 64, Reason.STUDY_INVALID),
        ("data.dataset", "lungs", Reason.DATASET_UNAVAILABLE),
        ("network", "lungnet", Reason.IDENTITY_MISMATCH),
    ],
)
def test_a_study_that_nobody_could_work_under_is_refused(
    tmp_path: Path, field: str, value: object, reason: Reason
) -> None:
    """Stewards are not asked in vain."""

    async def scenario() -> None:
        async with scene(tmp_path) as (network, _, ada):
            proposal = proposed(network.researcher(), **{field: value})
            await refused(ada.submit(signed(proposal, network.researcher())), reason)

    run(scenario())


def test_a_researcher_may_not_flood_the_hospitals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only so many studies of hers stand in front of stewards."""
    monkeypatch.setattr(studies, "MAXIMUM_OPEN", 1)

    async def scenario() -> None:
        async with scene(tmp_path) as (network, _, ada):
            for quota, reason in ((1, None), (2, Reason.WORK_LIMIT)):
                proposal = proposed(network.researcher(), **{"output.quota": quota})
                call = ada.submit(signed(proposal, network.researcher()))
                await (refused(call, reason) if reason else call)

    run(scenario())


def test_decisions_are_acknowledged_and_given_out_as_they_were_signed(tmp_path: Path) -> None:
    """Every hospital's newest statement, with both signatures."""

    async def scenario() -> None:
        async with scene(tmp_path) as (network, address, ada):
            proposal = proposed(network.researcher())
            digest = await ada.submit(signed(proposal, network.researcher()))
            agreed = accept_whole(proposal, hospital="b")
            statements = {
                "a": stated(network, declined(proposal)),
                "b": stated(network, agreed, "b"),
            }
            for name, statement in statements.items():
                async with FakeNode(address, network.node(name)) as node:
                    for _ in range(2):
                        await node.decide(digest, statement)
                        assert await soon(node.acknowledged.get()) == digest_of(statement)
            record = await ada.get(digest)
        given = {one.hospital: envelope_from_wire(one.statement) for one in record.decisions}
        assert given == statements

    run(scenario())
    assert events(tmp_path)[2:] == [EventType.STUDY_DECLINED, EventType.AGREEMENT_SIGNED]


def test_only_the_newest_statement_of_a_hospital_counts(tmp_path: Path) -> None:
    """Whatever order they come in again, a revoked agreement stays revoked."""

    async def scenario() -> None:
        async with scene(tmp_path) as (network, address, ada):
            proposal = proposed(network.researcher())
            digest = await ada.submit(signed(proposal, network.researcher()))
            first = accept_whole(proposal, hospital="a")
            second = replace(first, revision=2, quota=1)
            async with FakeNode(address, network.node("a")) as node:
                for made, kind in (
                    (declined(proposal), decline),
                    (first, agreement),
                    (declined(proposal, "Too late."), agreement),
                    (second, agreement),
                    (revoked(first), agreement),
                    (first, agreement),
                    (revoked(second), revocation),
                    (second, revocation),
                    (declined(proposal), decline),
                    (revoked(second), decline),
                    (replace(first, revision=3), agreement),
                ):
                    await node.decide(digest, stated(network, made))
                    await soon(node.acknowledged.get())
                    assert await ada.decided(digest) == {"a": kind.PAYLOAD_TYPE}

    run(scenario())


def test_a_decision_that_cannot_be_filed_costs_no_stream(tmp_path: Path) -> None:
    """It is neither stored nor acknowledged, and the hospital goes on working."""

    async def scenario() -> None:
        async with scene(tmp_path) as (network, address, ada):
            proposal = proposed(network.researcher())
            digest = await ada.submit(signed(proposal, network.researcher()))
            agreed = accept_whole(proposal, hospital="a")
            elsewhere = replace(proposal, not_after=clock.to_moment(clock.now()))
            steward = network.credentials(Role.STEWARD, "sue")
            alone = sign(agreement.PAYLOAD_TYPE, agreement.to_bytes(agreed), steward.signer)
            async with FakeNode(address, network.node("a")) as node:
                for study_id, statement in (
                    (digest, alone),  # no signature of the node
                    (digest, stated(network, agreed, "b")),  # that of another node
                    (digest, stated(network, accept_whole(proposal, hospital="b"))),
                    (digest, stated(network, accept_whole(elsewhere, hospital="a"))),
                    ("0" * 64, stated(network, revoked(agreed))),  # no study here
                    (digest, replace(stated(network, agreed), payload=b"{}")),
                    (digest, signed(proposal, network.node("a"))),  # no decision
                ):
                    await node.decide(study_id, statement)
                await node.decide(digest, stated(network, declined(proposal)))
                assert await soon(node.acknowledged.get()) == digest_of(
                    stated(network, declined(proposal))
                )
                assert not node.over.is_set()
            async with FakeNode(address, network.node("d")) as uninvited:
                refusal = replace(declined(proposal), hospital="d")
                await uninvited.decide(digest, stated(network, refusal, "d"))
            assert await ada.decided(digest) == {"a": decline.PAYLOAD_TYPE}

    run(scenario())
