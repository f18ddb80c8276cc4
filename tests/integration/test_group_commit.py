"""Transactions that share a commit: each fails alone, none is heard of before its fsync."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from support.coordinator import run
from support.hospital import Hospital
from support.pki import TestNetwork
from support.questions import count_query, signed
from wardnet import canonical, jobs
from wardnet.audit import log
from wardnet.audit.entry import EventType
from wardnet.audit.log import Head
from wardnet.errors import Reason, WardnetError
from wardnet.jobs import Jobs
from wardnet.transactions import Transactions
from wardnet.transport.work import Work, WorkId
from wardnet_node.desk.anchor import FILE_NAME
from wardnet_node.desk.desk import Desk
from wardnet_node.desk.gate import Opened
from wardnet_node.vault.catalog import Catalog

T = TypeVar("T")


@pytest.fixture
def transactions(tmp_path: Path) -> Transactions:
    """Return transactions on a database with one table."""
    connection = sqlite3.connect(tmp_path / "x.db", isolation_level=None, check_same_thread=False)
    connection.execute("CREATE TABLE names (name TEXT PRIMARY KEY)")
    return Transactions(connection)


@pytest.fixture
def network() -> TestNetwork:
    """Return a network."""
    return TestNetwork()


@pytest.fixture
def hospital(network: TestNetwork, tmp_path: Path) -> Hospital:
    """Return hospital a, which has agreed to ada's study."""
    return Hospital(network, tmp_path / "a")


def put(transactions: Transactions, name: str) -> None:
    """Store a name in a transaction of its own."""
    with transactions.transaction() as connection:
        connection.execute("INSERT INTO names VALUES (?)", (name,))


def durable(transactions: Transactions) -> list[str]:
    """Return what another connection sees."""
    (_, _, path), *_ = transactions._connection.execute("PRAGMA database_list").fetchall()
    other = sqlite3.connect(path)
    found = [name for (name,) in other.execute("SELECT name FROM names ORDER BY name")]
    other.close()
    return found


def test_nothing_is_durable_before_the_end_and_everything_after(transactions: Transactions) -> None:
    """What follows the commit finds it done, and is done once."""
    seen: list[list[str]] = []

    def look() -> None:
        seen.append(durable(transactions))

    with transactions.together():
        for name in "ab":
            put(transactions, name)
            transactions.afterwards(look)
        assert durable(transactions) == []
        assert seen == []
    assert seen == [["a", "b"]]


def test_a_transaction_within_another_takes_back_its_own_part(transactions: Transactions) -> None:
    """What it read meanwhile was there."""
    with transactions.transaction() as connection:
        put(transactions, "a")
        with pytest.raises(sqlite3.IntegrityError):
            put(transactions, "a")
        with transactions.reading() as reading:
            assert reading is connection
    assert durable(transactions) == ["a"]


def test_a_block_that_fails_takes_back_everything(transactions: Transactions) -> None:
    """Nothing that waited for it happens; the next one works."""
    followed: list[str] = []

    def fail() -> None:
        with transactions.together():
            put(transactions, "a")
            transactions.afterwards(lambda: followed.append("a"))
            put(transactions, "a")

    with pytest.raises(sqlite3.IntegrityError):
        fail()
    assert (durable(transactions), followed) == ([], [])
    put(transactions, "b")
    assert durable(transactions) == ["b"]


def test_when_the_database_gives_everything_up_nothing_later_is_kept(
    transactions: Transactions,
) -> None:
    """A full disk may end the transaction of all; whoever goes on must not believe the rest."""

    def lose() -> None:
        with transactions.transaction() as connection:
            connection.execute("ROLLBACK")
            connection.execute("INSERT INTO nowhere VALUES (1)")

    def go_on() -> None:
        with transactions.together():
            put(transactions, "a")
            with suppress(sqlite3.OperationalError):
                lose()
            with suppress(sqlite3.OperationalError):
                put(transactions, "b")

    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        go_on()
    assert durable(transactions) == []


def test_a_job_may_return_an_error_and_one_that_raises_fails_alone() -> None:
    """What is returned is never taken for what is raised."""

    async def scenario() -> None:
        owned = Jobs(list[str])
        error = WardnetError(Reason.NODE_NOT_LOCKED)
        assert await owned.do(lambda _: error) is error
        outcomes = await asyncio.gather(
            owned.do(lambda names: names.append("a")),
            owned.do(lambda names: names.remove("b")),
            owned.do(len),
            return_exceptions=True,
        )
        assert [type(outcome) for outcome in outcomes] == [type(None), ValueError, int]
        await owned.close(list.clear)

    run(scenario())


