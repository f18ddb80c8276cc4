"""What a researcher is told while her question runs: by a node, and through the coordinator."""

from dataclasses import replace
from pathlib import Path

import pytest

from support.coordinator import question, run, soon
from support.hospital import Hospital
from support.pki import TestNetwork
from support.post import Attached, post_office
from support.questions import RECIPIENT, count_query, signed
from support.scene import scene
from wardnet import canonical, clock
from wardnet.audit.entry import Entry, EventType
from wardnet.identity.envelope import Envelope, verify
from wardnet.question import interim
from wardnet.question.answer import Participant
from wardnet.sealing.answers import INTERIM, open_sealed
from wardnet.transport.convert import envelope_from_bytes
from wardnet.transport.work import Total, WorkId, sums_from_wire
from wardnet.wire.v1.link_pb2 import RoundPart
from wardnet.wire.v1.query_pb2 import WatchResponse
from wardnet_node import attempt

LOSSES = ["loss after 0 trees", "loss after 1 tree", "loss after 2 trees"]


def boosting(network: TestNetwork, **changes: object) -> Envelope:
    """Return ada's question for three trees, to hospitals a and b."""
    parameters = {"outcome": "sex", "features": ["age"], "trees": 3, "depth": 2}
    query = count_query(network, method="boosting", parameters=parameters)
    return signed(network, replace(query, **changes))  # type: ignore[arg-type]


@pytest.fixture
def network() -> TestNetwork:
    """Return a network."""
    return TestNetwork()


@pytest.fixture
def hospital(network: TestNetwork, tmp_path: Path) -> Hospital:
    """Return hospital a, with 30 women and 20 men."""
    return Hospital(network, tmp_path / "a")


async def follow(stream: Attached, envelope: Envelope) -> list[RoundPart]:
    """Ask for all rounds, in which b has what a has; return the parts."""
    digest, parts, totals = canonical.digest(envelope.payload), list[RoundPart](), list[Total]()
    while True:
        await stream.ask(envelope, WorkId(digest, 1, len(parts)), totals=totals)
        message = await stream.next("part", "answer")
        if not isinstance(message, RoundPart):
            return parts
        sums = {name: array * 2 for name, array in sums_from_wire(message.sums).items()}
        participants = (Participant("a", message.snapshot), Participant("b", "1:bb"))
        totals = [Total(len(parts), sums, participants)]
        parts.append(message)


def answered(network: TestNetwork, hospital: Hospital, envelope: Envelope) -> list[RoundPart]:
    """Return all parts that the hospital sends of a question."""

    async def scenario() -> list[RoundPart]:
        async with post_office(network) as (post, address), hospital.serving(address):
            return await follow(await post.attached(), envelope)

    return run(scenario())


def part_entries(hospital: Hospital) -> list[Entry]:
    """Return what the access log says of parts."""
    return [entry for entry in hospital.entries() if entry.type is EventType.QUERY_PART]


def test_a_node_tells_the_curve_to_the_researcher_alone(
    network: TestNetwork, hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signed by the node and sealed, once per number; the log names her where a part carried it."""
    monkeypatch.setattr(attempt, "INTERIM_SECONDS", 0.0)
    envelope = boosting(network)
    digest = canonical.digest(envelope.payload)
    parts = answered(network, hospital, envelope)
    told = list[interim.Interim]()
    for number, part in enumerate(parts):
        if not part.interim:
            continue
        opened = open_sealed(part.interim, RECIPIENT, query=digest, hospital="a", kind=INTERIM)
        report = envelope_from_bytes(opened)
        kind, at = interim.PAYLOAD_TYPE, clock.now()
        members = verify(report, payload_type=kind, trust=network.trust, at=at)
        assert members == (hospital.credentials.member,)
        told.append(interim.from_bytes(report.payload))
        assert (told[-1].query, told[-1].attempt, told[-1].round) == (digest, 1, number)
    assert [name for each in told for name in each.numbers] == LOSSES
    to_ada = "wardnet://heartnet/researcher/ada"
    named = [to_ada if part.interim else None for part in parts]
    assert [entry.recipient for entry in part_entries(hospital)] == named


def test_rounds_that_follow_soon_carry_no_report(
    network: TestNetwork, hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the first number is told when all others come too soon after it."""
    monkeypatch.setattr(attempt, "INTERIM_SECONDS", 3600.0)
    parts = answered(network, hospital, boosting(network))
    assert sum(bool(part.interim) for part in parts) == 1


def test_nothing_is_told_where_the_answer_may_rest_on_fewer_hospitals(
    network: TestNetwork, hospital: Hospital
) -> None:
    """What two hospitals have lost on the way is not what the answer of one will hold."""
    envelope = boosting(network, minimum_hospitals=1)
    parts = answered(network, hospital, envelope)
    assert not any(part.interim for part in parts)
    assert {entry.recipient for entry in part_entries(hospital)} == {None}


def test_a_method_without_a_settled_number_tells_nothing(
    network: TestNetwork, hospital: Hospital
) -> None:
    """A mean is settled with the answer."""
    parameters = {"columns": ["age"], "by": []}
    envelope = signed(network, count_query(network, method="summary", parameters=parameters))
    assert not any(part.interim for part in answered(network, hospital, envelope))


def test_the_coordinator_hands_over_the_newest_report_of_each_hospital_once(
    tmp_path: Path,
) -> None:
    """A watcher gets what is new; who comes later, the newest; after the end there is none."""

    async def scenario() -> None:
        async with scene(tmp_path, "ab") as (network, hospitals, ada):
            digest = await ada.submit(question(network.researcher(), hospitals="ab"))
            watching = ada.watched(digest)
            assert told(await soon(anext(watching))) == {}
            a, b = hospitals["a"], hospitals["b"]
            await a.part(await a.work(), interim=b"a 0")
            assert told(await soon(anext(watching))) == {"a": b"a 0"}
            await b.part(await b.work())
            assert told(await soon(anext(watching))) == {}
            await a.part(await a.work(), interim=b"a 1")
            assert told(await soon(anext(watching))) == {"a": b"a 1"}
            assert told(await soon(anext(ada.watched(digest)))) == {"a": b"a 1"}
            await b.part(await b.work(), interim=bytes(interim.MAXIMUM_BYTES + 1))
            assert told(await soon(anext(watching))) == {}
            for node in (a, b):
                await node.answer(await node.work())
            assert [told(each) async for each in ada.watched(digest)][-1] == {}

    def told(response: WatchResponse) -> dict[str, bytes]:
        return {each.hospital: each.sealed for each in response.interim}

    run(scenario())
