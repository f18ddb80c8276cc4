"""The command `wardnet-node`, on a hospital's real home."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from support.hospital import MEN, WOMEN, Hospital
from support.pki import PASSPHRASE, TestNetwork
from wardnet.errors import CATALOGUE, Reason
from wardnet.identity.keystore import Keystore
from wardnet_node.cli import main

Run = Callable[..., Result]


@pytest.fixture
def hospital(tmp_path: Path) -> Hospital:
    """Return hospital a, with a passphrase file."""
    hospital = Hospital(TestNetwork(), tmp_path / "a")
    secret = tmp_path / "passphrase"
    secret.touch(mode=0o600)
    secret.write_text(PASSPHRASE)
    return hospital


@pytest.fixture
def run(hospital: Hospital) -> Run:
    """Return what runs the command on the hospital's home."""

    def run(*arguments: str | Path, passphrase: str = "passphrase", code: int = 0) -> Result:
        file = hospital.home.parent / passphrase
        options = ["--home", str(hospital.home), "--passphrase-file", str(file)]
        result = CliRunner().invoke(main, [*options, *map(str, arguments)])
        assert result.exit_code == code, result.output
        return result

    return run


def printed(result: Result) -> Any:  # noqa: ANN401 - JSON is read by its keys here
    """Read what `--json` printed."""
    return json.loads(result.stdout)


def test_datasets_are_listed_with_their_snapshots(run: Run) -> None:
    """List, show and snapshots agree on what was loaded."""
    (listed,) = printed(run("dataset", "list", "--json"))
    assert (listed["name"], listed["snapshot"], listed["rows"]) == ("cardiology", 1, WOMEN + MEN)
    columns = printed(run("dataset", "show", "cardiology", "--json"))
    assert [column["name"] for column in columns] == ["sex", "age"]
    (snapshot,) = printed(run("dataset", "snapshots", "cardiology", "--json"))
    assert (snapshot["rows"], snapshot["quality"]["missing"]["age"]) == (WOMEN + MEN, 0)
    assert "cardiology" in run("dataset", "list").stdout


def test_a_load_reports_what_it_left_out(run: Run, tmp_path: Path) -> None:
    """A bad record stops the load; with leave it is counted and named in a report."""
    table = tmp_path / "table.csv"
    table.write_text("sex,age\nfemale,40\nfemale,old\n")
    refused = run(
        "dataset", "load", "cardiology", table, code=CATALOGUE[Reason.ROWS_REJECTED].exit_code
    )
    assert "line 3, column age" in refused.stderr
    assert "old" not in refused.output
    loaded = printed(
        run("dataset", "load", "cardiology", table, "--append", "--max-rejects", "1", "--json")
    )
    assert (loaded["rows"], loaded["left_out"]) == (WOMEN + MEN + 1, 1)
    assert Path(loaded["rejects_report"]).exists()


def test_a_cut_file_is_not_loaded_unless_somebody_vouches_for_it(run: Run, tmp_path: Path) -> None:
    """Neither a last line without an end nor far fewer rows than before pass unnoticed."""
    table = tmp_path / "table.csv"
    table.write_text("sex,age\n" + "female,110\n" * 29 + "male,11")
    code = CATALOGUE[Reason.ROWS_REJECTED].exit_code
    refused = run("dataset", "load", "cardiology", table, code=code)
    assert "line 31" in refused.stderr
    assert "--accept-last-line" in refused.stderr
    run("dataset", "load", "cardiology", table, "--accept-last-line")
    table.write_text("sex,age\n" + "female,110\n" * 14)
    code = CATALOGUE[Reason.ROWS_LOST].exit_code
    refused = run("dataset", "load", "cardiology", table, code=code)
    assert "--accept-fewer-rows" in refused.stderr
    assert printed(run("dataset", "list", "--json"))[0]["rows"] == 30
    run("dataset", "load", "cardiology", table, "--append")
    run("dataset", "load", "cardiology", table, "--accept-fewer-rows")
    assert printed(run("dataset", "list", "--json"))[0]["rows"] == 14


def test_a_load_speaks_of_the_columns_that_have_something_to_say(run: Run, tmp_path: Path) -> None:
    """Line by line, and short enough for a terminal; every column is shown on request."""
    table = tmp_path / "table.csv"
    table.write_text("sex,age\n" + "female,40\n" * 30 + "female,\n" * 10)
    said = run("dataset", "load", "cardiology", table).stdout
    assert ["age", "10", "25.0%", "0.0%"] in [line.split() for line in said.splitlines()]
    assert "sex" not in said
    assert max(len(line.rstrip()) for line in said.splitlines()) < 100
    assert "sex" in run("dataset", "load", "cardiology", table, "--details").stdout


def test_a_dropped_dataset_is_gone(run: Run) -> None:
    """It asks first, unless told not to; afterwards the name is unknown."""
    run("dataset", "drop", "cardiology", code=1)
    run("dataset", "drop", "cardiology", "--yes")
    code = CATALOGUE[Reason.NOT_ADOPTED].exit_code
    assert "dataset adopt cardiology" in run("dataset", "show", "cardiology", code=code).stderr


