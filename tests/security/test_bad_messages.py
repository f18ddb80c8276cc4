"""Attacker: whoever can put bytes on the link, with a researcher's key or without one.

Each piece of nonsense reaches a node that serves. It is refused for one reason, which holds no
number derived from data and stands in the access log; the log stays readable, and the next honest
question is answered.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from support.coordinator import run
from support.hospital import MEN, WOMEN, Hospital
from support.pki import TestNetwork
from support.post import Attached, post_office
from support.questions import (
    PURPOSE,
    agreement,
    count_query,
    key,
    signed,
    signed_study,
    steward,
    study,
)
from wardnet import canonical, clock
from wardnet.agreement import agreement as agreements
from wardnet.agreement import study as studies
from wardnet.agreement.purpose import Permission
from wardnet.audit.entry import Entry, EventType, Outcome
from wardnet.errors import Reason
from wardnet.identity.envelope import Envelope, Signature, sign
from wardnet.question import query as queries
from wardnet.question.query import Query
from wardnet.transport.convert import (
    envelope_from_bytes,
    envelope_to_bytes,
    envelope_to_wire,
)
from wardnet.transport.work import Work, WorkId, work_to_wire
from wardnet.wire.v1 import link_pb2, sums_pb2
from wardnet.wire.v1.envelope_pb2 import Envelope as WireEnvelope
from wardnet.wire.v1.link_pb2 import AttachResponse, AuditWork, ExplainWork
from wardnet_node.desk.book import without_key

Make = Callable[[TestNetwork], Envelope]


def spoiled(before: bytes, after: bytes) -> Make:
    """Return how ada signs a question in which some bytes are others."""

    def make(network: TestNetwork) -> Envelope:
        good = queries.to_bytes(count_query(network))
        assert before in good
        data = good.replace(before, after)
        return sign(queries.PAYLOAD_TYPE, data, network.researcher().signer)

    return make


def asked(**changes: object) -> Make:
    """Return how ada asks with other fields."""
    return lambda network: signed(network, count_query(network, **changes))  # type: ignore[arg-type]


def flipped(data: bytes, place: int) -> bytes:
    """Return bytes of which one has another lowest bit."""
    spoiled = bytearray(data)
    spoiled[place] ^= 1
    return bytes(spoiled)


def flipped_in_the_payload(network: TestNetwork) -> Envelope:
    """Change a byte of what ada signed."""
    envelope = signed(network, count_query(network))
    return replace(envelope, payload=flipped(envelope.payload, 300))


def with_signature(network: TestNetwork, change: Callable[[Signature], Signature]) -> Envelope:
    """Return ada's question with another signature."""
    envelope = signed(network, count_query(network))
    return replace(envelope, signatures=(change(envelope.signatures[0]),))


def flipped_in_the_signature(network: TestNetwork) -> Envelope:
    """Change a byte of her signature."""
    return with_signature(
        network, lambda given: replace(given, signature=flipped(given.signature, 7))
    )


def flipped_in_the_certificate(network: TestNetwork) -> Envelope:
    """Change a byte of her certificate."""

    def change(given: Signature) -> Signature:
        leaf, *others = given.certificates
        return replace(given, certificates=(flipped(leaf, -9), *others))

    return with_signature(network, change)


def of_another_type(network: TestNetwork) -> Envelope:
    """Pass a study that ada signed for a question."""
    return replace(signed_study(network), payload_type=queries.PAYLOAD_TYPE)


def under_another_type(network: TestNetwork) -> Envelope:
    """Sign a question under the type of a study."""
    data = queries.to_bytes(count_query(network))
    return sign(studies.PAYLOAD_TYPE, data, network.researcher().signer)


def for_another_network(network: TestNetwork) -> Envelope:
    """Ask in another network, whose root this one does not know."""
    return signed(TestNetwork(), count_query(network))


def a_year(network: TestNetwork) -> Envelope:
    """Ask a question that holds for a year."""
    end = clock.to_moment(clock.now() + timedelta(days=365))
    return signed(network, count_query(network, not_after=end))


def of_another_hospital(network: TestNetwork) -> Envelope:
    """Rest a question on what hospital b has agreed to."""
    b = agreement(network, "b").digest
    return signed(network, count_query(network, agreements={"a": b, "b": b}))


def as_an_invented_researcher(network: TestNetwork) -> Envelope:
    """Sign with a key that the coordinator has certified for ada."""
    second = network.issue(network.researcher().member)
    return sign(queries.PAYLOAD_TYPE, queries.to_bytes(count_query(network)), second.signer)


DEEP: Final = b"[" * 100_000 + b"]" * 100_000

