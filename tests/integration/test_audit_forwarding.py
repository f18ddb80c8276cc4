"""Auditors' requests through a real coordinator: to one hospital, and its pages back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from support.coordinator import SECONDS, calls, refused, run, serving, soon
from support.fake_node import FakeNode, nodes
from support.pki import TestNetwork
from wardnet.audit import request as requests
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope, sign
from wardnet.identity.member import Role
from wardnet.transport.convert import causes_to_wire, envelope_from_wire, envelope_to_wire
from wardnet.wire.v1 import audit_pb2, audit_pb2_grpc, catalog_pb2, catalog_pb2_grpc, link_pb2
from wardnet_coordinator import audits

NOT_GRANTED = WardnetError(Reason.AUDIT_NOT_GRANTED, hospital="a")


def signed(auditor: Credentials) -> Envelope:
    """Return a request whose content only the hospital reads."""
    return sign(requests.PAYLOAD_TYPE, b"for the hospital", auditor.signer)


@asynccontextmanager
async def scene(home: Path) -> AsyncIterator[tuple[Credentials, FakeNode, str]]:
    """Serve a network with hospital a and an auditor."""
    network = TestNetwork()
    async with serving(network, home) as address, nodes(address, network, "a") as hospitals:
        yield network.credentials(Role.AUDITOR, "olga"), hospitals["a"], address


async def ask(address: str, caller: Credentials, envelope: Envelope, to: str = "a") -> list[bytes]:
    """Return the pages of one reply."""
    async with calls(address, caller) as channel:
        request = audit_pb2.AskRequest(hospital=to, request=envelope_to_wire(envelope))
        stub = audit_pb2_grpc.AuditServiceStub(channel)
        return [response.sealed async for response in stub.Ask(request, timeout=SECONDS)]


async def page(node: FakeNode, number: int, sealed: bytes = b"", **fields: Any) -> None:  # noqa: ANN401
    """Send one page."""
    await node.send(audit_page=link_pb2.AuditPage(id=number, sealed=sealed, **fields))


def test_pages_come_back_in_order_and_the_request_to_the_byte(tmp_path: Path) -> None:
    """The hospital gets exactly what was signed, and the auditor exactly what it sent."""

    async def scenario() -> None:
        async with scene(tmp_path) as (olga, node, address):
            envelope = signed(olga)
            asking = asyncio.create_task(ask(address, olga, envelope))
            work = await soon(node.audits.get())
            assert envelope_from_wire(work.request) == envelope
            await page(node, work.id, b"one")
            await page(node, work.id, b"two", last=True)
            await page(node, work.id, b"late")
            assert await soon(asking) == [b"one", b"two"]

    run(scenario())


def test_what_the_hospital_refuses_is_told(tmp_path: Path) -> None:
    """By its own reason; a page that nobody asked for changes nothing."""

    async def scenario() -> None:
        async with scene(tmp_path) as (olga, node, address):
            asking = asyncio.create_task(ask(address, olga, signed(olga)))
            work = await soon(node.audits.get())
            await page(node, work.id + 7, b"stray", last=True)
            await page(node, work.id, causes=causes_to_wire([NOT_GRANTED]))
            await refused(asking, Reason.AUDIT_NOT_GRANTED)
            assert not node.over.is_set()

    run(scenario())


def test_a_hospital_that_is_away_or_silent_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once when it is not connected, and after a while when it says nothing."""
    monkeypatch.setattr(audits, "PATIENCE", 0.1)

    async def scenario() -> None:
        async with scene(tmp_path) as (olga, _, address):
            await refused(ask(address, olga, signed(olga), "b"), Reason.HOSPITAL_AWAY)
            await refused(ask(address, olga, signed(olga)), Reason.HOSPITAL_AWAY)

    run(scenario())


def test_only_the_signer_brings_a_request_and_only_a_few_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another auditor's request is refused before any hospital sees it."""
    monkeypatch.setattr(audits, "MAXIMUM_OPEN", 1)

    async def scenario() -> None:
        async with scene(tmp_path) as (olga, node, address):
            paul = TestNetwork().credentials(Role.AUDITOR, "paul")
            await refused(ask(address, olga, signed(paul)), Reason.SIGNATURE_INVALID)
            first = asyncio.create_task(ask(address, olga, signed(olga)))
            work = await soon(node.audits.get())
            await refused(ask(address, olga, signed(olga)), Reason.WORK_LIMIT)
            await page(node, work.id, b"end", last=True)
            assert await soon(first) == [b"end"]

    run(scenario())


def test_nobody_but_an_auditor_asks(tmp_path: Path) -> None:
    """Not researchers, stewards or hospitals."""

    async def scenario() -> None:
        network = TestNetwork()
        async with serving(network, tmp_path) as address:
            for role in (Role.RESEARCHER, Role.STEWARD, Role.NODE):
                caller = network.credentials(role, "a")
                await refused(ask(address, caller, signed(caller)), Reason.ROLE_REFUSED)
            olga = network.credentials(Role.AUDITOR, "olga")
            async with calls(address, olga) as channel:
                stub = catalog_pb2_grpc.CatalogServiceStub(channel)
                listed = await stub.ListHospitals(
                    catalog_pb2.ListHospitalsRequest(), timeout=SECONDS
                )
            assert [each.hospital for each in listed.hospitals] == ["a", "b", "c", "d"]

    run(scenario())
