"""`wardnet audit` as an auditor types it: a real coordinator, a real node, files on disk."""

import asyncio
import csv
import io
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from structlog.testing import capture_logs

from support import logs
from support.audited import answered, grant
from support.command import exit_code
from support.coordinator import run, serving
from support.hospital import Hospital
from support.member import wait_until
from support.pki import PASSPHRASE, TestNetwork
from support.questions import key
from wardnet import clock
from wardnet.audit import bundle, log, tags
from wardnet.audit.entry import Actor, Event, EventType, Outcome
from wardnet.client import cli
from wardnet.command import grouped
from wardnet.errors import Reason
from wardnet.identity.member import Role

Typed = Callable[..., Awaitable[Result]]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Keep what the daemons of this process log out of what a command prints."""
    with capture_logs():
        yield


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


@pytest.fixture
def home(network: TestNetwork, tmp_path: Path) -> Path:
    """Return olga's home."""
    home = tmp_path / "olga"
    home.mkdir()
    network.settle(home, Role.AUDITOR, "olga")
    passphrase = home / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text(PASSPHRASE + "\n")
    return home


def wardnet(home: Path, *words: str | Path) -> Result:
    """Run `wardnet audit`."""
    options = ["--home", str(home), "--passphrase-file", str(home / "passphrase"), "audit"]
    return CliRunner().invoke(cli.main, [*options, *map(str, words)])


@asynccontextmanager
async def network_of(network: TestNetwork, hospital: Hospital, home: Path) -> AsyncIterator[Typed]:
    """Serve, and give what runs a command beside it."""
    async with (
        serving(network, home.parent / "coordinator") as address,
        hospital.serving(address) as node,
    ):
        assert await asyncio.to_thread(wait_until, lambda: node.link.attached, seconds=20)
        (home / "settings.toml").write_text(f'address = "{address}"\n')

        async def typed(*words: str | Path) -> Result:
            return await asyncio.to_thread(wardnet, home, *words)

        yield typed


def test_what_was_found_is_shown_saved_and_verified_offline(
    network: TestNetwork, hospital: Hospital, home: Path, tmp_path: Path
) -> None:
    """The file needs nobody; the verdict says that the key was not compared, until it is."""
    file = tmp_path / "a.bundle"

    async def scenario() -> None:
        async with network_of(network, hospital, home) as typed:
            done = await typed("search", "a", "--type", "dataset_loaded", "--json")
            found = json.loads(done.stdout)
            assert [entry["dataset"] for entry in found["entries"]] == ["cardiology"]
            done = await typed("search", "a", "--all", "--save", file)
            assert done.exit_code == 0
            assert "agreement_signed" in done.stdout
            assert "No entry of the log is missing" in done.stderr
            seq = found["entries"][0]["seq"]
            shown = json.loads((await typed("show", "a", str(seq), "--json")).stdout)
            assert shown["type"] == "dataset_loaded"
            assert shown["proof"]

    run(scenario())
    origin, own = hospital.credentials.member.uri, key(hospital.credentials)
    said = wardnet(home, "verify", file)
    assert said.exit_code == 0
    assert f"Whether the log's key is its owner's: compare {grouped(own)}" in said.stdout
    assert wardnet(home, "trust", "add", origin, "--fingerprint", own).exit_code == 0
    said = wardnet(home, "verify", file)
    assert "The log's key is the one that you have compared." in said.stdout
    assert json.loads(wardnet(home, "trust", "list", "--json").stdout) == [
        {"origin": origin, "fingerprint": own}
    ]


def test_a_pinned_key_that_is_another_refuses_all(
    network: TestNetwork, hospital: Hospital, home: Path
) -> None:
    """And a pin is not replaced by the way: it has to be removed first."""
    origin = hospital.credentials.member.uri
    assert wardnet(home, "trust", "add", origin, "--fingerprint", "ab" * 32).exit_code == 0
    other = wardnet(home, "trust", "add", origin, "--fingerprint", "cd" * 32)
    assert other.exit_code == exit_code(Reason.ALREADY_EXISTS)

    async def scenario() -> None:
        async with network_of(network, hospital, home) as typed:
            done = await typed("search", "a")
            assert done.exit_code == exit_code(Reason.LOG_KEY_MISMATCH)
            assert wardnet(home, "trust", "remove", origin).exit_code == 0
            assert (await typed("search", "a")).exit_code == 0

    run(scenario())


