"""A catalog from a backup has forgotten; two stewards let it serve, and nothing is replayed."""

import json
import shutil
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from support.hospital import Hospital
from support.pki import TestNetwork
from support.questions import count_query, key, signed, steward
from wardnet import canonical, clock
from wardnet.audit import checkpoint, cosigned, disputes, log, note
from wardnet.audit.checkpoint import Checkpoint
from wardnet.audit.entry import Entry, EventType, Outcome
from wardnet.audit.tree import leaf_hash
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.member import Role
from wardnet.transport.work import Work, WorkId
from wardnet_node.desk import anchor
from wardnet_node.desk.accept import Refused
from wardnet_node.desk.book import Key, with_key
from wardnet_node.desk.gate import damage

REASON = "The disk failed; we put last night's backup back."


@pytest.fixture
def network() -> TestNetwork:
    """Return a network."""
    return TestNetwork()


@pytest.fixture
def hospital(network: TestNetwork, tmp_path: Path) -> Hospital:
    """Return hospital a with two stewards, whose daemon has served once."""
    hospital = Hospital(network, tmp_path / "a")
    second = Key("steward", "second", key(both(network)[1]))
    with hospital.decisions() as decisions:
        decisions.change_book(
            lambda book: with_key(book, "a", second), stewards=[steward(network, "a")]
        )
    served(hospital)
    return hospital


def both(network: TestNetwork) -> list[Credentials]:
    """Return the two stewards."""
    return [steward(network, "a"), network.credentials(Role.STEWARD, "second")]


def served(hospital: Hospital, *works: Work) -> int:
    """Let the daemon start, accept some queries, and stop; return its epoch."""
    with hospital.desk() as desk:
        epoch = desk.start()
        for work in works:
            desk.open(work)
        return epoch


def asked(network: TestNetwork, *, at: datetime | None = None, **changes: object) -> Work:
    """Return the guard round of a query."""
    envelope = signed(network, count_query(network, at=at, **changes))
    return Work(WorkId(canonical.digest(envelope.payload), 1, 0), envelope, ("a", "b"), ())


def set_back(hospital: Hospital, *works: Work) -> None:
    """Accept queries, then put the catalog back as it was before them."""
    backup = hospital.home.with_name("backup")
    backup.mkdir()
    for path in hospital.home.glob("catalog.db*"):
        shutil.copy2(path, backup)
    served(hospital, *works)
    for path in hospital.home.glob("catalog.db*"):
        path.unlink()
    for path in backup.iterdir():
        shutil.copy2(path, hospital.home)


def unlock(hospital: Hospital, stewards: Sequence[Credentials]) -> None:
    """Let stewards break glass."""
    with hospital.decisions() as decisions:
        decisions.unlock(stewards=stewards, reason=REASON)


def refused(hospital: Hospital, stewards: Sequence[Credentials]) -> WardnetError:
    """Return why stewards cannot break glass; the log says that they tried."""
    with pytest.raises(WardnetError) as caught:
        unlock(hospital, stewards)
    last = hospital.entries()[-1]
    assert (last.type, last.outcome) == (EventType.BREAK_GLASS, Outcome.REFUSED)
    assert last.reason is caught.value.reason
    return caught.value


def broken(hospital: Hospital) -> Entry:
    """Return the log's entry about the unlocking."""
    kinds = {entry.type: entry for entry in hospital.entries()}
    return kinds[EventType.BREAK_GLASS]


def locked(hospital: Hospital) -> str:
    """Return the sentence with which the daemon refuses every question."""
    with hospital.desk() as desk:
        desk.start()
        error = desk.locked()
    assert error is not None
    assert error.reason is Reason.NODE_LOCKED
    return str(error)


def test_two_stewards_unlock_a_node_whose_backup_was_put_back(
    network: TestNetwork, hospital: Hospital
) -> None:
    """It serves again, and the log says who did it, why, and how much of it is missing."""
    set_back(hospital, asked(network))
    before = json.loads((hospital.home / anchor.FILE_NAME).read_text())
    assert "`wardnet-node unlock " in locked(hospital)
    assert json.loads((hospital.home / anchor.FILE_NAME).read_text()) == before
    present = len(hospital.entries())
    unlock(hospital, both(network))
    entry = broken(hospital)
    assert entry.approvals == tuple(key(steward) for steward in both(network))
    assert entry.statement is not None
    said = json.loads(entry.statement)
    assert said["reason"] == REASON
    assert (said["anchored"], said["present"]["size"]) == (before, present)
    assert entry.result_digest == canonical.digest(entry.statement.encode())
    served(hospital)


