"""`wardnet-node model` and `wardnet-node predict` on a hospital's real home."""

import asyncio
import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from support.coordinator import run as run_scenario
from support.coordinator import serving
from support.hospital import Hospital
from support.model_files import (
    LINEAR,
    SMALLER,
    answered,
    made,
    model_file,
    parts,
    read,
    rows_of,
    stated,
)
from support.people import SEVERAL_ROWS
from support.pki import PASSPHRASE, TestNetwork
from support.postoffice import PostOffice
from wardnet.audit import log, tags
from wardnet.audit.entry import Entry, EventType
from wardnet.errors import CATALOGUE, Reason, WardnetError
from wardnet.identity.keystore import Keystore
from wardnet.model import file as files
from wardnet.question.dictionary import Column
from wardnet.question.rows import Rows
from wardnet.simulation import simulate
from wardnet.transport.channel import open_blocking_channel
from wardnet.transport.models import Models
from wardnet_node.cli import main
from wardnet_node.models.installed import Installed
from wardnet_node.vault.catalog import Catalog

FRAME = pd.DataFrame({"age": range(20, 60)})
Run = Callable[..., Result]
COLUMNS = {column.name: column for column in SEVERAL_ROWS.columns}


@pytest.fixture(scope="module")
def network() -> TestNetwork:
    """Make one network's keys for all tests of this file."""
    return TestNetwork()


@pytest.fixture
def home(network: TestNetwork, tmp_path: Path) -> Path:
    """Make the home of hospital d, which took no part in the learning."""
    home = tmp_path / "d"
    network.found(home, "d")
    secret = tmp_path / "passphrase"
    secret.touch(mode=0o600)
    secret.write_text(PASSPHRASE)
    return home


@pytest.fixture
def run(home: Path) -> Run:
    """Return what runs the command on the hospital's home."""

    def run(*arguments: str | Path, refused: Reason | None = None) -> Result:
        file = home.parent / "passphrase"
        options = ["--home", str(home), "--passphrase-file", str(file)]
        result = CliRunner().invoke(main, [*options, *map(str, arguments)])
        assert result.exit_code == (CATALOGUE[refused].exit_code if refused else 0), result.output
        return result

    return run


@pytest.fixture
def model(network: TestNetwork, tmp_path: Path) -> Path:
    """Write the file of a logistic model."""
    path = tmp_path / "smokers.wardnet"
    path.write_bytes(model_file(network))
    return path


def entries(home: Path) -> list[Entry]:
    """Return what the access log says of models, verified."""
    catalog = Catalog.open(home, Keystore.unlock(home, PASSPHRASE))
    try:
        with catalog.reading() as connection:
            log.verify(connection)
            return [entry for entry in log.entries(connection) if "model" in entry.type]
    finally:
        catalog.close()


def _text(column: Column, value: float) -> str:
    if column.cells is None:
        return "" if np.isnan(value) else repr(value)
    return "" if value < 0 else column.text(int(value))


def table(path: Path, rows: Rows, *names: str, patients: list[str] | None = None) -> Path:
    """Write rows as a hospital's file."""
    columns: dict[str, list[str]] = {"person": patients or [f"P{n}" for n in range(rows.size)]}
    for name in names:
        column, values = COLUMNS[name], rows.columns[name]
        columns[name] = [_text(column, value) for value in values.tolist()]
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


def test_a_model_is_installed_listed_and_removed(run: Run, model: Path, home: Path) -> None:
    """Each step stands in the log; installing it again changes nothing."""
    installed = json.loads(run("model", "install", model, "--json").stdout)
    assert json.loads(run("model", "install", model, "--json").stdout) == installed
    assert (installed["name"], installed["predicts"]) == ("smokers-1", "smoker")
    (listed,) = json.loads(run("model", "list", "--json").stdout)
    assert listed == installed
    run("model", "remove", "smokers-1", "--yes")
    assert json.loads(run("model", "list", "--json").stdout) == []
    assert [(entry.type, entry.operation) for entry in entries(home)] == [
        (EventType.MODEL_INSTALLED, "model smokers-1"),
        (EventType.MODEL_REMOVED, "model smokers-1"),
    ]
    run("model", "remove", "smokers-1", "--yes", refused=Reason.MODEL_UNKNOWN)


