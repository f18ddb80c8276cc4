"""Models as a researcher fits them and predicts with them, in Python and in the shell."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields

import click
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from wardnet import simulate
from wardnet.client.cli import main
from wardnet.client.commands.learn import learn
from wardnet.client.commands.validate import cross_validate_model
from wardnet.client.models.learn import Learn
from wardnet.errors import Reason, WardnetError
from wardnet.learning.parameters import Parameters as Training
from wardnet.simulation import SimulatedNetwork
from wardnet.statistics.regression.glm import Parameters as Glm
from wardnet.statistics.regression.linear import Parameters as Linear
from wardnet.statistics.trees.boosting import Parameters as Boosting
from wardnet.statistics.trees.forest import Parameters as Forest

SIZE = 240
RANDOM = np.random.default_rng(5)
AGE = RANDOM.integers(40, 80, SIZE)
TABLE = pd.DataFrame(
    {
        "site": np.array(["north", "south"])[np.arange(SIZE) % 2],
        "age": AGE,
        "blood sugar": RANDOM.integers(60, 200, SIZE),
        "sex": np.array(["female", "male"])[RANDOM.integers(0, 2, SIZE)],
        "ill": (AGE + RANDOM.normal(0, 8, SIZE) > 60).astype(int),
        "smokes": RANDOM.integers(0, 2, SIZE).astype(bool),
    }
)
FORMULAS = {
    "linear": "age ~ blood_sugar + sex",
    "logistic": "ill ~ age + sex",
    "poisson": "ill ~ age",
    "boosting": "ill ~ age + sex",
    "forest": "sex ~ age + blood_sugar",
    "fedavg": "smokes ~ age + sex",
}
SETTINGS = {
    "linear": Linear,
    "logistic": Glm,
    "poisson": Glm,
    "boosting": Boosting,
    "forest": Forest,
    "fedavg": Training,
}
QUICK: Mapping[str, Mapping[str, int]] = {
    "boosting": {"trees": 3},
    "forest": {"trees": 3},
    "fedavg": {"rounds": 2},
}
DERIVED = {"formula", "dataset", "outcome", "features", "terms", "factors", "family"}


def network() -> SimulatedNetwork:
    """Deal the table to two hospitals."""
    return simulate([TABLE[:100], TABLE[100:]])


def of_method(kind: str) -> dict[str, object]:
    """Return the defaults that a method itself has."""
    found: dict[str, object] = {}
    for each in fields(SETTINGS[kind]):
        if each.name not in DERIVED and each.default is not MISSING:
            found[each.name] = each.default
    return found


@pytest.mark.parametrize("kind", FORMULAS)
def test_what_is_not_said_is_as_the_method_has_it(kind: str) -> None:
    """In Python and in the shell every parameter can be set, and none has another default."""
    signature = inspect.signature(getattr(Learn, kind)).parameters.values()
    python = {
        each.name: each.default for each in signature if each.kind is inspect.Parameter.KEYWORD_ONLY
    }
    assert python == of_method(kind)
    command = learn.commands[kind]
    asked = command.make_context(kind, ["data", "a ~ b"], resilient_parsing=True)
    defaults = {each.name: each.get_default(asked) for each in command.params}
    shell = {name: value for name, value in defaults.items() if name in python}
    known = {name: value for name, value in of_method(kind).items() if name != "start"}
    if kind == "fedavg":
        known["hidden_layer_sizes"] = "100"
    assert shell == known


@pytest.mark.parametrize("kind", FORMULAS)
def test_every_model_predicts_from_a_table(kind: str) -> None:
    """One number for each row, or a class in the outcome's own type and its probability."""
    fit = getattr(network().learn, kind)
    model = fit(FORMULAS[kind], "data", **QUICK.get(kind, {})).model
    predicted = model.predict(TABLE)
    assert predicted.shape == (SIZE,)
    outcome = TABLE[FORMULAS[kind].split(" ~ ")[0]]
    if model.classes_.size:
        assert set(predicted) <= set(outcome)
        chances = model.predict_proba(TABLE)
        assert chances.shape == (SIZE, model.classes_.size)
        assert (model.classes_[chances.argmax(axis=1)] == predicted).all()
    else:
        assert predicted.mean() == pytest.approx(outcome.mean(), rel=0.2)
    assert model.feature_importances_.sum() == pytest.approx(1)
    assert list(model.feature_names_in_) == list(model.feature_importances_.index)


