"""What hospitals tell while a query runs: nobody between reads, forges, moves or replays it."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from support.coordinator import run
from support.hospital import Hospital
from support.pki import TestNetwork
from support.post import post_office
from support.postoffice import PostOffice, connect, honest
from support.questions import RECIPIENT, count_query, key, signed, steward, study
from support.told import Told
from wardnet import canonical, clock
from wardnet.audit.entry import EventType
from wardnet.client import Ask, RemoteNetwork
from wardnet.client.queries.record import Record
from wardnet.client.trust.verify import open_interim
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope, sign
from wardnet.identity.member import Role
from wardnet.model.signed import NO_PINS
from wardnet.question import answer as answers
from wardnet.question import interim
from wardnet.question import query as queries
from wardnet.question.answer import Participant
from wardnet.question.interim import Interim
from wardnet.sealing.answers import INTERIM, seal
from wardnet.simulation import simulate
from wardnet.transport.convert import envelope_to_bytes
from wardnet.transport.work import Total, WorkId, sums_from_wire
from wardnet.wire.v1.link_pb2 import RoundPart

PKI, STRANGERS = TestNetwork(), TestNetwork()
QUERY = count_query(PKI)
DIGEST = canonical.digest(queries.to_bytes(QUERY))
REPORT = Interim(1, DIGEST, 1, 5, {"loss after 2 trees": 0.5})


def report(
    told: Interim = REPORT,
    *,
    signer: Credentials | None = None,
    kind: str = interim.PAYLOAD_TYPE,
    hospital: str = "a",
    recipient: str = QUERY.recipient,
    query: str = DIGEST,
) -> bytes:
    """Return a report as hospital a signs and seals it, or as somebody makes one up."""
    data = interim.to_bytes(told)
    envelope = sign(kind, data, (signer or PKI.node("a")).signer)
    sealed_for = {"query": query, "hospital": hospital}
    return seal(envelope_to_bytes(envelope), recipient, kind=INTERIM, **sealed_for)


def opened(sealed: bytes, *, hospital: str = "a", pins: Mapping[str, str] = NO_PINS) -> Interim:
    """Return what the researcher reads."""
    return open_interim(
        sealed,
        hospital=hospital,
        query=QUERY,
        digest=DIGEST,
        key=RECIPIENT,
        trust=PKI.trust,
        at=clock.now(),
        pins=pins,
    )


def test_the_researcher_reads_what_the_hospital_has_signed() -> None:
    """And nobody reads it from the sealed bytes."""
    assert opened(report()) == REPORT
    assert b"loss" not in report()


@pytest.mark.parametrize(
    ("sealed", "hospital"),
    [
        (report()[:-1] + bytes([report()[-1] ^ 1]), "a"),
        (b"", "a"),
        (report(), "b"),
        (report(hospital="b"), "b"),
        (report(query="f" * 64), "a"),
        (report(replace(REPORT, query="f" * 64)), "a"),
        (report(signer=PKI.node("b")), "a"),
        (report(signer=PKI.credentials(Role.STEWARD, "a")), "a"),
        (report(signer=PKI.coordinator()), "a"),
        (report(signer=STRANGERS.node("a")), "a"),
        (report(kind=answers.PAYLOAD_TYPE), "a"),
        (report(signer=PKI.node("d"), hospital="d"), "d"),
    ],
    ids=[
        "changed on the way",
        "nothing",
        "under another hospital's name",
        "sealed anew under another hospital's name",
        "of another query",
        "of another query, sealed anew for this one",
        "made up by another hospital",
        "made up by a steward",
        "made up by the coordinator",
        "made up in another network",
        "another kind of statement",
        "of a hospital that was not asked",
    ],
)
def test_a_false_report_is_not_believed(sealed: bytes, hospital: str) -> None:
    """Each of these lies is caught before a number is shown."""
    with pytest.raises(WardnetError) as caught:
        opened(sealed, hospital=hospital)
    assert caught.value.reason is Reason.SIGNATURE_INVALID


def test_a_report_that_the_coordinator_certifies_itself_is_not_that_of_a_pinned_key() -> None:
    """It can issue itself a node's certificate; the key that people have compared is another."""
    member = PKI.node("a").member
    pins = {member.uri: key(PKI.node("a"))}
    with pytest.raises(WardnetError, match="another key than the one that you have pinned"):
        opened(report(signer=PKI.issue(member)), pins=pins)
    assert opened(report(), pins=pins) == REPORT


