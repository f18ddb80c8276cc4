"""A hospital that shows an auditor another history than before, or a log that is not its own."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from support.audited import audited, grant
from support.beginnings import begin
from support.coordinator import run
from support.hospital import Hospital
from support.pki import TestNetwork
from support.questions import key
from support.witnessing import hospital as witnessed
from support.witnessing import stewards
from wardnet.audit import bundle, checkpoint, cosigned, log
from wardnet.audit.bundle import Bundle
from wardnet.audit.log import Connection
from wardnet.audit.recovery import PAYLOAD_TYPE
from wardnet.audit.search import EVERYTHING, Search
from wardnet.audit.tree import leaf_hash
from wardnet.client import cli
from wardnet.client.trust.pins import Pins
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import sign
from wardnet_node.desk import anchor


@pytest.fixture
def network() -> TestNetwork:
    """Return a network."""
    return TestNetwork()


@pytest.fixture
def hospital(network: TestNetwork, tmp_path: Path) -> Hospital:
    """Return hospital a, which has granted olga its log."""
    hospital = Hospital(network, tmp_path / "a")
    grant(network, hospital)
    return hospital


def search(network: TestNetwork, hospital: Hospital, home: Path) -> None:
    """Let olga search, from the same home every time."""

    async def scenario() -> None:
        async with audited(network, hospital, home) as olga:
            found = await olga.do(lambda audit: audit.search("a", EVERYTHING))
            words = " ".join(found.verdict.proven)
            assert ("that you saw before" in words) == (home / "seen").exists()
            (home / "seen").touch()

    run(scenario())


def test_yesterdays_database_is_noticed_by_whoever_saw_todays(
    network: TestNetwork, hospital: Hospital, tmp_path: Path
) -> None:
    """Whatever is written after it, the log no longer continues the one that she saw."""
    search(network, hospital, tmp_path)
    yesterday = tmp_path / "yesterday"
    shutil.copytree(hospital.home, yesterday)
    hospital.load({"female": 5}, append=True)
    search(network, hospital, tmp_path)
    shutil.rmtree(hospital.home)
    shutil.copytree(yesterday, hospital.home)
    with pytest.raises(WardnetError) as caught:
        search(network, hospital, tmp_path)
    assert caught.value.reason is Reason.CONSISTENCY_REFUSED


def unlock(network: TestNetwork, hospital: Hospital) -> None:
    """Let two stewards break glass, as they may when the anchor is gone."""
    (hospital.home / anchor.FILE_NAME).unlink()
    with hospital.decisions() as decisions:
        decisions.unlock(stewards=stewards(network, "a"), reason="The disk failed.")


def test_a_log_that_begins_anew_accounts_for_what_she_saw(
    network: TestNetwork, tmp_path: Path
) -> None:
    """She is told that it did, and by which right; the beginning before is refused from then on."""
    hospital = witnessed(network, tmp_path / "a", "a", known="")
    grant(network, hospital)
    search(network, hospital, tmp_path)
    before = tmp_path / "before"
    shutil.copytree(hospital.home, before)
    unlock(network, hospital)

    async def scenario() -> None:
        async with audited(network, hospital, tmp_path) as olga:
            verdict = (await olga.do(lambda audit: audit.search("a", EVERYTHING))).verdict
            assert verdict.origin.endswith("/a/2")
            assert any("its stewards name" in sentence for sentence in verdict.proven)
            assert any("is signed by" in sentence for sentence in verdict.proven)
            assert "its stewards vouch" in verdict.not_proven[0]
            assert "is a steward of that hospital: compare" in verdict.not_proven[1]

    run(scenario())
    search(network, hospital, tmp_path)
    shutil.rmtree(hospital.home)
    shutil.copytree(before, hospital.home)
    with pytest.raises(WardnetError) as caught:
        search(network, hospital, tmp_path)
    assert caught.value.reason is Reason.LOG_ROLLED_BACK


def test_what_no_witness_saw_is_given_up_only_by_her_own_word(
    network: TestNetwork, tmp_path: Path
) -> None:
    """A disk was lost after she read: she asks the stewards, and her file keeps what they said."""
    hospital = witnessed(network, tmp_path / "a", "a", known="")
    grant(network, hospital)
    uri, home = hospital.credentials.member.uri, tmp_path / "olga"
    lost = tmp_path / "yesterday"
    shutil.copytree(hospital.home, lost)
    search(network, hospital, tmp_path)
    seen = Pins(home).seen(uri)
    shutil.rmtree(hospital.home)
    shutil.copytree(lost, hospital.home)
    with hospital.desk() as desk:  # it has served, so that the anchor is missed
        desk.start()
    unlock(network, hospital)
    with pytest.raises(WardnetError, match=r"wardnet audit trust accept .*/a/2") as caught:
        search(network, hospital, tmp_path)
    assert caught.value.reason is Reason.RECOVERY_UNPROVEN
    for wrong in (uri, f"{uri[:-1]}b/2"):
        with pytest.raises(WardnetError) as caught:
            Pins(home).accept(wrong, reason="?", at=network.at)
        assert caught.value.reason is Reason.PARAMETER_INVALID
    told = ["--reason", "Anna and Ben say: the disk failed."]
    done = wardnet(["--home", str(home), "audit", "trust", "accept", f"{uri}/2", *told])
    assert done.exit_code == 0
    (kept,) = Pins(home).acceptances
    assert (kept.origin, kept.before) == (f"{uri}/2", seen)

    async def scenario() -> None:
        async with audited(network, hospital, tmp_path) as olga:
            verdict = (await olga.do(lambda audit: audit.search("a", EVERYTHING))).verdict
            assert "Anna and Ben say: the disk failed." in verdict.not_proven[0]

    run(scenario())
    search(network, hospital, tmp_path)
    listed = wardnet(["--home", str(home), "audit", "trust", "list", "--json"]).stdout
    assert json.loads(listed) == [
        {"origin": kept.origin, "accepted": kept.at, "reason": kept.reason}
    ]


def test_whose_signatures_are_missing_is_accepted_by_nobody(
    network: TestNetwork, tmp_path: Path
) -> None:
    """Her word stands for what was left out, not for the stewards."""
    hospital = witnessed(network, tmp_path / "a", "a", known="")
    grant(network, hospital)
    search(network, hospital, tmp_path)
    begin(hospital, [hospital.credentials], approvals=stewards(network, "a"))
    Pins(tmp_path / "olga").accept(
        f"{hospital.credentials.member.uri}/2", reason="A voice said so.", at=network.at
    )
    with pytest.raises(WardnetError) as caught:
        search(network, hospital, tmp_path)
    assert caught.value.reason is Reason.RECOVERY_UNSIGNED


def wardnet(words: list[str]) -> Result:
    """Run the command."""
    return CliRunner().invoke(cli.main, words)


def test_a_log_that_begins_anew_in_silence_is_refused(
    network: TestNetwork, hospital: Hospital, tmp_path: Path
) -> None:
    """Whoever rewrites it cannot just give it another name."""
    search(network, hospital, tmp_path)
    with hospital.catalog() as catalog, catalog.transaction() as connection:
        nothing = sign(PAYLOAD_TYPE, b"", hospital.credentials.signer)
        cosigned.begin_anew(connection, number=2, seq=0, signed=nothing, at=network.at)
    with pytest.raises(WardnetError) as caught:
        search(network, hospital, tmp_path)
    assert caught.value.reason is Reason.RECOVERY_UNPROVEN


def test_a_log_under_another_key_than_the_pinned_one_is_refused(
    network: TestNetwork, hospital: Hospital, tmp_path: Path
) -> None:
    """A certificate of the network's authority does not stand in for it."""

    async def scenario() -> None:
        async with audited(network, hospital, tmp_path) as olga:
            olga.pins.add(hospital.credentials.member.uri, key(network.node("b")))
            with pytest.raises(WardnetError) as caught:
                await olga.do(lambda audit: audit.search("a", EVERYTHING))
            assert caught.value.reason is Reason.LOG_KEY_MISMATCH

    run(scenario())


