"""The commands `wardnet-node steward`, `book` and `study`, on a hospital's real home."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from support import coordinator
from support.pki import CHEAP, PASSPHRASE, TestNetwork
from support.questions import key
from support.ward import Ward, proposal, signed_by
from wardnet import clock
from wardnet.audit import bundle, verifier
from wardnet.audit.entry import EventType
from wardnet.errors import CATALOGUE, Reason
from wardnet.identity import keystore
from wardnet.identity.certificates import fingerprint
from wardnet.identity.invitation import Invitation
from wardnet.identity.keystore import Keystore
from wardnet.identity.member import Member, Role
from wardnet_coordinator import registry, state
from wardnet_node.cli import main

Run = Callable[..., Result]
KEY = "0123456789abcdef" * 4


@pytest.fixture
def ward(tmp_path: Path) -> Ward:
    """Return hospital a with stewards sue and sam."""
    return Ward(TestNetwork(), tmp_path / "a", stewards=("sue", "sam"))


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """Return a file that holds the passphrase of everybody in these tests."""
    secret = tmp_path / "passphrase"
    secret.touch(mode=0o600)
    secret.write_text(PASSPHRASE)
    return secret


def runner(home: Path, secret: Path) -> Run:
    """Return what runs the command on a home."""

    def run(*arguments: str | Path, code: int = 0) -> Result:
        options = ["--home", str(home), "--passphrase-file", str(secret)]
        result = CliRunner().invoke(main, [*options, *map(str, arguments)])
        assert result.exit_code == code, result.output
        return result

    return run


@pytest.fixture
def run(ward: Ward, secret: Path) -> Run:
    """Return what runs the command on hospital a's home."""
    return runner(ward.home, secret)


def printed(result: Result) -> Any:  # noqa: ANN401 - JSON is read by its keys here
    """Read what `--json` printed."""
    return json.loads(result.stdout)


def invite(
    network: TestNetwork,
    home: Path,
    name: str,
    *,
    role: Role = Role.STEWARD,
    address: str = "127.0.0.1:1",
) -> str:
    """Return the line that invites somebody to the network of the coordinator at `home`."""
    at = clock.now()
    with state.writing(home) as connection:
        return registry.invite(
            connection,
            Member(network.name, role, name),
            address=address,
            root=network.root.certificate,
            issuing=network.issuing,
            at=at,
            until=at + timedelta(days=1),
        ).to_line()


def proposed(ward: Ward) -> str:
    """Let ada propose a study; return its id."""
    study = proposal(ward.network)
    with ward.decisions() as decisions:
        decisions.receive(signed_by(study, ward.network.researcher("ada")))
    return study.digest


def test_a_steward_reads_narrows_and_revokes(ward: Ward, run: Run, secret: Path) -> None:
    """From the inbox to the agreement and back, with what it says in plain language."""
    study = proposed(ward)
    signing = ("--steward", "sue", "--password-file", secret)
    (listed,) = printed(run("study", "list", "--json"))
    assert (listed["study"], listed["state"], listed["quota"]) == (study, "new", 50)
    shown = run("study", "show", study[:8]).stdout
    for words in ("Age and sex of heart patients", "What could leak?", "nothing yet"):
        assert words in shown
    limits = ("--columns", "age, sex", "--methods", "count", "--quota", "5")
    more = ("--cohort", "age >= 18", "--condition", "Tell us first.", "--minimum-patients", "20")
    day = f"{clock.now() + timedelta(days=30):%Y-%m-%d}"
    until = ("--until", day, "--evidence", secret)
    decided = printed(run("study", "accept", study, *signing, *limits, *more, *until, "--json"))
    assert (decided["state"], decided["revision"]) == ("agreed", 1)
    assert "methods: count" in decided["decision"]
    (listed,) = printed(run("study", "list", "--json"))
    assert (listed["quota"], listed["until"], listed["state"]) == (5, day, "agreed")
    assert listed["agreement"]["conditions"] == ["Tell us first."]
    revoked = printed(run("study", "revoke", study, "--reason", "No.", *signing, "--json"))
    assert (revoked["state"], revoked["agreement"]) == ("revoked", decided["agreement"])
    assert "it has revoked" in run("study", "show", study).stdout


def test_allowing_more_takes_two(ward: Ward, run: Run, secret: Path) -> None:
    """Each steward signs with her own password."""
    study = proposed(ward)
    one = ("--steward", "sue", "--password-file", secret)
    both = (*one, "--steward", "sam", "--password-file", secret)
    run("study", "accept", study, "--quota", "5", *one)
    code = CATALOGUE[Reason.APPROVAL_MISSING].exit_code
    assert "two different stewards" in run("study", "accept", study, *one, code=code).stderr
    run("study", "accept", study, *both)
    (listed,) = printed(run("study", "list", "--json"))
    assert listed["quota"] == 50


