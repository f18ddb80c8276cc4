"""A node on its link: what it sends, sends again, refuses and logs."""

import asyncio
import json
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest
from pydantic import JsonValue

from support.coordinator import run
from support.hospital import MEN, WOMEN, Hospital
from support.pki import TestNetwork
from support.post import Attached, Post, post_office
from support.questions import DICTIONARY, RECIPIENT, count_query, signed, steward, study
from wardnet import canonical, clock, logs
from wardnet.audit.entry import EventType, Outcome
from wardnet.audit.receipt import read_promise
from wardnet.client import Ask
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope, verify
from wardnet.question import answer as answers
from wardnet.question.answer import Participant
from wardnet.question.query import to_bytes
from wardnet.sealing.answers import open_sealed
from wardnet.simulation import simulate
from wardnet.transport.convert import Total, WorkId, answer_from_bytes, sums_from_wire
from wardnet.wire.v1.link_pb2 import Explanation, Refusal, RoundPart
from wardnet_node.health import warn_of_damage


@pytest.fixture
def network() -> TestNetwork:
    """Return a network."""
    return TestNetwork()


@pytest.fixture
def hospital(network: TestNetwork, tmp_path: Path) -> Hospital:
    """Return hospital a, with 30 women and 20 men."""
    return Hospital(network, tmp_path / "a")


def query(
    network: TestNetwork, *, at: datetime | None = None, **changes: object
) -> tuple[Envelope, str]:
    """Return a signed query and its digest."""
    envelope = signed(network, count_query(network, at=at, **changes))
    return envelope, canonical.digest(envelope.payload)


def total(part: RoundPart, number: int = 0, *, b: str = "1:bb") -> Total:
    """Return the total of a round in which b has what a has, in a snapshot of b."""
    sums = {name: array * 2 for name, array in sums_from_wire(part.sums).items()}
    participants = (Participant("a", part.snapshot), Participant("b", b))
    return Total(number, sums, participants)


def reasons(message: Refusal | Explanation) -> list[Reason]:
    """Return every reason that the node gives."""
    return [Reason(cause.reason) for cause in message.causes]


def logged(hospital: Hospital) -> list[tuple[str, str]]:
    """Return what the access log says about queries: type, and attempt and round."""
    entries = [entry for entry in hospital.entries() if entry.type.startswith("query")]
    return [(entry.type.value, (entry.request_id or "")[65:]) for entry in entries]


async def guard_round(stream: Attached, envelope: Envelope, query: str) -> RoundPart:
    """Ask for the guard round of the first attempt and return its part."""
    await stream.ask(envelope, WorkId(query, 1, 0))
    part: RoundPart = await stream.next("part")
    return part


def test_a_query_goes_from_its_first_sight_to_a_signed_answer(
    network: TestNetwork, hospital: Hospital
) -> None:
    """Guard sums, then the answer, each logged once, and the answer carries our signature."""
    envelope, digest = query(network)

    async def scenario() -> None:
        async with post_office(network) as (post, address), hospital.serving(address):
            stream = await post.attached()
            assert stream.hello.hospital == "a"
            held = [(item.name, item.dictionary) for item in stream.hello.announcement.datasets]
            assert held == [(DICTIONARY.name, DICTIONARY.digest)]

            part = await guard_round(stream, envelope, digest)
            assert int(sums_from_wire(part.sums)["cohort"][0]) == WOMEN + MEN

            await stream.ask(envelope, WorkId(digest, 1, 1), totals=[total(part)])
            sealed = (await stream.next("answer")).sealed
            opened = open_sealed(sealed, RECIPIENT, query=digest, hospital="a")
            answer, promised = answer_from_bytes(opened)
            assert promised is not None
            promise = read_promise(promised, trust=network.trust, at=clock.now())
            assert (promise.request_digest, promise.seq) == (digest, len(hospital.entries()))
            kind = answers.PAYLOAD_TYPE
            members = verify(answer, payload_type=kind, trust=network.trust, at=clock.now())
            assert members == (hospital.credentials.member,)
            assert answers.from_bytes(answer.payload).outcome == "released"

    run(scenario())
    assert logged(hospital) == [
        ("query_accepted", ""),
        ("query_part", "1/0"),
        ("query_answer", "1/1"),
    ]