@pytest.mark.parametrize(
    ("wanted", "rehashed", "line", "rule"),
    [
        (Search(after=1, before=3), True, "2", "the entry, its place or a hash was changed"),
        (EVERYTHING, False, "2", "it was changed"),
        (EVERYTHING, True, "1", "it, or one up to entry 2, was changed"),
    ],
    ids=["one", "all", "all, with its hash"],
)
def test_an_entry_that_was_edited_is_named(  # noqa: PLR0917 - one attack, seen three ways
    network: TestNetwork,
    hospital: Hospital,
    tmp_path: Path,
    wanted: Search,
    rehashed: bool,  # noqa: FBT001 - a parameter of the test
    line: str,
    rule: str,
) -> None:
    """The tree above it tells; nothing of the search is shown."""
    search(network, hospital, tmp_path)
    with hospital.catalog() as catalog, catalog.transaction() as connection:
        data = log.data(connection, 2).replace(b"operator", b"operetta")
        connection.execute("UPDATE access_log SET entry = ? WHERE seq = 2", (data,))
        if rehashed:
            row = (leaf_hash(data),)
            connection.execute("UPDATE access_log SET leaf = ? WHERE seq = 2", row)

    async def scenario() -> None:
        async with audited(network, hospital, tmp_path) as olga:
            with pytest.raises(WardnetError, match=rule) as caught:
                await olga.do(lambda audit: audit.search("a", wanted))
            assert caught.value.reason is Reason.PROOF_REFUSED
            assert caught.value.details["line"] == line

    run(scenario())


def test_an_entry_left_out_of_everything_is_not_called_complete(
    network: TestNetwork,
    hospital: Hospital,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A node that hides one can still prove the others, and the verdict says no more."""
    honest = bundle.gather

    def without_one(connection: Connection, seqs: list[int], **more: Any) -> Bundle:  # noqa: ANN401
        return honest(connection, [seq for seq in seqs if seq != 3], **more)

    monkeypatch.setattr(bundle, "gather", without_one)

    async def scenario() -> None:
        async with audited(network, hospital, tmp_path) as olga:
            found = await olga.do(lambda audit: audit.search("a", EVERYTHING))
        assert not found.bundle.complete
        assert not any("No entry" in words for words in found.verdict.proven)

    run(scenario())


def test_the_log_of_another_hospital_is_not_taken_for_this_ones(
    network: TestNetwork,
    hospital: Hospital,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Though it is sealed and signed by this one."""
    honest = checkpoint.make

    def of_b(connection: Connection, **more: Any) -> str:  # noqa: ANN401
        named = {**more, "origin": network.node("b").member.uri}
        return honest(connection, **named)

    monkeypatch.setattr(checkpoint, "make", of_b)

    async def scenario() -> None:
        async with audited(network, hospital, tmp_path) as olga:
            with pytest.raises(WardnetError) as caught:
                await olga.do(lambda audit: audit.search("a", EVERYTHING))
            assert caught.value.reason is Reason.CHECKPOINT_UNSIGNED

    run(scenario())