def test_a_study_is_declined_with_a_reason(ward: Ward, run: Run, secret: Path) -> None:
    """The reason is asked for; without a steward's name it is not clear who signs."""
    study = proposed(ward)
    run("study", "decline", study, "--steward", "sue", code=2)
    code = CATALOGUE[Reason.APPROVAL_MISSING].exit_code
    run("study", "decline", study, "--reason", "No.", "--password-file", secret, code=code)
    signing = ("--steward", "sam", "--password-file", secret)
    run("study", "decline", study, "--reason", "Too wide.", *signing)
    assert "it has declined: Too wide." in run("study", "show", study).stdout


def test_a_key_is_taken_back(ward: Ward, run: Run, secret: Path) -> None:
    """However its fingerprint is grouped; the list says who, what and why."""
    sam = key(ward.steward("sam"))
    grouped = " ".join(sam[start : start + 4] for start in range(0, 64, 4)).upper()
    signing = ("--steward", "sue", "--password-file", secret)
    run("key", "revoke", grouped, "--reason", "The laptop was stolen.", *signing)
    assert printed(run("key", "list", "--json")) == [
        {"organisation": "a", "digest": sam, "reason": "The laptop was stolen."}
    ]
    again = ("key", "revoke", sam, "--reason", "Twice.", *signing)
    refused = run(*again, code=CATALOGUE[Reason.PARAMETER_INVALID].exit_code)
    assert "was taken back already" in refused.stderr
    run("key", "revoke", sam, *signing, code=2)


def test_a_wrong_password_signs_nothing(ward: Ward, run: Run, tmp_path: Path) -> None:
    """It is one sentence, and it is logged."""
    wrong = tmp_path / "wrong"
    wrong.touch(mode=0o600)
    wrong.write_text("another passphrase")
    signing = ("--steward", "sue", "--password-file", wrong)
    code = CATALOGUE[Reason.LOGIN_REFUSED].exit_code
    refused = run("study", "accept", proposed(ward), *signing, code=code)
    assert "The login was refused" in refused.stderr
    assert ward.refusals() == [(EventType.STEWARD_LOGIN, Reason.LOGIN_REFUSED)]


def test_keys_are_written_into_the_book_and_struck_out(run: Run, secret: Path) -> None:
    """However the fingerprint is grouped; another steward of ours needs both signatures."""
    by = ("--by", "sue", "--password-file", secret)
    grouped = "-".join(KEY[start : start + 4] for start in range(0, 64, 4)).upper()
    run("book", "add", "b", "--steward", "bea", "--fingerprint", grouped, "--name", "B-Town", *by)
    book = printed(run("book", "list", "--json"))
    assert {
        name: value
        for name, value in next(line for line in book if line["fingerprint"] == KEY).items()
        if name != "fingerprint"
    } == {"organisation": "b", "name": "B-Town", "role": "steward", "id": "bea"}
    run("book", "remove", "b", "--fingerprint", KEY, *by)
    assert KEY not in run("book", "list").stdout
    run("book", "add", "b", "--fingerprint", KEY, *by, code=2)
    eve = ("book", "add", "a", "--steward", "eve", "--fingerprint", KEY)
    run(*eve, *by, code=CATALOGUE[Reason.APPROVAL_MISSING].exit_code)
    run(*eve, *by, "--by", "sam", "--password-file", secret)
    assert "eve" in run("book", "list").stdout


