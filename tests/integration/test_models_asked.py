"""Models from the real network: the result brings the dictionary that its question was about."""

from dataclasses import replace

import pandas as pd
import pytest

from support.pki import TestNetwork
from support.postoffice import PostOffice, connect
from support.told import signed
from wardnet import simulate
from wardnet.errors import Reason, WardnetError
from wardnet.question.dictionary import PAYLOAD_TYPE, to_bytes

FRAME = pd.DataFrame(
    {
        "age": [30 + number % 40 for number in range(120)],
        "smoker": [number % 3 == 0 for number in range(120)],
    }
)
SIMULATED = simulate({"a": FRAME[:50], "b": FRAME[50:]}, dataset="heart")


def test_a_model_of_the_network_is_that_of_the_simulation() -> None:
    """The same numbers, from a dictionary that a hospital has signed."""
    pki = TestNetwork()
    with (
        PostOffice(pki, SIMULATED) as office,
        connect(pki.researcher(), office.address) as network,
    ):
        answer = network.learn.logistic("smoker ~ .", "heart")
        expected = SIMULATED.learn.logistic("smoker ~ .", "heart").model.predict_proba(FRAME)
        assert answer.model.predict_proba(FRAME).tobytes() == expected.tobytes()
        assert answer.plot().axes[0].get_xlabel().endswith("of smoker = true")


def test_a_model_of_an_older_dictionary_is_not_read_by_the_present_one() -> None:
    """Codes may mean something else there."""
    pki = TestNetwork()
    with (
        PostOffice(pki, SIMULATED) as office,
        connect(pki.researcher(), office.address) as network,
    ):
        answer = network.learn.logistic("smoker ~ age", "heart")
        newer = replace(office.dictionary, version=2)
        office.published = signed(PAYLOAD_TYPE, to_bytes(newer), [pki.node("a")])
        with pytest.raises(WardnetError) as error:
            _ = answer.model
        assert error.value.reason is Reason.DICTIONARY_OUTDATED
