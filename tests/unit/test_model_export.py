"""Models written for other programs predict there what they predict here."""

import builtins
import json
import warnings
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import onnx
import onnxruntime  # type: ignore[import-untyped]
import pandas as pd
import pytest
from numpy.typing import NDArray
from pydantic import JsonValue

from support.examples import Parameters
from support.model_files import LINEAR, LOGISTIC, package, rows_of
from support.pki import TestNetwork
from wardnet.errors import Reason, WardnetError
from wardnet.model.card import card, markdown
from wardnet.model.onnx_export import nodes, to_onnx
from wardnet.model.package import Package
from wardnet.model.shape import Grown, matrix, shape
from wardnet.model.sklearn_export import to_sklearn
from wardnet.question.rows import Rows
from wardnet.statistics.trees.predict import Trees

FEATURES: JsonValue = ["age", "stage", "lab"]


def fedavg(outcome: str, estimator: str, **more: JsonValue) -> Parameters:
    """Return the parameters of a learning by turns."""
    asked: dict[str, JsonValue] = {"outcome": outcome, "estimator": estimator}
    return {**asked, "features": ["age", "lab", "visits"], "rounds": 3, **more}


MODELS: Mapping[str, tuple[str, Parameters]] = {
    "linear": ("linear", LINEAR),
    "interaction": (
        "linear",
        {"outcome": "weight", "terms": [["age"], ["smoker"], ["lab"], ["age", "smoker"]]},
    ),
    "logistic": ("glm", LOGISTIC),
    "poisson": (
        "glm",
        {"outcome": "visits", "terms": [["age"], ["smoker"]], "family": "poisson"},
    ),
    "boosting of a number": ("boosting", {"outcome": "weight", "features": FEATURES, "trees": 5}),
    "boosting of two": ("boosting", {"outcome": "smoker", "features": FEATURES, "trees": 5}),
    "boosting of three": (
        "boosting",
        {"outcome": "stage", "features": ["age", "lab", "sex"], "trees": 3},
    ),
    "forest of a number": (
        "forest",
        {"outcome": "weight", "features": FEATURES, "trees": 4, "depth": 4},
    ),
    "forest of two": (
        "forest",
        {"outcome": "smoker", "features": FEATURES, "trees": 4, "depth": 4},
    ),
    "forest of three": (
        "forest",
        {"outcome": "stage", "features": ["age", "lab"], "trees": 4, "depth": 4},
    ),
    "pca": ("pca", {"columns": ["age", "lab", "weight"], "components": 2}),
    "kmeans": ("kmeans", {"columns": ["age", "lab", "weight"], "clusters": 3}),
    "fedavg of a number": ("fedavg", fedavg("weight", "SGDRegressor", learning_rate=0.01)),
    "fedavg of two": ("fedavg", fedavg("smoker", "SGDClassifier")),
    "fedavg of three": ("fedavg", fedavg("stage", "SGDClassifier")),
    "network of two": (
        "fedavg",
        fedavg("smoker", "MLPClassifier", hidden_layer_sizes=[5, 4], activation="tanh"),
    ),
    "network of three": ("fedavg", fedavg("stage", "MLPClassifier", hidden_layer_sizes=[5])),
    "network of a number": (
        "fedavg",
        fedavg("weight", "MLPRegressor", hidden_layer_sizes=[5], activation="logistic"),
    ),
    "network that fills in": (
        "fedavg",
        fedavg("smoker", "MLPClassifier", hidden_layer_sizes=[5], missing="mean"),
    ),
}
NO_OBJECT = {name for name in MODELS if name.startswith(("boosting", "forest"))}


@cache
def network() -> TestNetwork:
    """Return one network for all tests."""
    return TestNetwork()


@cache
def learned(name: str) -> Package:
    """Return a model by its name above."""
    method, parameters = MODELS[name]
    return package(network(), method, parameters)


def features(found: Package, rows: Rows) -> NDArray[np.float64]:
    """Return what goes into an exported model."""
    told = shape(found.model(), found.asked.answer.method, form="a test")
    return matrix(told.entries, rows)