def test_a_query_of_before_is_never_done_again(network: TestNetwork, hospital: Hospital) -> None:
    """Its nonce was forgotten, but not when it was signed; a new query is answered."""
    old = asked(network)
    set_back(hospital, old)
    unlock(hospital, both(network))
    later = clock.now() + timedelta(minutes=3)
    with hospital.desk() as desk:
        desk.start()
        with pytest.raises(Refused) as caught:
            desk.open(old)
        assert [error.reason for error in caught.value.reasons] == [Reason.QUERY_BEFORE_UNLOCK]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(clock, "now", lambda: later)
            desk.open(asked(network, at=later, nonce="1" * 32))


def test_a_query_that_was_under_way_in_the_backup_is_over(
    network: TestNetwork, hospital: Hospital
) -> None:
    """Which totals it has seen since, nobody remembers."""
    old = asked(network)
    served(hospital, old)
    set_back(hospital)
    unlock(hospital, both(network))
    with hospital.desk() as desk:
        desk.start()
        with pytest.raises(WardnetError) as caught:
            desk.open(old)
    assert caught.value.reason is Reason.ROUNDS_DIVERGED


def test_the_coordinator_heeds_the_node_again(network: TestNetwork, hospital: Hospital) -> None:
    """The epoch is above every one that was forgotten."""
    set_back(hospital)
    before = len(hospital.entries()) + 2
    unlock(hospital, both(network))
    assert before < served(hospital) < served(hospital)


@pytest.mark.parametrize("names", [(), (0,), (0, 0)], ids=["nobody", "one", "the same one twice"])
def test_fewer_than_two_different_stewards_unlock_nothing(
    network: TestNetwork, hospital: Hospital, names: tuple[int, ...]
) -> None:
    """One person never loosens a rule alone; the node stays locked."""
    set_back(hospital)
    error = refused(hospital, [both(network)[name] for name in names])
    assert str(error) == (
        "This needs the signatures of two different stewards of a. Nothing was done."
    )
    locked(hospital)


def test_a_steward_of_another_hospital_does_not_count(
    network: TestNetwork, hospital: Hospital
) -> None:
    """Both must stand in this hospital's own book."""
    set_back(hospital)
    foreign = network.credentials(Role.STEWARD, "eve")
    assert refused(hospital, [both(network)[0], foreign]).reason is Reason.APPROVAL_MISSING
    locked(hospital)


def test_a_node_whose_log_is_whole_cannot_be_unlocked(
    network: TestNetwork, hospital: Hospital
) -> None:
    """Nobody renews the anchor for nothing."""
    assert refused(hospital, both(network)).reason is Reason.NODE_NOT_LOCKED


def test_a_log_that_was_edited_is_not_unlocked(network: TestNetwork, hospital: Hospital) -> None:
    """What is there of it must hold: breaking glass excuses a gap, not a forgery."""
    set_back(hospital)
    with hospital.catalog() as catalog, catalog.transaction() as connection:
        connection.execute("UPDATE access_log SET entry = x'00' WHERE seq = 2")
    with pytest.raises(WardnetError) as caught:
        unlock(hospital, both(network))
    assert caught.value.reason is Reason.LOG_DAMAGED