def test_stewards_are_enrolled_at_the_node(
    tmp_path: Path, secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first begins the book; the second is enrolled and waits to be written into it."""
    monkeypatch.setattr(keystore, "COST", CHEAP)
    network = TestNetwork()
    home = tmp_path / "a"
    network.found(home, "a")
    run = runner(home, secret)

    async def scenario() -> tuple[dict[str, Any], dict[str, Any]]:
        async with coordinator.serving(network, tmp_path / "c") as address:
            told = fingerprint(network.root.certificate)
            password = ("--password-file", secret, "--fingerprint", told, "--json")
            add = []
            for name in ("sue", "sam"):
                line = invite(network, tmp_path / "c", name, address=address)
                add.append(await asyncio.to_thread(run, "steward", "add", line, *password))
        return printed(add[0]), printed(add[1])

    sue, sam = coordinator.run(scenario())
    assert (sue["in_book"], sam["in_book"]) == (True, False)
    assert sue["totp"].startswith("otpauth://totp/")
    listed = printed(run("steward", "list", "--json"))
    assert [(item["id"], item["in_book"]) for item in listed] == [("sam", False), ("sue", True)]
    Keystore.unlock(home / "stewards" / "sue", PASSPHRASE).open("totp")
    by = ("--by", "sue", "--password-file", secret)
    run("book", "add", "a", "--steward", "sam", "--fingerprint", sam["fingerprint"], *by)
    assert all(item["in_book"] for item in printed(run("steward", "list", "--json")))
    types = [entry["type"] for entry in printed(run("log", "show", "--json"))]
    assert types.count("steward_added") == 2
    assert types.count("book_changed") == 2


def test_an_invitation_for_somebody_else_makes_no_steward(
    ward: Ward, run: Run, tmp_path: Path
) -> None:
    """A researcher's invitation is refused before anybody is asked for a password."""
    coordinator.prepare(tmp_path / "c", [])
    line = invite(ward.network, tmp_path / "c", "eve", role=Role.RESEARCHER)
    done = run("steward", "add", line, code=CATALOGUE[Reason.INVITATION_ROLE].exit_code)
    assert "It is redeemed with `wardnet login`." in done.stderr
    assert "eve" not in run("steward", "list").stdout


def test_a_steward_of_another_network_is_refused(ward: Ward, run: Run, tmp_path: Path) -> None:
    """Before she chooses a password; the sentence names the network that this hospital is in."""
    other = TestNetwork("lungnet")
    coordinator.prepare(tmp_path / "c", [])
    line = invite(other, tmp_path / "c", "eve")
    fingerprint = Invitation.from_line(line).fingerprint
    words = ("steward", "add", line, "--fingerprint", fingerprint)
    done = run(*words, code=CATALOGUE[Reason.INVITATION_NETWORK].exit_code)
    assert f"another network than {ward.network.name}" in done.stderr
    assert "eve" not in run("steward", "list").stdout


def test_a_steward_s_password_is_changed_by_a_command(
    run: Run, secret: Path, tmp_path: Path
) -> None:
    """The old password from one file, the new one from another."""
    new = tmp_path / "new"
    new.touch(mode=0o600)
    new.write_text("a new long passphrase")
    change = ("steward", "password", "sue", "--password-file", secret, "--new-password-file", new)
    assert "has a new password" in run(*change).stderr
    assert "refused" in run(*change, code=CATALOGUE[Reason.LOGIN_REFUSED].exit_code).stderr


def test_a_steward_who_left_is_removed_by_a_command(tmp_path: Path, secret: Path) -> None:
    """Two others sign."""
    ward = Ward(TestNetwork(), tmp_path / "b", stewards=("sue", "sam", "tom"))
    run = runner(ward.home, secret)
    by = ("--by", "sue", "--password-file", secret, "--by", "sam", "--password-file", secret)
    run("steward", "remove", "tom", *by)
    assert "tom" not in run("book", "list").stdout + run("steward", "list").stdout


def test_the_log_is_handed_out_with_what_proves_it(run: Run, tmp_path: Path) -> None:
    """All of it, the handing out included."""
    file = tmp_path / "a.bundle"
    run("log", "bundle", file)
    with file.open("rb") as stream:
        verdict = verifier.verify(bundle.read(stream), logs={}, witnesses={})
    assert verdict.origin == "wardnet://heartnet/node/a"
    assert "No entry of the log is missing up to its checkpoint." in verdict.proven
    _, read = printed(run("log", "search", "--type", "log_read", "--json"))
    assert (read["seq"], read["operation"]) == (verdict.size, "bundle")


def test_a_steward_grants_an_auditor_the_log_and_takes_it_back(run: Run, secret: Path) -> None:
    """With her own password; each statement is an entry with its steward's key."""
    signed = ["--by", "sue", "--password-file", secret]
    named = ["olga", "--fingerprint", KEY, "--until", "2027-06-30"]
    scope = ["--scope", "dataset:cardiology", "--scope", "kind:query_answer", "--scope", "answers"]
    granted = printed(run("auditor", "grant", *named, *scope, *signed, "--json"))
    assert granted["scope"] == "dataset:cardiology, kind:query_answer, answers"
    (listed,) = printed(run("auditor", "list", "--json"))
    assert (listed["auditor"], listed["state"]) == ("olga", "in force")
    assert printed(run("auditor", "revoke", "olga", *signed, "--json"))["state"] == "revoked"
    run("auditor", "revoke", "olga", *signed, code=CATALOGUE[Reason.PARAMETER_INVALID].exit_code)
    entries = printed(run("log", "search", "--subject", "sue", "--json"))
    kinds = [entry["type"] for entry in entries if entry["type"].startswith("auditor")]
    assert kinds == ["auditor_revoked", "auditor_granted"]


@pytest.mark.parametrize("part", ["everything", "dataset:", "kind:none", "since:today", "study:a"])
def test_a_scope_that_is_not_one_is_refused(run: Run, secret: Path, part: str) -> None:
    """Before anybody signs."""
    named = ["olga", "--fingerprint", KEY, "--until", "2027-06-30", "--scope", part]
    signed = ["--by", "sue", "--password-file", secret]
    refused = run(
        "auditor", "grant", *named, *signed, code=CATALOGUE[Reason.PARAMETER_INVALID].exit_code
    )
    assert "scope" in refused.stderr
