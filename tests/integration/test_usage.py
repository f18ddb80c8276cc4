"""The commands `usage` of a hospital and of the coordinator, over real stores and a real link."""

import contextlib
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from support.coordinator import publish, question, researcher, serving
from support.coordinator import run as scenario_run
from support.fake_node import nodes, sealed_by, working
from support.hospital import Hospital
from support.pki import PASSPHRASE, TestNetwork
from support.post import post_office
from support.questions import DICTIONARY, count_query, signed
from support.vaults import VISITS, Home, adopt, visits, write_csv
from wardnet import canonical
from wardnet.audit.log import Connection
from wardnet.question.answer import Participant
from wardnet.transport.work import Total, WorkId, sums_from_wire
from wardnet.usage.table import Stored, present
from wardnet_coordinator import state
from wardnet_coordinator import usage as at_coordinator
from wardnet_coordinator.cli import main as coordinator_main
from wardnet_node import usage
from wardnet_node.cli import main
from wardnet_node.compute.cache import size
from wardnet_node.outbox import Result, put
from wardnet_node.vault.scan import scan


def noted(home: Home) -> tuple[Stored, ...]:
    """Return what was noted of all that was stored."""
    with home.catalog() as catalog, catalog.reading() as connection:
        return usage.read(connection).stored


def on_disk(home: Home) -> int:
    """Return the bytes of all segments."""
    return sum(path.stat().st_size for path in home.segments)


def decoded(home: Home) -> int:
    """Return the bytes of all rows in memory, and of a pseudonym of 128 bits per patient."""
    with home.vault() as vault:
        snapshot = vault.pin(VISITS.name)
    names = ("sex", "age", "mass", "score", "seen")
    rows = scan(snapshot.segments, names, dictionary=VISITS, with_patient=True)
    return sum(map(size, rows)) + 16 * snapshot.patients


def test_stored_bytes_are_those_on_the_disk(tmp_path: Path) -> None:
    """After each load: the files as they lie there, and their columns as they were before."""
    home = Home(tmp_path / "north")
    adopt(home)
    for number, append in enumerate((False, True)):
        file = write_csv(visits(400, seed=number), tmp_path / "visits.csv")
        with home.vault() as vault:
            vault.load(VISITS.name, file, append=append)
        last = noted(home)[-1]
        assert last.dataset == VISITS.name
        assert (last.compressed, last.uncompressed) == (on_disk(home), decoded(home))
    first, second = noted(home)
    assert first.compressed < second.compressed
    assert first.time <= second.time


def test_rows_that_were_replaced_count_as_long_as_they_lie_there(tmp_path: Path) -> None:
    """Queries may still read the snapshot before; a drop frees everything."""
    home = Home(tmp_path / "north")
    adopt(home)
    file = write_csv(visits(300), tmp_path / "visits.csv")
    for _ in range(3):
        with home.vault() as vault:
            vault.load(VISITS.name, file)
        assert noted(home)[-1].compressed == on_disk(home)
    with home.vault() as vault:
        vault.drop(VISITS.name)
    assert noted(home)[-1].compressed == on_disk(home) == 0
    assert present(noted(home)) == ()


def test_what_was_loaded_before_usage_was_noted_has_its_size(tmp_path: Path) -> None:
    """An older catalog knows the bytes on the disk, and that it does not know those before."""
    home = Home(tmp_path / "north")
    with home.catalog() as catalog, catalog.transaction() as connection:
        for table in ("spent", "stored"):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("ALTER TABLE segments DROP COLUMN plain")
        connection.execute(
            "INSERT INTO datasets VALUES ('id', 'heart', x'', x'', x'', 1, 0)",
        )
        connection.execute(
            "INSERT INTO snapshots VALUES"
            " ('id', 1, 'm', x'', 1, 1, '2026-11-02T09:00:00.000Z', x'')"
        )
        for name, size in (("one", 40), ("two", 2)):
            connection.execute(
                "INSERT INTO segments (id, dataset, kind, rows, size, digest, aad, key, born)"
                " VALUES (?, 'id', 'rows', 1, ?, '', '', x'', 1)",
                (name, size),
            )
        for statement in usage.SCHEMA:
            connection.execute(statement)
    assert noted(home) == (
        Stored(time="2026-11-02T09:00:00.000Z", dataset="heart", uncompressed=None, compressed=42),
    )


@pytest.fixture
def network() -> TestNetwork:
    """Return a network."""
    return TestNetwork()


def answer_one(network: TestNetwork, hospital: Hospital) -> str:
    """Let a hospital answer one query on its link, and return the query."""
    envelope = signed(network, count_query(network))
    digest = canonical.digest(envelope.payload)

    async def scenario() -> None:
        async with post_office(network) as (post, address), hospital.serving(address):
            stream = await post.attached()
            await stream.ask(envelope, WorkId(digest, 1, 0))
            part = await stream.next("part")
            sums = {name: array * 2 for name, array in sums_from_wire(part.sums).items()}
            participants = (Participant("a", part.snapshot), Participant("b", "1:bb"))
            total = Total(0, sums, participants)
            await stream.ask(envelope, WorkId(digest, 1, 1), totals=[total])
            await stream.next("answer")

    scenario_run(scenario())
    return digest


