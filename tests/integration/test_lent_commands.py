"""`wardnet-node share open`, `read` and `destroy`, on the real home of who was lent records."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from support.lending import WANTED, Lending, granted, lending, lending_hospitals
from support.pki import PASSPHRASE, TestNetwork
from support.vaults import visits
from wardnet import clock
from wardnet.audit.entry import EventType
from wardnet.errors import CATALOGUE, Reason
from wardnet.identity.member import Role
from wardnet_node.cli import main
from wardnet_node.desk.shares.state import Share, State

Run = Callable[..., Result]

FRAME = visits(60, patients=20)
PDF = b"%PDF-1.7 \x00\xff"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lending]:
    """Return hospitals a and b; b has a passphrase file, and a steward with the same password."""
    folder, network = tmp_path_factory.mktemp("commands"), TestNetwork()
    secret = folder / "passphrase"
    secret.touch(mode=0o600)
    secret.write_text(PASSPHRASE)
    with lending(network, lending_hospitals(network, folder, FRAME)) as opened:
        network.settle(opened.b.hospital.home / "stewards" / "steward-b", Role.STEWARD, "steward-b")
        yield opened


@pytest.fixture
def run(home: Lending) -> Run:
    """Return what runs the command on b's home."""
    place = home.b.hospital.home

    def run(*arguments: str | Path, refused: Reason | None = None) -> Result:
        options = ["--home", str(place), "--passphrase-file", str(place.parent / "passphrase")]
        result = CliRunner().invoke(main, [*options, *map(str, arguments)])
        assert result.exit_code == (CATALOGUE[refused].exit_code if refused else 0), result.output
        return result

    return run


@pytest.fixture
def share(home: Lending, run: Run) -> Iterator[Share]:
    """Return a share that was opened by the command; it is destroyed after the test."""
    fetched = home.fetched({"scan.pdf": PDF}, obligations=("Ask us before you publish.",))
    run("share", "open", fetched.digest[:10])
    yield fetched
    home.recipient.destroy(fetched.digest)


def name_of(share: Share) -> str:
    """Return what the dataset of a share is called."""
    return f"visits-from-a-{granted(share).digest[:8]}"


def test_opening_says_what_the_grant_asks(home: Lending, run: Run) -> None:
    """The dataset, from whom, and until when; a second time is refused."""
    fetched = home.fetched()
    told = json.loads(run("share", "open", fetched.digest, "--json").stdout)
    assert (told["dataset"], told["from"]) == (name_of(fetched), "a")
    assert told["until"] == granted(fetched).until
    again = run("share", "open", fetched.digest, refused=Reason.SHARE_DECIDED)
    assert "opened before" in again.stderr
    home.recipient.destroy(fetched.digest)


def test_the_grant_is_shown_with_the_dataset(share: Share, run: Run) -> None:
    """In the list and by itself: from whom, what for, obligations, until when."""
    listed = json.loads(run("dataset", "list", "--json").stdout)
    (found,) = (item for item in listed if item["name"] == name_of(share))
    assert (found["from"], found["basis"], found["until"]) == ("a", "treatment", share.until)
    assert found["obligations"] == ["Ask us before you publish."]
    (own,) = (item for item in listed if item["name"] == "cardiology")
    assert own["from"] == own["share"] == ""
    table = run("dataset", "list").stdout
    assert "treatment" in table
    shown = json.loads(run("dataset", "show", name_of(share), "--json").stdout)
    assert shown["grant"]["share"] == share.digest
    assert shown["grant"]["purpose"] == WANTED.purpose
    assert shown["columns"][0]["name"] == "record"
    assert "Ask us before you publish." in run("dataset", "show", name_of(share)).stdout
    assert isinstance(json.loads(run("dataset", "show", "cardiology", "--json").stdout), list)


def test_lists_of_consent_are_shown_beside_what_was_lent(share: Share, run: Run) -> None:
    """They are of the hospital's own datasets; one that was lent has none."""
    assert json.loads(run("consent", "show", "--json").stdout) == []
    told = run("consent", "clear", name_of(share), "--yes", refused=Reason.DATASET_RECEIVED)
    assert "share destroy" in told.stderr


def test_rows_are_read_in_three_forms(share: Share, run: Run) -> None:
    """A table shows the first rows; CSV and JSON hold all, values as they were."""
    table = run("share", "read", name_of(share), "--first", "3").stdout
    assert len(table.splitlines()) == 4
    assert len(run("share", "read", name_of(share)).stdout.splitlines()) == 21
    read = run("share", "read", share.digest[:8], "--format", "csv", "--columns", "record,sex")
    lines = list(csv.reader(io.StringIO(read.stdout)))
    assert lines[0] == ["record", "sex"]
    expected = sorted(FRAME[["record", "sex"]].itertuples(index=False, name=None))
    assert sorted(map(tuple, lines[1:])) == expected
    records = json.loads(run("share", "read", share.digest, "--json").stdout)
    assert len(records) == len(FRAME)
    assert {type(record["mass"]) for record in records} == {float, type(None)}
    assert sorted(record["score"] for record in records) == sorted(FRAME["score"])
    assert "left Wardnet's care" in read.stderr


def test_a_plain_copy_is_its_owners_alone_and_said_to_be_out_of_our_care(
    share: Share, run: Run, home: Lending, tmp_path: Path
) -> None:
    """Mode 0600, never over another file, and every use in the log."""
    file, scan = tmp_path / "rows.csv", tmp_path / "scan.pdf"
    told = run("share", "read", share.digest, "--format", "csv", "--output", file).stderr
    assert f"{file} is a plain copy: it has left Wardnet's care" in " ".join(told.split())
    run("share", "read", share.digest, "--attachment", "scan.pdf", "--output", scan)
    assert scan.read_bytes() == PDF
    assert {path.stat().st_mode & 0o777 for path in (file, scan)} == {0o600}
    run(
        "share",
        "read",
        share.digest,
        "--attachment",
        "scan.pdf",
        "--output",
        scan,
        refused=Reason.ALREADY_EXISTS,
    )
    run("share", "read", share.digest, "--attachment", "../x", refused=Reason.ATTACHMENT_UNKNOWN)
    (listed,) = json.loads(run("share", "read", share.digest, "--attachments", "--json").stdout)
    assert (listed["name"], listed["length"]) == ("scan.pdf", len(PDF))
    assert run("share", "read", share.digest, "--attachment", "scan.pdf").stdout_bytes == PDF
    read = [one for one in home.b.entries() if one.type is EventType.SHARE_READ]
    assert all(one.actor.subject == "operator" for one in read)


def test_nothing_is_printed_once_it_is_over(
    share: Share, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No file is made, and what was lent is destroyed though no daemon runs."""
    usual = clock.now
    monkeypatch.setattr(clock, "now", lambda: usual() + timedelta(hours=3))
    file = tmp_path / "rows.csv"
    told = run(
        "share",
        "read",
        share.digest,
        "--format",
        "csv",
        "--output",
        file,
        refused=Reason.SHARE_ENDED,
    )
    assert told.stdout == ""
    assert not file.exists()
    assert name_of(share) not in run("dataset", "list").stdout


def test_a_steward_destroys_by_her_password(share: Share, run: Run, home: Lending) -> None:
    """It is gone at once, and whoever reads is told so."""
    place = home.b.hospital.home
    signing = ("--steward", "steward-b", "--password-file", place.parent / "passphrase")
    run("share", "destroy", share.digest, *signing, "--yes")
    assert home.b.shares.show(share.digest).state is State.DESTROYED
    run("share", "read", share.digest, refused=Reason.SHARE_ENDED)