def test_a_result_is_sent_again_to_the_byte_after_a_lost_stream(
    network: TestNetwork, hospital: Hospital
) -> None:
    """The outbox keeps it; nothing is computed or logged a second time, though asked again."""
    envelope, digest = query(network)

    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            async with post_office(network) as (post, address):
                await stack.enter_async_context(hospital.serving(address))
                part = await guard_round(await post.attached(), envelope, digest)
            async with post_office(network, address=address) as (post, _):
                stream = await post.attached()
                assert await stream.next("part") == part
                await stream.ask(envelope, WorkId(digest, 1, 0))
                await stream.ask(envelope, WorkId(digest, 1, 1), totals=[total(part)])
                await stream.next("answer")
                await stack.aclose()

    run(scenario())
    assert logged(hospital) == [
        ("query_accepted", ""),
        ("query_part", "1/0"),
        ("query_answer", "1/1"),
    ]


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("linear", {"outcome": "age", "terms": [["sex"]]}),
        ("glm", {"outcome": "sex", "terms": [["age"]]}),
        ("glm", {"outcome": "sex", "terms": [["age"]], "penalty": 2, "lasso_share": 1}),
    ],
)
def test_a_model_is_fitted_round_by_round_with_the_bits_of_the_simulation(
    network: TestNetwork, hospital: Hospital, method: str, parameters: dict[str, JsonValue]
) -> None:
    """The node adds up from its encrypted table; we know beforehand how many rounds it takes."""
    ages = [*range(20, 20 + WOMEN), *range(20, 20 + MEN)]
    table = pd.DataFrame({"age": ages, "sex": ["female"] * WOMEN + ["male"] * MEN})
    simulated = simulate({"a": table, "b": table}, dictionary=DICTIONARY)
    expected = simulated.ask(Ask(method, DICTIONARY.name, parameters)).answer
    assert expected.table is not None
    assert not expected.table.withheld
    envelope, digest = query(network, method=method, parameters=parameters)

    async def scenario() -> None:
        async with post_office(network) as (post, address), hospital.serving(address):
            stream = await post.attached()
            totals = [total(await guard_round(stream, envelope, digest))]
            for number in range(1, expected.rounds):
                await stream.ask(envelope, WorkId(digest, 1, number), totals=totals[-1:])
                totals.append(total(await stream.next("part"), number))
            await stream.ask(envelope, WorkId(digest, 1, expected.rounds), totals=totals[-1:])
            sealed = (await stream.next("answer")).sealed
            opened = open_sealed(sealed, RECIPIENT, query=digest, hospital="a")
            answer, _ = answer_from_bytes(opened)
            assert answers.from_bytes(answer.payload).table == expected.table

    run(scenario())


def test_totals_that_come_with_work_done_before_are_taken(
    network: TestNetwork, hospital: Hospital
) -> None:
    """A new stream carries each total once, even with work whose result is in the outbox."""
    envelope, digest = query(network, method="summary", parameters={"columns": ["age"], "by": []})
    second, third = WorkId(digest, 1, 1), WorkId(digest, 1, 2)

    async def scenario() -> None:
        async with AsyncExitStack() as stack:
            async with post_office(network) as (post, address):
                await stack.enter_async_context(hospital.serving(address))
                stream = await post.attached()
                part = await guard_round(stream, envelope, digest)
                await stream.ask(envelope, second, totals=[total(part)])
                moments = await stream.next("part")
            async with post_office(network, address=address) as (post, _):
                stream = await post.attached()
                await stream.ask(envelope, second, totals=[total(part)])
                await stream.ask(envelope, third, totals=[total(moments, 1)])
                await stream.next("answer")
                await stack.aclose()

    run(scenario())
    assert [what for what, _ in logged(hospital)].count("query_part") == 2


