"""A log that too few others confirm is not served after a day; two stewards may extend that."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from support.hospital import Hospital
from support.pki import PASSPHRASE, TestNetwork
from support.questions import key
from support.witnessing import coverage, hospital, stewards, uri
from wardnet import clock
from wardnet.audit import checkpoint, cosigned, note
from wardnet.audit.entry import EventType, Outcome
from wardnet.audit.log import Connection
from wardnet.errors import Reason, WardnetError
from wardnet_node.cli import main
from wardnet_node.desk import vouched
from wardnet_node.health import ClockWatch

DAY = timedelta(hours=24)


@pytest.fixture
def network() -> TestNetwork:
    """Return a network."""
    return TestNetwork()


@pytest.fixture
def a(network: TestNetwork, tmp_path: Path) -> Hospital:
    """Return a hospital that has compared the keys of two others."""
    return hospital(network, tmp_path / "a", "a")


@contextmanager
def writing(a: Hospital) -> Iterator[Connection]:
    """Open a transaction."""
    with a.catalog() as catalog, catalog.transaction() as connection:
        yield connection


def note_peers(a: Hospital, names: str, *, age: timedelta = timedelta()) -> int:
    """Let the witnesses be known since some time; return what is covered."""
    with writing(a) as connection:
        return cosigned.cover(connection, {uri(name) for name in names}, at=clock.now() - age)


def cosign(a: Hospital, network: TestNetwork, names: str) -> None:
    """Let witnesses cosign all of the log."""
    owner = a.credentials
    with writing(a) as connection:
        text = checkpoint.make(connection, key=owner.signer.key, origin=uri("a"), at=clock.now())
        size = checkpoint.parse(note.parse(text).text).size
        for name in names:
            connection.execute(
                "INSERT OR REPLACE INTO witnesses VALUES (?, ?, ?, ?)",
                (
                    uri(name),
                    network.node(name).signer.key.public_key().public_bytes_raw(),
                    size,
                    "",
                ),
            )


def shut(a: Hospital, *, later: timedelta = timedelta()) -> list[Reason]:
    """Return why every question is refused at some moment."""
    with a.desk() as desk:
        return [error.reason for error in desk._gate.shut(at=clock.now() + later)]


def extend(network: TestNetwork, a: Hospital, names: Sequence[int]) -> None:
    """Let stewards extend the time."""
    both = stewards(network, "a")
    with a.decisions() as decisions:
        decisions.extend(stewards=[both[number] for number in names], reason="They rebuild.")


def test_a_new_network_has_a_day(a: Hospital) -> None:
    """From when its witnesses are known, not from its first entry."""
    note_peers(a, "bc")
    assert shut(a, later=DAY - timedelta(minutes=1)) == []
    assert shut(a, later=DAY + timedelta(minutes=1)) == [Reason.LOG_STALE]


def test_an_idle_log_is_never_stale(network: TestNetwork, a: Hospital) -> None:
    """What a majority has cosigned stays covered, however old it gets, also with a new witness."""
    note_peers(a, "bc", age=30 * DAY)
    cosign(a, network, "bc")
    assert note_peers(a, "bc") > 0
    assert shut(a, later=100 * DAY) == []
    note_peers(a, "bcd")
    assert shut(a, later=100 * DAY) == []


def test_one_of_two_witnesses_is_no_majority(network: TestNetwork, a: Hospital) -> None:
    """Two are needed where there are two, and one where there is one."""
    note_peers(a, "bc", age=2 * DAY)
    cosign(a, network, "b")
    assert note_peers(a, "bc") == 0
    assert shut(a, later=DAY + timedelta(minutes=1)) == [Reason.LOG_STALE]
    assert note_peers(a, "b") > 0
    assert shut(a, later=DAY + timedelta(minutes=1)) == []


def test_where_nobody_can_witness_nothing_is_stale(a: Hospital) -> None:
    """A hospital that knows no other is told so, and is not stopped."""
    note_peers(a, "", age=2 * DAY)
    assert shut(a, later=100 * DAY) == []


def test_two_stewards_extend_by_three_days(network: TestNetwork, a: Hospital) -> None:
    """The log names both and why; afterwards it is stale again."""
    note_peers(a, "bc", age=2 * DAY)
    extend(network, a, (0, 1))
    entry = a.entries()[-1]
    assert (entry.type, entry.outcome) == (EventType.LOG_EXTENDED, Outcome.DONE)
    assert entry.approvals == tuple(key(one) for one in stewards(network, "a"))
    assert "They rebuild." in (entry.statement or "")
    assert shut(a, later=timedelta(hours=71)) == []
    assert shut(a, later=timedelta(hours=73)) == [Reason.LOG_STALE]


@pytest.mark.parametrize("names", [(), (0,), (0, 0)], ids=["nobody", "one", "the same one twice"])
def test_fewer_than_two_stewards_extend_nothing(
    network: TestNetwork, a: Hospital, names: Sequence[int]
) -> None:
    """The refusal stands in the log."""
    note_peers(a, "bc", age=2 * DAY)
    with pytest.raises(WardnetError) as caught:
        extend(network, a, names)
    assert caught.value.reason is Reason.APPROVAL_MISSING
    last = a.entries()[-1]
    assert (last.type, last.outcome) == (EventType.LOG_EXTENDED, Outcome.REFUSED)
    assert shut(a, later=DAY + timedelta(minutes=1)) == [Reason.LOG_STALE]


def test_what_is_covered_needs_no_extension(network: TestNetwork, a: Hospital) -> None:
    """Nobody gets three days in store."""
    with pytest.raises(WardnetError) as caught:
        extend(network, a, (0, 1))
    assert caught.value.reason is Reason.LOG_COVERED


@pytest.mark.parametrize(
    ("moved", "noticed"), [(0, False), (4, False), (6, True), (-6, True), (-3600, True)]
)
def test_a_clock_that_is_moved_is_noticed_once(
    a: Hospital,
    moved: int,
    noticed: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """By more than five seconds, forward or back; the log says by how much."""
    wall = clock.now()
    watch = ClockWatch(wall, 100.0)
    step = watch.step(wall + timedelta(seconds=1 + moved), 101.0)
    assert (step == timedelta(seconds=moved)) if noticed else step is None
    assert watch.step(wall + timedelta(seconds=2 + moved), 102.0) is None
    if step is not None:
        with a.desk() as desk:
            desk.clock_stepped(step)
        entry = a.entries()[-1]
        assert entry.type is EventType.CLOCK_STEP
        assert entry.statement == f'{{"seconds":{moved}}}'


def test_the_command_names_every_witness_and_how_far_it_has_gone(
    a: Hospital, network: TestNetwork, tmp_path: Path
) -> None:
    """Whoever never cosigned is named, too; after a day, what is to be done."""
    note_peers(a, "bc")
    cosign(a, network, "b")
    secret = tmp_path / "passphrase"
    secret.touch(mode=0o600)
    secret.write_text(PASSPHRASE)
    words = ["--home", str(a.home), "--passphrase-file", str(secret), "log", "witnesses"]
    done = CliRunner().invoke(main, [*words, "--json"])
    size = coverage(a).size
    told = {
        (one["witness"], one["counts"], one["cosigned"], one["of"], one["disputes"])
        for one in json.loads(done.stdout)
    }
    assert told == {(uri("b"), True, size, size, False), (uri("c"), True, 0, size, False)}
    assert f"0 of {size} entries are confirmed by 2 of 2 other hospitals. It must" in done.stderr
    with a.catalog() as catalog, catalog.reading() as connection:
        found = vouched.read(connection)
    assert found.is_well(clock.now())
    assert not found.is_well(clock.now() + 2 * DAY)
    assert "No question is answered since" in found.words(clock.now() + 2 * DAY)
