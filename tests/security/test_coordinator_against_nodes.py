"""Attacker: the coordinator itself, against a hospital's node, on the wire.

A scripted coordinator holds the network's authority, so it can certify whomever it likes, and has
everything that researchers ever sent. It gets nothing: every attempt is refused with its reason,
stands in the node's log, and the node goes on serving.
"""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from support.coordinator import run
from support.hospital import Hospital
from support.lies import ATTACKS, Attack, honest, invented, invents_a_person, signed_as
from support.pki import TestNetwork
from support.post import Attached, post_office
from support.questions import key, steward, study
from wardnet import canonical, clock
from wardnet.agreement import study as studies
from wardnet.agreement.revocation import LIST_PAYLOAD_TYPE, RevocationList, Revoked, list_to_bytes
from wardnet.agreement.study import Researcher
from wardnet.audit.entry import EventType, Outcome
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope, sign
from wardnet.identity.member import Role
from wardnet.question.answer import Participant
from wardnet.transport.work import Total, WorkId, sums_from_wire
from wardnet.wire.v1.link_pb2 import RoundPart
from wardnet_node.desk.book import Key, with_key


@pytest.fixture
def network() -> TestNetwork:
    """Return a network whose authority the coordinator holds."""
    return TestNetwork()


@pytest.fixture
def hospital(network: TestNetwork, tmp_path: Path) -> Hospital:
    """Return hospital a, which has agreed to ada's study."""
    return Hospital(network, tmp_path / "a")


def refusals(hospital: Hospital) -> list[tuple[EventType, Reason | None]]:
    """Return every refusal in the log."""
    return [
        (entry.type, entry.reason)
        for entry in hospital.entries()
        if entry.outcome is Outcome.REFUSED
    ]


async def is_answered(stream: Attached, envelope: Envelope) -> None:
    """Fail unless the node works on a question."""
    await stream.ask(envelope, WorkId(canonical.digest(envelope.payload), 1, 0))
    await stream.next("part")


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_a_lie_gets_nothing_and_stands_in_the_log(
    network: TestNetwork, hospital: Hospital, attack: Callable[[TestNetwork], Attack]
) -> None:
    """No sums leave, the refusal names its reason, and the next honest question is answered."""
    lie = attack(network)

    async def scenario() -> None:
        async with post_office(network) as (post, address), hospital.serving(address):
            stream = await post.attached()
            await stream.ask(lie.query, lie.work_id, hospitals=lie.hospitals, totals=lie.totals)
            refusal = await stream.next("refusal")
            assert refusal.work_id == str(lie.work_id)
            assert lie.reason in {Reason(cause.reason) for cause in refusal.causes}
            await is_answered(stream, honest(network, nonce="f" * 32))

    run(scenario())
    (logged,) = [entry for entry in hospital.entries() if entry.outcome is Outcome.REFUSED]
    assert logged.type is EventType.QUERY_FAILED
    assert lie.reason in logged.reasons
    released = [entry for entry in hospital.entries() if entry.type is EventType.QUERY_PART]
    assert len(released) == 1


def total(part: RoundPart, number: int, *, times: int = 2, other: str = "b") -> Total:
    """Return the total of a round in which another hospital has as much as a, or several times."""
    sums = {name: array * times for name, array in sums_from_wire(part.sums).items()}
    return Total(number, sums, (Participant("a", part.snapshot), Participant(other, "1:bb")))


Told = Callable[[RoundPart, RoundPart], list[Total]]
"""What the coordinator says has happened, from hospital a's parts of both rounds."""
OTHER_HISTORIES: Final[dict[str, tuple[Told, Reason]]] = {
    "a changed total": (
        lambda first, second: [total(first, 0, times=3), total(second, 1)],
        Reason.ROUNDS_DIVERGED,
    ),
    "another order": (
        lambda first, second: [total(second, 0), total(first, 1)],
        Reason.ROUNDS_DIVERGED,
    ),
    "the same total twice": (
        lambda first, _second: [total(first, 0), total(first, 1)],
        Reason.IMPLAUSIBLE_TOTAL,
    ),
    "another hospital": (
        lambda _first, second: [total(second, 1, other="c")],
        Reason.ROUNDS_DIVERGED,
    ),
}


