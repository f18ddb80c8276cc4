"""Joining a network, seen from the joining home: all of it, or nothing."""

import asyncio
import contextlib
import io
import multiprocessing
import signal
from datetime import timedelta
from pathlib import Path

import pytest

from support.coordinator import prepare, run, serving
from support.joiner import join_until
from support.pki import CHEAP, PASSPHRASE, TestNetwork
from wardnet import clock, settings
from wardnet.audit.entry import EventType
from wardnet.audit.log import entries
from wardnet.errors import Reason, WardnetError
from wardnet.identity import keystore
from wardnet.identity.credentials import Credentials
from wardnet.identity.invitation import Invitation
from wardnet.identity.keystore import Keystore
from wardnet.identity.member import Member, Role
from wardnet.transport.enrol import check_invitation, enrol, read_invitation
from wardnet_coordinator import registry, state
from wardnet_node.enrol import join
from wardnet_node.settings import NodeSettings
from wardnet_node.vault.catalog import Catalog

LOST = "before the certificates"
processes = multiprocessing.get_context("spawn")


@pytest.fixture(autouse=True)
def _cheap_passphrases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make passphrases cost nothing."""
    monkeypatch.setattr(keystore, "COST", CHEAP)


@pytest.fixture
def network() -> TestNetwork:
    """Return a network."""
    return TestNetwork()


def invite(
    network: TestNetwork, coordinator: Path, address: str, *, again: bool = False
) -> Invitation:
    """Invite the hospital `north`."""
    at = clock.now()
    with state.writing(coordinator) as connection:
        return registry.invite(
            connection,
            Member(network.name, Role.NODE, "north"),
            address=address,
            root=network.root.certificate,
            issuing=network.issuing,
            at=at,
            until=at + timedelta(days=1),
            again=again,
        )


def test_a_node_joins_and_gets_its_vault(network: TestNetwork, tmp_path: Path) -> None:
    """Home holds keys, certificates, address and log; the recovery key opens it too."""
    home = tmp_path / "north"

    async def scenario() -> str:
        async with serving(network, tmp_path / "c") as address:
            invitation = invite(network, tmp_path / "c", address)
            credentials, recovery = await asyncio.to_thread(join, invitation, home, PASSPHRASE)
            assert credentials.member == Member(network.name, Role.NODE, "north")
            assert settings.load(NodeSettings, home).address == address
            return recovery

    recovery = run(scenario())
    kept = Keystore.recover(home, recovery)
    assert Credentials.load(home, kept).member.id == "north"
    with contextlib.closing(Catalog.open(home, kept)) as catalog, catalog.reading() as connection:
        types = [entry.type for entry in entries(connection)]
    assert types == [EventType.MEMBER_ENROLLED, EventType.KEY_CREATED]


@pytest.mark.parametrize(
    "moment", ["before the catalog", "before the coordinator", LOST, "before it unlocks", *range(5)]
)
def test_a_node_killed_while_it_joins_joins_when_run_again(
    network: TestNetwork, tmp_path: Path, moment: str | int
) -> None:
    """Whenever it happens, nothing looks like a lost catalog, and nothing is left lying about.

    Only an answer that was never written down costs the invitation.
    """
    home, whole = tmp_path / "north", tmp_path / "whole"

    async def scenario() -> None:
        async with serving(network, tmp_path / "c") as address:
            invitation = invite(network, tmp_path / "c", address)
            killed = processes.Process(target=join_until, args=(moment, invitation.to_line(), home))
            killed.start()
            await asyncio.to_thread(killed.join)
            assert killed.exitcode == -signal.SIGKILL
            assert not (home / keystore.FILE_NAME).exists()
            if moment == LOST:
                with pytest.raises(WardnetError) as caught:
                    await asyncio.to_thread(join, invitation, home, PASSPHRASE)
                assert caught.value.reason is Reason.INVITATION_REFUSED
                invitation = invite(network, tmp_path / "c", address, again=True)
            await asyncio.to_thread(join, invitation, home, PASSPHRASE)
            other = invite(network, tmp_path / "c", address, again=True)
            await asyncio.to_thread(join, other, whole, PASSPHRASE)

    run(scenario())
    assert {path.name for path in home.iterdir()} == {path.name for path in whole.iterdir()}
    kept = Keystore.unlock(home, PASSPHRASE)
    with contextlib.closing(Catalog.open(home, kept)) as catalog, catalog.reading() as connection:
        types = [entry.type for entry in entries(connection)]
    assert types == [EventType.MEMBER_ENROLLED, EventType.KEY_CREATED]


def test_a_catalog_without_its_keystore_is_not_written_over(
    network: TestNetwork, tmp_path: Path
) -> None:
    """It may be a hospital's, whose keystore is in a backup; the invitation stays unused."""
    prepare(tmp_path / "c", "")
    home = tmp_path / "north"
    home.mkdir()
    (home / "catalog.db").write_bytes(b"somebody's")
    with pytest.raises(WardnetError) as caught:
        join(invite(network, tmp_path / "c", "127.0.0.1:1"), home, PASSPHRASE)
    assert caught.value.reason is Reason.ALREADY_EXISTS
    assert (home / "catalog.db").read_bytes() == b"somebody's"