def test_a_hospital_sees_what_its_answers_took(network: TestNetwork, tmp_path: Path) -> None:
    """One query: the time of its rounds and its one result, in every form and in a figure."""
    hospital = Hospital(network, tmp_path / "a")
    digest = answer_one(network, hospital)
    secret = tmp_path / "passphrase"
    secret.touch(mode=0o600)
    secret.write_text(PASSPHRASE)
    figure = tmp_path / "usage.svg"

    def run(*arguments: str) -> str:
        options = ["--home", str(hospital.home), "--passphrase-file", str(secret), "usage"]
        result = CliRunner().invoke(main, [*options, *arguments])
        assert result.exit_code == 0, result.output
        return result.stdout

    shown = json.loads(run("--json", "--by", "day", "--figure", str(figure)))
    (query,) = shown["queries"]
    assert (query["query"], query["method"], query["results"]) == (digest, "count", 1)
    assert query["milliseconds"] > 0
    (method,), (period,) = shown["methods"], shown["periods"]
    assert (method["method"], method["queries"], method["results"]) == ("count", 1, 1)
    assert (period["queries"], period["day"]) == (1, query["begun"][:10])
    dataset, everything = shown["stored"]
    assert (dataset["dataset"], everything["dataset"]) == (DICTIONARY.name, "total")
    assert dataset["uncompressed_bytes"] == 50 * (1 + 1)  # fifty rows of two narrow codes
    assert dataset["stored_bytes"] == everything["stored_bytes"] == period["stored_bytes"]
    assert figure.read_text().startswith("<svg")
    assert digest[:12] in run("--queries")
    assert digest not in run()
    assert "local half" in run()
    assert f"{dataset['stored_bytes']} B" in run()
    assert json.loads(run("--json", "--until", "2000-01-01"))["periods"] == []


def test_the_time_of_a_round_stays_in_the_hospital(
    network: TestNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It could tell how many patients were met: it is in no message and no log entry."""
    marked = 987_654_321
    monkeypatch.setattr("wardnet_node.rounds.perf_counter_ns", Ticks(marked * 1000))
    sent: list[bytes] = []

    def keep(connection: Connection, result: Result, *, query: str) -> None:
        sent.append(result.message)
        put(connection, result, query=query)

    monkeypatch.setattr("wardnet_node.outbox.put", keep)
    hospital = Hospital(network, tmp_path / "a")
    answer_one(network, hospital)
    with hospital.catalog() as catalog, catalog.reading() as connection:
        (item,) = usage.read(connection).spent
        logged = [bytes(row[0]) for row in connection.execute("SELECT entry FROM access_log")]
    assert item.milliseconds == marked / 1000
    assert len(sent) == 2
    assert not [data for data in (*sent, *logged) if str(marked).encode() in data]


class Ticks:
    """A clock that goes on by the same step each time it is read."""

    def __init__(self, step: int) -> None:
        self._step, self._now = step, 0

    def __call__(self) -> int:
        """Return the next moment."""
        self._now += self._step
        return self._now


def test_the_coordinator_sees_how_long_queries_took(network: TestNetwork, tmp_path: Path) -> None:
    """One answered, one cancelled: from submission to end, and the bytes that stay of each."""

    async def scenario() -> None:
        async with serving(network, tmp_path) as address:
            await publish(address, network.node("a"))
            async with (
                nodes(address, network) as hospitals,
                researcher(address, network.researcher()) as ada,
            ):
                cancelled = await ada.submit(question(network.researcher()))
                await ada.cancel(cancelled)
                answered = await ada.submit(question(network.researcher(), method="summary"))
                async with working(list(hospitals.values())):
                    record = await ada.end(answered)
                await ada.submit(question(network.researcher()))  # runs on, and is not counted
        with contextlib.closing(state.connect(tmp_path)) as connection:
            known = at_coordinator.read(connection)
            (envelopes,) = connection.execute(
                "SELECT sum(length(envelope)) FROM queries WHERE ended > 0"
            ).fetchone()
        by_query = {item.query: item for item in known.spent}
        assert by_query.keys() == {cancelled, answered}
        assert by_query[answered].milliseconds == record.ended_ms - record.submitted_ms
        assert (by_query[answered].method, by_query[answered].results) == ("summary", 1)
        assert by_query[cancelled].results == 0
        (last,) = present(known.stored)
        assert last.compressed == envelopes + sum(len(sealed_by(name)) for name in "abcd")

    scenario_run(scenario())
    words = ["--home", str(tmp_path), "usage"]
    assert "signed queries and sealed answers" in CliRunner().invoke(coordinator_main, words).stdout
    result = CliRunner().invoke(coordinator_main, [*words, "--json"])
    assert result.exit_code == 0, result.output
    shown = json.loads(result.stdout)
    assert [item["method"] for item in shown["methods"]] == ["count", "summary"]
    assert sum(item["results"] for item in shown["periods"]) == 1
