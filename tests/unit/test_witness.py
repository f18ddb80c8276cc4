"""A witness by the rules of tlog-witness: every refusal, what it keeps, and what it never signs."""

import sqlite3
from collections.abc import Iterator
from datetime import timedelta

import pytest

from support.logs import EVENT, KEY, KEYS, NOW, ORIGIN, WITNESSES, append, filled, signed
from support.pki import TestNetwork
from wardnet.audit import checkpoint, note, tree, witness
from wardnet.audit.beginning import Approvers
from wardnet.audit.checkpoint import Checkpoint
from wardnet.audit.witness import STATUS, Submission
from wardnet.errors import Reason, WardnetError

NAME, WITNESS = next(iter(WITNESSES.items()))
NOBODY = Approvers(TestNetwork().trust)


@pytest.fixture
def held() -> Iterator[sqlite3.Connection]:
    """Give the witness's database."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for statement in witness.SCHEMA:
        connection.execute(statement)
    yield connection
    connection.close()


@pytest.fixture
def log() -> Iterator[sqlite3.Connection]:
    """Give a log of five entries with a checkpoint."""
    with filled(5) as connection:
        signed(connection)
        yield connection
    connection.close()


def ask(held: sqlite3.Connection, asked: Submission) -> str | WardnetError:
    """Send a request as it travels, and commit before reading the answer."""
    held.execute("BEGIN IMMEDIATE")
    again = witness.parse(str(asked))
    assert again == asked
    answer = witness.add_checkpoint(
        held,
        again,
        logs={ORIGIN: KEY.public_key()},
        name=NAME,
        key=WITNESS,
        at=NOW,
        approvers=NOBODY,
    )
    held.execute("COMMIT")
    return answer


def statement(size: int, root: bytes, *, origin: str = ORIGIN) -> str:
    """Sign any checkpoint as the log's owner can."""
    return str(note.sign(Checkpoint(origin, size, root).text, name=origin, key=KEY))


def grow(log: sqlite3.Connection, entries: int) -> None:
    """Add entries and a checkpoint."""
    append(log, [EVENT] * entries)
    signed(log)


def refused(answer: str | WardnetError, reason: Reason, status: int) -> WardnetError:
    """Return the refusal, which is the expected one."""
    assert isinstance(answer, WardnetError)
    assert (answer.reason, STATUS[answer.reason]) == (reason, status)
    return answer


def test_a_log_that_only_grows_is_cosigned_each_time(
    held: sqlite3.Connection, log: sqlite3.Connection
) -> None:
    """From nothing, onward, and again at the same size; the line belongs under the checkpoint."""
    size = 0
    for more in (0, 1, 7, 0):
        grow(log, more)
        answer = ask(held, witness.submission(log, old=size))
        assert isinstance(answer, str)
        now = witness.witnessed(held, ORIGIN)
        assert now is not None
        size = now.size
        checkpoint.add_cosignature(log, size=size, line=answer, witnesses=KEYS)
    found = note.parse(checkpoint.latest(log) or "")
    assert note.verify_cosignature(found, name=NAME, key=WITNESS.public_key()) == NOW
    assert (size, witness.forks(held)) == (13, ())


def test_an_unknown_log_is_not_found(held: sqlite3.Connection) -> None:
    """404: its key is not pinned here."""
    note_of = statement(0, tree.EMPTY, origin="wardnet://heartnet/node/clinic-z")
    refused(ask(held, Submission(0, (), note_of)), Reason.LOG_UNKNOWN, 404)


def test_a_checkpoint_without_the_logs_signature_is_forbidden(held: sqlite3.Connection) -> None:
    """403: somebody else's key, under the log's name."""
    text = Checkpoint(ORIGIN, 0, tree.EMPTY).text
    forged = str(note.sign(text, name=ORIGIN, key=WITNESS))
    refused(ask(held, Submission(0, (), forged)), Reason.CHECKPOINT_UNSIGNED, 403)
    assert witness.witnessed(held, ORIGIN) is None


