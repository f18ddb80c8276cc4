"""The command `wardnet-coordinator`: founding, inviting, showing; every refusal is a sentence."""

import asyncio
import json
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from structlog.testing import capture_logs

from support.pki import CHEAP, PASSPHRASE
from wardnet import clock
from wardnet.audit import bundle, disputes, note, verifier
from wardnet.audit.checkpoint import Checkpoint
from wardnet.errors import CATALOGUE, Reason
from wardnet.identity import keystore
from wardnet.identity.certificates import fingerprint
from wardnet.identity.credentials import Credentials
from wardnet.identity.invitation import Invitation
from wardnet.identity.keystore import Keystore
from wardnet.identity.member import Member, Role
from wardnet_coordinator import founding, state
from wardnet_coordinator.broker import Broker
from wardnet_coordinator.cli import main
from wardnet_coordinator.post import Post

Run = Callable[..., Result]
FOUND = ("init", "--network", "heartnet", "--server-name", "post.example", "--server-name", "::1")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return what runs the command on one home."""
    monkeypatch.setattr(keystore, "COST", CHEAP)
    passphrase = tmp_path / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text(PASSPHRASE)
    before = ("--home", str(tmp_path / "home"), "--passphrase-file", str(passphrase))
    return lambda *words: CliRunner().invoke(main, [*before, *words])


def refused(result: Result, reason: Reason) -> None:
    """Check that a command failed for one reason, in one sentence."""
    assert result.exit_code == CATALOGUE[reason].exit_code
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1


def test_init_makes_a_network_that_can_be_believed(run: Run, tmp_path: Path) -> None:
    """Everything is under one root, and everything private is its owner's only."""
    result = run(*FOUND, "--json")
    assert result.exit_code == 0
    home = tmp_path / "home"
    kept = Keystore.unlock(home, PASSPHRASE)
    credentials = Credentials.load(home, kept)
    assert credentials.member == Member("heartnet", Role.COORDINATOR, "coordinator")
    assert founding.load_issuing(home, kept).certificate.issuer == credentials.root.subject
    said = json.loads(result.stdout)
    assert said["fingerprint"] == fingerprint(credentials.root)
    assert said["root_key"] == str(home / "root")
    assert "offline" in result.stderr
    modes = {stat.S_IMODE(path.stat().st_mode) for path in home.rglob("*") if path.is_file()}
    assert modes == {0o600}
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_serving_and_inviting_never_need_the_root_key(run: Run, tmp_path: Path) -> None:
    """It can be moved offline at once."""
    run(*FOUND)
    (tmp_path / "home" / "root").rename(tmp_path / "offline")
    assert run("invite", "--role", "node", "--id", "north").exit_code == 0
    assert Keystore.unlock(tmp_path / "offline", PASSPHRASE).open("authority")


def test_an_invitation_is_the_only_thing_on_stdout(run: Run) -> None:
    """It can be piped; what people should know stands on stderr."""
    run(*FOUND)
    result = run("invite", "--role", "researcher", "--id", "ada")
    invitation = Invitation.from_line(result.stdout)
    assert invitation.member == Member("heartnet", Role.RESEARCHER, "ada")
    assert invitation.address == "post.example:7443"
    assert invitation.fingerprint in result.stderr
    as_json = json.loads(run("invite", "--role", "node", "--id", "north", "--json").stdout)
    assert Invitation.from_line(as_json["invitation"]).member.id == "north"
    assert as_json["fingerprint"] == invitation.fingerprint


def test_a_free_port_is_known_only_after_serving(run: Run, tmp_path: Path) -> None:
    """Until then an invitation could name no address."""
    run(*FOUND, "--listen", "[::1]:0")
    refused(run("invite", "--role", "node", "--id", "north"), Reason.NOT_INITIALISED)
    (tmp_path / "home" / "address").write_text("[::1]:4711\n")
    line = run("invite", "--role", "node", "--id", "north").stdout
    assert Invitation.from_line(line).address == "post.example:4711"


def test_members_log_and_settings_are_shown(run: Run) -> None:
    """As tables for people and as JSON for programs; the log is checked before."""
    run(*FOUND)
    run("invite", "--role", "node", "--id", "north")
    assert json.loads(run("members", "--json").stdout) == []
    entry, _ = json.loads(run("log", "--json").stdout)
    assert (entry["type"], entry["recipient"]) == (
        "member_invited",
        "wardnet://heartnet/node/north",
    )
    shown = run("log").stdout
    assert "member_invited" in shown
    assert "wardnet://heartnet/node/north" in shown
    settings = {row["name"]: row for row in json.loads(run("config", "--json").stdout)}
    assert settings["server_name"] == {
        "name": "server_name",
        "value": "post.example",
        "source": "file",
    }
    assert settings["round_deadline"]["source"] == "default"


def test_the_log_is_handed_out_with_what_proves_it(run: Run, tmp_path: Path) -> None:
    """The whole of it, under the coordinator's own key."""
    run(*FOUND)
    run("invite", "--role", "node", "--id", "north")
    file = tmp_path / "coordinator.bundle"
    assert run("log", "--bundle", str(file)).exit_code == 0
    with file.open("rb") as stream:
        verdict = verifier.verify(bundle.read(stream), logs={}, witnesses={})
    assert (verdict.origin, verdict.count) == ("wardnet://heartnet/coordinator/coordinator", 2)
    assert "No entry of the log is missing up to its checkpoint." in verdict.proven


