"""Who is invited becomes a member, once, and sees by which key hospitals know her."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from support.command import Run, exit_code
from support.coordinator import run, serving
from support.pki import CHEAP, PASSPHRASE, TestNetwork
from wardnet import clock
from wardnet.agreement.address_book import key_of
from wardnet.client import cli
from wardnet.command import grouped
from wardnet.errors import Reason
from wardnet.identity import keystore
from wardnet.identity.invitation import Invitation
from wardnet.identity.member import Member, Role
from wardnet_coordinator import registry, state


def test_a_member_sees_the_key_that_hospitals_write_down(wardnet: Run, pki: TestNetwork) -> None:
    """The fingerprint of the signing key, to be compared by telephone."""
    me = json.loads(wardnet("whoami", "--json").stdout)
    key = key_of(pki.researcher().signer.certificates[0])
    assert me == {"network": "heartnet", "role": "researcher", "id": "ada", "key": key}
    assert grouped(key) in wardnet("whoami").stdout


@pytest.mark.parametrize("role", [Role.RESEARCHER, Role.STEWARD, Role.AUDITOR])
def test_an_invitation_makes_a_member_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: Role
) -> None:
    """`wardnet login` makes keys, has them certified, and remembers where the coordinator is."""
    monkeypatch.setattr(keystore, "COST", CHEAP)
    passphrase = tmp_path / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text(PASSPHRASE + "\n")

    def login(home: str, line: str, *words: str) -> Result:
        options = ["--home", str(tmp_path / home), "--passphrase-file", str(passphrase)]
        return CliRunner().invoke(cli.main, [*options, "login", "-", *words], input=line)

    async def scenario() -> None:
        network = TestNetwork()
        async with serving(network, tmp_path / "coordinator") as address:
            invitation = invite(network, tmp_path / "coordinator", role, address)
            line = invitation.to_line() + "\n"
            wrong = await asyncio.to_thread(login, "ada", line, "--fingerprint", "00 11")
            assert wrong.exit_code == exit_code(Reason.FINGERPRINT_MISMATCH)
            unseen = await asyncio.to_thread(login, "ada", line)
            assert unseen.exit_code == exit_code(Reason.FINGERPRINT_NEEDED)
            told = ("--fingerprint", invitation.fingerprint)
            done = await asyncio.to_thread(login, "ada", line, *told, "--json")
            assert json.loads(done.stdout) == {"network": "heartnet", "role": role, "id": "ada"}
            again = await asyncio.to_thread(login, "ada", line, *told)
            assert again.exit_code == exit_code(Reason.ALREADY_EXISTS)
            used = await asyncio.to_thread(login, "eve", line, *told)
            assert used.exit_code == exit_code(Reason.INVITATION_REFUSED)
        assert f'address = "{address}"' in (tmp_path / "ada" / "settings.toml").read_text()
        assert not (tmp_path / "eve").exists()

    run(scenario())


def test_a_node_cannot_log_in_as_a_person(tmp_path: Path) -> None:
    """Its invitation is for another program."""

    async def scenario() -> None:
        network = TestNetwork()
        async with serving(network, tmp_path / "coordinator") as address:
            line = invite(network, tmp_path / "coordinator", Role.NODE, address).to_line()
        done = CliRunner().invoke(cli.main, ["--home", str(tmp_path / "home"), "login", line])
        assert done.exit_code == exit_code(Reason.INVITATION_ROLE)
        assert "`wardnet-node init`" in done.stderr

    run(scenario())


def invite(network: TestNetwork, home: Path, role: Role, address: str) -> Invitation:
    """Invite Ada."""
    with state.writing(home) as connection:
        return registry.invite(
            connection,
            Member(network.name, role, "ada"),
            address=address,
            root=network.root.certificate,
            issuing=network.issuing,
            at=clock.now(),
            until=clock.now() + timedelta(days=1),
        )