def test_an_old_size_above_the_size_is_a_bad_request(held: sqlite3.Connection) -> None:
    """400: before anything of the held one is told."""
    asked = Submission(3, (), statement(2, bytes(32)))
    refused(ask(held, asked), Reason.CHECKPOINT_MALFORMED, 400)


def test_another_old_size_is_told_the_held_one(
    held: sqlite3.Connection, log: sqlite3.Connection
) -> None:
    """409 with the size from which the log can prove on; nothing is cosigned or lost."""
    refusal = refused(
        ask(held, Submission(1, (), statement(2, bytes(32)))), Reason.CHECKPOINT_OUTDATED, 409
    )
    assert refusal.details["size"] == "0"
    ask(held, witness.submission(log, old=0))
    grow(log, 3)
    refusal = refused(ask(held, witness.submission(log, old=0)), Reason.CHECKPOINT_OUTDATED, 409)
    assert refusal.details["size"] == "5"
    assert isinstance(ask(held, witness.submission(log, old=5)), str)


def test_two_roots_of_one_size_are_a_fork(
    held: sqlite3.Connection, log: sqlite3.Connection
) -> None:
    """409: the held one stands, and both signed checkpoints are kept as proof."""
    ask(held, witness.submission(log, old=0))
    first = checkpoint.latest(log)
    with filled(5) as other:
        second = signed(other)
        for old in (5, 0, 2):
            answer = ask(held, Submission(old, (), second))
            refused(answer, Reason.LOG_FORKED, 409)
    (fork,) = witness.forks(held)
    assert (fork.origin, fork.held, fork.other, fork.proven) == (ORIGIN, first, second, True)
    for text in (fork.held, fork.other):
        checkpoint.read(text, origin=ORIGIN, key=KEY.public_key())
    assert checkpoint.latest(log) == first
    assert isinstance(ask(held, witness.submission(log, old=5)), str)


def test_a_longer_history_that_does_not_continue_is_refused(
    held: sqlite3.Connection, log: sqlite3.Connection
) -> None:
    """422: the checkpoint is kept, though the log might still bring a better proof."""
    ask(held, witness.submission(log, old=0))
    with filled(8) as other:
        signed(other)
        refused(ask(held, witness.submission(other, old=5)), Reason.CONSISTENCY_REFUSED, 422)
    (fork,) = witness.forks(held)
    assert not fork.proven
    known = witness.witnessed(held, ORIGIN)
    assert known is not None
    assert known.size == 5


def test_a_first_checkpoint_needs_no_proof_and_takes_none(held: sqlite3.Connection) -> None:
    """422: a proof from nothing is none; there is no fork yet to keep."""
    asked = Submission(0, (bytes(32),), statement(2, bytes(32)))
    refused(ask(held, asked), Reason.CONSISTENCY_REFUSED, 422)
    assert witness.forks(held) == ()


