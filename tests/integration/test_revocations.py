"""A key that one hospital takes back holds nowhere: two real nodes and a real coordinator."""

import asyncio
from pathlib import Path

import pytest

from support import neighbours
from support.coordinator import Researcher, publish, researcher, run, serving, soon
from support.fake_node import FakeNode
from support.hospital import Hospital
from support.pki import TestNetwork
from support.questions import DICTIONARY, key, steward
from wardnet.errors import Reason
from wardnet.transport.convert import envelope_to_wire
from wardnet.wire.v1 import query_pb2


@pytest.fixture
def network() -> TestNetwork:
    """Return a network."""
    return TestNetwork()


@pytest.fixture
def hospitals(network: TestNetwork, tmp_path: Path) -> tuple[Hospital, Hospital]:
    """Return two hospitals that know each other."""
    a, b = (neighbours.hospital(network, tmp_path / name, name) for name in "ab")
    return a, b


def request(network: TestNetwork, number: int, *, hospitals: str = "ab") -> query_pb2.SubmitRequest:
    """Return one of ada's questions, as she sends it."""
    envelope = neighbours.question(network, number, hospitals=hospitals)
    return query_pb2.SubmitRequest(query=envelope_to_wire(envelope))


async def reasons(ada: Researcher, network: TestNetwork) -> dict[str, list[Reason] | None]:
    """Return why each hospital would refuse her."""
    return {
        name: None if causes is None else [cause.reason for cause in causes]
        async for name, causes in ada.explain(request(network, 99))
    }


async def agreed(ada: Researcher, network: TestNetwork, a: list[Reason], b: list[Reason]) -> None:
    """Wait until the hospitals say so: what they must know is on its way."""

    async def said() -> None:
        while await reasons(ada, network) != {"a": a, "b": b}:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.05)

    await soon(said())


def test_a_revoked_key_stops_the_next_query_everywhere(
    network: TestNetwork, hospitals: tuple[Hospital, Hospital], tmp_path: Path
) -> None:
    """Nobody waits for lists at first; one command at b, and a refuses her too."""
    a, b = hospitals

    async def scenario() -> None:
        async with serving(network, tmp_path / "c") as address:
            await publish(address, network.node("a"), DICTIONARY)
            async with (
                a.serving(address),
                b.serving(address),
                researcher(address, network.researcher()) as ada,
            ):
                await agreed(ada, network, [], [])
                first = await ada.end(await ada.submit(request(network, 1)))
                assert first.state == query_pb2.QUERY_STATE_ANSWERED
                with b.decisions() as decisions:
                    decisions.revoke_key(
                        key(network.researcher()), steward=steward(network, "b"), reason="She left."
                    )
                await agreed(ada, network, [Reason.KEY_REVOKED], [Reason.KEY_REVOKED])
                last = await ada.end(await ada.submit(request(network, 2, hospitals="a")))
                assert last.reason == Reason.HOSPITAL_REFUSED
                (told,) = last.hospitals
                assert [item.reason for item in told.causes] == [Reason.KEY_REVOKED]

    run(scenario())


def test_a_coordinator_that_was_restarted_still_tells(
    network: TestNetwork, hospitals: tuple[Hospital, Hospital], tmp_path: Path
) -> None:
    """Hospital b has gone and hospital a comes for the first time: it learns of the key."""
    a, b = hospitals
    with b.decisions() as decisions:
        decisions.revoke_key(
            key(network.researcher()), steward=steward(network, "b"), reason="She left."
        )

    async def send() -> None:
        async with (
            serving(network, tmp_path / "c") as address,
            b.serving(address),
            FakeNode(address, network.node("d")) as told,
        ):
            await publish(address, network.node("a"), DICTIONARY)
            await soon(told.studies.get())

    async def learn() -> None:
        async with (
            serving(network, tmp_path / "c") as address,
            a.serving(address),
            researcher(address, network.researcher()) as ada,
        ):

            async def said() -> None:
                while (await reasons(ada, network))["a"] != [Reason.KEY_REVOKED]:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)

            await soon(said())

    run(send())
    run(learn())


def test_an_organisation_just_written_into_the_book_needs_no_waiting(
    network: TestNetwork, hospitals: tuple[Hospital, Hospital], tmp_path: Path
) -> None:
    """Its list came while nobody knew it, and counts from then on."""
    a, b = hospitals
    alone = neighbours.book(network, "a", ())
    both = neighbours.book(network, "a", "b")
    with a.decisions() as decisions:
        decisions.change_book(lambda _: alone, stewards=[steward(network, "a")])

    async def scenario() -> None:
        async with (
            serving(network, tmp_path / "c") as address,
            a.serving(address),
            b.serving(address),
            researcher(address, network.researcher()) as ada,
        ):
            await publish(address, network.node("a"), DICTIONARY)
            await agreed(ada, network, [Reason.RESEARCHER_NOT_VOUCHED], [])
            await soon(kept(a))
            with a.decisions() as decisions:
                decisions.change_book(lambda _: both, stewards=[steward(network, "a")])
            assert await reasons(ada, network) == {"a": [], "b": []}

    run(scenario())


async def kept(hospital: Hospital) -> None:
    """Wait until a hospital keeps a list beside its own."""

    def number() -> int:
        with hospital.catalog() as catalog, catalog.reading() as connection:
            return int(connection.execute("SELECT count(*) FROM revocations").fetchone()[0])

    while number() < 2:  # noqa: ASYNC110 - the catalog has no event for tests
        await asyncio.sleep(0.02)