@pytest.fixture
def office() -> Iterator[PostOffice]:
    """Run a coordinator of three hospitals."""
    frame = pd.DataFrame({"age": [30 + number % 40 for number in range(120)]})
    network = simulate({"a": frame[:20], "b": frame[20:70], "c": frame[70:]}, dataset="heart")
    with PostOffice(PKI, network) as office:
        yield office


@pytest.fixture
def ada(office: PostOffice) -> Iterator[RemoteNetwork]:
    """Connect a researcher to it."""
    with connect(PKI.researcher(), office.address) as network:
        yield network


def told(
    hospital: str, envelope: Envelope, loss: float, *, trees: int = 2, attempt: int = 1
) -> bytes:
    """Return what a hospital tells of a query: the loss after so many trees."""
    digest = canonical.digest(envelope.payload)
    return report(
        Interim(1, digest, attempt, 3 + trees, {f"loss after {trees} trees": loss}),
        signer=PKI.node(hospital),
        hospital=hospital,
        recipient=queries.from_bytes(envelope.payload).recipient,
        query=digest,
    )


Tell = Callable[[Envelope], Sequence[Mapping[str, bytes]]]
"""What a watcher is told of a query, message by message."""


def watched(office: PostOffice, network: RemoteNetwork, tell: Tell) -> list[Record]:
    """Return what a researcher sees of a query before its answer, which she gets in any case."""

    def records(office: PostOffice, envelope: Envelope) -> Sequence[Told]:
        running, last = honest(office, envelope)
        return [*(replace(running, interim=each) for each in tell(envelope)), last]

    office.records = records
    seen: list[Record] = []
    result = network.wait(network.submit(Ask("count", "heart", {})), progress=seen.append)
    assert result.to_dict()["rows"] == [{"rows": 120, "patients": 120}]
    return seen[:-1]


def test_what_hospitals_tell_is_seen_while_waiting(office: PostOffice, ada: RemoteNetwork) -> None:
    """The newest numbers, as soon as the first hospital tells them."""

    def tell(query: Envelope) -> Sequence[Mapping[str, bytes]]:
        newer = told("b", query, 0.4, trees=3)
        return [{}, {"a": told("a", query, 0.5)}, {"b": told("b", query, 0.5)}, {"b": newer}]

    seen = watched(office, ada, tell)
    two, three = {"loss after 2 trees": 0.5}, {"loss after 3 trees": 0.4}
    assert [each.interim for each in seen] == [{}, two, two, three]
    assert {each.doubt for each in seen} == {None}


def test_an_old_report_that_comes_again_is_not_shown_as_new(
    office: PostOffice, ada: RemoteNetwork
) -> None:
    """Of the same query and the same hospital: what was newest stays."""

    def tell(query: Envelope) -> Sequence[Mapping[str, bytes]]:
        old = told("a", query, 0.5)
        return [{"a": old}, {"a": told("a", query, 0.4, trees=3)}, {"a": old}]

    seen = watched(office, ada, tell)
    assert [each.interim for each in seen][1:] == [{"loss after 3 trees": 0.4}] * 2


def test_hospitals_that_tell_different_numbers_are_named(
    office: PostOffice, ada: RemoteNetwork
) -> None:
    """All compute the same; from then on the doubt is shown beside the numbers."""

    def tell(query: Envelope) -> Sequence[Mapping[str, bytes]]:
        return [{"a": told("a", query, 0.5)}, {"c": told("c", query, 0.51)}, {}]

    first, *doubted = watched(office, ada, tell)
    assert first.doubt is None
    for each in doubted:
        assert each.doubt is not None
        assert each.doubt.reason is Reason.INTERIM_DIFFERS
        assert str(each.doubt).startswith("a and c tell different numbers")
        assert each.interim == {"loss after 2 trees": 0.5}