def test_whoever_reads_the_log_stands_in_it(run: Run, tmp_path: Path) -> None:
    """Also who takes it along; looking at its witnesses tells nothing of it and is none."""
    run(*FOUND)
    run("log")
    run("log", "--bundle", str(tmp_path / "coordinator.bundle"))
    run("witnesses")
    read = json.loads(run("log", "--json").stdout)
    assert [(entry["type"], entry["operation"], entry["subject"]) for entry in read] == [
        ("log_read", "log", "operator"),
        ("log_read", "bundle", "operator"),
        ("log_read", "log", "operator"),
    ]


def test_a_disputed_log_is_called_so_and_its_evidence_is_kept(run: Run, tmp_path: Path) -> None:
    """By every command that looks at it, and by whoever starts the daemon; it signs no more."""
    run(*FOUND)
    home, file = tmp_path / "home", tmp_path / "coordinator.bundle"
    assert run("log", "--bundle", str(file)).stderr == ""
    credentials = Credentials.load(home, Keystore.unlock(home, PASSPHRASE))
    owner, north = credentials.member.uri, "wardnet://heartnet/node/north"
    history = Checkpoint(owner, 9, bytes(32)).text
    seen = str(note.sign(history, name=owner, key=credentials.signer.key))
    with state.writing(home) as connection:
        key = credentials.signer.key.public_key()
        assert disputes.dispute(connection, seen, name=north, key=key, at=clock.now())
    for words in (("log",), ("witnesses",), ("log", "--bundle", str(file))):
        told = run(*words)
        assert told.exit_code == 0
        assert f"Disputed: {north} holds a checkpoint of 9 entries" in told.stderr
    (row,) = json.loads(run("witnesses", "--json").stdout)
    assert (row["witness"], row["disputes"], row["evidence"]) == (north, True, [seen])
    with file.open("rb") as stream:
        assert verifier.verify(bundle.read(stream), logs={}, witnesses={}).count == 1

    async def started() -> None:
        async with (
            office(home, credentials) as post,
            asyncio.timeout(20),
        ):
            with suppress(TimeoutError):
                await asyncio.wait_for(post.run(seconds=60), 0.2)

    with capture_logs() as logged:
        asyncio.run(started())
    assert [(line["event"], line["identity"]) for line in logged] == [("log_disputed", north)]


@asynccontextmanager
async def office(home: Path, credentials: Credentials) -> AsyncIterator[Post]:
    """Open the post of a coordinator that nobody is attached to."""
    database = state.Database(home)
    try:
        yield Post(credentials=credentials, database=database, broker=Broker())
    finally:
        await database.close()


def test_founding_twice_changes_nothing(run: Run, tmp_path: Path) -> None:
    """A network's root is made once."""
    run(*FOUND)
    before = (tmp_path / "home" / "keystore.json").read_bytes()
    refused(run(*FOUND), Reason.ALREADY_EXISTS)
    assert (tmp_path / "home" / "keystore.json").read_bytes() == before


@pytest.mark.parametrize(
    "words",
    [
        ("init", "--network", "HeartNet", "--server-name", "localhost"),
        ("init", "--network", "heartnet", "--server-name", "localhost:7443"),
    ],
    ids=["network", "server name"],
)
def test_a_wrong_name_makes_nothing(run: Run, tmp_path: Path, words: tuple[str, ...]) -> None:
    """Refused before the first file is written."""
    refused(run(*words), Reason.PARAMETER_INVALID)
    assert not (tmp_path / "home").exists()


def test_a_wrong_address_is_a_usage_error(run: Run) -> None:
    """Exit code 2, as for every misused option."""
    assert run(*FOUND, "--listen", "7443").exit_code == 2


@pytest.mark.parametrize(
    "words",
    [("serve",), ("config",), ("members",), ("log",), ("invite", "--role", "node", "--id", "a")],
    ids=lambda words: words[0],
)
def test_without_init_there_is_nothing(run: Run, words: tuple[str, ...]) -> None:
    """The sentence says what to run first."""
    result = run(*words)
    refused(result, Reason.NOT_INITIALISED)
    assert "wardnet-coordinator init" in result.stderr


@pytest.mark.parametrize(
    ("listen", "why"),
    [
        ("192.0.2.1:0", "does not have that address"),
        ("no..name:0", "is not known here"),
        ("127.0.0.1:99999", "from 0 to 65535"),
    ],
)
def test_an_address_that_cannot_be_listened_at_is_not_said_to_be_in_use(
    run: Run, listen: str, why: str
) -> None:
    """The sentence names the setting, where it stands, and what is wrong with it."""
    run(*FOUND, "--listen", listen)
    result = run("serve")
    refused(result, Reason.WRONG_SETTING)
    assert why in result.stderr
    assert "settings.toml" in result.stderr


def test_a_wrong_passphrase_opens_nothing(run: Run, tmp_path: Path) -> None:
    """Serving needs the passphrase of the online keystore."""
    run(*FOUND)
    (tmp_path / "passphrase").write_text("incorrect horse battery")
    refused(run("serve"), Reason.PASSPHRASE_WRONG)