def test_what_does_not_verify_is_not_installed(
    run: Run, model: Path, network: TestNetwork, home: Path
) -> None:
    """Neither an altered file nor one that only some hospitals have signed, nor a stranger's."""
    data = model.read_bytes()
    for altered in (
        data[:-1],
        data.replace(b"To plan a trial.", b"To treat people."),
        model_file(TestNetwork("lungnet")),
    ):
        model.write_bytes(altered)
        assert run_refused(run, "model", "install", model)
    whole = parts(network)
    few = answered(network, made(network), signers=("a", "b"))
    model.write_bytes(files.write(replace(whole, model=few, statement=stated(network, few))))
    assert (
        "not all hospitals" in run("model", "install", model, refused=Reason.MODEL_ALTERED).stderr
    )
    assert entries(home) == []


def run_refused(run: Run, *arguments: str | Path) -> bool:
    """Say whether a command is refused because of its model."""
    for reason in (Reason.MODEL_UNREADABLE, Reason.MODEL_ALTERED, Reason.MODEL_FOREIGN):
        try:
            run(*arguments, refused=reason)
        except AssertionError:
            continue
        return True
    return False


def test_another_model_does_not_take_the_place_of_one(
    run: Run, model: Path, network: TestNetwork
) -> None:
    """Predictions of tomorrow are those of today, until somebody removes the model."""
    run("model", "install", model)
    model.write_bytes(files.write(parts(network, made(network, parameters=SMALLER))))
    run("model", "install", model, refused=Reason.MODEL_NAME_TAKEN)


def test_a_published_model_is_installed_by_its_name(
    run: Run, network: TestNetwork, home: Path, tmp_path: Path
) -> None:
    """Straight from the coordinator, verified here."""
    data = model_file(network)

    async def scenario() -> None:
        async with serving(network, tmp_path / "coordinator") as address:

            def publish() -> None:
                with open_blocking_channel(network.researcher(), address) as channel:
                    Models(channel, address).publish(data)

            await asyncio.to_thread(publish)
            (home / "settings.toml").write_text(f'address = "{address}"\n')
            done = await asyncio.to_thread(run, "model", "install", "smokers-1", "--json")
            assert json.loads(done.stdout)["digest"] == read(network, data).digest
            await asyncio.to_thread(
                run, "model", "install", "others-1", refused=Reason.MODEL_UNKNOWN
            )

    run_scenario(scenario())


def test_a_coordinator_cannot_give_out_a_model_under_another_name(
    run: Run, network: TestNetwork, home: Path
) -> None:
    """What was asked for is what is signed, or nothing is installed."""
    with PostOffice(network, simulate({"a": FRAME, "b": FRAME}, dataset="heart")) as office:
        office.models.files["harmless-1"] = model_file(network)
        (home / "settings.toml").write_text(f'address = "{office.address}"\n')
        refused = run("model", "install", "harmless-1", refused=Reason.MODEL_ALTERED)
    assert "harmless-1 was asked for" in refused.stderr
    assert entries(home) == []


def test_predictions_are_the_models_own_and_every_patient_is_in_the_log(
    run: Run, model: Path, network: TestNetwork, home: Path, tmp_path: Path
) -> None:
    """To the bit, in the order of the file; a patient with several rows is tagged once."""
    run("model", "install", model)
    rows = rows_of(9, 1200)
    patients = [f"P{number % 700}" for number in range(rows.size)]
    file = table(tmp_path / "new.csv", rows, "age", "stage", "lab", patients=patients)
    output = tmp_path / "out.csv"
    told = json.loads(run("predict", "smokers-1", file, "-o", output, "--json").stdout)
    with output.open(newline="") as opened:
        header, *lines = csv.reader(opened)
    assert header == ["person", "probability of false", "probability of true"]
    assert [line[0] for line in lines] == patients
    expected = read(network, model.read_bytes()).model().predict(rows)
    found = np.array([[float(cell or "nan") for cell in line[1:]] for line in lines])
    assert np.array_equal(found, expected, equal_nan=True)
    missing = int(np.isnan(expected).any(axis=1).sum())
    assert (told["rows"], told["patients"], told["missing"]) == (1200, 700, missing)
    assert missing > 0
    assert output.stat().st_mode & 0o777 == 0o600
    used = [entry for entry in entries(home) if entry.type is EventType.MODEL_USED]
    tagged = [tag for entry in used for tag in entry.patient_tags]
    key = network_key(home)
    assert sorted(tagged) == sorted(tags.tag(key, f"P{number}") for number in range(700))
    assert {entry.request_digest for entry in used} == {told_digest(network, model)}


def network_key(home: Path) -> bytes:
    """Return the key that the hospital tags its patients with."""
    return Keystore.unlock(home, PASSPHRASE).derive(tags.PURPOSE)