def test_a_hospital_that_names_another_attempt_is_compared_all_the_same(
    office: PostOffice, ada: RemoteNetwork
) -> None:
    """All hospitals have the same numbers in every attempt: no other attempt hides a lie."""

    def tell(query: Envelope) -> Sequence[Mapping[str, bytes]]:
        lie = told("c", query, 0.1, attempt=2)
        return [{"a": told("a", query, 0.5)}, {"c": lie}]

    _, doubted = watched(office, ada, tell)
    assert doubted.doubt is not None
    assert doubted.doubt.reason is Reason.INTERIM_DIFFERS
    assert doubted.interim == {"loss after 2 trees": 0.5}


def test_a_coordinator_that_swaps_or_replays_reports_is_seen_and_not_believed(
    office: PostOffice, ada: RemoteNetwork
) -> None:
    """The waiting goes on: the answer does not rest on what is told before it."""
    earlier = {"a": report()}  # of another query of hers
    for lie in (lambda _: [earlier], lambda query: [{"b": told("a", query, 0.5)}]):
        office.watches = 0
        (seen,) = watched(office, ada, lie)
        assert seen.interim == {}
        assert seen.doubt is not None
        assert seen.doubt.reason is Reason.SIGNATURE_INVALID


def test_another_home_of_the_same_researcher_reads_nothing(office: PostOffice) -> None:
    """A report is sealed to the home that asked; the other one waits without numbers."""
    office.records = lambda office, query: [
        replace(honest(office, query)[0], interim={"a": told("a", query, 0.5)}),
        honest(office, query)[1],
    ]
    seen: list[Record] = []
    with connect(PKI.researcher(), office.address) as here:
        query = here.submit(Ask("count", "heart", {}))
    other = RemoteNetwork(PKI.researcher(), office.address, derive=lambda _: bytes(32))
    with other, pytest.raises(WardnetError) as caught:
        other.wait(query, progress=seen.append)
    assert caught.value.reason is Reason.ANSWER_SEALED
    assert (seen[0].interim, seen[0].doubt) == ({}, None)


def test_a_hospital_that_has_revoked_its_agreement_tells_nothing_more(tmp_path: Path) -> None:
    """Every report goes out with a part, after the same decision; what was told, was told."""
    network = TestNetwork()
    hospital = Hospital(network, tmp_path / "a")
    parameters = {"outcome": "sex", "features": ["age"], "trees": 3, "depth": 2}
    query = count_query(network, method="boosting", parameters=parameters)
    envelope = signed(network, query)
    digest = canonical.digest(envelope.payload)

    async def scenario() -> None:
        async with post_office(network) as (post, address), hospital.serving(address):
            stream, totals, number = await post.attached(), list[Total](), 0
            part = RoundPart()
            while not part.interim:
                await stream.ask(envelope, WorkId(digest, 1, number), totals=totals)
                part = await stream.next("part")
                sums = {name: array * 2 for name, array in sums_from_wire(part.sums).items()}
                both = (Participant("a", part.snapshot), Participant("b", "1:bb"))
                totals, number = [Total(number, sums, both)], number + 1
            await asyncio.to_thread(revoke)
            await stream.ask(envelope, WorkId(digest, 1, number), totals=totals)
            message = await stream.next("part", "refusal")
            assert [cause.reason for cause in message.causes] == [Reason.AGREEMENT_REVOKED]

    def revoke() -> None:
        with hospital.decisions() as decisions:
            decisions.revoke(
                study(network).digest, steward=steward(network, "a"), reason="It has changed."
            )

    run(scenario())
    entries = [each for each in hospital.entries() if each.type is EventType.QUERY_PART]
    assert [bool(each.recipient) for each in entries] == [False] * (len(entries) - 1) + [True]
