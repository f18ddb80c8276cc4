"""A node in the rounds of a query: computed once, sent again to the byte, from one snapshot."""

from contextlib import AsyncExitStack

import pandas as pd
import pytest
from pydantic import JsonValue

from support.coordinator import run
from support.hospital import MEN, WOMEN, Hospital
from support.link import guard_round, logged, query, reasons, total
from support.pki import TestNetwork
from support.post import Attached, post_office
from support.questions import DICTIONARY, RECIPIENT
from wardnet import clock
from wardnet.audit.receipt import read_promise
from wardnet.client import Ask
from wardnet.errors import Reason
from wardnet.identity.envelope import verify
from wardnet.question import answer as answers
from wardnet.sealing.answers import open_sealed
from wardnet.simulation import simulate
from wardnet.transport.convert import answer_from_bytes
from wardnet.transport.work import WorkId, sums_from_wire
from wardnet.wire.v1.link_pb2 import RoundPart


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
