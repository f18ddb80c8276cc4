"""`wardnet model` as a researcher types it: from an answered query to a verified file."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from support.pki import PASSPHRASE, TestNetwork
from support.postoffice import PostOffice, connect
from wardnet import clock
from wardnet.client import cli
from wardnet.errors import CATALOGUE, Reason
from wardnet.identity.member import Role
from wardnet.model import package as packages
from wardnet.simulation import simulate

FRAME = pd.DataFrame(
    {
        "age": [30 + number % 40 for number in range(160)],
        "sex": ["female", "male", "male", "female"] * 40,
        "smoker": [number % 3 == 0 or number % 7 == 0 for number in range(160)],
    }
)
WORDS = ["--name", "smokers-1", "--intended-use", "To plan a trial.", "--limits", "No one alone."]
WARDNET = Callable[..., Result]


@pytest.fixture(scope="module")
def pki() -> TestNetwork:
    """Make one network's keys for all tests of this file."""
    return TestNetwork()


@pytest.fixture
def office(pki: TestNetwork) -> Iterator[PostOffice]:
    """Run a coordinator with two hospitals."""
    with PostOffice(pki, simulate({"a": FRAME[:70], "b": FRAME[70:]}, dataset="heart")) as office:
        yield office


@pytest.fixture
def wardnet(pki: TestNetwork, office: PostOffice, tmp_path: Path) -> WARDNET:
    """Run `wardnet` as ada, who has joined."""
    home = tmp_path / "home"
    home.mkdir()
    pki.settle(home, Role.RESEARCHER, "ada")
    (home / "settings.toml").write_text(f'address = "{office.address}"\n')
    passphrase = home / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text(PASSPHRASE + "\n")

    def run(*words: str) -> Result:
        options = ["--home", str(home), "--passphrase-file", str(passphrase)]
        return CliRunner().invoke(cli.main, [*options, *words])

    return run


@pytest.fixture
def query(wardnet: WARDNET) -> str:
    """Ask for a logistic model; return the query's id."""
    done = wardnet("learn", "logistic", "heart", "smoker ~ age + sex", "--json")
    assert done.exit_code == 0, done.stderr
    return str(json.loads(done.stdout)["query"])


def test_a_model_is_saved_verified_and_shown(wardnet: WARDNET, query: str, tmp_path: Path) -> None:
    """The file holds what the query's own answer says, and a person sees for what it is."""
    file = tmp_path / "smokers.wardnet"
    assert wardnet("model", "save", query[:12], str(file), *WORDS).exit_code == 0
    verified = wardnet("model", "verify", str(file), "--json")
    told = json.loads(verified.stdout)
    assert (told["name"], told["predicts"], told["from"]) == ("smokers-1", "smoker", "age, sex")
    assert (told["hospitals"], told["intended_use"]) == ("a, b", "To plan a trial.")
    assert wardnet("model", "show", str(file), "--json").stdout == verified.stdout
    assert file.stat().st_mode & 0o777 == 0o600


def test_what_is_pulled_is_what_was_published(
    wardnet: WARDNET, query: str, pki: TestNetwork, tmp_path: Path
) -> None:
    """Whoever pulls it predicts as its hospitals have answered."""
    assert wardnet("model", "publish", query, *WORDS).exit_code == 0
    (listed,) = json.loads(wardnet("model", "list", "--json").stdout)
    assert listed["name"] == "smokers-1"
    file = tmp_path / "pulled.wardnet"
    assert wardnet("model", "pull", "smokers-1", str(file)).exit_code == 0
    package = packages.read(file.read_bytes(), trust=pki.trust, at=clock.now())
    simulated = simulate({"a": FRAME[:70], "b": FRAME[70:]}, dataset="heart")
    expected = simulated.learn.logistic("smoker ~ age + sex", "heart")
    assert package.asked.table == expected.table
    (batch,) = simulated.batches("a")()
    assert np.array_equal(
        package.model().predict(batch), expected.model.model.predict(batch), equal_nan=True
    )