def told_digest(network: TestNetwork, model: Path) -> str:
    """Return the digest of a model's file."""
    return read(network, model.read_bytes()).digest


def test_numbers_are_predicted_in_the_outcomes_unit(
    run: Run, network: TestNetwork, tmp_path: Path
) -> None:
    """One column, named after the outcome."""
    path = tmp_path / "mass.wardnet"
    path.write_bytes(files.write(parts(network, made(network, "linear", LINEAR), name="mass-1")))
    run("model", "install", path)
    file = table(tmp_path / "new.csv", rows_of(3, 30), "age", "lab")
    run("predict", "mass-1", file, "-o", tmp_path / "out.csv")
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert lines[0] == "person,predicted weight"
    assert len(lines) == 31


@pytest.mark.parametrize(
    ("names", "reason"),
    [(("age", "lab"), Reason.FILE_HEADER), ((), Reason.FILE_HEADER)],
)
def test_a_missing_column_is_named(
    run: Run, model: Path, tmp_path: Path, names: tuple[str, ...], reason: Reason
) -> None:
    """Before anything is predicted."""
    run("model", "install", model)
    file = table(tmp_path / "new.csv", rows_of(1, 30), *names)
    refused = run("predict", "smokers-1", file, "-o", tmp_path / "out.csv", refused=reason)
    assert "stage" in refused.stderr
    assert not (tmp_path / "out.csv").exists()


def test_a_column_that_the_dictionary_does_not_know_is_named_by_its_place(
    run: Run, model: Path, tmp_path: Path
) -> None:
    """A file of something else may have the columns by accident; its header may be data."""
    run("model", "install", model)
    file = table(tmp_path / "new.csv", rows_of(1, 30), "age", "stage", "lab")
    pd.read_csv(file).assign(secret="x").to_csv(file, index=False)
    refused = run(
        "predict", "smokers-1", file, "-o", tmp_path / "o", refused=Reason.MODEL_COLUMN_FOREIGN
    )
    assert "column number 5" in refused.stderr
    assert "secret" not in refused.stderr


def test_nothing_is_left_behind_where_one_row_does_not_fit(
    run: Run, model: Path, home: Path, tmp_path: Path
) -> None:
    """Neither half a file nor an entry; the row is named by its line and rule, not its value."""
    run("model", "install", model)
    rows = rows_of(1, 30)
    file = table(tmp_path / "new.csv", rows, "age", "stage", "lab")
    lines = file.read_text().splitlines()
    lines[20] = "P99,321,1,2.5"
    file.write_text("\n".join([*lines, ""]))
    before = set(tmp_path.iterdir())
    refused = run(
        "predict", "smokers-1", file, "-o", tmp_path / "o", refused=Reason.MODEL_ROWS_REJECTED
    )
    assert "line 21, column age" in refused.stderr
    assert "321" not in refused.stderr
    assert set(tmp_path.iterdir()) == before
    assert [entry.type for entry in entries(home)] == [EventType.MODEL_INSTALLED]


def test_a_file_that_is_there_is_not_written_over(run: Run, model: Path, tmp_path: Path) -> None:
    """Predictions of yesterday stay."""
    run("model", "install", model)
    file = table(tmp_path / "new.csv", rows_of(1, 30), "age", "stage", "lab")
    run("predict", "smokers-1", file, "-o", file, refused=Reason.ALREADY_EXISTS)
    assert file.read_text().startswith("person,age")


def test_a_hospital_in_the_address_book_must_have_signed_with_its_own_key(
    network: TestNetwork, tmp_path: Path
) -> None:
    """A coordinator that issues itself a hospital's certificate deceives nobody who compared."""
    hospital = Hospital(network, tmp_path / "b", name="b")
    forged = network.issue(network.node("b").member)
    impostor = TestNetwork.__new__(TestNetwork)
    impostor.__dict__.update(network.__dict__)
    keys = {"b": forged}
    impostor.node = lambda name: keys.get(name) or network.node(name)  # type: ignore[method-assign]
    with hospital.decisions() as decisions, hospital.catalog() as catalog:
        installed = Installed(catalog, credentials=hospital.credentials)
        book = decisions.book()
        installed.install(model_file(network), book=book)
        with pytest.raises(WardnetError) as error:
            installed.install(model_file(impostor, name="forged-1"), book=book)
    assert error.value.reason is Reason.MODEL_ALTERED
    assert "address book" in str(error.value)