def test_describe_drafts_both_parts_and_keeps_what_is_there(run: Run, tmp_path: Path) -> None:
    """An edited draft is not written over."""
    table = tmp_path / "table.csv"
    table.write_text("sex,age\n" + "female,40\n" * 20)
    parts = printed(run("dataset", "describe", table, "--name", "new", "--out", tmp_path, "--json"))
    assert [Path(path).name for path in parts.values()] == ["new.dictionary.toml", "new.local.toml"]
    again = ["dataset", "describe", table, "--name", "new", "--out", tmp_path]
    run(*again, code=CATALOGUE[Reason.ALREADY_EXISTS].exit_code)
    run("dataset", "describe", table, "--name", "not a name", code=2)


def test_the_access_log_is_shown_and_checked(run: Run) -> None:
    """What the vault did and stewards decided stands in it; the head is printed for comparison."""
    shown = printed(run("log", "show", "--json"))
    assert [entry["type"] for entry in shown] == [
        "dataset_adopted",
        "dataset_loaded",
        "book_changed",
        "book_changed",
        "study_received",
        "agreement_signed",
        "log_read",
    ]
    later = printed(run("log", "show", "--from", "7", "--json"))
    assert [(entry["seq"], entry["operation"]) for entry in later] == [(7, "show"), (8, "show")]
    assert printed(run("log", "verify", "--json"))["entries"] == 8


def test_an_edited_access_log_is_found_out(run: Run, hospital: Hospital) -> None:
    """The entry that does not hold is named."""
    with hospital.catalog() as catalog, catalog.transaction() as connection:
        connection.execute("UPDATE access_log SET entry = x'00' WHERE seq = 2")
    code = CATALOGUE[Reason.LOG_DAMAGED].exit_code
    assert "entry 2" in run("log", "verify", code=code).stderr


def test_another_recovery_key_opens_the_vault(run: Run, hospital: Hospital) -> None:
    """Every key that was printed opens it; that one was made stands in the log."""
    key = printed(run("vault", "backup-key", "--json"))["recovery_key"]
    assert Keystore.recover(hospital.home, key).root_key == hospital.keystore.root_key
    assert hospital.entries()[-1].type == "key_created"


def test_a_lost_passphrase_is_replaced_with_a_recovery_key(run: Run, tmp_path: Path) -> None:
    """The old passphrase opens nothing then; a mistyped key changes nothing."""
    key = tmp_path / "key"
    key.write_text(printed(run("vault", "backup-key", "--json"))["recovery_key"])
    new = tmp_path / "new"
    new.touch(mode=0o600)
    new.write_text("another long passphrase")
    run("vault", "recover", "--key-file", key, passphrase="new")
    run("dataset", "list", passphrase="new")
    run("dataset", "list", code=CATALOGUE[Reason.PASSPHRASE_WRONG].exit_code)
    key.write_text("mistyped")
    code = CATALOGUE[Reason.RECOVERY_KEY_WRONG].exit_code
    run("vault", "recover", "--key-file", key, passphrase="new", code=code)


def test_a_wrong_passphrase_opens_nothing(run: Run, tmp_path: Path) -> None:
    """Nothing is asked, nothing is changed."""
    wrong = tmp_path / "wrong"
    wrong.touch(mode=0o600)
    wrong.write_text("not the right passphrase")
    code = CATALOGUE[Reason.PASSPHRASE_WRONG].exit_code
    assert "does not open" in run("dataset", "list", passphrase="wrong", code=code).stderr


def test_an_unknown_setting_is_named(run: Run, hospital: Hospital) -> None:
    """A typo must not leave a default in force."""
    (hospital.home / "settings.toml").write_text('address = "localhost:7443"\nworker = 3\n')
    code = CATALOGUE[Reason.WRONG_SETTING].exit_code
    assert "worker" in run("config", code=code).stderr


def test_config_shows_where_a_setting_comes_from(
    run: Run, hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File, environment or default."""
    (hospital.home / "settings.toml").write_text('address = "localhost:7443"\n')
    monkeypatch.setenv("WARDNET_NODE_WORKERS", "3")
    sources = {item["name"]: item["source"] for item in printed(run("config", "--json"))}
    assert (sources["address"], sources["workers"], sources["drain"]) == (
        "file",
        "environment",
        "default",
    )


def test_a_lost_catalog_does_not_pass_for_an_empty_one(run: Run, hospital: Hospital) -> None:
    """No command makes a new one, and none removes the segments that it knows nothing of."""
    segments = sorted((hospital.home / "vault" / "seg").iterdir())
    catalog, code = hospital.home / "catalog.db", CATALOGUE[Reason.VAULT_DAMAGED].exit_code
    (hospital.home / "settings.toml").write_text('address = "localhost:7443"\n')
    catalog.unlink()
    for command in (["dataset", "list"], ["log", "show"], ["serve"]):
        refused = run(*command, code=code)
        assert "catalog.db" in refused.stderr
        assert "backup" in refused.stderr
    assert not catalog.exists()
    catalog.touch()
    run("dataset", "list", code=code)
    assert sorted((hospital.home / "vault" / "seg").iterdir()) == segments


def test_a_home_is_needed_before_a_passphrase(tmp_path: Path) -> None:
    """Somebody in the wrong folder is told so, and asked for nothing."""
    result = CliRunner().invoke(main, ["--home", str(tmp_path), "dataset", "list"])
    assert result.exit_code == CATALOGUE[Reason.NOT_INITIALISED].exit_code
    assert "`wardnet-node init`" in result.stderr