@pytest.mark.parametrize(("told", "reason"), OTHER_HISTORIES.values(), ids=list(OTHER_HISTORIES))
def test_a_history_that_is_told_otherwise_ends_the_query_and_stands_in_the_log(
    network: TestNetwork, hospital: Hospital, told: Told, reason: Reason
) -> None:
    """In the middle of a query that was accepted; no answer is signed, and the node goes on."""
    envelope = honest(network, method="summary", parameters={"columns": ["age"], "by": []})
    digest = canonical.digest(envelope.payload)

    async def scenario() -> None:
        async with post_office(network) as (post, address), hospital.serving(address):
            stream = await post.attached()
            await stream.ask(envelope, WorkId(digest, 1, 0))
            first = await stream.next("part")
            await stream.ask(envelope, WorkId(digest, 1, 1), totals=[total(first, 0)])
            second = await stream.next("part")
            await stream.ask(envelope, WorkId(digest, 1, 2), totals=told(first, second))
            refusal = await stream.next("refusal")
            assert [Reason(cause.reason) for cause in refusal.causes] == [reason]
            await is_answered(stream, honest(network, nonce="f" * 32))

    run(scenario())
    assert refusals(hospital) == [(EventType.QUERY_FAILED, reason)]
    assert EventType.QUERY_ANSWER not in {entry.type for entry in hospital.entries()}


def test_a_query_that_is_over_is_not_replayed(network: TestNetwork, hospital: Hospital) -> None:
    """Its very bytes, in its own time, as a new attempt: no sums leave a second time."""
    envelope = honest(network)
    digest = canonical.digest(envelope.payload)

    async def scenario() -> None:
        async with post_office(network) as (post, address), hospital.serving(address):
            stream = await post.attached()
            await is_answered(stream, envelope)
            await stream.end(digest)
            await stream.ask(envelope, WorkId(digest, 2, 0))
            refusal = await stream.next("refusal")
            assert [Reason(cause.reason) for cause in refusal.causes] == [Reason.ROUNDS_DIVERGED]

    run(scenario())
    assert refusals(hospital) == [(EventType.QUERY_FAILED, Reason.ROUNDS_DIVERGED)]


def test_an_inquiry_is_no_way_around_the_checks(network: TestNetwork, hospital: Hospital) -> None:
    """It is decided on like a query, and logged."""
    lie = invents_a_person(network)

    async def scenario() -> None:
        async with post_office(network) as (post, address), hospital.serving(address):
            stream = await post.attached()
            await stream.explain(1, lie.query)
            explanation = await stream.next("explanation")
            assert [Reason(cause.reason) for cause in explanation.causes] == [lie.reason]

    run(scenario())
    assert refusals(hospital) == [(EventType.QUERY_EXPLAINED, lie.reason)]


def test_an_agreement_to_an_invented_person_s_study_allows_nothing(
    network: TestNetwork, hospital: Hospital
) -> None:
    """A steward who is deceived into agreeing has still not checked the person's key."""
    eve = invented(network, "eve")
    people = (Researcher("eve", organisation="university", key=key(eve)),)
    proposal = study(network, people=people)
    envelope = sign(studies.PAYLOAD_TYPE, studies.to_bytes(proposal), eve.signer)
    with hospital.decisions() as decisions:
        decisions.receive(envelope)
        state = decisions.accept(proposal.digest, stewards=[steward(network, "a")])
    assert state.agreement is not None
    query = signed_as(
        eve,
        network,
        researcher="eve",
        study=proposal.digest,
        agreements={"a": state.agreement.digest, "b": state.agreement.digest},
    )
    with hospital.desk() as desk:
        desk.start()
        reasons = [error.reason for error in desk.explain(query)]
    assert reasons == [Reason.RESEARCHER_NOT_VOUCHED]


