"""Weights that a hospital has for itself: fitted and kept at its node, used there, sent nowhere."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from support.coordinator import run as run_scenario
from support.hospital import Hospital
from support.hospital import rows as loaded
from support.model_files import Made, answered, stated
from support.pki import PASSPHRASE, TestNetwork
from support.post import Attached, post_office
from support.questions import DICTIONARY, RECIPIENT, count_query, signed
from wardnet import canonical, clock
from wardnet.audit.entry import EventType
from wardnet.identity.envelope import sign
from wardnet.model import file as files
from wardnet.model import package as packages
from wardnet.model.file import Parts
from wardnet.question import answer as answers
from wardnet.question import dictionary as dictionaries
from wardnet.question.answer import Answer, Participant
from wardnet.question.query import Query
from wardnet.question.rows import Rows
from wardnet.sealing.answers import open_sealed
from wardnet.statistics.fitting import weights
from wardnet.statistics.session import Session
from wardnet.transport.convert import answer_from_bytes
from wardnet.transport.work import Total, WorkId, sums_from_wire
from wardnet_node.cli import main
from wardnet_node.models.installed import InstalledModel
from wardnet_node.vault import models

PATIENTS = {"female": 70, "male": 60}
ROUNDS = 2


@dataclass(frozen=True)
class Learned:
    """Hold a model that hospital a has learned alone, and all that its node has sent."""

    query: Query
    answer: Answer
    sent: bytes
    own: np.ndarray[tuple[int], np.dtype[np.float64]]


@pytest.fixture
def network() -> TestNetwork:
    """Return a network."""
    return TestNetwork()


@pytest.fixture
def hospital(network: TestNetwork, tmp_path: Path) -> Hospital:
    """Return hospital a, with patients enough to learn from."""
    found = Hospital(network, tmp_path / "a")
    found.load(PATIENTS)
    return found


def learn(
    network: TestNetwork,
    hospital: Hospital,
    *,
    personal: str = "intercept",
    anew: bool = False,
    meanwhile: Callable[[], None] | None = None,
) -> Learned:
    """Let the node answer a question to it alone, and compute its own weights beside it.

    Parameters
    ----------
    anew : bool
        Whether the node begins anew before it answers.
    meanwhile : callable or None
        What somebody does at the hospital before it answers.
    """
    parameters = {"outcome": "sex", "features": ["age"], "rounds": ROUNDS, "personal": personal}
    query = count_query(
        network, hospitals=("a",), method="fedavg", method_version=1, parameters=parameters
    )
    envelope = signed(network, query)
    digest = canonical.digest(envelope.payload)
    session = Session(query, digest=digest, dictionary=DICTIONARY)
    totals: list[Total] = []
    sent: list[bytes] = []

    async def rounds(stream: Attached) -> None:
        while session.answer is None:
            work = WorkId(digest, 1, session.round)
            await stream.ask(envelope, work, hospitals=("a",), totals=totals[-1:])
            part = await stream.next("part")
            sent.append(part.SerializeToString())
            participants = (Participant("a", part.snapshot),)
            totals.append(Total(session.round, sums_from_wire(part.sums), participants))
            session.advance(totals[-1].sums, participants)

    async def answer(stream: Attached, totals: Sequence[Total]) -> Answer:
        work = WorkId(digest, 1, session.round)
        await stream.ask(envelope, work, hospitals=("a",), totals=totals)
        sealed = (await stream.next("answer")).sealed
        opened = open_sealed(sealed, RECIPIENT, query=digest, hospital="a")
        sent.append(opened)
        return answers.from_bytes(answer_from_bytes(opened)[0].payload)

    async def scenario() -> Answer:
        async with post_office(network) as (post, address), hospital.serving(address):
            stream = await post.attached()
            await rounds(stream)
            if meanwhile is not None:
                await asyncio.to_thread(meanwhile)
            if not anew:
                return await answer(stream, totals[-1:])
        async with post_office(network) as (post, address), hospital.serving(address):
            return await answer(await post.attached(), totals)

    found = run_scenario(scenario())
    fitting = session.fitting(found)
    own = np.zeros(0)
    if fitting is not None:
        own = weights(fitting.sums(fitting.part([loaded(PATIENTS)])))
    return Learned(query, found, b"".join(sent), own)


def package(network: TestNetwork, learned: Learned, path: Path) -> Path:
    """Write the model as its researcher hands it on."""
    model = answered(network, Made(learned.query, learned.answer), signers=("a",))
    payload = dictionaries.to_bytes(DICTIONARY)
    published = sign(dictionaries.PAYLOAD_TYPE, payload, network.node("a").signer)
    path.write_bytes(files.write(Parts(stated(network, model), published, model)))
    return path


def run(home: Path, *arguments: str | Path) -> Result:
    """Run a command on a hospital's home."""
    secret = home.parent / "passphrase"
    secret.touch(mode=0o600)
    secret.write_text(PASSPHRASE)
    options = ["--home", str(home), "--passphrase-file", str(secret)]
    result = CliRunner().invoke(main, [*options, *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result


def predicted(home: Path, *, name: str = "out.csv") -> tuple[str, str]:
    """Predict one patient of 50; return which weights were told, and the first class's chance."""
    file, output = home.parent / "new.csv", home.parent / name
    file.write_text("age\n50\n")
    told = json.loads(run(home, "predict", "smokers-1", file, "-o", output, "--json").stdout)
    return told["weights"], output.read_text().splitlines()[1].split(",")[0]


def kept(hospital: Hospital, learned: Learned) -> bytes | None:
    """Return what the node has kept for an answer."""
    digest = canonical.digest(answers.to_bytes(learned.answer))
    with hospital.catalog() as catalog, catalog.reading() as connection:
        return models.own(connection, digest)


def test_a_hospital_predicts_with_what_it_has_fitted_for_itself(
    network: TestNetwork, hospital: Hospital, tmp_path: Path
) -> None:
    """The very weights that its rows and the answer give; the log says which were used."""
    learned = learn(network, hospital)
    assert learned.own.size == 1
    assert kept(hospital, learned) == learned.own.tobytes()
    path = package(network, learned, tmp_path / "model.wardnet")
    run(hospital.home, "model", "install", path)
    (listed,) = json.loads(run(hospital.home, "model", "list", "--json").stdout)
    assert listed["weights"] == "own"
    model = packages.read(path.read_bytes(), trust=network.trust, at=clock.now()).model()
    patient = Rows(1, {"age": np.array([50], np.int16)})
    expected = model.personal(learned.own).predict(patient)[0, 0]
    assert predicted(hospital.home) == ("own", repr(float(expected)))
    (used,) = [e for e in hospital.entries() if e.type is EventType.MODEL_USED]
    assert used.operation == "model smokers-1, own weights"


def test_a_node_that_begins_anew_keeps_the_same(network: TestNetwork, hospital: Hospital) -> None:
    """What it has for itself follows from the answer and its rows: nothing was to be remembered."""
    learned = learn(network, hospital, anew=True)
    assert kept(hospital, learned) == learned.own.tobytes()


def test_what_a_hospital_has_for_itself_is_never_sent(
    network: TestNetwork, hospital: Hospital
) -> None:
    """Neither in a part nor in its answer, as bytes or as a number."""
    learned = learn(network, hospital)
    assert learned.own[0] != 0.0
    assert learned.own.tobytes() not in learned.sent
    assert repr(float(learned.own[0])).encode() not in learned.sent


def test_a_hospital_without_own_weights_predicts_with_the_shared_ones(
    network: TestNetwork, hospital: Hospital, tmp_path: Path
) -> None:
    """One that took no part, or lost what it kept; predictions differ, and it is told."""
    learned = learn(network, hospital)
    path = package(network, learned, tmp_path / "model.wardnet")
    run(hospital.home, "model", "install", path)
    _, ours = predicted(hospital.home)
    elsewhere = tmp_path / "elsewhere" / "d"
    network.found(elsewhere, "d")
    run(elsewhere, "model", "install", path)
    told, theirs = predicted(elsewhere)
    assert told == "shared instead of own"
    assert theirs != ours
    with hospital.catalog() as catalog, catalog.transaction() as connection:
        models.forget_own(connection, DICTIONARY.name)
    assert predicted(hospital.home, name="again.csv") == (told, theirs)


def test_own_weights_go_with_the_dataset_that_they_were_fitted_to(
    network: TestNetwork, hospital: Hospital
) -> None:
    """Dropping it leaves nothing that was made of its rows; loading it anew does."""
    learned = learn(network, hospital)
    hospital.load(PATIENTS)
    assert kept(hospital, learned) is not None
    with hospital.vault() as vault:
        vault.drop(DICTIONARY.name)
    assert kept(hospital, learned) is None


def test_a_drop_that_a_crash_cut_short_has_taken_own_weights_along(
    network: TestNetwork, hospital: Hospital, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of a dataset that is loaded under its name afterwards stay."""
    learned = learn(network, hospital)
    hospital.load(PATIENTS)
    with hospital.vault() as vault:
        with monkeypatch.context() as patched:
            patched.setattr("wardnet_node.vault.store.Store.finish_drops", lambda _: None)
            vault.drop(DICTIONARY.name)
        assert kept(hospital, learned) is None


def test_nothing_is_kept_of_rows_that_were_replaced_before_the_answer(
    network: TestNetwork, hospital: Hospital
) -> None:
    """The weights would outlive the rows whose key was destroyed."""

    def replace_twice() -> None:  # the rows before are kept, for queries that see them
        hospital.load(PATIENTS)
        hospital.load(PATIENTS)

    learned = learn(network, hospital, meanwhile=replace_twice)
    assert kept(hospital, learned) is None


def test_own_weights_do_not_show_in_what_is_printed(
    network: TestNetwork, hospital: Hospital, tmp_path: Path
) -> None:
    """Neither in a list of models nor where the daemon would print an installed model."""
    learned = learn(network, hospital)
    path = package(network, learned, tmp_path / "model.wardnet")
    run(hospital.home, "model", "install", path)
    number = repr(float(learned.own[0]))[:8]
    assert number not in run(hospital.home, "model", "list", "--json").stdout
    found = InstalledModel(
        packages.read(path.read_bytes(), trust=network.trust, at=clock.now()),
        clock.to_moment(clock.now()),
        learned.own,
    )
    assert "own=" not in repr(found)


def test_a_model_that_shares_all_weights_leaves_none(
    network: TestNetwork, hospital: Hospital, tmp_path: Path
) -> None:
    """The log then says no more of it than its name."""
    learned = learn(network, hospital, personal="none")
    assert kept(hospital, learned) is None
    path = package(network, learned, tmp_path / "model.wardnet")
    run(hospital.home, "model", "install", path)
    told, _ = predicted(hospital.home)
    assert told == "shared"
    (used,) = [e for e in hospital.entries() if e.type is EventType.MODEL_USED]
    assert used.operation == "model smokers-1"


def test_a_model_that_this_version_no_longer_knows_can_be_removed(
    network: TestNetwork, hospital: Hospital, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has to read a model to be rid of it."""
    path = package(network, learn(network, hospital), tmp_path / "model.wardnet")
    run(hospital.home, "model", "install", path)
    monkeypatch.setattr(packages, "METHODS", {})
    run(hospital.home, "model", "remove", "smokers-1", "--yes")
    assert json.loads(run(hospital.home, "model", "list", "--json").stdout) == []
