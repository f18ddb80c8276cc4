"""The file of a model: what it says, and that nothing of it can be changed."""

import pickle
import random
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from support.examples import Parameters
from support.model_files import (
    LOGISTIC,
    SMALLER,
    Made,
    answered,
    made,
    model_file,
    parts,
    read,
    rebound,
    rows_of,
    stated,
)
from support.pki import TestNetwork
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import sign
from wardnet.identity.member import Role
from wardnet.model import file as files
from wardnet.model.card import card
from wardnet.model.file import Parts
from wardnet.question import dictionary as dictionaries
from wardnet.question.answer import tensor
from wardnet.statistics.methods import METHODS

FLIPS = 200


@cache
def network() -> TestNetwork:
    """Return one network for all tests: it is only read."""
    return TestNetwork()


@cache
def question() -> Made:
    """Return the question whose answer is the model."""
    return made(network())


@cache
def data() -> bytes:
    """Return the file of a model."""
    return files.write(parts(network(), question()))


def refusal(altered: bytes | Parts) -> WardnetError:
    """Return why a file is refused."""
    written = files.write(altered) if isinstance(altered, Parts) else altered
    with pytest.raises(WardnetError) as error:
        read(network(), written)
    return error.value


def test_a_model_comes_out_as_it_went_in() -> None:
    """What is read predicts to the bit what the answer's own model predicts."""
    package = read(network(), data())
    method, query = METHODS["glm"], question().query
    table = question().answer.table
    assert table is not None
    fitted = method.model(method.bind(query.parameters, package.dictionary), table)
    rows = rows_of(9)
    assert np.array_equal(package.model().predict(rows), fitted.predict(rows), equal_nan=True)
    assert package.asked.query == query
    assert package.researcher.id == "ada"


def test_the_card_says_on_whom_a_model_rests_and_what_it_is_for() -> None:
    """The card follows from what was signed."""
    told = card(read(network(), data()))
    assert told["name"] == "smokers-1"
    assert told["study"] == {"title": "Who smokes", "digest": "0" * 64}
    assert [each["hospital"] for each in told["hospitals"]] == ["a", "b", "c"]  # type: ignore[index,union-attr,call-overload]
    assert (told["outcome"], told["columns"]) == ("smoker", ["age", "lab", "stage"])
    assert told["parameters"] == LOGISTIC
    assert (told["intended_use"], told["limits"]) == ("To plan a trial.", "Not for one patient.")
    assert told["rules"] == list(question().answer.rules)
    assert told["fit"]["n"] > 1000  # type: ignore[index,call-overload,operator]


def test_a_file_has_one_spelling() -> None:
    """The same parts give the same bytes, and so the same digest."""
    assert files.write(files.parse(data())) == data()


@pytest.mark.filterwarnings("ignore:Parsed a serial number")
@pytest.mark.parametrize("seed", range(4))
def test_no_byte_of_a_file_can_be_flipped(seed: int) -> None:
    """A file that differs anywhere is refused, with a sentence of its own."""
    drawn = random.Random(seed)
    for _ in range(FLIPS // 4):
        place, bit = drawn.randrange(len(data())), 1 << drawn.randrange(8)
        altered = bytearray(data())
        altered[place] ^= bit
        reason = refusal(bytes(altered)).reason
        assert reason in {Reason.MODEL_UNREADABLE, Reason.MODEL_ALTERED, Reason.MODEL_FOREIGN}


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.9])
def test_a_file_that_was_cut_off_is_refused(share: float) -> None:
    """An interrupted copy is no model."""
    assert refusal(data()[: int(len(data()) * share)]).reason is Reason.MODEL_UNREADABLE


def test_the_end_that_is_missing_is_named() -> None:
    """Whoever copied it learns that the copy stopped."""
    assert "its end is missing" in str(refusal(data()[:-1]))


def test_a_file_that_is_too_long_is_refused_before_it_is_read() -> None:
    """Nobody makes us parse a gigabyte."""
    error = refusal(b"{" + b" " * files.MAXIMUM_BYTES)
    assert error.reason is Reason.MODEL_UNREADABLE
    assert "longer than 64 MiB" in str(error)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_named_as_one_and_never_opened(protocol: int) -> None:
    """Of any protocol."""
    error = refusal(pickle.dumps({"coef": [1.0]}, protocol))
    assert error.reason is Reason.MODEL_UNREADABLE
    assert "pickle" in str(error)


def test_a_model_of_another_network_says_which() -> None:
    """Its signatures may hold there; here nobody can tell."""
    with pytest.raises(WardnetError) as error:
        read(network(), model_file(TestNetwork("lungnet")))
    assert error.value.reason is Reason.MODEL_FOREIGN
    assert "lungnet" in str(error.value)


def test_a_network_of_the_same_name_is_not_ours() -> None:
    """The root counts, not the name."""
    error = refusal(model_file(TestNetwork(network().name)))
    assert error.reason is Reason.MODEL_ALTERED
    assert "certificate" in str(error)


