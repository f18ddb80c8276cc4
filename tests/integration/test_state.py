"""The coordinator's database: group commit, jobs that fail alone, reads beside the writer."""

import asyncio
import contextlib
import sqlite3
import stat
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from support.coordinator import run
from wardnet import jobs
from wardnet.errors import Reason, WardnetError
from wardnet_coordinator import state
from wardnet_coordinator.state import Database, Job


@asynccontextmanager
async def database(home: Path) -> AsyncIterator[Database]:
    """Open a new database."""
    state.create(home)
    opened = Database(home)
    try:
        yield opened
    finally:
        await opened.close()


def insert(name: str) -> Job[str]:
    """Return a job that stores a member."""

    def job(connection: sqlite3.Connection) -> str:
        connection.execute("INSERT INTO members VALUES ('node', ?, 'now')", (name,))
        return name

    return job


def names(connection: sqlite3.Connection) -> list[str]:
    """Return all members."""
    return [name for (name,) in connection.execute("SELECT id FROM members ORDER BY id")]


def test_a_job_is_readable_when_its_caller_hears_of_it(tmp_path: Path) -> None:
    """Commit first, answer second."""

    async def scenario() -> None:
        async with database(tmp_path) as opened:
            assert await opened.write(insert("a")) == "a"
            assert await opened.read(names) == ["a"]
            with contextlib.closing(state.connect(tmp_path)) as other:
                assert names(other) == ["a"]

    run(scenario())


def test_jobs_that_wait_share_one_transaction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred jobs cost one fsync, not a hundred."""
    monkeypatch.setattr(jobs, "LONGEST", 3600.0)

    async def scenario() -> None:
        async with database(tmp_path) as opened:
            gate, transactions = threading.Event(), []

            def hold(connection: sqlite3.Connection) -> None:
                connection.set_trace_callback(
                    lambda sql: transactions.append(sql) if sql == "COMMIT" else None
                )
                gate.wait(10)

            holding = asyncio.create_task(opened.write(hold))
            await asyncio.sleep(0)
            waiting = [asyncio.create_task(opened.write(insert(f"{n:03}"))) for n in range(100)]
            await asyncio.sleep(0)
            gate.set()
            await asyncio.gather(holding, *waiting)
            assert len(transactions) == 1
            assert len(await opened.read(names)) == 100

    run(scenario())


def test_a_job_that_fails_takes_back_its_own_changes_only(tmp_path: Path) -> None:
    """Its neighbours in the same transaction are committed."""

    def fail(connection: sqlite3.Connection) -> None:
        insert("half")(connection)
        raise WardnetError(Reason.INVITATION_REFUSED)

    async def scenario() -> None:
        async with database(tmp_path) as opened:
            outcomes = await asyncio.gather(
                opened.write(insert("a")),
                opened.write(fail),
                opened.write(insert("b")),
                opened.write(insert("a")),
                return_exceptions=True,
            )
            assert [type(outcome) for outcome in outcomes] == [
                str,
                WardnetError,
                str,
                sqlite3.IntegrityError,
            ]
            assert await opened.read(names) == ["a", "b"]

    run(scenario())


def test_a_full_disk_stores_nothing_and_says_so(tmp_path: Path) -> None:
    """All jobs of the transaction fail with the same reason; later ones work again."""

    async def scenario() -> None:
        async with database(tmp_path) as opened:

            def shrink(connection: sqlite3.Connection) -> None:
                (pages,) = connection.execute("PRAGMA page_count").fetchone()
                connection.execute(f"PRAGMA max_page_count = {pages}")

            def grow(connection: sqlite3.Connection) -> None:
                connection.execute("INSERT INTO members VALUES ('node', zeroblob(100000), '')")

            await opened.write(shrink)
            with pytest.raises(WardnetError) as caught:
                await opened.write(grow)
            assert caught.value.reason is Reason.DISK_FULL
            await opened.write(lambda c: c.execute("PRAGMA max_page_count = 100000").fetchall())
            assert await opened.write(insert("a")) == "a"
            assert await opened.read(names) == ["a"]

    run(scenario())


def test_reading_cannot_write(tmp_path: Path) -> None:
    """Whatever changes anything goes through the one writer."""

    async def scenario() -> None:
        async with database(tmp_path) as opened:
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                await opened.read(insert("a"))

    run(scenario())


def test_a_caller_that_gave_up_does_not_stop_the_others(tmp_path: Path) -> None:
    """A cancelled call's job is committed all the same; nobody is told."""

    async def scenario() -> None:
        async with database(tmp_path) as opened:
            waiting = asyncio.create_task(opened.write(insert("a")))
            await asyncio.sleep(0)
            waiting.cancel()
            await opened.write(insert("b"))
            assert await opened.read(names) == ["a", "b"]

    run(scenario())


def test_closing_commits_what_waits(tmp_path: Path) -> None:
    """A graceful stop loses nothing."""

    async def scenario() -> None:
        async with database(tmp_path) as opened:
            waiting = [asyncio.create_task(opened.write(insert(name))) for name in "abc"]
            await asyncio.sleep(0)
        await asyncio.gather(*waiting)
        with contextlib.closing(state.connect(tmp_path)) as other:
            assert names(other) == ["a", "b", "c"]

    run(scenario())


def test_the_file_is_its_owners_only_and_durable(tmp_path: Path) -> None:
    """Mode 0600, write-ahead log, full synchronisation."""
    state.create(tmp_path)
    assert stat.S_IMODE((tmp_path / state.FILE).stat().st_mode) == 0o600
    with contextlib.closing(state.connect(tmp_path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_no_database_and_no_database_file_are_told_apart(tmp_path: Path) -> None:
    """The first needs `init`, the second a backup."""
    with pytest.raises(WardnetError) as caught:
        state.connect(tmp_path)
    assert caught.value.reason is Reason.NOT_INITIALISED
    (tmp_path / state.FILE).write_bytes(b"no database " * 1000)
    with pytest.raises(WardnetError) as caught:
        state.connect(tmp_path)
    assert caught.value.reason is Reason.STATE_DAMAGED


def test_a_database_of_another_version_is_refused(tmp_path: Path) -> None:
    """Guessing at a layout could lose what is in it."""
    state.create(tmp_path)
    with contextlib.closing(state.connect(tmp_path)) as connection:
        connection.execute(f"PRAGMA user_version = {state.VERSION + 1}")
    with pytest.raises(WardnetError) as caught:
        state.connect(tmp_path)
    assert caught.value.reason is Reason.STATE_DAMAGED