def test_columns_stand_in_the_order_of_the_formula() -> None:
    """As the coefficients do: whoever puts the two side by side must not swap them."""
    model = network().learn.linear("age ~ smokes + blood_sugar", "data").model
    assert list(model.feature_names_in_) == ["smokes", "blood_sugar"]
    assert list(model.coef_.index) == ["smokes[true]", "blood_sugar"]


def test_numbers_of_numpy_are_numbers() -> None:
    """A grid made with `arange` holds them."""
    trees = network().learn.forest("ill ~ age", "data", trees=np.int64(2))  # type: ignore[arg-type]
    assert trees.question.parameters["trees"] == 2


def test_a_dot_takes_all_other_columns() -> None:
    """Those after a minus are left out; what is signed are the columns."""
    answer = network().learn.forest("ill ~ . - site - smokes", "data", trees=1)
    assert answer.question.parameters["features"] == ["age", "blood_sugar", "sex"]
    assert "formula" not in answer.question.parameters


TO_CLASSES = [kind for kind in FORMULAS if kind not in {"linear", "poisson"}]


@pytest.mark.parametrize("kind", TO_CLASSES)
def test_an_outcome_with_one_level_is_refused_by_name(kind: str) -> None:
    """With how many levels it has, and what to do."""
    alike = simulate([TABLE.assign(ill="yes")[:100], TABLE.assign(ill="yes")[100:]])
    with pytest.raises(WardnetError, match="ill has 1: name another column") as refusal:
        getattr(alike.learn, kind)("ill ~ age", "data")
    assert refusal.value.reason is Reason.PARAMETER_INVALID


def test_an_outcome_with_more_levels_than_two_says_what_takes_them() -> None:
    """A logistic model does not."""
    with pytest.raises(WardnetError, match="weekday has 7: fit trees to it"):
        simulate([TABLE.assign(weekday=np.arange(SIZE) % 7)] * 2).learn.logistic(
            "weekday ~ age", "data"
        )


@pytest.mark.parametrize("rules", [True, False])
@pytest.mark.parametrize("kind", TO_CLASSES)
def test_a_cohort_with_one_outcome_has_a_named_outcome(kind: str, *, rules: bool) -> None:
    """No model, and why: with the disclosure rules and without them."""
    hospitals = simulate([TABLE[:100], TABLE[100:]], rules=rules)
    answer = getattr(hospitals.learn, kind)("ill ~ age", "data", where="ill == 1")
    (rule,) = {held.rule for held in answer.table.withheld}
    assert ("fewer than 10" if rules else "outcome") in rule
    with pytest.raises(WardnetError) as refusal:
        _ = answer.model
    assert refusal.value.reason is Reason.NO_MODEL


@pytest.mark.parametrize("kind", FORMULAS)
def test_a_constant_feature_changes_no_prediction(kind: str) -> None:
    """It is named where it is estimated, and of no importance anywhere."""
    table = TABLE.assign(five=5)
    hospitals = simulate([table[:100], table[100:]])
    fit = getattr(hospitals.learn, kind)
    model = fit(f"{FORMULAS[kind]} + five", "data", **QUICK.get(kind, {})).model
    without = fit(FORMULAS[kind], "data", **QUICK.get(kind, {})).model
    assert model.feature_importances_["five"] == 0
    if kind not in {"forest", "fedavg"}:  # they draw features, or rows by what these hold
        assert (model.predict(table) == without.predict(table)).all()