@pytest.mark.parametrize("changes", [{"method": "magic"}, {"method_version": 2}])
def test_a_method_or_version_that_is_not_known_is_named(changes: dict[str, object]) -> None:
    """A newer network may use methods that this program does not have."""
    query = replace(question().query, **changes)  # type: ignore[arg-type]
    unsigned = Made(query, replace(question().answer, **changes))  # type: ignore[arg-type]
    package = read(network(), files.write(parts(network(), rebound(unsigned))))
    with pytest.raises(WardnetError) as error:
        package.model()
    assert error.value.reason is Reason.METHOD_UNKNOWN


NETWORK: Parameters = {
    "outcome": "smoker",
    "features": ["age", "lab"],
    "estimator": "MLPClassifier",
    "hidden_layer_sizes": [3],
    "rounds": 2,
}


@cache
def trained() -> Made:
    """Return a small network, to whose tensors and parameters anything may be done."""
    return made(network(), "fedavg", NETWORK)


def not_a_model(changed: Made) -> WardnetError:
    """Return why a file whose signatures hold is no model."""
    package = read(network(), files.write(parts(network(), rebound(changed))))
    with pytest.raises(WardnetError) as error:
        package.model()
    return error.value


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"activation": "softplus"}, "activation is not accepted"),
        ({"estimator": "TorchModule"}, "estimator is not accepted"),
        ({"operator": "Loop"}, "operator is none of its parameters"),
    ],
)
def test_an_operator_that_is_not_known_is_named(changes: Parameters, sentence: str) -> None:
    """Even where hospitals have signed it: a model does what its method does, and nothing else."""
    query = replace(trained().query, parameters={**NETWORK, **changes})
    error = not_a_model(replace(trained(), query=query))
    assert error.reason is Reason.PARAMETER_INVALID
    assert sentence in str(error)


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_a_weight_that_is_no_number_is_refused(number: float) -> None:
    """Its predictions would look like those of rows with missing values."""
    table = trained().answer.table
    assert table is not None
    weights, *others = table.tensors
    entries = weights.array().astype(np.float64)
    entries[0] = number
    altered = replace(table, tensors=(tensor(weights.name, entries), *others))
    error = not_a_model(replace(trained(), answer=replace(trained().answer, table=altered)))
    assert (error.reason, error.details["rule"]) == (Reason.MALFORMED, "not finite")


def test_weights_of_another_shape_are_refused() -> None:
    """Thirteen weights are no network of four hidden units."""
    query = replace(trained().query, parameters={**NETWORK, "hidden_layer_sizes": [4]})
    assert not_a_model(replace(trained(), query=query)).reason is Reason.MALFORMED


def test_every_hospital_that_took_part_must_have_signed() -> None:
    """A model that one hospital never saw is not that hospital's."""
    model = answered(network(), question(), signers=("a", "b"))
    whole = parts(network(), question())
    altered = replace(whole, model=model, statement=stated(network(), model))
    assert "not all hospitals" in str(refusal(altered))


def test_only_who_asked_can_say_what_a_model_is_for() -> None:
    """Another researcher cannot hand it on as her own, or in other words."""
    whole = parts(network(), question())
    altered = replace(whole, statement=stated(network(), whole.model, by="eve"))
    assert refusal(altered).reason is Reason.MODEL_ALTERED


def test_a_steward_states_no_model() -> None:
    """Only researchers hand models on."""
    whole = parts(network(), question())
    steward = network().credentials(Role.STEWARD, "ada")
    altered = sign(whole.statement.payload_type, whole.statement.payload, steward.signer)
    assert "not signed by one researcher" in str(refusal(replace(whole, statement=altered)))


def test_the_parts_of_two_models_cannot_be_mixed() -> None:
    """Words that were said about one model do not stand beside another."""
    other = parts(network(), made(network(), parameters=SMALLER))
    whole = parts(network(), question())
    for altered in (
        replace(whole, model=other.model),
        replace(whole, statement=other.statement),
        replace(whole, model=replace(whole.model, answer=other.model.answer)),
        replace(whole, evaluations=(other.model,)),
    ):
        assert refusal(altered).reason is Reason.MODEL_ALTERED


def test_another_version_of_the_dictionary_is_refused() -> None:
    """Columns that mean something else would predict something else."""
    whole = parts(network(), question())
    newer = dictionaries.from_bytes(whole.dictionary.payload)
    payload = dictionaries.to_bytes(replace(newer, version=2))
    altered = sign(dictionaries.PAYLOAD_TYPE, payload, network().node("a").signer)
    assert "its dictionary" in str(refusal(replace(whole, dictionary=altered)))


def test_an_answer_that_is_no_model_says_so() -> None:
    """Counts do not predict."""
    package = read(network(), files.write(parts(network(), made(network(), "count", {}))))
    with pytest.raises(WardnetError) as error:
        package.model()
    assert error.value.reason is Reason.NO_MODEL