def know_steward(hospital: Hospital, network: TestNetwork) -> Credentials:
    """Let hospital a know the university's steward, and so expect its revocation lists."""
    uma = network.credentials(Role.STEWARD, "uma")
    with hospital.decisions() as decisions:
        decisions.change_book(
            lambda book: with_key(book, "university", Key("steward", "uma", key(uma))),
            stewards=[steward(network, "a")],
        )
    return uma


def revocation_list(
    network: TestNetwork, signer: Credentials, *, epoch: int, revoked: tuple[Revoked, ...] = ()
) -> Envelope:
    """Return what the university has taken back."""
    content = RevocationList(
        version=1,
        network=network.name,
        organisation="university",
        epoch=epoch,
        issued=clock.to_moment(clock.now()),
        revoked=revoked,
    )
    return sign(LIST_PAYLOAD_TYPE, list_to_bytes(content), signer.signer)


def explained(hospital: Hospital, envelope: Envelope) -> list[Reason]:
    """Return why the hospital would refuse a query."""
    with hospital.desk() as desk:
        desk.start()
        return [error.reason for error in desk.explain(envelope)]


def test_hidden_revocations_stop_everything(network: TestNetwork, hospital: Hospital) -> None:
    """Without a fresh list of the researcher's organisation, nothing of hers is answered."""
    uma = know_steward(hospital, network)
    assert explained(hospital, honest(network)) == [Reason.REVOCATIONS_STALE]
    with hospital.decisions() as decisions:
        decisions.receive_list(revocation_list(network, uma, epoch=1))
    assert explained(hospital, honest(network)) == []


def test_an_older_list_does_not_bring_a_key_back(network: TestNetwork, hospital: Hospital) -> None:
    """A list that was forged, or set back, changes nothing, and stands in the log."""
    uma = know_steward(hospital, network)
    ada = Revoked(key(network.researcher()), clock.to_moment(clock.now() + timedelta(days=30)))
    lies = (
        (revocation_list(network, uma, epoch=1), Reason.REVOCATIONS_ROLLED_BACK),
        (revocation_list(network, uma, epoch=3), Reason.REVOCATIONS_ROLLED_BACK),
        (revocation_list(network, network.coordinator(), epoch=4), Reason.SIGNATURE_INVALID),
    )
    with hospital.decisions() as decisions:
        decisions.receive_list(revocation_list(network, uma, epoch=2, revoked=(ada,)))
        for lie, reason in lies:
            with pytest.raises(WardnetError) as caught:
                decisions.receive_list(lie)
            assert caught.value.reason is reason
    assert explained(hospital, honest(network)) == [Reason.KEY_REVOKED]
    logged = [
        reason for kind, reason in refusals(hospital) if kind is EventType.REVOCATIONS_RECEIVED
    ]
    assert logged == [reason for _, reason in lies]


def test_a_revocation_needs_no_coordinator(network: TestNetwork, hospital: Hospital) -> None:
    """Whether it forwards the hospital's own revocation or hides it: the node knows."""
    with hospital.decisions() as decisions:
        decisions.revoke(
            study(network).digest, steward=steward(network, "a"), reason="It has changed."
        )

    async def scenario() -> None:
        async with post_office(network) as (post, address), hospital.serving(address):
            stream = await post.attached()
            envelope = honest(network)
            await stream.ask(envelope, WorkId(canonical.digest(envelope.payload), 1, 0))
            refusal = await stream.next("refusal")
            assert [Reason(cause.reason) for cause in refusal.causes] == [Reason.AGREEMENT_REVOKED]

    run(scenario())
    assert refusals(hospital) == [(EventType.QUERY_FAILED, Reason.AGREEMENT_REVOKED)]
