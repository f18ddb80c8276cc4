"""What a researcher sees and does: submitting, listing, watching and cancelling queries."""

from datetime import timedelta
from pathlib import Path

import pytest

from support.coordinator import publish, question, refused, researcher, run, serving, soon
from support.fake_node import working
from support.pki import TestNetwork
from support.scene import ANSWERED, AWAY, SENT, events, scene, states
from wardnet.audit.entry import EventType
from wardnet.errors import Reason
from wardnet.wire.v1 import query_pb2


def test_submitting_the_same_bytes_again_changes_nothing(tmp_path: Path) -> None:
    """A client that lost the response may simply repeat itself."""

    async def scenario() -> None:
        async with scene(tmp_path) as (network, hospitals, ada):
            request = question(network.researcher())
            assert await ada.submit(request) == await ada.submit(request)
            async with working(list(hospitals.values())):
                record = await ada.end(await ada.submit(request))
            await ada.submit(request)
            assert [r.query for r in await ada.recent()] == [record.query]
            assert (await ada.get(record.query)).state == ANSWERED

    run(scenario())
    assert events(tmp_path).count(EventType.QUERY_SUBMITTED) == 1


def test_queries_of_others_are_invisible(tmp_path: Path) -> None:
    """To another researcher they do not exist, whatever she calls."""

    async def scenario() -> None:
        network = TestNetwork()
        async with serving(network, tmp_path) as address:
            await publish(address, network.node("a"))
            async with (
                researcher(address, network.researcher("ada")) as ada,
                researcher(address, network.researcher("bob")) as bob,
            ):
                digest = await ada.submit(question(network.researcher("ada")))
                assert await bob.recent() == []
                for call in (bob.get, bob.cancel, bob.end):
                    await refused(call(digest), Reason.QUERY_UNKNOWN)
                assert (await ada.get(digest[:6])).query == digest
                await refused(ada.get(digest[:5]), Reason.QUERY_UNKNOWN)

    run(scenario())


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"lasts": timedelta(minutes=-1)}, Reason.QUERY_EXPIRED),
        ({"dataset": "lungs"}, Reason.DATASET_UNAVAILABLE),
        ({"dictionary": "0" * 64}, Reason.DICTIONARY_OUTDATED),
        ({"hospitals": "az"}, Reason.PARAMETER_INVALID),
        ({"researcher": "bob"}, Reason.IDENTITY_MISMATCH),
        ({"network": "lungnet"}, Reason.IDENTITY_MISMATCH),
    ],
    ids=str,
)
def test_a_query_that_nobody_could_answer_is_refused_at_once(
    tmp_path: Path, changes: dict[str, object], reason: Reason
) -> None:
    """The coordinator forwards only what fits the network; the hospitals check the rest."""

    async def scenario() -> None:
        async with scene(tmp_path, "") as (network, _, ada):
            request = question(network.researcher(), **changes)  # type: ignore[arg-type]
            await refused(ada.submit(request), reason)
            assert await ada.recent() == []

    run(scenario())


def test_a_query_signed_by_somebody_else_is_refused(tmp_path: Path) -> None:
    """Nobody submits in another's name."""

    async def scenario() -> None:
        async with scene(tmp_path, "") as (network, _, ada):
            forged = question(network.researcher("bob"))
            await refused(ada.submit(forged), Reason.IDENTITY_MISMATCH)

    run(scenario())


def test_nobody_else_fetches_an_answer(tmp_path: Path) -> None:
    """Another researcher is told what one is told who names no query."""

    async def scenario() -> None:
        async with scene(tmp_path) as (network, hospitals, ada):
            async with working(list(hospitals.values())):
                record = await ada.end(await ada.submit(question(network.researcher())))
            assert len(await ada.answers(record.query)) == 4
            async with researcher(hospitals["a"].address, network.researcher("bob")) as bob:
                await refused(bob.answers(record.query), Reason.QUERY_UNKNOWN)

    run(scenario())


def test_watching_shows_every_hospital_as_it_comes_and_goes(tmp_path: Path) -> None:
    """A researcher sees at once who works, who has sent, and who is away."""

    async def scenario() -> None:
        async with scene(tmp_path, "abc") as (network, hospitals, ada):
            digest = await ada.submit(question(network.researcher()))
            watching = ada.watch(digest)
            assert states(await soon(anext(watching)))["d"] == AWAY
            node = hospitals["a"]
            await node.part(await node.work())
            assert states(await soon(anext(watching)))["a"] == SENT
            await hospitals["b"].__aexit__(None, None, None)
            assert states(await soon(anext(watching)))["b"] == AWAY

    run(scenario())


def test_a_cancelled_query_ends_for_everybody(tmp_path: Path) -> None:
    """Cancelling is final; cancelling again changes nothing."""

    async def scenario() -> None:
        async with scene(tmp_path) as (network, hospitals, ada):
            digest = await ada.submit(question(network.researcher()))
            await hospitals["a"].work()
            await ada.cancel(digest)
            await ada.cancel(digest)
            record = await ada.get(digest)
            assert record.state == query_pb2.QUERY_STATE_CANCELLED
            assert record.reason == Reason.QUERY_CANCELLED
            assert await soon(hospitals["a"].ended.get()) == digest

    run(scenario())
    assert events(tmp_path)[-1] is EventType.QUERY_CANCELLED
