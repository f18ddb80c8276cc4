"""Models that were swapped, edited or made to run: nobody predicts with what was not signed."""

import base64
import os
import pickle
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from support.model_files import (
    answered,
    long_answer,
    made,
    model_file,
    parts,
    read,
    rebound,
    stated,
)
from support.pki import TestNetwork
from support.postoffice import PostOffice, connect, derive
from wardnet.client import RemoteNetwork
from wardnet.errors import Reason, WardnetError
from wardnet.identity.member import Member, Role
from wardnet.model import file as files
from wardnet.model.file import Parts
from wardnet.question.answer import Tensor
from wardnet.simulation import simulate

FRAME = pd.DataFrame({"age": [30 + number % 40 for number in range(60)]})
REFUSED = {Reason.MODEL_ALTERED, Reason.MODEL_UNREADABLE, Reason.MODEL_FOREIGN}


@pytest.fixture(scope="module")
def pki() -> TestNetwork:
    """Make one network's keys for all tests of this file."""
    return TestNetwork()


@pytest.fixture(scope="module")
def office(pki: TestNetwork) -> Iterator[PostOffice]:
    """Run a coordinator that gives out whatever it wants."""
    with PostOffice(pki, simulate({"a": FRAME[:30], "b": FRAME[30:]}, dataset="heart")) as office:
        yield office


@pytest.fixture
def network(pki: TestNetwork, office: PostOffice) -> Iterator[RemoteNetwork]:
    """Connect a researcher."""
    with connect(pki.researcher(), office.address) as network:
        yield network


def refusal(pki: TestNetwork, altered: Parts | bytes) -> WardnetError:
    """Return why a file is refused."""
    data = files.write(altered) if isinstance(altered, Parts) else altered
    with pytest.raises(WardnetError) as error:
        read(pki, data).model()
    return error.value


def test_a_coordinator_cannot_swap_a_model_for_another(
    pki: TestNetwork, office: PostOffice, network: RemoteNetwork
) -> None:
    """A true model under a false name is refused: the name is signed, too."""
    office.models.files["harmless"] = model_file(pki, name="smokers-1")
    with pytest.raises(WardnetError) as error:
        network.models.fetch("harmless")
    assert error.value.reason is Reason.MODEL_ALTERED
    assert "smokers-1" in str(error.value)


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_a_coordinator_cannot_edit_a_model(
    pki: TestNetwork, office: PostOffice, network: RemoteNetwork
) -> None:
    """Neither a coefficient nor the words about it."""
    data = model_file(pki)
    drawn = random.Random(7)
    for old, new in ((b"To plan a trial.", b"To treat people."), (b"released", b"increase")):
        assert old in data
        office.models.files["smokers-1"] = data.replace(old, new)
        with pytest.raises(WardnetError) as error:
            network.models.fetch("smokers-1")
        assert error.value.reason in REFUSED
    digits = [place for place, byte in enumerate(data) if byte in b"0123456789"]
    for place in drawn.sample(digits, 100):
        altered = bytearray(data)
        altered[place] = ord("3") if altered[place] != ord("3") else ord("8")
        office.models.files["smokers-1"] = bytes(altered)
        with pytest.raises(WardnetError) as error:
            network.models.fetch("smokers-1")
        assert error.value.reason in REFUSED


def test_a_model_of_other_hospitals_keys_is_refused(pki: TestNetwork) -> None:
    """Who can sign as one hospital cannot sign as three."""
    model = answered(pki, made(pki), signers=("a",))
    whole = parts(pki)
    altered = replace(whole, model=model, statement=stated(pki, model))
    assert refusal(pki, altered).reason is Reason.MODEL_ALTERED


def test_a_hospital_key_that_people_have_not_compared_is_refused(
    pki: TestNetwork, office: PostOffice
) -> None:
    """A coordinator that issues itself a hospital's certificate is caught by a pin."""
    office.models.files["smokers-1"] = model_file(pki)
    pins = {Member(pki.name, Role.NODE, "b").uri: "0" * 64}
    with (
        RemoteNetwork(pki.researcher(), office.address, derive=derive, pins=pins) as pinned,
        pytest.raises(WardnetError) as error,
    ):
        pinned.models.fetch("smokers-1")
    assert error.value.reason is Reason.MODEL_ALTERED
    assert "pinned" in str(error.value)


class Bomb:
    """Leave a trace when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, ...]:
        """Run a program."""
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_pickle_in_the_place_of_a_model_never_runs(
    pki: TestNetwork, tmp_path: Path, protocol: int
) -> None:
    """Whatever its protocol."""
    trace = tmp_path / "ran"
    error = refusal(pki, pickle.dumps(Bomb(trace), protocol))
    assert error.reason is Reason.MODEL_UNREADABLE
    assert "pickles" in str(error)
    assert not trace.exists()


def test_a_pickle_inside_a_signed_array_never_runs(pki: TestNetwork, tmp_path: Path) -> None:
    """Even hospitals that lie together can sign nothing but numbers."""
    trace = tmp_path / "ran"
    bomb = pickle.dumps(Bomb(trace))
    bomb += b"." * (-len(bomb) % 8)
    long = long_answer(pki)
    table = long.answer.table
    assert table is not None
    data = base64.b64encode(bomb).decode()
    tensor = Tensor("weights", (len(bomb) // 8,), "float64", data)
    carrying = replace(long.answer, table=replace(table, tensors=(tensor,)))
    package = read(pki, files.write(parts(pki, rebound(replace(long, answer=carrying)))))
    package.model()
    assert not trace.exists()
