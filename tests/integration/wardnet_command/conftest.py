"""A researcher's home and the command `wardnet`, before a coordinator over mutual TLS."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from support.command import Run
from support.pki import PASSPHRASE, TestNetwork
from support.postoffice import PostOffice
from wardnet.client import cli
from wardnet.identity.member import Role
from wardnet.simulation import simulate

FRAME = pd.DataFrame(
    {
        "age": [30 + number % 40 for number in range(90)],
        "sex": ["female", "male", "male"] * 30,
        "smoker": [number % 2 == 0 for number in range(90)],
    }
)


@pytest.fixture(scope="module")
def pki() -> TestNetwork:
    """Make one network's keys for all tests of this file."""
    return TestNetwork()


@pytest.fixture
def office(pki: TestNetwork) -> Iterator[PostOffice]:
    """Run a coordinator with two hospitals."""
    simulated = simulate({"a": FRAME[:20], "b": FRAME[20:]}, dataset="heart")
    with PostOffice(pki, simulated) as office:
        yield office


@pytest.fixture
def home(pki: TestNetwork, office: PostOffice, tmp_path: Path) -> Path:
    """Make the home of a researcher who has joined."""
    pki.settle(tmp_path, Role.RESEARCHER, "ada")
    (tmp_path / "settings.toml").write_text(f'address = "{office.address}"\n')
    passphrase = tmp_path / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text(PASSPHRASE + "\n")
    return tmp_path


@pytest.fixture
def wardnet(home: Path) -> Run:
    """Run `wardnet` with that home."""

    def run(*words: str) -> Result:
        options = ["--home", str(home), "--passphrase-file", str(home / "passphrase")]
        return CliRunner().invoke(cli.main, [*options, *words])

    return run