def through_onnx(found: Package, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what another program predicts."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(to_onnx(found), options)
    (outputs,) = session.run(None, {"features": x})
    return np.asarray(outputs, np.float64)


@pytest.mark.parametrize("name", MODELS)
def test_onnx_predicts_as_the_model_does(name: str) -> None:
    """To the accuracy of single precision, missing values included."""
    found, rows = learned(name), rows_of(11, 600)
    expected = found.model().predict(rows)
    predicted = through_onnx(found, features(found, rows))
    assert predicted.shape == expected.shape
    np.testing.assert_allclose(predicted, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", sorted(NO_OBJECT))
def test_rows_on_a_cut_take_the_same_side_everywhere(name: str) -> None:
    """Cuts and features are doubles there, too: no row falls to the other side by rounding."""
    found = learned(name)
    told = shape(found.model(), found.asked.answer.method, form="a test")
    assert isinstance(told, Grown)
    cuts = sorted({node[4] for node in nodes(told.trees) if node[2] != "LEAF"})
    on, below = np.array(cuts), np.nextafter(cuts, -np.inf)
    x = np.repeat(np.concatenate([on, below])[:, np.newaxis], len(told.entries), axis=1)
    session = through_onnx(found, x)
    sums = np.array([walked(told.trees, line) for line in x])
    expected = told.trees._mean(sums.T) if told.trees.plan.forest else told.trees._response(sums.T)
    np.testing.assert_allclose(session, expected.T, rtol=1e-5, atol=1e-5)


def walked(trees: Trees, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sums of the leaves that one row comes to, asked node by node."""
    sums = np.zeros(len(trees.plan.outcome.outputs))
    asked = {(node[0], node[1]): node for node in nodes(trees)}
    for number, tree in enumerate(trees.trees):
        at = 0
        while asked[number, at][2] != "LEAF":
            _, _, _, feature, cut, left, _ = asked[number, at]
            at = left if x[feature] < cut else left + 1
        sums[tree.output] += tree.values[at]
    return sums


@pytest.mark.parametrize("name", sorted(MODELS.keys() - NO_OBJECT))
def test_an_object_of_scikit_learn_predicts_as_the_model_does(name: str) -> None:
    """From a frame with its features, for rows that the model itself predicts."""
    found, rows = learned(name), rows_of(11, 600)
    x = features(found, rows)
    expected = found.model().predict(rows)
    complete = ~np.isnan(expected).any(axis=1)
    assert np.isnan(x[complete]).any() == (name == "network that fills in")
    estimator = to_sklearn(found)
    names = (estimator[0] if hasattr(estimator, "steps") else estimator).feature_names_in_
    frame = pd.DataFrame(x[complete], columns=names)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        predicted = predictions(estimator, frame, found.model().classes)
    np.testing.assert_allclose(predicted, expected[complete], rtol=1e-7, atol=1e-7)


def predictions(
    estimator: object, frame: pd.DataFrame, classes: Sequence[str]
) -> NDArray[np.float64]:
    """Return what an estimator predicts, in the layout of `Model.predict`."""
    clusters = all(hasattr(estimator, kind) for kind in ("predict", "transform"))
    for kind in ("predict_proba", "transform"):
        if hasattr(estimator, kind) and not clusters:
            return np.asarray(getattr(estimator, kind)(frame), np.float64)
    found = np.asarray(estimator.predict(frame))[:, np.newaxis]  # type: ignore[attr-defined]
    chosen = np.equal(found, np.arange(len(classes)))
    return np.asarray(chosen if clusters else found, np.float64)


@pytest.mark.parametrize("standardise", [True, False])
@pytest.mark.parametrize("components", [1, 3])
def test_components_are_those_of_scikit_learn(components: int, *, standardise: bool) -> None:
    """Not only its scores: variances, their shares, and the way back from scores to columns."""
    asked: dict[str, JsonValue] = {
        "columns": ["age", "lab", "weight"],
        "components": components,
        "standardise": standardise,
    }
    found = package(network(), "pca", asked)
    x = features(found, rows_of(11, 600))
    x = x[~np.isnan(x).any(axis=1)]
    names = to_sklearn(found)[0].feature_names_in_
    scaler, ours = to_sklearn(found)
    np.testing.assert_allclose(
        ours.components_ @ ours.components_.T, np.eye(components), atol=1e-12
    )
    whole = ours.explained_variance_ / ours.explained_variance_ratio_
    np.testing.assert_allclose(whole, np.trace(ours.get_covariance()), rtol=1e-12)
    frame = pd.DataFrame(x, columns=names)
    back = to_sklearn(found).inverse_transform(to_sklearn(found).transform(frame))
    if components == 3:
        np.testing.assert_allclose(back, x, rtol=1e-9, atol=1e-9)
        assert np.isfinite(ours.score(scaler.transform(frame)))
    else:
        off = (x - back) / scaler.scale_
        np.testing.assert_allclose(off @ ours.components_.T, 0.0, atol=1e-9)


@pytest.mark.parametrize("name", sorted(NO_OBJECT))
def test_what_has_no_counterpart_in_scikit_learn_is_refused(name: str) -> None:
    """The sentence says why, and what to use instead."""
    with pytest.raises(WardnetError) as error:
        to_sklearn(learned(name))
    assert error.value.reason is Reason.MODEL_EXPORT
    assert "wardnet-node predict" in str(error.value)


def test_a_mixture_is_not_written_as_onnx() -> None:
    """What does not map is refused, by name."""
    found = package(network(), "mixture", {"columns": ["age", "weight"], "components": 2})
    with pytest.raises(WardnetError) as error:
        to_onnx(found)
    assert error.value.reason is Reason.MODEL_EXPORT


@pytest.mark.parametrize("name", MODELS)
def test_every_kind_of_model_has_a_card(name: str) -> None:
    """With what its answer says of the fit, for people as well."""
    told = card(learned(name))
    assert told["fit"]
    text = markdown(told)
    assert text.startswith("# Model card: smokers-1\n\n## Intended use\n\nTo plan a trial.\n")
    assert "- hospital a, snapshot " in text


def test_an_onnx_file_says_what_it_is() -> None:
    """Whoever finds it learns what goes in and out, and what it must not be used for."""
    found = learned("logistic")
    model = onnx.load_from_string(to_onnx(found))
    told = {each.key: each.value for each in model.metadata_props}
    assert json.loads(told["features"]) == ["age", "stage[3]", "stage[7]", "lab"]
    assert json.loads(told["outputs"]) == ["false", "true"]
    assert (told["digest"], told["limits"]) == (found.digest, "Not for one patient.")


@pytest.mark.parametrize(
    ("library", "export"), [("onnx", to_onnx), ("sklearn", to_sklearn)], ids=["onnx", "sklearn"]
)
def test_a_missing_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, library: str, export: object
) -> None:
    """With the command that installs it."""
    usual = builtins.__import__

    def without(name: str, *rest: object) -> object:
        if name.partition(".")[0] == library:
            raise ImportError(name)
        return usual(name, *rest)  # type: ignore[arg-type]

    found = learned("logistic")
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(WardnetError) as error:
        export(found)  # type: ignore[operator]
    assert error.value.reason is Reason.EXTRA_MISSING
    assert "wardnet[models]" in str(error.value)
