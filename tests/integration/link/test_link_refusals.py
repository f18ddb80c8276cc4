"""What a node refuses, and what its log and its operator learn of it."""

import asyncio
import json
from dataclasses import replace

import pytest

from support.coordinator import run
from support.hospital import Hospital
from support.link import guard_round, logged, query, reasons, total
from support.pki import TestNetwork
from support.post import post_office
from support.questions import count_query, signed, steward, study
from wardnet import canonical, logs
from wardnet.audit.entry import EventType, Outcome
from wardnet.errors import Reason
from wardnet.question.query import to_bytes
from wardnet.transport.work import WorkId
from wardnet_node.health import warn_of_damage


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
