"""Becoming a member of a real coordinator: invitations are for one exact member, once."""

import asyncio
import contextlib
import hashlib
from datetime import timedelta
from pathlib import Path

import pytest

from support.coordinator import SECONDS, calls, prepare, refused, run, serving, soon
from support.fake_node import FakeNode
from support.pki import CHEAP, PASSPHRASE, TestNetwork
from wardnet import clock
from wardnet.audit import log
from wardnet.audit.entry import EventType
from wardnet.errors import Reason, WardnetError
from wardnet.identity import keystore
from wardnet.identity.credentials import Keys
from wardnet.identity.invitation import Invitation
from wardnet.identity.member import Member, Role
from wardnet.transport.enrol import enrol
from wardnet.wire.v1 import catalog_pb2, catalog_pb2_grpc, enrolment_pb2, enrolment_pb2_grpc
from wardnet_coordinator import registry, state

WEEK = timedelta(days=7)


@pytest.fixture(autouse=True)
def _cheap_passphrases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make passphrases cost nothing."""
    monkeypatch.setattr(keystore, "COST", CHEAP)


def invite(
    network: TestNetwork,
    home: Path,
    *,
    role: Role = Role.NODE,
    name: str = "north",
    lasts: timedelta = WEEK,
    address: str = "127.0.0.1:1",
    again: bool = False,
) -> Invitation:
    """Invite somebody, as the command does."""
    now = clock.now()
    with state.writing(home) as connection:
        return registry.invite(
            connection,
            Member(network.name, role, name),
            address=address,
            root=network.root.certificate,
            issuing=network.issuing,
            at=now + lasts - WEEK,
            until=now + lasts,
            again=again,
        )


def redeem(token: bytes, keys: Keys | None = None) -> enrolment_pb2.EnrolRequest:
    """Return a request to enrol."""
    keys = keys or Keys.generate()
    return enrolment_pb2.EnrolRequest(
        token=token, tls_request=keys.tls_request, signing_request=keys.signing_request
    )


@pytest.mark.parametrize("role", registry.INVITABLE)
def test_the_invited_become_exactly_who_they_were_invited_as(tmp_path: Path, role: Role) -> None:
    """Keys are made by the member; names come from the invitation alone."""

    async def scenario() -> None:
        network = TestNetwork()
        async with serving(network, tmp_path) as address:
            invitation = invite(network, tmp_path, role=role, address=address)
            credentials, _ = await asyncio.to_thread(enrol, invitation, tmp_path / "n", PASSPHRASE)
            assert credentials.member == Member("heartnet", role, "north")
            async with calls(address, credentials) as channel:
                stub = catalog_pb2_grpc.CatalogServiceStub(channel)
                listed = await stub.ListHospitals(
                    catalog_pb2.ListHospitalsRequest(), timeout=SECONDS
                )
        hospitals = {hospital.hospital for hospital in listed.hospitals}
        assert ("north" in hospitals) == (role is Role.NODE)

    run(scenario())


def test_an_invitation_is_used_up_by_its_first_use(tmp_path: Path) -> None:
    """The second use is refused and logged."""

    async def scenario() -> None:
        network = TestNetwork()
        async with serving(network, tmp_path) as address:
            invitation = invite(network, tmp_path)
            async with calls(address, invitation.tls) as channel:
                stub = enrolment_pb2_grpc.EnrolmentServiceStub(channel)
                await stub.Enrol(redeem(invitation.token), timeout=SECONDS)
                again = stub.Enrol(redeem(invitation.token), timeout=SECONDS)
                await refused(again, Reason.INVITATION_REFUSED)

    run(scenario())
    with contextlib.closing(state.connect(tmp_path)) as connection:
        log.verify(connection)
        entries = [(entry.type, entry.outcome) for entry in log.entries(connection)]
    assert entries == [
        (EventType.MEMBER_INVITED, "done"),
        (EventType.MEMBER_ENROLLED, "done"),
        (EventType.MEMBER_ENROLLED, "refused"),
    ]


def test_a_wrong_token_is_refused(tmp_path: Path) -> None:
    """The certificate in an invitation opens the door; only the token makes a member."""

    async def scenario() -> None:
        network = TestNetwork()
        async with serving(network, tmp_path) as address:
            invitation = invite(network, tmp_path)
            async with calls(address, invitation.tls) as channel:
                stub = enrolment_pb2_grpc.EnrolmentServiceStub(channel)
                for token in (b"", bytes(32), hashlib.sha256(invitation.token).digest()):
                    call = stub.Enrol(redeem(token), timeout=SECONDS)
                    await refused(call, Reason.INVITATION_REFUSED)

    run(scenario())


def test_an_invitation_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """Token and certificate belong together."""

    async def scenario() -> None:
        network = TestNetwork()
        async with serving(network, tmp_path) as address:
            mine = invite(network, tmp_path, name="north")
            theirs = invite(network, tmp_path, name="south")
            async with calls(address, mine.tls) as channel:
                stub = enrolment_pb2_grpc.EnrolmentServiceStub(channel)
                call = stub.Enrol(redeem(theirs.token), timeout=SECONDS)
                await refused(call, Reason.INVITATION_REFUSED)
                await stub.Enrol(redeem(mine.token), timeout=SECONDS)

    run(scenario())


def test_an_expired_invitation_opens_nothing(tmp_path: Path) -> None:
    """Its certificate has expired with it, so the connection itself is refused."""

    async def scenario() -> None:
        network = TestNetwork()
        async with serving(network, tmp_path) as address:
            invitation = invite(network, tmp_path, lasts=timedelta(minutes=-1))
            async with calls(address, invitation.tls) as channel:
                stub = enrolment_pb2_grpc.EnrolmentServiceStub(channel)
                await refused(
                    stub.Enrol(redeem(invitation.token), timeout=SECONDS), Reason.COORDINATOR_AWAY
                )

    run(scenario())


def test_an_expired_token_is_refused_under_a_certificate_that_still_holds(tmp_path: Path) -> None:
    """The database decides, not the invitation's certificate."""
    network = TestNetwork()
    prepare(tmp_path, "")
    invitation = invite(network, tmp_path)
    keys = Keys.generate()
    with state.writing(tmp_path) as connection:
        enrolled = registry.enrol(
            connection,
            token=invitation.token,
            caller=Member("heartnet", Role.INVITED, "north"),
            tls_request=keys.tls_request,
            signing_request=keys.signing_request,
            issuing=network.issuing,
            at=clock.now() + WEEK + timedelta(seconds=1),
        )
    assert enrolled is None