def test_evidence_is_bounded(
    held: sqlite3.Connection, log: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log that forks without end does not fill the witness's disk."""
    monkeypatch.setattr(witness, "MAXIMUM_FORKS", 3)
    ask(held, witness.submission(log, old=0))
    for number in range(9):
        refused(
            ask(held, Submission(5, (), statement(5, bytes([number]) * 32))),
            Reason.LOG_FORKED,
            409,
        )
    assert len(witness.forks(held)) == 3


def test_what_proves_nothing_leaves_room_for_what_does(
    held: sqlite3.Connection, log: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wrong proofs first, as many as are kept, do not hide the fork that follows."""
    monkeypatch.setattr(witness, "MAXIMUM_FORKS", 3)
    ask(held, witness.submission(log, old=0))
    for number in range(5):
        longer = Submission(5, (), statement(6 + number, bytes([number]) * 32))
        refused(ask(held, longer), Reason.CONSISTENCY_REFUSED, 422)
    refused(ask(held, Submission(5, (), statement(5, bytes(32)))), Reason.LOG_FORKED, 409)
    assert [fork.proven for fork in witness.forks(held)].count(True) == 1


def test_the_same_fork_with_other_lines_beneath_is_kept_once(
    held: sqlite3.Connection, log: sqlite3.Connection
) -> None:
    """Only what the log has signed is evidence."""
    ask(held, witness.submission(log, old=0))
    other = statement(5, bytes(32))
    for more in ("", f"— {ORIGIN} AAAAAAAA\n", "— anybody AAAAAAAA\n"):
        refused(ask(held, Submission(5, (), other + more)), Reason.LOG_FORKED, 409)
    assert [fork.other for fork in witness.forks(held)] == [other]


def test_a_wrong_proof_of_the_held_checkpoint_proves_no_fork(
    held: sqlite3.Connection, log: sqlite3.Connection
) -> None:
    """It is the same history, badly proven."""
    ask(held, witness.submission(log, old=0))
    asked = Submission(5, (bytes(32),), checkpoint.latest(log) or "")
    refused(ask(held, asked), Reason.CONSISTENCY_REFUSED, 422)
    assert witness.forks(held) == ()


def test_a_log_put_back_to_yesterday_is_told(
    held: sqlite3.Connection, log: sqlite3.Connection
) -> None:
    """The witness holds more than the log: it cannot even ask."""
    grow(log, 4)
    ask(held, witness.submission(log, old=0))
    with filled(5) as yesterday:
        signed(yesterday)
        refusal = refused(
            ask(held, witness.submission(yesterday, old=0)), Reason.CHECKPOINT_OUTDATED, 409
        )
        with pytest.raises(WardnetError) as caught:
            witness.submission(yesterday, old=int(refusal.details["size"]))
    assert caught.value.reason is Reason.LOG_ROLLED_BACK
    assert caught.value.details["size"] == "9"


def test_of_two_at_once_the_later_sees_what_the_first_kept(
    held: sqlite3.Connection, log: sqlite3.Connection
) -> None:
    """The race of tlog-witness: a shorter one prepared before cannot roll back a longer one."""
    ask(held, witness.submission(log, old=0))
    grow(log, 1)
    shorter = witness.submission(log, old=5)
    grow(log, 1)
    assert isinstance(ask(held, witness.submission(log, old=5)), str)
    refused(ask(held, shorter), Reason.CHECKPOINT_OUTDATED, 409)
    known = witness.witnessed(held, ORIGIN)
    assert known is not None
    assert known.size == 7


def test_without_a_transaction_it_is_a_bug(
    held: sqlite3.Connection, log: sqlite3.Connection
) -> None:
    """Comparing and storing must be one step."""
    with pytest.raises(RuntimeError, match="one transaction"):
        witness.add_checkpoint(
            held,
            witness.submission(log, old=0),
            logs={},
            name=NAME,
            key=WITNESS,
            at=NOW + timedelta(1),
            approvers=NOBODY,
        )


def test_a_log_without_a_checkpoint_has_nothing_to_ask() -> None:
    """First a checkpoint, then witnesses."""
    with filled(1) as fresh, pytest.raises(WardnetError) as caught:
        witness.submission(fresh, old=0)
    assert caught.value.reason is Reason.ENTRY_UNCOVERED


@pytest.mark.parametrize(
    "text",
    [
        "",
        "old 1\n",
        "old 01\n\nx",
        "old -1\n\nx",
        "new 1\n\nx",
        "old 1\nA\n\nx",
        "old 1\né\n\nx",
        "old 1\n" + "AAAA\n" * 64 + "\nx",
    ],
)
def test_other_requests_are_malformed(text: str) -> None:
    """400."""
    with pytest.raises(WardnetError) as caught:
        witness.parse(text)
    assert caught.value.reason is Reason.CHECKPOINT_MALFORMED