@pytest.mark.parametrize("told", [True, False], ids=["told", "by later work"])
def test_an_acknowledged_result_is_never_made_again(
    network: TestNetwork, hospital: Hospital, *, told: bool
) -> None:
    """Asked again for it, the node says nothing; the bytes are gone and the work id stays."""
    envelope, digest = query(network)
    first, second = WorkId(digest, 1, 0), WorkId(digest, 1, 1)

    async def scenario() -> None:
        async with post_office(network) as (post, address), hospital.serving(address):
            stream = await post.attached()
            part = await guard_round(stream, envelope, digest)
            if told:
                await stream.acknowledge(first)
            await stream.ask(envelope, second, totals=[total(part)])
            await stream.next("answer")  # its transaction took the acknowledgement along
            await stream.ask(envelope, first)
            await stream.next("heartbeat")
            await stream.next("heartbeat")
            assert stream.incoming.empty()

    run(scenario())
    assert logged(hospital).count(("query_part", "1/0")) == 1


@pytest.mark.parametrize("restart", [False, True], ids=["same process", "after a restart"])
def test_a_history_that_comes_back_changed_is_refused(
    network: TestNetwork, hospital: Hospital, *, restart: bool
) -> None:
    """Two totals for one round would be two answers; the refusal is logged and ends the query."""
    envelope, digest = query(network, method="summary", parameters={"columns": ["age"], "by": []})
    second, third = WorkId(digest, 1, 1), WorkId(digest, 1, 2)

    async def scenario() -> None:
        async with post_office(network) as (post, address):
            async with hospital.serving(address):
                stream = await post.attached()
                part = await guard_round(stream, envelope, digest)
                await stream.ask(envelope, second, totals=[total(part)])
                moments = await stream.next("part")
                if not restart:
                    await refuses(stream, part, moments)
            if restart:
                async with hospital.serving(address):
                    await refuses(await post.attached(), part, moments)

    async def refuses(stream: Attached, part: RoundPart, moments: RoundPart) -> None:
        other = [total(part, 0, b="2:cc"), total(moments, 1, b="2:cc")]
        await stream.ask(envelope, third, totals=other)
        refusal = await stream.next("refusal")
        assert (refusal.work_id, reasons(refusal)) == (str(third), [Reason.ROUNDS_DIVERGED])
        await stream.ask(envelope, WorkId(digest, 2, 0))
        assert reasons(await stream.next("refusal")) == [Reason.ROUNDS_DIVERGED]

    run(scenario())
    assert ("query_failed", "1/2") in logged(hospital)
    assert ("query_answer", "1/2") not in logged(hospital)


def test_a_query_keeps_its_snapshot_over_loads_restarts_and_attempts(
    network: TestNetwork, hospital: Hospital
) -> None:
    """Rows that came later are not in it; a new query sees them."""
    envelope, digest = query(network, minimum_hospitals=1)
    later, later_digest = query(network, nonce="1" * 32)

    async def scenario() -> None:
        async with post_office(network) as (post, address):
            async with hospital.serving(address):
                first = await guard_round(await post.attached(), envelope, digest)
            hospital.load({"female": 10}, append=True)
            async with hospital.serving(address):
                stream = await post.attached()
                await stream.next("part")  # the first one again
                await stream.ask(envelope, WorkId(digest, 2, 0), hospitals=["a"])
                second = await stream.next("part")
                assert (second.snapshot, second.sums) == (first.snapshot, first.sums)
                third = await guard_round(stream, later, later_digest)
                assert third.snapshot != first.snapshot
                assert int(sums_from_wire(third.sums)["cohort"][0]) == WOMEN + MEN + 10

    run(scenario())