def test_an_invitation_into_another_network_opens_nothing(tmp_path: Path) -> None:
    """Two networks may even share a name: the roots differ."""

    async def scenario() -> None:
        network, other = TestNetwork(), TestNetwork()
        prepare(tmp_path / "other", "")
        async with serving(network, tmp_path) as address:
            invitation = invite(other, tmp_path / "other")
            async with calls(address, invitation.tls) as channel:
                stub = enrolment_pb2_grpc.EnrolmentServiceStub(channel)
                await refused(
                    stub.Enrol(redeem(invitation.token), timeout=SECONDS), Reason.COORDINATOR_AWAY
                )

    run(scenario())


def test_the_invited_may_do_nothing_but_enrol(tmp_path: Path) -> None:
    """A stolen invitation shows nothing of the network."""

    async def scenario() -> None:
        network = TestNetwork()
        async with serving(network, tmp_path) as address:
            invitation = invite(network, tmp_path)
            async with calls(address, invitation.tls) as channel:
                stub = catalog_pb2_grpc.CatalogServiceStub(channel)
                call = stub.ListDatasets(catalog_pb2.ListDatasetsRequest(), timeout=SECONDS)
                await refused(call, Reason.ROLE_REFUSED)

    run(scenario())


def test_a_request_with_a_wrong_key_leaves_the_invitation_unused(tmp_path: Path) -> None:
    """A broken client may try again."""

    async def scenario() -> None:
        network = TestNetwork()
        async with serving(network, tmp_path) as address:
            invitation = invite(network, tmp_path)
            keys = Keys.generate()
            swapped = enrolment_pb2.EnrolRequest(
                token=invitation.token,
                tls_request=keys.signing_request,
                signing_request=keys.tls_request,
            )
            async with calls(address, invitation.tls) as channel:
                stub = enrolment_pb2_grpc.EnrolmentServiceStub(channel)
                await refused(stub.Enrol(swapped, timeout=SECONDS), Reason.MALFORMED)
                await stub.Enrol(redeem(invitation.token, keys), timeout=SECONDS)

    run(scenario())


def test_a_second_invitation_ends_the_first(tmp_path: Path) -> None:
    """Whoever lost an invitation gets another, and the lost one is worth nothing."""

    async def scenario() -> None:
        network = TestNetwork()
        async with serving(network, tmp_path) as address:
            lost, found = invite(network, tmp_path), invite(network, tmp_path)
            async with calls(address, lost.tls) as channel:
                stub = enrolment_pb2_grpc.EnrolmentServiceStub(channel)
                call = stub.Enrol(redeem(lost.token), timeout=SECONDS)
                await refused(call, Reason.INVITATION_REFUSED)
                await stub.Enrol(redeem(found.token), timeout=SECONDS)

    run(scenario())


def test_a_member_is_not_invited_again(tmp_path: Path) -> None:
    """Two hospitals under one id would fence each other."""
    prepare(tmp_path, ["north"])
    with pytest.raises(WardnetError) as caught:
        invite(TestNetwork(), tmp_path)
    assert caught.value.reason is Reason.ALREADY_EXISTS
    assert invite(TestNetwork(), tmp_path, role=Role.STEWARD).member.role is Role.STEWARD


def test_a_hospital_that_lost_its_disk_enrols_again(tmp_path: Path) -> None:
    """Its new process begins at epoch 1; the old one, wherever it runs, is fenced."""

    async def scenario() -> None:
        network = TestNetwork()
        async with (
            serving(network, tmp_path) as address,
            FakeNode(address, network.node("a"), epoch=7) as old,
        ):
            invitation = invite(network, tmp_path, name="a", again=True)
            async with calls(address, invitation.tls) as channel:
                stub = enrolment_pb2_grpc.EnrolmentServiceStub(channel)
                await stub.Enrol(redeem(invitation.token), timeout=SECONDS)
            await soon(old.over.wait())
            assert old.failure is not None
            assert old.failure.reason is Reason.SUPERSEDED
            async with FakeNode(address, network.node("a"), epoch=1) as new:
                assert not new.over.is_set()

    run(scenario())


@pytest.mark.parametrize("role", [Role.COORDINATOR, Role.INVITED])
def test_nobody_is_invited_as_a_coordinator(tmp_path: Path, role: Role) -> None:
    """There is one, made by `init`."""
    prepare(tmp_path, "")
    with pytest.raises(WardnetError) as caught:
        invite(TestNetwork(), tmp_path, role=role)
    assert caught.value.reason is Reason.ROLE_REFUSED


def test_the_token_is_nowhere_on_the_coordinators_disk(tmp_path: Path) -> None:
    """Whoever steals the disk cannot enrol."""
    prepare(tmp_path, "")
    invitation = invite(TestNetwork(), tmp_path)
    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert hashlib.sha256(invitation.token).digest() in stored
    assert invitation.token not in stored
    assert invitation.key not in stored