def test_reports_and_exports_are_made_of_what_was_proven(
    network: TestNetwork, hospital: Hospital, home: Path, tmp_path: Path
) -> None:
    """From the hospital, or later from the bundle, with the same rows."""
    file, table = tmp_path / "a.bundle", tmp_path / "a.csv"

    async def scenario() -> None:
        async with network_of(network, hospital, home) as typed:
            assert (await typed("export", "bundle", "a", "-o", file)).exit_code == 0
            readers = json.loads((await typed("report", "readers", "a", "--json")).stdout)
            assert "olga" in str(readers["rows"])
            told = await typed("report", "disclosures", "a", "--patient", "P-4711", "--json")
            assert json.loads(told.stdout)["rows"] == []
            nobody = await typed("report", "disclosures", "a")
            assert nobody.exit_code == exit_code(Reason.PARAMETER_INVALID)

    run(scenario())
    assert wardnet(home, "export", "csv", file, "-o", table).exit_code == 0
    rows = list(csv.DictReader(io.StringIO(table.read_text("utf-8-sig"))))
    assert len(rows) == len(file.read_bytes().splitlines()) - 2
    page = tmp_path / "a.html"
    assert wardnet(home, "export", "html", file, "-o", page).exit_code == 0
    assert "<svg" in page.read_text()
    again = tmp_path / "again.bundle"
    assert wardnet(home, "export", "bundle", file, "-o", again).exit_code == 0
    assert again.read_bytes() == file.read_bytes()
    assert wardnet(home, "export", "bundle", file, again, "-o", table).exit_code == 2


def test_a_patient_is_told_to_whom_her_records_went(
    network: TestNetwork, hospital: Hospital, home: Path
) -> None:
    """The number goes sealed to the hospital; its log is searched by a tag that only it makes."""
    tag = tags.tag(hospital.keystore.derive(tags.PURPOSE), "P-4711")
    released = Event(
        type=EventType.DATASET_LOADED,
        outcome=Outcome.RELEASED,
        node=hospital.credentials.member.uri,
        actor=Actor(subject="wardnet://heartnet/steward/sue", role="steward"),
        dataset="cardiology",
        purpose="DUO:0000006",
        recipient="wardnet://heartnet/node/b",
        patient_tags=(tag,),
    )
    with hospital.catalog() as catalog, catalog.transaction() as connection:
        for outcome in (Outcome.RELEASED, Outcome.REFUSED):
            log.append(connection, replace(released, outcome=outcome), at=clock.now())

    async def scenario() -> None:
        async with network_of(network, hospital, home) as typed:

            async def accounted(patient: str) -> list[dict[str, str]]:
                done = await typed("report", "disclosures", "a", "--patient", patient, "--json")
                rows: list[dict[str, str]] = json.loads(done.stdout)["rows"]
                return rows

            (row,) = await accounted(" P-4711 ")
            assert (row["recipient"], row["purpose"]) == (released.recipient, released.purpose)
            assert "cardiology" in row["what"]
            assert await accounted("4712") == []
            shown = await typed("report", "disclosures", "a", "--patient", "P-4711")
            assert "node/b" in shown.stdout
            assert "P-4711" not in shown.stdout + shown.stderr
            read = await typed("search", "a", "--type", "log_read", "--json")
            assert tag in read.stdout
            assert "P-4711" not in read.stdout

    run(scenario())


def test_a_bundle_is_not_filtered(
    network: TestNetwork, hospital: Hospital, home: Path, tmp_path: Path
) -> None:
    """A filter that did nothing would make a report that seems to say more than it does."""
    file = tmp_path / "a.bundle"

    async def scenario() -> None:
        async with network_of(network, hospital, home) as typed:
            assert (await typed("export", "bundle", "a", "-o", file)).exit_code == 0

    run(scenario())
    for words in (["--since", "2026-01-01"], ["--patient", "P-4711"], ["--dataset", "cardiology"]):
        done = wardnet(home, "report", "studies", file, *words)
        assert done.exit_code == 2
        assert "gives all that it holds" in done.stderr


def test_syslog_goes_to_a_receiver(
    network: TestNetwork, hospital: Hospital, home: Path, tmp_path: Path
) -> None:
    """One message per entry; what is no receiver is a usage error."""
    file = tmp_path / "a.bundle"

    async def scenario() -> None:
        async with network_of(network, hospital, home) as typed:
            assert (await typed("export", "bundle", "a", "-o", file)).exit_code == 0

    run(scenario())
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        url = f"udp://127.0.0.1:{receiver.getsockname()[1]}"
        sent = wardnet(home, "export", "syslog", file, "--to", url)
        assert f"{len(file.read_bytes().splitlines()) - 2} entries" in sent.stderr
        assert receiver.recv(4096).startswith(b"<")
    for wrong in ("tls://", "udp://here", "http://127.0.0.1:514", "tcp://h:p"):
        assert wardnet(home, "export", "syslog", file, "--to", wrong).exit_code == 2
    assert wardnet(home, "export", "csv", file, "--to", url).exit_code == 2


