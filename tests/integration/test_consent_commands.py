"""`wardnet-node consent`: lists of who is shared, on a hospital's real home."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from support.hospital import Hospital
from support.pki import PASSPHRASE, TestNetwork
from support.vaults import VISITS, visits, write_csv
from wardnet.audit.entry import EventType
from wardnet.errors import CATALOGUE, Reason
from wardnet_node.cli import main
from wardnet_node.intake.local_part import LocalPart
from wardnet_node.sharing.giving.consent import Consent

Run = Callable[..., Result]


@pytest.fixture
def hospital(tmp_path: Path) -> Hospital:
    """Return hospital a with the dataset `visits` beside its own, and a passphrase file."""
    hospital = Hospital(TestNetwork(), tmp_path / "a")
    with hospital.vault() as vault:
        vault.adopt(VISITS, LocalPart())
        vault.load("visits", write_csv(visits(50, patients=20), tmp_path / "table.csv"))
    secret = tmp_path / "passphrase"
    secret.touch(mode=0o600)
    secret.write_text(PASSPHRASE)
    return hospital


@pytest.fixture
def run(hospital: Hospital) -> Run:
    """Return what runs the command on the hospital's home."""

    def run(*arguments: str | Path, refused: Reason | None = None) -> Result:
        file = hospital.home.parent / "passphrase"
        options = ["--home", str(hospital.home), "--passphrase-file", str(file), "consent"]
        result = CliRunner().invoke(main, [*options, *map(str, arguments)])
        assert result.exit_code == (CATALOGUE[refused].exit_code if refused else 0), result.output
        return result

    return run


def test_a_list_is_loaded_shown_and_removed(run: Run, hospital: Hospital, tmp_path: Path) -> None:
    """Each step is in the log; numbers are written as people and spreadsheets write them."""
    file = tmp_path / "list.txt"
    file.write_bytes("\ufeffR000001\r\n  R000002\t\r\n\r\nR000001\r\nR999999".encode())
    loaded = json.loads(run("load", "visits", file, "--json").stdout)
    assert (loaded["listed"], loaded["present"], loaded["only_listed"]) == (3, 2, False)
    (shown,) = json.loads(run("show", "--json").stdout)
    assert shown == loaded
    assert run("clear", "visits", "--yes").stdout
    assert json.loads(run("show", "--json").stdout) == []
    changes = [item for item in hospital.entries() if item.type is EventType.CONSENT_CHANGED]
    assert [item.operation for item in changes] == [
        "loaded a list: the listed are never shared",
        "removed the list: all are shared",
    ]
    run("clear", "visits", "--yes", refused=Reason.CONSENT_MISSING)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", Reason.FILE_EMPTY),
        (b"\r\n \n", Reason.FILE_EMPTY),
        (b"R000001\nR\xfc\n", Reason.LIST_ENCODING),
        (None, Reason.FILE_UNREADABLE),
    ],
    ids=["empty", "blank", "latin-1", "missing"],
)
def test_a_bad_list_leaves_the_last_one(
    run: Run, tmp_path: Path, content: bytes | None, reason: Reason
) -> None:
    """An empty file must not mean that nobody objects any more."""
    good, bad = tmp_path / "good.txt", tmp_path / "bad.txt"
    good.write_text("R000001\n")
    run("load", "visits", good)
    if content is not None:
        bad.write_bytes(content)
    refused = run("load", "visits", bad, refused=reason)
    assert "bad.txt" in refused.stderr
    (shown,) = json.loads(run("show", "--json").stdout)
    assert shown["listed"] == 1


def test_a_list_needs_a_dataset_that_names_its_patients(run: Run, tmp_path: Path) -> None:
    """Where every row is a patient of its own, nobody could be found in it."""
    file = tmp_path / "list.txt"
    file.write_text("R000001\n")
    run("load", "cardiology", file, refused=Reason.PATIENTS_NOT_NAMED)
    run("load", "elsewhere", file, refused=Reason.NOT_ADOPTED)


def test_a_list_goes_with_its_dataset(run: Run, hospital: Hospital, tmp_path: Path) -> None:
    """Its numbers were keyed by the dataset: adopted again, the dataset has none, and says so."""
    file = tmp_path / "list.txt"
    file.write_text("R000001\n")
    run("load", "visits", file)
    with hospital.vault() as vault:
        vault.drop("visits")
        vault.adopt(VISITS, LocalPart())
    assert json.loads(run("show", "--json").stdout) == []


def test_the_numbers_of_a_list_are_nowhere_in_the_home(
    run: Run, hospital: Hospital, tmp_path: Path
) -> None:
    """Not in the log, and even the open catalog holds only keyed pseudonyms."""
    file = tmp_path / "list.txt"
    file.write_text("Quackenbush-77\n")
    run("load", "visits", file)
    with hospital.catalog() as catalog, catalog.reading() as connection:
        ((kept,),) = connection.execute("SELECT pseudonyms FROM consent_lists").fetchall()
    assert len(kept) == 16
    assert b"Quack" not in kept
    for path in filter(Path.is_file, hospital.home.rglob("*")):
        assert b"Quackenbush" not in path.read_bytes()
    with hospital.catalog() as catalog, hospital.vault() as vault:
        found = Consent(catalog, vault, member=hospital.credentials.member).find("visits")
    assert found is not None
    assert (found.listed, found.present) == (1, 0)