def test_jobs_that_share_nothing_end_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a slow job that was given after the own one."""
    monkeypatch.setattr(jobs, "LONGEST", 3600.0)

    async def scenario() -> None:
        owned, begin, end = Jobs(list[str]), threading.Event(), threading.Event()
        first = asyncio.create_task(owned.do(lambda _: begin.wait(10)))
        await asyncio.sleep(0)
        second = asyncio.create_task(owned.do(lambda _: end.wait(10)))
        await asyncio.sleep(0)
        begin.set()
        assert await first
        assert not second.done()
        end.set()
        assert await second
        await owned.close(list.clear)

    run(scenario())


def test_what_cannot_be_made_is_told_to_everybody_who_asks() -> None:
    """E.g. a catalog that does not open."""

    def make() -> list[str]:
        raise WardnetError(Reason.NODE_NOT_LOCKED)

    async def scenario() -> None:
        owned = Jobs(make)
        for _ in range(2):
            with pytest.raises(WardnetError):
                await owned.do(len)
        with pytest.raises(WardnetError):
            await owned.close(len)

    run(scenario())


async def at_once(owned: Jobs[Desk], *given: Callable[[Desk], T]) -> list[T | BaseException]:
    """Give jobs while the thread is busy, so that they share a commit; return the outcomes."""
    gate = threading.Event()
    waiting = [asyncio.create_task(owned.do(lambda _: gate.wait(10)))]
    waiting += [asyncio.create_task(owned.do(job)) for job in given]  # type: ignore[arg-type]
    await asyncio.sleep(0)
    gate.set()
    _, *outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    return outcomes  # type: ignore[return-value]


def work(network: TestNetwork, number: int) -> Work:
    """Return the guard round of a new query."""
    envelope = signed(network, count_query(network, nonce=f"{number:032x}"))
    return Work(WorkId(canonical.digest(envelope.payload), 1, 0), envelope, ("a", "b"), ())


def release(desk: Desk, asked: Work, opened: Opened) -> object:
    """Release something for some work."""
    return desk.release(
        asked.id,
        opened=opened,
        message=b"part",
        transcripts=[opened.session.transcript],
        event=opened.event,
    )


def accept(asked: Work) -> Callable[[Desk], Opened]:
    """Return the job that opens some work."""
    return lambda desk: desk.open(asked)


def anchored(hospital: Hospital) -> Head:
    """Return what the node remembers of its log outside the catalog."""
    value = canonical.decode((hospital.home / FILE_NAME).read_bytes())
    assert isinstance(value, dict)
    return Head(int(str(value["size"])), str(value["root"]))


def test_queries_of_one_moment_share_a_commit_and_an_anchor(
    network: TestNetwork, hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight decisions cost one fsync, eight releases another; the anchor is the durable end."""
    monkeypatch.setattr(jobs, "LONGEST", 3600.0)
    asked = [work(network, number) for number in range(8)]

    async def scenario() -> list[str]:
        owned = Jobs(hospital._desk, together=Desk.together)
        await owned.do(Desk.start)
        statements: list[str] = []

        def trace(desk: Desk) -> None:
            connection = desk._catalog._connection
            connection.set_trace_callback(
                lambda sql: statements.append(sql) if sql in {"COMMIT", "SAVEPOINT part"} else None
            )

        await owned.do(trace)
        opened = await at_once(owned, *(accept(each) for each in asked))
        with hospital.catalog() as catalog, catalog.reading() as connection:
            assert log.head(connection) == anchored(hospital)
        made = await at_once(
            owned,
            *(
                partial(release, asked=each, opened=one)
                for each, one in zip(asked, opened, strict=True)
                if isinstance(one, Opened)
            ),
        )
        assert len(made) == len(asked)
        assert None not in made
        await owned.close(Desk.stop)
        return statements

    statements = run(scenario())
    assert statements.count("COMMIT") == 3  # decisions, releases, and that the daemon stopped
    assert statements.count("SAVEPOINT part") == 17
    kinds = [entry.type for entry in hospital.entries()]
    assert kinds.count(EventType.QUERY_ACCEPTED) == 16


def test_a_commit_that_fails_is_told_to_all_and_forgotten(
    network: TestNetwork, hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was decided: not the log, not the anchor, not the nonce says so; later it goes on."""
    monkeypatch.setattr(jobs, "LONGEST", 3600.0)
    asked = [work(network, number) for number in range(3)]
    commit = Catalog._commit

    def fail(_: Catalog) -> None:
        raise WardnetError(Reason.DISK_FULL, path="catalog.db")

    async def scenario() -> None:
        owned = Jobs(hospital._desk, together=Desk.together)
        await owned.do(Desk.start)
        before = anchored(hospital)
        monkeypatch.setattr(Catalog, "_commit", fail)
        outcomes = await at_once(owned, *(accept(each) for each in asked))
        assert [str(outcome) for outcome in outcomes] == [str(outcomes[0])] * 3
        assert isinstance(outcomes[0], WardnetError)
        assert outcomes[0].reason is Reason.DISK_FULL
        assert anchored(hospital) == before
        monkeypatch.setattr(Catalog, "_commit", commit)
        opened = await at_once(owned, *(accept(each) for each in asked))
        assert [type(one) for one in opened] == [Opened] * 3
        assert anchored(hospital).size == before.size + 3
        await owned.close(Desk.stop)

    run(scenario())