def test_a_query_about_what_is_not_here_is_refused_and_logged(
    network: TestNetwork, hospital: Hospital
) -> None:
    """The log names the researcher and the reason; the refusal names no more than was asked."""
    envelope, digest = query(network, dataset="oncology")

    async def scenario() -> None:
        async with post_office(network) as (post, address), hospital.serving(address):
            stream = await post.attached()
            await stream.ask(envelope, WorkId(digest, 1, 0))
            refusal = await stream.next("refusal")
            assert reasons(refusal) == [Reason.DATASET_UNAVAILABLE]
            assert dict(refusal.causes[0].details) == {"dataset": "oncology"}

    run(scenario())
    (entry,) = [entry for entry in hospital.entries() if entry.type is EventType.QUERY_FAILED]
    assert (entry.outcome, entry.reason) == (Outcome.REFUSED, Reason.DATASET_UNAVAILABLE)
    assert entry.actor.subject == "wardnet://heartnet/researcher/ada"


def test_what_is_damaged_here_is_told_to_our_operator_only(
    network: TestNetwork, hospital: Hospital, capsys: pytest.CaptureFixture[str]
) -> None:
    """The dataset is not offered; the refusal names no path, and the daemon's log does."""
    (segment,) = (hospital.home / "vault" / "seg").iterdir()
    segment.unlink()
    envelope, digest = query(network)
    logs.configure("wardnet-node")
    with hospital.desk() as desk:
        assert desk.held() == ()

    async def scenario() -> None:
        async with post_office(network) as (post, address), hospital.serving(address):
            stream = await post.attached()
            await stream.ask(envelope, WorkId(digest, 1, 0))
            refusal = await stream.next("refusal")
            assert reasons(refusal) == [Reason.NODE_UNABLE]
            assert str(hospital.home) not in str(refusal)

    run(scenario())
    with hospital.vault() as vault:
        warn_of_damage(vault.datasets())
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    told = [line for line in lines if line["event"] in {"unable", "dataset_unavailable"}]
    assert len(told) == 2
    assert all(segment.name in line["error"] and "backup" in line["error"] for line in told)
    assert hospital.entries()[-2].reason is Reason.VAULT_DAMAGED


def test_a_forged_query_is_refused_and_its_claims_are_not_logged(
    network: TestNetwork, hospital: Hospital
) -> None:
    """What nobody has signed may not stand in the log as somebody's."""
    envelope, _ = query(network)
    forged = replace(envelope, payload=to_bytes(count_query(network, nonce="f" * 32)))
    digest = canonical.digest(forged.payload)

    async def scenario() -> None:
        async with post_office(network) as (post, address), hospital.serving(address):
            stream = await post.attached()
            await stream.ask(forged, WorkId(digest, 1, 0))
            assert reasons(await stream.next("refusal")) == [Reason.SIGNATURE_INVALID]

    run(scenario())
    (entry,) = [entry for entry in hospital.entries() if entry.type is EventType.QUERY_FAILED]
    assert (entry.actor.subject, entry.dataset) == ("unknown", None)


def test_an_ended_query_is_over(network: TestNetwork, hospital: Hospital) -> None:
    """After its end nothing is computed for it, whatever the coordinator asks."""
    envelope, digest = query(network)

    async def scenario() -> None:
        async with post_office(network) as (post, address), hospital.serving(address):
            stream = await post.attached()
            part = await guard_round(stream, envelope, digest)
            await stream.end(digest)
            await stream.ask(envelope, WorkId(digest, 1, 1), totals=[total(part)])
            assert reasons(await stream.next("refusal")) == [Reason.ROUNDS_DIVERGED]

    run(scenario())


def test_a_superseded_node_stops(network: TestNetwork, hospital: Hospital) -> None:
    """A newer process of the hospital has taken over; two must not release side by side."""
    error = WardnetError(Reason.SUPERSEDED, identity="a")

    async def refuse(post: Post) -> None:
        while True:  # a broken connection can hide why; then the node dials again
            await (await post.attached()).break_off(error)

    async def scenario() -> None:
        async with post_office(network) as (post, address), hospital.serving(address) as node:
            refusing = asyncio.create_task(refuse(post))
            await asyncio.wait([node.task], timeout=15)
            refusing.cancel()

    with pytest.raises(WardnetError) as caught:
        run(scenario())
    assert caught.value.reason is Reason.SUPERSEDED


