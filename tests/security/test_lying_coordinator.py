"""A coordinator that lies about dictionaries, queries and answers is caught by the client."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from support.pki import TestNetwork
from support.postoffice import PostOffice, connect, derive, honest
from support.questions import key
from support.told import Told, signed
from wardnet import canonical, clock
from wardnet.client.remote import RemoteNetwork
from wardnet.client.studies.record import Standing
from wardnet.client.trust.pins import Pins
from wardnet.client.trust.verify import verify_own_query
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope
from wardnet.identity.member import Role
from wardnet.model.signed import verify_answer, verify_dictionary
from wardnet.question import answer as answers
from wardnet.question import dictionary as dictionaries
from wardnet.question import query as queries
from wardnet.question.answer import Answer, Participant
from wardnet.question.cohort import EVERYONE
from wardnet.question.dictionary import Column, ColumnType, Dictionary
from wardnet.question.query import Query
from wardnet.simulation import simulate
from wardnet.transport.convert import envelope_to_wire

QUERY = Query(
    version=1,
    network="heartnet",
    researcher="ada",
    dataset="heart",
    dictionary="0" * 64,
    method="count",
    method_version=1,
    parameters={},
    cohort=EVERYONE,
    hospitals=("a", "b", "c"),
    minimum_hospitals=2,
    mode="clear",
    study="0" * 64,
    agreements=dict.fromkeys(("a", "b", "c"), "0" * 64),
    purpose={},
    minimum_patients=10,
    recipient="0" * 64,
    nonce="0" * 32,
    not_before="2026-01-01T00:00:00.000Z",
    not_after="2026-01-01T00:15:00.000Z",
)
DIGEST = canonical.digest(queries.to_bytes(QUERY))
ANSWER = Answer(
    version=1,
    query=DIGEST,
    outcome="released",
    reason="",
    method="count",
    method_version=1,
    table=None,
    participants=(Participant("a", "1:x"), Participant("b", "1:y")),
    rules=(),
    rounds=1,
)
DICTIONARY = Dictionary("heart", 1, (Column("smoker", ColumnType.BOOLEAN),))

PKI = TestNetwork()
STRANGERS = TestNetwork()


def answer_signed_by(
    *names: str, of: Answer = ANSWER, network: TestNetwork = PKI, role: Role = Role.NODE
) -> Envelope:
    """Return an answer that some members have signed."""
    signers = [network.credentials(role, name) for name in names]
    return signed(answers.PAYLOAD_TYPE, answers.to_bytes(of), signers)


def check(envelope: Envelope) -> Answer:
    """Verify an answer to my query."""
    return verify_answer(envelope, query=QUERY, digest=DIGEST, trust=PKI.trust, at=clock.now())


def participants(*names: str) -> tuple[Participant, ...]:
    """Name hospitals."""
    return tuple(Participant(name, "1:x") for name in names)


def test_an_honest_answer_is_believed() -> None:
    """Two of three hospitals were enough, and both have signed."""
    assert check(answer_signed_by("a", "b")) == ANSWER


@pytest.mark.parametrize(
    "envelope",
    [
        answer_signed_by("a"),
        answer_signed_by("a", "b", "c"),
        answer_signed_by("a", "c"),
        answer_signed_by("a", "b", role=Role.STEWARD),
        answer_signed_by("a", "b", role=Role.COORDINATOR),
        answer_signed_by("a", "b", network=STRANGERS),
        answer_signed_by("a", of=replace(ANSWER, participants=participants("a"))),
        answer_signed_by("a", "z", of=replace(ANSWER, participants=participants("a", "z"))),
        answer_signed_by("a", "b", of=replace(ANSWER, participants=participants("b", "a"))),
        answer_signed_by("a", "b", of=replace(ANSWER, participants=participants("a", "b", "b"))),
        answer_signed_by("a", "b", of=replace(ANSWER, query="f" * 64)),
        answer_signed_by("a", "b", of=replace(ANSWER, method="summary")),
        answer_signed_by("a", "b", of=replace(ANSWER, method_version=2)),
        replace(answer_signed_by("a", "b"), payload=answers.to_bytes(replace(ANSWER, rounds=2))),
        replace(answer_signed_by("a", "b"), signatures=()),
        signed(queries.PAYLOAD_TYPE, answers.to_bytes(ANSWER), [PKI.node("a"), PKI.node("b")]),
    ],
    ids=[
        "a signature is missing",
        "somebody else has signed too",
        "another hospital has signed",
        "stewards have signed",
        "coordinators have signed",
        "another network has signed",
        "too few hospitals",
        "a hospital that was not asked",
        "not sorted",
        "a hospital twice",
        "the answer to another query",
        "another method",
        "another version",
        "changed after signing",
        "no signature",
        "another kind of statement",
    ],
)
def test_a_false_answer_is_refused(envelope: Envelope) -> None:
    """Each of these lies is caught before a number is shown."""
    with pytest.raises(WardnetError) as caught:
        check(envelope)
    assert caught.value.reason is Reason.SIGNATURE_INVALID


def test_an_answer_that_the_coordinator_certifies_itself_is_not_that_of_a_pinned_key() -> None:
    """It can issue itself a node's certificate; the key that a hospital has told is another."""
    pins = {PKI.node(name).member.uri: key(PKI.node(name)) for name in ("a", "b")}
    invented = [PKI.issue(PKI.node(name).member) for name in ("a", "b")]
    made_up = signed(answers.PAYLOAD_TYPE, answers.to_bytes(ANSWER), invented)
    half = signed(answers.PAYLOAD_TYPE, answers.to_bytes(ANSWER), [PKI.node("a"), invented[1]])
    verify = partial(verify_answer, query=QUERY, digest=DIGEST, trust=PKI.trust, at=clock.now())
    for envelope in (made_up, half):
        with pytest.raises(WardnetError, match="another key than the one that you have pinned"):
            verify(envelope, pins=pins)
    assert verify(answer_signed_by("a", "b"), pins=pins) == ANSWER