NONSENSE: Final[dict[str, tuple[Make, Reason]]] = {
    "a key twice": (spoiled(b'"version":1}', b'"version":1,"version":1}'), Reason.MALFORMED),
    "NaN": (spoiled(b'"minimum_patients":10', b'"minimum_patients":NaN'), Reason.MALFORMED),
    "an unknown field": (spoiled(b'"version":1}', b'"version":1,"zeal":1}'), Reason.MALFORMED),
    "nested deeply": (spoiled(b'["sex"]', DEEP), Reason.MALFORMED),
    "5000 digits": (spoiled(b'"version":1}', b'"version":' + b"9" * 5000 + b"}"), Reason.MALFORMED),
    "half a character": (spoiled(b'["sex"]', b'["\\ud800"]'), Reason.MALFORMED),
    "a purpose that fills the log": (asked(purpose={"x": '"' * 400_000}), Reason.MALFORMED),
    "another type": (of_another_type, Reason.SIGNATURE_INVALID),
    "under another type": (under_another_type, Reason.SIGNATURE_INVALID),
    "a flipped byte in the payload": (flipped_in_the_payload, Reason.SIGNATURE_INVALID),
    "a flipped byte in the signature": (flipped_in_the_signature, Reason.SIGNATURE_INVALID),
    "a flipped byte in the certificate": (flipped_in_the_certificate, Reason.SIGNATURE_INVALID),
    "another network": (for_another_network, Reason.SIGNATURE_INVALID),
    "another audience": (asked(hospitals=("b", "c")), Reason.QUERY_NOT_FOR_US),
    "a lifetime of a year": (a_year, Reason.QUERY_EXPIRED),
    "another hospital's agreement": (of_another_hospital, Reason.AGREEMENT_MISSING),
    "an invented researcher": (as_an_invented_researcher, Reason.RESEARCHER_NOT_NAMED),
    "another purpose": (
        asked(purpose={**PURPOSE, "permission": Permission.GRU.value}),
        Reason.OUTSIDE_AGREEMENT,
    ),
    "a column that does not exist": (
        asked(parameters={"by": ["religion"]}),
        Reason.COLUMN_UNAVAILABLE,
    ),
}


@pytest.fixture
def network() -> TestNetwork:
    """Return a network."""
    return TestNetwork()


@pytest.fixture
def hospital(network: TestNetwork, tmp_path: Path) -> Hospital:
    """Return hospital a, which has agreed to ada's study."""
    return Hospital(network, tmp_path / "a")


def refusals(hospital: Hospital) -> list[Entry]:
    """Return every refusal in the log, which must be whole."""
    return [entry for entry in hospital.entries() if entry.outcome is Outcome.REFUSED]


def number_of_parts(hospital: Hospital) -> int:
    """Return how often sums have left."""
    return sum(entry.type is EventType.QUERY_PART for entry in hospital.entries())


async def is_refused(stream: Attached, envelope: Envelope, reason: Reason) -> None:
    """Deliver a question; it must be refused, without a number that tells of patients."""
    await stream.ask(envelope, WorkId(canonical.digest(envelope.payload), 1, 0))
    refusal = await stream.next("refusal")
    assert reason in {Reason(cause.reason) for cause in refusal.causes}
    said = " ".join(str(cause) for cause in refusal.causes)
    assert {str(WOMEN), str(MEN), str(WOMEN + MEN)}.isdisjoint(re.findall(r"\d+", said))


async def is_answered(stream: Attached, query: Query, network: TestNetwork) -> None:
    """Deliver an honest question; sums must come."""
    envelope = signed(network, query)
    await stream.ask(envelope, WorkId(canonical.digest(envelope.payload), 1, 0))
    await stream.next("part")