def test_a_parameter_that_a_method_does_not_have_is_refused_by_name() -> None:
    """A slip of the pen in a search is no default."""
    with pytest.raises(WardnetError, match="tres is none of its parameters"):
        network().learn.search("forest", "ill ~ age", "data", {"tres": [1]}, folds=2)


@pytest.mark.parametrize(
    ("kind", "formula", "reason"),
    [
        ("boosting", "ill ~ age:sex", Reason.PARAMETER_INVALID),
        ("forest", "ill ~ C(age)", Reason.PARAMETER_INVALID),
        ("boosting", "ill", Reason.PARAMETER_INVALID),
        ("boosting", "ill ~ age - sex", Reason.PARAMETER_INVALID),
        ("linear", "ill ~ bmi", Reason.COLUMN_UNAVAILABLE),
        ("fedavg", "ill ~ . - bmi", Reason.COLUMN_UNAVAILABLE),
    ],
)
def test_a_formula_that_cannot_be_learned_is_refused(
    kind: str, formula: str, reason: Reason
) -> None:
    """Before anything is asked."""
    with pytest.raises(WardnetError) as error:
        getattr(network().learn, kind)(formula, "data")
    assert error.value.reason is reason


def test_a_misspelled_keyword_is_named() -> None:
    """As a person would, and not as Python calls what is within."""
    with pytest.raises(WardnetError, match="penality is not known to it") as caught:
        network().learn.linear("weight ~ age", "heart", penality=1)  # type: ignore[call-arg]
    assert caught.value.reason is Reason.PARAMETER_INVALID


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (lambda net: net.count("data", filter="age > 50"), "filter is not known to it"),
        (lambda net: net.learn.linear("age ~ sex", TABLE), "dataset must be the name of one"),
        (lambda net: net.learn.search("forest", "ill ~ age", "data", {"trees": 5}), r"\[5\]"),
        (
            lambda net: net.learn.cross_validate("forest", "ill ~ age", "data", cv=5),
            "cv is not known to it",
        ),
        (
            lambda net: net.evaluate(net.learn.logistic("ill ~ age", "data").model),
            "must be the answer .* not its model",
        ),
    ],
    ids=["keyword", "table", "grid", "folds", "model"],
)
def test_what_others_call_otherwise_is_told_in_a_sentence(
    asked: Callable[[SimulatedNetwork], object], sentence: str
) -> None:
    """Nobody has to read a traceback of what is within."""
    with pytest.raises(WardnetError, match=sentence):
        asked(network())


def test_a_dataset_before_the_formula_is_told_apart() -> None:
    """The other statistics begin with the dataset."""
    with pytest.raises(WardnetError, match="comes first, and then the dataset"):
        network().learn.linear("data", "age ~ sex")


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (TABLE.drop(columns="age"), "the table has no column age"),
        (TABLE.rename(columns={"age": "Age"}), "no column age, .*; its Age is none of data"),
        (TABLE.assign(bmi=25), "has a column bmi that data does not have"),
        (pd.concat([TABLE, TABLE[["age"]]], axis=1), "has two columns age; drop one"),
        (
            TABLE.assign(age=[*AGE[:-1], 500]),
            rf"value of age in table.iloc\[{SIZE - 1}\] is out of bounds \(30 to 80\)",
        ),
        (
            TABLE.assign(sex="other"),
            r"the value of sex in table.iloc\[0\] is not one of the levels \(female, male\)",
        ),
        ([1, 2], "the table must be a pandas DataFrame"),
    ],
)
def test_a_table_that_does_not_fit_the_model_is_refused_by_name(
    changed: pd.DataFrame, sentence: str
) -> None:
    """By column and row, and never by the value."""
    model = network().learn.logistic("ill ~ age + sex", "data").model
    with pytest.raises(WardnetError, match=sentence) as error:
        model.predict(changed)
    assert "500" not in str(error.value)


def test_columns_are_told_by_their_names_and_may_be_written_as_in_the_source() -> None:
    """The order does not matter, nor what the model does not look at."""
    model = network().learn.linear("age ~ blood_sugar + sex", "data").model
    other = TABLE[["sex", "blood sugar"]].rename(columns={"blood sugar": "blood_sugar"})
    assert model.predict(other).tolist() == model.predict(TABLE).tolist()