def test_a_published_model_predicts_from_a_table(
    wardnet: WARDNET, query: str, pki: TestNetwork, office: PostOffice
) -> None:
    """As the model of the result itself does."""
    wardnet("model", "publish", query, *WORDS)
    with connect(pki.researcher("eve"), office.address) as network:
        chances = network.models.use("smokers-1").predict_proba(FRAME)
    simulated = simulate({"a": FRAME[:70], "b": FRAME[70:]}, dataset="heart")
    expected = simulated.learn.logistic("smoker ~ age + sex", "heart").model.predict_proba(FRAME)
    assert np.array_equal(chances, expected)


def test_the_card_is_printed_for_people_and_for_programs(wardnet: WARDNET, query: str) -> None:
    """It names the study and whose words are whose."""
    wardnet("model", "publish", query, *WORDS)
    text = wardnet("model", "card", "smokers-1").stdout
    assert text.startswith("# Model card: smokers-1\n")
    assert "## Intended use\n\nTo plan a trial.\n" in text
    told = json.loads(wardnet("model", "card", "smokers-1", "--json").stdout)
    assert told["study"]["title"] == "Who comes to us"
    assert told["purpose"]["permission"] == "DUO:0000006"


def test_an_answer_that_does_not_evaluate_the_model_is_not_attached(
    wardnet: WARDNET, query: str
) -> None:
    """Nobody hands a model on with the figures of another."""
    refused = wardnet("model", "publish", query, *WORDS, "--evaluation", query)
    assert refused.exit_code == CATALOGUE[Reason.MODEL_ALTERED].exit_code
    assert "of another model" in refused.stderr


def test_a_model_carries_how_well_it_predicts(wardnet: WARDNET, query: str) -> None:
    """An evaluation of this very model stands in its card, with the hospitals that gave it."""
    evaluated = json.loads(wardnet("learn", "evaluate", query, "--json").stdout)
    done = wardnet("model", "publish", query, *WORDS, "--evaluation", evaluated["query"])
    assert done.exit_code == 0, done.stderr
    told = json.loads(wardnet("model", "card", "smokers-1", "--json").stdout)
    (evaluation,) = told["evaluations"]
    assert evaluation["query"] == evaluated["query"]
    assert evaluation["hospitals"] == ["a", "b"]
    assert evaluation["metrics"] == evaluated["rows"]


def test_counts_are_no_model(wardnet: WARDNET) -> None:
    """What predicts nothing is not handed on."""
    done = wardnet("query", "count", "heart", "--json")
    refused = wardnet("model", "publish", json.loads(done.stdout)["query"], *WORDS)
    assert refused.exit_code == CATALOGUE[Reason.NO_MODEL].exit_code


@pytest.mark.parametrize("name", ["Smokers", "../smokers", ""])
def test_a_name_that_cannot_be_one_is_refused(wardnet: WARDNET, query: str, name: str) -> None:
    """Names are those of members: what they may hold is told."""
    refused = wardnet("model", "publish", query, "--name", name, *WORDS[2:])
    assert refused.exit_code == CATALOGUE[Reason.PARAMETER_INVALID].exit_code
    assert "lower case letters" in refused.stderr


def test_a_file_that_is_not_there_is_named(wardnet: WARDNET, tmp_path: Path) -> None:
    """With its path."""
    refused = wardnet("model", "verify", str(tmp_path / "gone.wardnet"))
    assert refused.exit_code == CATALOGUE[Reason.FILE_UNREADABLE].exit_code
    assert "gone.wardnet" in refused.stderr


def test_a_verified_model_is_exported(wardnet: WARDNET, query: str, tmp_path: Path) -> None:
    """Other programs read it; an altered one is never written."""
    file, out = tmp_path / "smokers.wardnet", tmp_path / "smokers.onnx"
    wardnet("model", "save", query, str(file), *WORDS)
    assert wardnet("model", "export", str(file), "--onnx", str(out)).exit_code == 0
    assert onnx.load_from_string(out.read_bytes()).graph.name == "smokers-1"
    out.unlink()
    file.write_bytes(file.read_bytes()[:-1])
    refused = wardnet("model", "export", str(file), "--onnx", str(out))
    assert refused.exit_code == CATALOGUE[Reason.MODEL_UNREADABLE].exit_code
    assert not out.exists()