@pytest.mark.parametrize(("make", "reason"), NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_refused_and_logged_and_the_node_goes_on_serving(
    network: TestNetwork, hospital: Hospital, make: Make, reason: Reason
) -> None:
    """As a question and as an inquiry, by the same reason; nothing of it is computed."""
    envelope = make(network)

    async def scenario() -> None:
        async with post_office(network) as (post, address), hospital.serving(address):
            stream = await post.attached()
            await is_refused(stream, envelope, reason)
            await stream.explain(1, envelope)
            explained = await stream.next("explanation")
            assert reason in {Reason(cause.reason) for cause in explained.causes}
            await is_answered(stream, count_query(network, nonce="f" * 32), network)

    run(scenario())
    logged = refusals(hospital)
    assert [entry.type for entry in logged] == [EventType.QUERY_FAILED, EventType.QUERY_EXPLAINED]
    assert all(reason in entry.reasons for entry in logged)
    assert number_of_parts(hospital) == 1


@pytest.mark.parametrize("restart", [False, True], ids=["at once", "after a restart"])
def test_a_used_nonce_is_refused_on_the_wire(
    network: TestNetwork, hospital: Hospital, *, restart: bool
) -> None:
    """By the process that saw it first and by the next one."""
    first = count_query(network)
    second = replace(first, parameters={"by": []})

    async def scenario() -> None:
        async with post_office(network) as (post, address):
            async with hospital.serving(address):
                stream = await post.attached()
                await is_answered(stream, first, network)
                if not restart:
                    await is_refused(stream, signed(network, second), Reason.QUERY_REPLAYED)
            async with hospital.serving(address):
                stream = await post.attached()
                if restart:
                    await is_refused(stream, signed(network, second), Reason.QUERY_REPLAYED)
                await is_answered(stream, replace(second, nonce="f" * 32), network)

    run(scenario())
    assert [entry.reasons for entry in refusals(hospital)] == [(Reason.QUERY_REPLAYED,)]


def is_superseded(network: TestNetwork, hospital: Hospital) -> None:
    """Let the steward sign a narrower agreement."""
    with hospital.decisions() as decisions:
        newer = agreement(network, revision=2, quota=50)
        decisions.accept(study(network).digest, stewards=[steward(network, "a")], narrowed=newer)


def is_edited(network: TestNetwork, hospital: Hospital) -> None:
    """Raise the quota in the database."""
    with hospital.catalog() as catalog, catalog.transaction() as connection:
        (data,) = connection.execute("SELECT envelope FROM statements").fetchone()
        wider = agreements.to_bytes(agreement(network, quota=1000))
        edited = replace(envelope_from_bytes(bytes(data)), payload=wider)
        connection.execute("UPDATE statements SET envelope = ?", (envelope_to_bytes(edited),))


def is_taken_back(network: TestNetwork, hospital: Hospital) -> None:
    """Let the steward take the agreement back."""
    with hospital.decisions() as decisions:
        decisions.revoke(study(network).digest, steward=steward(network, "a"), reason="Enough.")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (is_superseded, Reason.AGREEMENT_SUPERSEDED),
        (is_edited, Reason.AGREEMENT_MISSING),
        (is_taken_back, Reason.AGREEMENT_REVOKED),
    ],
)
def test_an_agreement_that_no_longer_holds_is_refused_on_the_wire(
    network: TestNetwork,
    hospital: Hospital,
    change: Callable[[TestNetwork, Hospital], None],
    reason: Reason,
) -> None:
    """One that a newer one replaced, one edited in the database, one that was revoked."""
    change(network, hospital)

    async def scenario() -> None:
        async with post_office(network) as (post, address), hospital.serving(address):
            stream = await post.attached()
            for number in range(2):
                query = count_query(network, nonce=f"{number:032x}")
                await is_refused(stream, signed(network, query), reason)

    run(scenario())
    assert [entry.reason for entry in refusals(hospital)] == [reason] * 2
    assert number_of_parts(hospital) == 0


def unreadable(network: TestNetwork) -> dict[str, AttachResponse]:
    """Return messages that the wire carries and nobody can read, by what is wrong with them."""
    envelope = signed(network, count_query(network))
    work_id = WorkId(canonical.digest(envelope.payload), 1, 0)
    good = work_to_wire(Work(work_id, envelope, ("a", "b"), ()))
    huge = sums_pb2.PackedArray(name="x", shape=[2**31 - 1] * 30, width=8, data=b"")
    later = {
        "work_id": f"{work_id.query}/1/1",
        "round": 1,
        "totals": [sums_pb2.Total(round=0, sums=sums_pb2.Sums(arrays=[huge]))],
    }

    def work(**changes: object) -> AttachResponse:
        fields = {name.name: value for name, value in good.ListFields()}
        return AttachResponse(work=link_pb2.Work(**{**fields, **changes}))

    unsigned = envelope_to_wire(envelope)
    unsigned.ClearField("signatures")
    return {
        "nothing": AttachResponse(work=link_pb2.Work()),
        "an id that is none": work(work_id="\x1b[2J" * 1000),
        "the id of another query": work(work_id=f"{'0' * 64}/1/0"),
        "hospitals in disorder": work(hospitals=["b", "a"]),
        "no signature": work(query=unsigned),
        "an array larger than the world": work(**later),
        "an inquiry about nothing": AttachResponse(explain=ExplainWork(id=1)),
        "an auditor's request that is none": AttachResponse(audit=AuditWork(id=1)),
        "a study that is none": AttachResponse(study=WireEnvelope()),
    }


def test_what_nobody_can_read_stands_in_the_log(network: TestNetwork, hospital: Hospital) -> None:
    """Messages that are no work, no inquiry and no study: each is one refusal, and no more."""
    messages = unreadable(network)

    async def scenario() -> None:
        async with post_office(network) as (post, address), hospital.serving(address):
            stream = await post.attached()
            for message in messages.values():
                await stream.outgoing.put(message)
            await is_answered(stream, count_query(network), network)

    run(scenario())
    logged = refusals(hospital)
    assert [entry.reasons for entry in logged] == [(Reason.MALFORMED,)] * len(messages)
    assert {entry.actor.subject for entry in logged} == {"coordinator"}


def test_a_key_that_left_the_address_book_asks_nothing(
    network: TestNetwork, hospital: Hospital
) -> None:
    """The study still names it; the hospital no longer vouches for it."""
    with hospital.decisions() as decisions:
        decisions.change_book(
            lambda book: without_key(book, "university", key(network.researcher())),
            stewards=[steward(network, "a")],
        )

    async def scenario() -> None:
        async with post_office(network) as (post, address), hospital.serving(address):
            stream = await post.attached()
            query = signed(network, count_query(network))
            await is_refused(stream, query, Reason.RESEARCHER_NOT_VOUCHED)

    run(scenario())
    assert [entry.reasons for entry in refusals(hospital)] == [(Reason.RESEARCHER_NOT_VOUCHED,)]