def test_a_pinned_key_counts_over_the_wire(office: PostOffice, tmp_path: Path) -> None:
    """By what `trust add` wrote into the home: a hospital of another key has agreed to nothing."""
    Pins(tmp_path).add(PKI.node("a").member.uri, key(PKI.issue(PKI.node("a").member)))
    Pins(tmp_path).add(PKI.node("b").member.uri, key(PKI.node("b")))
    pins = Pins(tmp_path).keys
    with RemoteNetwork(PKI.researcher(), office.address, derive=derive, pins=pins) as network:
        (study,) = network.studies()
        standings = [decision.standing for decision in study.decisions]
        assert standings == [Standing.INVALID, Standing.AGREED]
        assert network.count("heart").hospitals == ("b",)


@pytest.mark.parametrize(
    ("role", "dictionary", "dataset"),
    [
        (Role.RESEARCHER, DICTIONARY, "heart"),
        (Role.COORDINATOR, DICTIONARY, "heart"),
        (Role.NODE, replace(DICTIONARY, version=2), "heart"),
        (Role.NODE, DICTIONARY, "lungs"),
    ],
    ids=["by a researcher", "by the coordinator", "another version", "of another dataset"],
)
def test_a_false_dictionary_is_refused(role: Role, dictionary: Dictionary, dataset: str) -> None:
    """A coordinator cannot give columns another meaning."""
    envelope = signed(
        dictionaries.PAYLOAD_TYPE,
        dictionaries.to_bytes(dictionary),
        [PKI.credentials(role, "somebody")],
    )
    with pytest.raises(WardnetError) as caught:
        verify_dictionary(
            envelope, dataset=dataset, digest=DICTIONARY.digest, trust=PKI.trust, at=clock.now()
        )
    assert caught.value.reason is Reason.SIGNATURE_INVALID


def test_a_query_of_somebody_else_is_not_taken_for_mine() -> None:
    """A record must carry my own signature."""
    envelope = signed(queries.PAYLOAD_TYPE, queries.to_bytes(QUERY), [PKI.researcher("eve")])
    with pytest.raises(WardnetError) as caught:
        verify_own_query(envelope, me=PKI.researcher("ada").member, trust=PKI.trust, at=clock.now())
    assert caught.value.reason is Reason.SIGNATURE_INVALID


@pytest.fixture
def office() -> Iterator[PostOffice]:
    """Run a coordinator that a test can corrupt."""
    frame = pd.DataFrame({"sex": ["f", "m"] * 20})
    with PostOffice(PKI, simulate({"a": frame, "b": frame}, dataset="heart")) as office:
        yield office


def _other_answer(office: PostOffice, query: Query, _: str) -> Envelope:
    return PostOffice.answered(office, query, "f" * 64)


def _one_signature(office: PostOffice, query: Query, digest: str) -> Envelope:
    envelope = PostOffice.answered(office, query, digest)
    return replace(envelope, signatures=envelope.signatures[:1])


@pytest.mark.parametrize("lie", [_other_answer, _one_signature])
def test_a_lie_over_the_wire_reaches_nobody(
    office: PostOffice,
    monkeypatch: pytest.MonkeyPatch,
    lie: Callable[[PostOffice, Query, str], Envelope],
) -> None:
    """The client raises where it would have shown a table."""
    monkeypatch.setattr(office, "answered", lambda query, digest: lie(office, query, digest))
    with (
        connect(PKI.researcher(), office.address) as network,
        pytest.raises(WardnetError) as caught,
    ):
        network.count("heart")
    assert caught.value.reason is Reason.SIGNATURE_INVALID


def test_another_query_of_mine_is_not_taken_for_the_one_i_wait_for(office: PostOffice) -> None:
    """Swapping two of my own signed queries is seen, too."""
    with connect(PKI.researcher(), office.address) as network:
        first = network.count("heart").query
        other = office.submitted[first]
        office.records = lambda office, _envelope: honest(office, other)
        with pytest.raises(WardnetError) as caught:
            network.count("heart", by="sex")
    assert caught.value.reason is Reason.MALFORMED


def test_a_record_that_hides_its_query_is_refused(office: PostOffice) -> None:
    """The id of a record is the digest of what I signed."""
    with connect(PKI.researcher(), office.address) as network:
        query = network.count("heart").query
        other = network.count("heart", by="sex").query

        def swapped(office: PostOffice, envelope: Envelope) -> Sequence[Told]:
            records = honest(office, envelope)
            for each in records:
                each.record.envelope.CopyFrom(envelope_to_wire(office.submitted[other]))
            return records

        office.records = swapped
        with pytest.raises(WardnetError) as caught:
            network.record(query)
    assert caught.value.reason is Reason.MALFORMED