def test_the_node_announces_what_a_command_has_changed(
    network: TestNetwork, hospital: Hospital
) -> None:
    """A dataset that another process drops is not offered any longer."""

    async def scenario() -> None:
        async with post_office(network) as (post, address), hospital.serving(address):
            stream = await post.attached()
            await asyncio.to_thread(drop)
            assert list((await stream.next("announcement")).datasets) == []

    def drop() -> None:
        with hospital.vault() as vault:
            vault.drop(DICTIONARY.name)

    run(scenario())


def test_a_node_that_stops_sends_what_it_has_in_hand(
    network: TestNetwork, hospital: Hospital
) -> None:
    """The part comes before the end of the stream."""
    envelope, digest = query(network)

    async def scenario() -> None:
        async with post_office(network) as (post, address):
            async with hospital.serving(address) as node:
                stream = await post.attached()
                await stream.ask(envelope, WorkId(digest, 1, 0))
                while not node.link._tasks:  # noqa: ASYNC110 - no event tells
                    await asyncio.sleep(0)
            await stream.next("part")
            await stream.over()

    run(scenario())
    assert ("query_part", "1/0") in logged(hospital)


def test_an_agreement_revoked_in_mid_query_stops_it(
    network: TestNetwork, hospital: Hospital
) -> None:
    """The next round is not computed, nothing more is released, and the log says why."""
    envelope, digest = query(network, method="summary", parameters={"columns": ["age"], "by": []})

    async def scenario() -> None:
        async with post_office(network) as (post, address), hospital.serving(address):
            stream = await post.attached()
            part = await guard_round(stream, envelope, digest)
            await asyncio.to_thread(revoke)
            await stream.ask(envelope, WorkId(digest, 1, 1), totals=[total(part)])
            assert reasons(await stream.next("refusal")) == [Reason.AGREEMENT_REVOKED]

    def revoke() -> None:
        with hospital.decisions() as decisions:
            decisions.revoke(
                study(network).digest, steward=steward(network, "a"), reason="the trial has ended"
            )

    run(scenario())
    assert logged(hospital) == [
        ("query_accepted", ""),
        ("query_part", "1/0"),
        ("query_failed", "1/1"),
    ]
    assert hospital.entries()[-2].reason is Reason.AGREEMENT_REVOKED  # the last: it has stopped


def test_the_node_explains_what_it_would_do_and_does_nothing(
    network: TestNetwork, hospital: Hospital
) -> None:
    """All reasons at once, or none; the nonce stays unused, and the log knows who asked."""
    allowed, digest = query(network)
    narrow, _ = query(network, method="count", minimum_patients=11, dataset="oncology")
    wide = signed(network, count_query(network, method_version=2, dataset="oncology"))

    async def scenario() -> None:
        async with post_office(network) as (post, address), hospital.serving(address):
            stream = await post.attached()
            for number, (envelope, expected) in enumerate(
                [
                    (allowed, []),
                    (narrow, [Reason.DATASET_UNAVAILABLE]),
                    (wide, [Reason.DATASET_UNAVAILABLE, Reason.OUTSIDE_AGREEMENT]),
                ]
            ):
                await stream.explain(number, envelope)
                explanation = await stream.next("explanation")
                assert (explanation.id, reasons(explanation)) == (number, expected)
            await guard_round(stream, allowed, digest)

    run(scenario())
    assert [what for what, _ in logged(hospital)] == [
        *["query_explained"] * 3,
        "query_accepted",
        "query_part",
    ]
    outcomes = [entry.outcome for entry in hospital.entries() if entry.type == "query_explained"]
    assert outcomes == [Outcome.DONE, Outcome.REFUSED, Outcome.REFUSED]
