"""Published models at a real coordinator: who publishes and fetches, what is kept and logged."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from support.coordinator import prepare, run, serving
from support.model_files import LINEAR, long_answer, made, model_file, parts, read, stated
from support.pki import TestNetwork
from wardnet.audit import log
from wardnet.audit.entry import EventType
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.member import Role
from wardnet.model import file as files
from wardnet.transport.channel import open_blocking_channel
from wardnet.transport.models import Models
from wardnet_coordinator import server, state
from wardnet_coordinator.settings import CoordinatorSettings

T = TypeVar("T")

NAME = "smokers-1"


async def ask(address: str, who: Credentials, call: Callable[[Models], T]) -> T:
    """Call the registry as a member does, beside the server's loop."""

    def blocking() -> T:
        with open_blocking_channel(who, address) as channel:
            return call(Models(channel, address))

    return await asyncio.to_thread(blocking)


async def refused(address: str, who: Credentials, call: Callable[[Models], object]) -> Reason:
    """Return why a call is refused."""
    with pytest.raises(WardnetError) as error:
        await ask(address, who, call)
    return error.value.reason


def test_a_model_is_given_out_as_it_was_published(tmp_path: Path) -> None:
    """To researchers, nodes, stewards and auditors, to the byte."""

    async def scenario() -> None:
        network = TestNetwork()
        data = model_file(network)
        async with serving(network, tmp_path) as address:
            await ask(address, network.researcher(), lambda models: models.publish(data))
            for role in (Role.RESEARCHER, Role.NODE, Role.STEWARD, Role.AUDITOR):
                member = network.credentials(role, "olga")
                assert await ask(address, member, lambda models: models.fetch(NAME)) == data
            (listed,) = await ask(address, network.node("a"), lambda models: [*models.listed()])
        assert (listed.name, listed.researcher, listed.method) == ("smokers-1", "ada", "glm")
        assert (listed.digest, listed.size) == (read(network, data).digest, len(data))

    run(scenario())


def test_a_name_stands_once_and_the_same_file_changes_nothing(tmp_path: Path) -> None:
    """Nobody can put another model in the place of one, not even its researcher."""

    async def scenario() -> None:
        network = TestNetwork()
        data = model_file(network)
        whole = parts(network)
        other = files.write(replace(whole, statement=stated(network, whole.model)))
        changed = files.write(parts(network, made(network, "linear", LINEAR)))
        assert other == data
        async with serving(network, tmp_path) as address:
            ada = network.researcher()
            for _ in range(2):
                await ask(address, ada, lambda models: models.publish(data))
            reason = await refused(address, ada, lambda models: models.publish(changed))
            assert reason is Reason.MODEL_NAME_TAKEN
            assert await ask(address, ada, lambda models: models.fetch(NAME)) == data

    run(scenario())


def test_only_the_researcher_who_asked_can_publish(tmp_path: Path) -> None:
    """Neither another researcher nor a member of another role."""

    async def scenario() -> None:
        network = TestNetwork()
        data = model_file(network)
        async with serving(network, tmp_path) as address:
            eve, node = network.researcher("eve"), network.node("a")
            auditor = network.credentials(Role.AUDITOR, "olga")
            assert (
                await refused(address, eve, lambda models: models.publish(data))
                is Reason.IDENTITY_MISMATCH
            )
            for member in (node, auditor):
                reason = await refused(address, member, lambda models: models.publish(data))
                assert reason is Reason.ROLE_REFUSED

    run(scenario())


def test_what_does_not_verify_is_not_kept(tmp_path: Path) -> None:
    """An unsigned model would fill the room of others."""

    async def scenario() -> None:
        network = TestNetwork()
        data = bytearray(model_file(network))
        data[len(data) // 2] ^= 1
        async with serving(network, tmp_path) as address:
            ada = network.researcher()
            reason = await refused(address, ada, lambda models: models.publish(bytes(data)))
            assert reason in {Reason.MODEL_UNREADABLE, Reason.MODEL_ALTERED}
            assert await ask(address, ada, lambda models: [*models.listed()]) == []
            reason = await refused(address, ada, lambda models: models.fetch(NAME))
            assert reason is Reason.MODEL_UNKNOWN

    run(scenario())


def test_a_file_longer_than_any_model_ends_the_call(tmp_path: Path) -> None:
    """The coordinator's memory is bounded."""

    async def scenario() -> None:
        network = TestNetwork()
        async with serving(network, tmp_path) as address:
            endless = b"{" * (files.MAXIMUM_BYTES + 1)
            reason = await refused(
                address, network.researcher(), lambda models: models.publish(endless)
            )
            assert reason is Reason.MODEL_UNREADABLE

    run(scenario())


def test_one_researcher_cannot_take_all_the_room(tmp_path: Path) -> None:
    """What does not fit into the quota is refused, and what is there stays."""

    async def scenario() -> None:
        network = TestNetwork()
        prepare(tmp_path, "abc")
        values = CoordinatorSettings(listen="127.0.0.1:0", model_quota=0)
        async with server.serve(
            tmp_path, credentials=network.coordinator(), issuing=network.issuing, settings=values
        ) as address:
            data = model_file(network)
            reason = await refused(
                address, network.researcher(), lambda models: models.publish(data)
            )
            assert reason is Reason.MODEL_QUOTA

    run(scenario())


def test_publishing_and_fetching_stand_in_the_log(tmp_path: Path) -> None:
    """Who handed on what, and who has it."""

    async def scenario() -> None:
        network = TestNetwork()
        data = model_file(network)
        async with serving(network, tmp_path) as address:
            await ask(address, network.researcher(), lambda models: models.publish(data))
            await ask(address, network.node("a"), lambda models: models.fetch(NAME))
        with state.writing(tmp_path) as connection:
            entries = [entry for entry in log.entries(connection) if "model" in entry.type]
        assert [(entry.type, entry.actor.subject) for entry in entries] == [
            (EventType.MODEL_PUBLISHED, network.researcher().member.uri),
            (EventType.MODEL_FETCHED, network.node("a").member.uri),
        ]
        assert {entry.operation for entry in entries} == {"model smokers-1"}
        assert {entry.request_digest for entry in entries} == {read(network, data).digest}

    run(scenario())


def test_a_model_longer_than_a_message_travels_in_pieces(tmp_path: Path) -> None:
    """A network of many weights is longer than any message may be."""

    async def scenario() -> None:
        network = TestNetwork()
        whole = parts(network, long_answer(network))
        data = files.write(whole)
        assert len(data) > 4 << 20
        async with serving(network, tmp_path) as address:
            await ask(address, network.researcher(), lambda models: models.publish(data))
            fetched = await ask(address, network.node("b"), lambda models: models.fetch(NAME))
        assert fetched == data

    run(scenario())