def test_a_missing_value_gives_no_class() -> None:
    """The other rows keep theirs."""
    model = network().learn.logistic("ill ~ age", "data").model
    some = TABLE.assign(age=TABLE["age"].astype(float)).astype({"age": "Float64"})
    some.loc[0, "age"] = pd.NA
    predicted = model.predict(some)
    assert predicted[0] is None
    assert predicted[1:].tolist() == model.predict(TABLE)[1:].tolist()


def test_what_a_model_does_not_have_it_does_not_offer() -> None:
    """No coefficients of trees, no probabilities of numbers, no components of what predicts."""
    trees = network().learn.boosting("age ~ sex", "data", trees=1).model
    assert not hasattr(trees, "coef_")
    for call in (trees.predict_proba, trees.transform):
        with pytest.raises(WardnetError) as error:
            call(TABLE)
        assert error.value.reason is Reason.PARAMETER_INVALID
    with pytest.raises(WardnetError) as error:
        _ = network().count("data").model
    assert error.value.reason is Reason.NO_MODEL


def test_clusters_are_told_by_their_numbers() -> None:
    """As the answer has them, from 1."""
    model = network().kmeans("data", ["age", "blood_sugar"], 2).model
    assert model.classes_.tolist() == [1, 2]
    assert set(model.predict(TABLE)) == {1, 2}
    assert set(model.predict_proba(TABLE)[:, 0]) == {0.0, 1.0}


def test_components_transform_a_table() -> None:
    """One score for each, of mean 0 and the variance that the answer tells."""
    answer = network().pca("data", ["age", "blood_sugar"])
    scores = answer.model.transform(TABLE)
    assert scores.mean(axis=0) == pytest.approx([0, 0], abs=1e-12)
    told = answer.to_frame().set_index("term").loc["eigenvalue", ["1", "2"]]
    assert scores.var(axis=0, ddof=1) == pytest.approx(told.to_numpy(float))


def test_coefficients_predict() -> None:
    """As scikit-learn has them: without the intercept, in the columns' units."""
    model = network().learn.linear("age ~ blood_sugar", "data").model
    by_hand = model.intercept_ + model.coef_["blood_sugar"] * TABLE["blood sugar"]
    assert model.predict(TABLE) == pytest.approx(by_hand.to_numpy(), rel=1e-12)


def test_every_model_has_its_command() -> None:
    """With help for each, under one heading."""
    assert set(FORMULAS) <= set(learn.commands)
    for kind in FORMULAS:
        assert isinstance(learn.commands[kind], click.Command)
        shown = CliRunner().invoke(main, ["learn", kind, "--help"])
        assert shown.exit_code == 0
        assert "DATASET FORMULA" in shown.output


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["cross-validate", "heart", "a ~ b"], "Missing option '--model'"),
        (["cross-validate", "heart", "a ~ b", "--model", "forest", "--set", "trees"], "depth=3"),
        (["search", "heart", "a ~ b", "--model", "forest"], "Missing option '--try'"),
        (["plot", "3f9a21"], "Missing argument 'FILE'"),
    ],
)
def test_a_validation_that_is_not_said_whole_is_a_usage_error(
    words: list[str], sentence: str
) -> None:
    """Before the network is opened."""
    done = CliRunner().invoke(main, ["learn", *words])
    assert done.exit_code == 2
    assert sentence in done.stderr


def test_settings_are_read_as_json_or_as_text() -> None:
    """Numbers are numbers, and words need no quotes."""
    option = next(each for each in cross_validate_model.params if each.name == "settings")
    context = click.Context(cross_validate_model)
    given = ("trees=50", "learning_rate=0.1", "algorithm=fedprox", "standardise=false")
    assert option.process_value(context, given) == {
        "trees": 50,
        "learning_rate": 0.1,
        "algorithm": "fedprox",
        "standardise": False,
    }