def test_a_released_answer_is_shown_to_whom_it_is_granted(
    network: TestNetwork, hospital: Hospital, home: Path
) -> None:
    """It is the one whose digest stands in the log."""

    async def scenario() -> None:
        query = await answered(network, hospital)
        async with network_of(network, hospital, home) as typed:
            named = ["--organisation", "university", "--method", "count", "--outcome", "released"]
            done = await typed("search", "a", "--type", "query_answer", *named, "--json")
            (entry,) = json.loads(done.stdout)["entries"]
            assert entry["request_digest"] == query
            done = await typed("show", "a", str(entry["seq"]), "--answer", "--json")
            shown = json.loads(done.stdout)["answer"]
            assert (shown["query"], shown["outcome"]) == (query, "released")

    run(scenario())


def test_who_watches_from_the_command_line_sees_what_comes(
    network: TestNetwork, hospital: Hospital, home: Path
) -> None:
    """One line per entry."""

    async def scenario() -> None:
        async with network_of(network, hospital, home) as typed:
            watching = asyncio.ensure_future(
                typed("watch", "a", "--type", "dataset_loaded", "--interval", "1", "--count", "1")
            )
            while not watching.done():
                await asyncio.to_thread(hospital.load, {"female": 2}, append=True)
                await asyncio.wait([watching], timeout=1)
            assert "dataset_loaded" in watching.result().stdout

    run(scenario())


def test_the_grant_is_shown_as_the_hospital_signed_it(
    network: TestNetwork, hospital: Hospital, home: Path
) -> None:
    """What may be read, and until when."""

    async def scenario() -> None:
        async with network_of(network, hospital, home) as typed:
            shown = json.loads((await typed("granted", "a", "--json")).stdout)
            assert (shown["hospital"], shown["scope"]) == ("a", "all, patients, answers")

    run(scenario())


def test_a_page_holds_a_reconciliation_where_the_coordinator_s_log_is_given(
    home: Path, tmp_path: Path
) -> None:
    """As the report does; other forms have no place for it."""
    file, told, page = (tmp_path / name for name in ("a.bundle", "post.bundle", "a.html"))
    for path, kind in ((file, EventType.QUERY_ANSWER), (told, EventType.QUERY_SUBMITTED)):
        with closing(logs.empty()) as connection, path.open("wb") as stream:
            logs.append(connection, [replace(logs.EVENT, type=kind, request_digest="ab" * 32)])
            logs.signed(connection)
            bundle.write(bundle.gather(connection, None, keys=logs.KEYS), stream)
    section = '<section id="reconciliation">'
    assert wardnet(home, "export", "html", file, "-o", page).exit_code == 0
    assert section not in page.read_text()
    done = wardnet(home, "export", "html", file, "--coordinator", told, "-o", page)
    assert done.exit_code == 0
    assert section in page.read_text()
    assert wardnet(home, "export", "csv", file, "--coordinator", told).exit_code == 2


@pytest.mark.parametrize(("zone", "late"), [("UTC", False), ("Asia/Tokyo", True)])
def test_office_hours_are_those_of_the_people_s_zone(
    home: Path,
    tmp_path: Path,
    zone: str,
    late: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Noon in Greenwich is nine in the evening in Tokyo."""
    file = tmp_path / "a.bundle"
    with closing(logs.empty()) as connection:
        logs.append(connection, [replace(logs.EVENT, type=EventType.AGREEMENT_SIGNED)])
        logs.signed(connection)
        with file.open("wb") as stream:
            bundle.write(bundle.gather(connection, None, keys=logs.KEYS), stream)
    done = wardnet(home, "report", "anomalies", file, "--zone", zone, "--json")
    rows = json.loads(done.stdout)["rows"]
    assert any(row["sign"] == "outside office hours" for row in rows) is late
    done = wardnet(home, "report", "anomalies", file, "--zone", "Here")
    assert "Europe/Berlin" in done.stderr


def test_a_pin_that_could_never_count_is_refused(home: Path) -> None:
    """A name that no log has, or a fingerprint that no key has: said so at once."""
    done = wardnet(home, "trust", "add", "north", "--fingerprint", "ab" * 32)
    assert "wardnet://" in done.stderr
    done = wardnet(home, "trust", "add", logs.ORIGIN, "--fingerprint", "ab")
    assert "fingerprint takes 64" in done.stderr
    assert json.loads(wardnet(home, "trust", "list", "--json").stdout) == []