@pytest.mark.parametrize("rehashed", [False, True])
def test_an_entry_that_was_edited_locks_the_node(
    network: TestNetwork,
    hospital: Hospital,
    rehashed: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """With its hash or without: the next start names it, and no steward excuses it."""
    with hospital.catalog() as catalog, catalog.transaction() as connection:
        data = log.data(connection, 2).replace(b'"version":1', b'"version":2')
        connection.execute("UPDATE access_log SET entry = ? WHERE seq = 2", (data,))
        if rehashed:
            leaf = leaf_hash(data)
            connection.execute("UPDATE access_log SET leaf = ? WHERE seq = 2", (leaf,))
    assert f"entry {1 if rehashed else 2}, it" in locked(hospital)
    with pytest.raises(WardnetError) as caught:
        unlock(hospital, both(network))
    assert caught.value.reason is Reason.LOG_DAMAGED


@pytest.mark.parametrize("anchored", [True, False])
def test_two_stewards_unlock_a_node_whose_log_has_lost_its_end(
    network: TestNetwork,
    hospital: Hospital,
    anchored: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """With its anchor or without: the checkpoint of what is gone is named in their statement."""
    uri, signing = hospital.credentials.member.uri, hospital.credentials.signer.key
    with hospital.catalog() as catalog, catalog.transaction() as connection:
        cosigned.sign(connection, owner=uri, key=signing, at=clock.now())
        lost = checkpoint.latest(connection)
        connection.execute("DELETE FROM access_log WHERE seq > ?", (log.size(connection) - 2,))
        if not anchored:
            connection.execute("DELETE FROM node WHERE key = 'epoch'")
            (hospital.home / anchor.FILE_NAME).unlink()
    locked(hospital)
    unlock(hospital, both(network))
    statement = broken(hospital).statement
    assert statement is not None
    assert json.loads(statement)["witnessed"] == [lost]
    with hospital.desk() as desk:
        desk.start()
        assert desk.locked() is None


def test_a_running_node_serves_again_once_it_was_unlocked(
    network: TestNetwork, hospital: Hospital
) -> None:
    """What the stewards have set right locks it no longer, and what comes after still does."""
    uri, signing = hospital.credentials.member.uri, hospital.credentials.signer.key
    with hospital.desk() as desk:
        desk.start()
        with hospital.catalog() as catalog, catalog.transaction() as connection:
            cosigned.sign(connection, owner=uri, key=signing, at=clock.now())
            text = Checkpoint(uri, log.size(connection), bytes(32)).text
            forged = str(note.sign(text, name=uri, key=signing))
            connection.execute("UPDATE checkpoints SET note = ?", (forged,))
            found = damage(connection, key=signing.public_key())
        assert desk.heed(found) is not None
        unlock(hospital, both(network))
        assert desk.locked() is None
        assert desk.heed(found) is not None


@pytest.mark.parametrize("content", [None, "{}"], ids=["gone", "unreadable"])
def test_an_anchor_that_says_nothing_any_more_is_renewed(
    network: TestNetwork, hospital: Hospital, content: str | None
) -> None:
    """The log then says that nobody knows how far it went."""
    path = hospital.home / anchor.FILE_NAME
    path.unlink()
    if content is not None:
        path.touch(mode=0o600)
        path.write_text(content)
    locked(hospital)
    unlock(hospital, both(network))
    statement = broken(hospital).statement
    assert statement is not None
    assert json.loads(statement)["anchored"] is None
    served(hospital)


def test_a_second_backup_is_noticed_again(network: TestNetwork, hospital: Hospital) -> None:
    """Unlocking forgives one gap, not the next."""
    set_back(hospital)
    unlock(hospital, both(network))
    for path in hospital.home.glob("catalog.db*"):
        path.unlink()
    for path in hospital.home.with_name("backup").iterdir():
        shutil.copy2(path, hospital.home)
    locked(hospital)


def test_whoever_takes_the_unlocking_out_locks_the_node(
    network: TestNetwork, hospital: Hospital
) -> None:
    """Its entry is the new anchor."""
    set_back(hospital)
    unlock(hospital, both(network))
    with hospital.catalog() as catalog, catalog.transaction() as connection:
        size = log.head(connection).size
        connection.execute("DELETE FROM access_log WHERE seq = ?", (size,))
    locked(hospital)


def test_a_witness_that_shows_much_does_not_keep_the_stewards_from_going_on(
    network: TestNetwork, hospital: Hospital
) -> None:
    """What they sign stays short enough for all witnesses, whatever it writes under checkpoints."""
    owner, key = hospital.credentials.member.uri, hospital.credentials.signer.key
    seen = [
        str(note.sign(Checkpoint(owner, size, bytes(32)).text, name=owner, key=key))
        for size in range(1000, 1300)
    ]
    public, junk = key.public_key(), f"— {owner} {'AAAA' * 10_000}\n"
    with hospital.catalog() as catalog, catalog.transaction() as connection:
        for text in seen:
            for held in (text + junk, text + text.splitlines(keepends=True)[-1]):
                _, wrong = disputes.judge(connection, held, number=1, owner=owner, key=public)
                assert wrong is not None
                disputes.dispute(connection, held, name="b", key=public, at=network.at)
        assert {item.note for item in disputes.evidence(connection)} == set(seen)
    unlock(hospital, both(network))
    assert json.loads(broken(hospital).statement or "")["witnessed"] == seen[-1:]
    with hospital.catalog() as catalog, catalog.transaction() as connection:
        _, shown = cosigned.compose(connection, held=0, owner=owner, key=key, at=network.at)
    assert shown is not None
