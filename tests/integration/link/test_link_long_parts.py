"""Parts too long to be kept: made again when they are asked for again, and the same or refused."""

import asyncio
from dataclasses import replace

import pytest

from support.coordinator import run
from support.hospital import Hospital
from support.link import guard_round, logged, query, reasons, total
from support.pki import TestNetwork
from support.post import post_office
from support.questions import steward, study
from wardnet.errors import Reason
from wardnet.sums import arrays
from wardnet.transport.work import Total, WorkId
from wardnet.wire.v1.link_pb2 import RoundPart
from wardnet_node import attempt, outbox
from wardnet_node.compute.pool import WorkerPool


@pytest.fixture(autouse=True)
def _all_parts_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "LONGEST_KEPT_PART", 0)


@pytest.mark.parametrize("restart", [False, True], ids=["same process", "after a restart"])
def test_a_part_is_made_again_to_the_byte(
    network: TestNetwork, hospital: Hospital, *, restart: bool
) -> None:
    """It is logged once, and comes only when the coordinator asks for it again."""
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
                    await stream.ask(envelope, second, totals=[total(part)])
                    assert await stream.next("part") == moments
            if restart:
                async with hospital.serving(address):
                    stream = await post.attached()
                    await stream.ask(envelope, second, totals=[total(part)])
                    assert await stream.next("part") == moments
                    await stream.ask(envelope, third, totals=[total(moments, 1)])
                    await stream.next("answer")

    run(scenario())
    assert logged(hospital).count(("query_part", "1/1")) == 1


def test_a_part_that_comes_out_changed_is_refused(
    network: TestNetwork, hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two parts for one piece of work would be two answers; the refusal is sent again as it is."""
    envelope, digest = query(network)
    first = WorkId(digest, 1, 0)
    tally = WorkerPool.tally

    async def changed(*arguments: object, **named: object) -> object:
        sums = arrays.unpack(await tally(*arguments, **named))  # type: ignore[arg-type]
        return arrays.pack({name: array + 1 for name, array in sums.items()})

    async def scenario() -> None:
        async with post_office(network) as (post, address), hospital.serving(address):
            stream = await post.attached()
            await guard_round(stream, envelope, digest)
            monkeypatch.setattr(WorkerPool, "tally", changed)
            await stream.ask(envelope, first)
            refusal = await stream.next("refusal")
            assert reasons(refusal) == [Reason.ROUNDS_DIVERGED]
            await stream.ask(envelope, first)
            assert await stream.next("refusal") == refusal

    run(scenario())
    assert logged(hospital).count(("query_part", "1/0")) == 1
    assert logged(hospital)[-1] == ("query_failed", "1/0")


def test_a_part_that_carried_a_report_is_made_again_without_it(
    network: TestNetwork, hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sums are the same; the report was told, or the next one tells more."""
    monkeypatch.setattr(attempt, "INTERIM_SECONDS", 0.0)
    parameters = {"outcome": "sex", "features": ["age"], "trees": 2, "depth": 1}
    envelope, digest = query(network, method="boosting", parameters=parameters)

    async def scenario() -> tuple[RoundPart, RoundPart]:
        async with post_office(network) as (post, address), hospital.serving(address):
            stream, totals, part = await post.attached(), list[Total](), RoundPart()
            while not part.interim:
                await stream.ask(envelope, WorkId(digest, 1, len(totals)), totals=totals[-1:])
                part = await stream.next("part", "answer")
                totals.append(total(part, len(totals)))
            last = WorkId(digest, 1, len(totals) - 1)
            await stream.ask(envelope, last, totals=totals[-2:-1])
            return part, await stream.next("part", "refusal")

    first, again = run(scenario())
    first.ClearField("interim")
    assert again == first


def test_a_part_is_not_made_again_under_a_revoked_agreement(
    network: TestNetwork, hospital: Hospital
) -> None:
    """To make it is to compute: it is decided on as at first."""
    envelope, digest = query(network)

    def revoke() -> None:
        with hospital.decisions() as decisions:
            decisions.revoke(
                study(network).digest, steward=steward(network, "a"), reason="the trial has ended"
            )

    async def scenario() -> None:
        async with post_office(network) as (post, address), hospital.serving(address):
            stream = await post.attached()
            await guard_round(stream, envelope, digest)
            await asyncio.to_thread(revoke)
            await stream.ask(envelope, WorkId(digest, 1, 0))
            refusal = await stream.next("part", "refusal")
            assert reasons(refusal) == [Reason.AGREEMENT_REVOKED]

    run(scenario())


def test_a_part_is_not_made_again_on_another_history(
    network: TestNetwork, hospital: Hospital
) -> None:
    """A node that began anew knows which totals it has seen, also where the sums are the same."""
    envelope, digest = query(network, method="summary", parameters={"columns": ["age"], "by": []})
    second = WorkId(digest, 1, 1)

    async def scenario() -> None:
        async with post_office(network) as (post, address):
            async with hospital.serving(address):
                stream = await post.attached()
                seen = total(await guard_round(stream, envelope, digest))
                await stream.ask(envelope, second, totals=[seen])
                await stream.next("part")
            more = {name: array + 1 for name, array in seen.sums.items()}
            async with hospital.serving(address):
                stream = await post.attached()
                await stream.ask(envelope, second, totals=[replace(seen, sums=more)])
                refusal = await stream.next("part", "refusal")
                assert reasons(refusal) == [Reason.ROUNDS_DIVERGED]

    run(scenario())