def test_settings_that_were_there_stay(network: TestNetwork, tmp_path: Path) -> None:
    """An operator may write settings before the node joins."""
    home = tmp_path / "north"
    home.mkdir()
    (home / settings.FILE_NAME).write_text("workers = 3\n")

    async def scenario() -> None:
        async with serving(network, tmp_path / "c") as address:
            invitation = invite(network, tmp_path / "c", address)
            await asyncio.to_thread(enrol, invitation, home, PASSPHRASE)
            read = settings.load(NodeSettings, home)
            assert (read.address, read.workers) == (address, 3)

    run(scenario())


def test_a_used_invitation_leaves_nothing_behind(network: TestNetwork, tmp_path: Path) -> None:
    """The folder that was made for it is gone again."""

    async def scenario() -> None:
        async with serving(network, tmp_path / "c") as address:
            invitation = invite(network, tmp_path / "c", address)
            await asyncio.to_thread(enrol, invitation, tmp_path / "first", PASSPHRASE)
            with pytest.raises(WardnetError) as caught:
                await asyncio.to_thread(enrol, invitation, tmp_path / "second", PASSPHRASE)
            assert caught.value.reason is Reason.INVITATION_REFUSED
            assert not (tmp_path / "second").exists()

    run(scenario())


def test_a_short_passphrase_does_not_use_up_the_invitation(
    network: TestNetwork, tmp_path: Path
) -> None:
    """What can be refused here is refused before the coordinator hears of it."""
    home = tmp_path / "north"

    async def scenario() -> None:
        async with serving(network, tmp_path / "c") as address:
            invitation = invite(network, tmp_path / "c", address)
            with pytest.raises(WardnetError) as caught:
                await asyncio.to_thread(enrol, invitation, home, "short")
            assert caught.value.reason is Reason.PASSPHRASE_WEAK
            await asyncio.to_thread(enrol, invitation, home, PASSPHRASE)

    run(scenario())


def test_a_home_is_not_enrolled_twice(network: TestNetwork, tmp_path: Path) -> None:
    """The keys that are there open a vault; nothing may take their place."""
    home = tmp_path / "north"

    async def scenario() -> None:
        async with serving(network, tmp_path / "c") as address:
            invitation = invite(network, tmp_path / "c", address)
            await asyncio.to_thread(enrol, invitation, home, PASSPHRASE)
            before = {path: path.read_bytes() for path in home.iterdir()}
            with pytest.raises(WardnetError) as caught:
                await asyncio.to_thread(enrol, invitation, home, PASSPHRASE)
            assert caught.value.reason is Reason.ALREADY_EXISTS
            assert {path: path.read_bytes() for path in home.iterdir()} == before

    run(scenario())


def test_a_coordinator_that_is_away_leaves_nothing_behind(
    network: TestNetwork, tmp_path: Path
) -> None:
    """Somebody else's files in the folder stay as they are."""
    prepare(tmp_path / "c", "")
    home = tmp_path / "north"
    home.mkdir()
    (home / "note").write_text("mine")
    with pytest.raises(WardnetError) as caught:
        enrol(invite(network, tmp_path / "c", "127.0.0.1:1"), home, PASSPHRASE)
    assert caught.value.reason is Reason.COORDINATOR_AWAY
    assert [path.name for path in home.iterdir()] == ["note"]


def test_an_invitation_is_checked_before_it_is_used(network: TestNetwork, tmp_path: Path) -> None:
    """It is for this kind of member, and from the network whose fingerprint was told."""
    prepare(tmp_path / "c", "")
    invitation = invite(network, tmp_path / "c", "127.0.0.1:1")
    check_invitation(invitation, roles={Role.NODE}, fingerprint=invitation.fingerprint)
    with pytest.raises(WardnetError) as wrong_role:
        check_invitation(invitation, roles={Role.RESEARCHER})
    assert wrong_role.value.reason is Reason.INVITATION_ROLE
    assert "It is redeemed with `wardnet-node init`." in str(wrong_role.value)
    other = invite(TestNetwork(), tmp_path / "c", "127.0.0.1:1")
    with pytest.raises(WardnetError) as wrong_root:
        check_invitation(invitation, roles={Role.NODE}, fingerprint=other.fingerprint)
    assert wrong_root.value.reason is Reason.FINGERPRINT_MISMATCH
    with pytest.raises(WardnetError) as wrong_network:
        check_invitation(invitation, roles={Role.NODE}, network="lungnet")
    assert wrong_network.value.reason is Reason.INVITATION_NETWORK
    assert "lungnet" in str(wrong_network.value)


def test_nobody_joins_unasked_without_a_fingerprint(
    network: TestNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a terminal nobody can compare the root, so it must be given."""
    prepare(tmp_path / "c", "")
    invitation = invite(network, tmp_path / "c", "127.0.0.1:1")
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(WardnetError) as caught:
        check_invitation(invitation, roles={Role.NODE})
    assert caught.value.reason is Reason.FINGERPRINT_NEEDED
    assert "--fingerprint" in str(caught.value)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    check_invitation(invitation, roles={Role.NODE})


def test_an_invitation_is_read_from_wherever_it_is(
    network: TestNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line itself, a file, or standard input."""
    prepare(tmp_path / "c", "")
    invitation = invite(network, tmp_path / "c", "127.0.0.1:1")
    file = tmp_path / "invitation"
    file.write_text(invitation.to_line() + "\n")
    monkeypatch.setattr("sys.stdin", io.StringIO(invitation.to_line()))
    for source in (invitation.to_line(), str(file), "-"):
        assert read_invitation(source) == invitation
    with pytest.raises(WardnetError) as caught:
        read_invitation(str(tmp_path / "nowhere"))
    assert caught.value.reason is Reason.FILE_UNREADABLE
