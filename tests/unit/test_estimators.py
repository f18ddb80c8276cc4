"""Estimators of scikit-learn as settings, and models as estimators: what is said counts."""

import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression, SGDClassifier, SGDRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor

from wardnet import simulate
from wardnet.client.models.estimators import settings
from wardnet.errors import Reason, WardnetError

RANDOM = np.random.default_rng(4)
AGE = RANDOM.integers(40, 80, 300)
TABLE = pd.DataFrame(
    {
        "age": AGE,
        "stage": RANDOM.choice(["i", "ii", "iii"], 300),
        "ill": AGE + RANDOM.normal(0, 8, 300) > 60,
        "score": AGE * 2 + RANDOM.integers(0, 9, 300),
    }
)
NET = simulate([TABLE[:180], TABLE[180:]], rules=False)


@pytest.mark.parametrize(
    ("estimator", "expected"),
    [
        (SGDRegressor(), {}),
        (SGDClassifier(loss="log_loss", penalty=None), {"alpha": 0.0}),
        (
            SGDRegressor(learning_rate="constant", eta0=0.2, alpha=1, tol=None, random_state=3),
            {"learning_rate": 0.2, "alpha": 1.0, "seed": 3},
        ),
        (SGDRegressor(warm_start=True, max_iter=3), {"epochs": 3}),
        (SGDRegressor(warm_start=True), {}),
        (MLPClassifier(), {}),
        (
            MLPClassifier(hidden_layer_sizes=(8, 4), activation="tanh", alpha=0.5, batch_size=50),
            {
                "hidden_layer_sizes": [8, 4],
                "activation": "tanh",
                "alpha": 0.01,
                "batch_size": 50,
            },
        ),
        (
            MLPRegressor(hidden_layer_sizes=7, alpha=0.32),
            {"hidden_layer_sizes": [7], "alpha": 0.01},
        ),
        (
            MLPRegressor(solver="sgd", learning_rate_init=0.05, momentum=0),
            {"learning_rate": 0.05},
        ),
    ],
    ids=str,
)
def test_what_was_set_is_taken_where_it_means_the_same(
    estimator: BaseEstimator, expected: dict[str, Any]
) -> None:
    """And nothing else: what stands at its default is left to `fedavg`."""
    assert settings(estimator) == {"estimator": type(estimator).__name__, **expected}


@pytest.mark.parametrize(
    ("estimator", "named"),
    [
        (SGDClassifier(), "loss of SGDClassifier"),
        (SGDRegressor(loss="huber"), "loss of SGDRegressor"),
        (SGDRegressor(penalty="l1"), "lasso_share"),
        (SGDRegressor(l1_ratio=0.5), "l1_ratio of SGDRegressor"),
        (SGDRegressor(max_iter=5), "warm_start=True"),
        (SGDRegressor(early_stopping=True), "patience"),
        (SGDRegressor(learning_rate="adaptive"), "constant"),
        (SGDRegressor(eta0=0.3), "eta0"),
        (SGDRegressor(fit_intercept=False), "intercept"),
        (SGDRegressor(tol=1e-9), "tol"),
        (SGDRegressor(random_state="today"), "random_state"),
        (SGDClassifier(loss="log_loss", class_weight="balanced"), "class_weight"),
        (SGDClassifier(loss="log_loss", average=True), "average"),
        (MLPClassifier(solver="lbfgs"), "solver"),
        (MLPClassifier(learning_rate_init=0.1), "learning_rate_init"),
        (MLPClassifier(momentum=0.5), "momentum"),
        (MLPClassifier(beta_1=0.5), "beta_1"),
        (MLPRegressor(loss="poisson"), "loss of MLPRegressor"),
        (MLPRegressor(batch_size="large"), "scikit-learn would not take"),
        (LogisticRegression(), "SGDClassifier"),
        (SGDClassifier, "SGDClassifier"),
        (7, "SGDClassifier"),
    ],
    ids=str,
)
def test_what_has_no_meaning_here_is_refused_by_name(estimator: object, named: str) -> None:
    """One sentence, which says what to do instead."""
    with pytest.raises(WardnetError) as error:
        settings(estimator)
    assert error.value.reason is Reason.PARAMETER_INVALID
    assert named in str(error.value)


def test_a_fitted_estimator_is_refused() -> None:
    """Its weights would be no start that hospitals take; nothing is dropped in silence."""
    fitted = SGDRegressor().fit(TABLE[["age"]], TABLE["score"])
    with pytest.raises(WardnetError, match="fitted already"):
        settings(fitted)


def test_the_same_is_asked_by_an_object_and_by_words() -> None:
    """To the byte; what both say must be the same."""
    given = MLPClassifier(hidden_layer_sizes=(3,), batch_size=20, alpha=0.02, random_state=5)
    words: dict[str, Any] = {"hidden_layer_sizes": [3], "batch_size": 20, "alpha": 0.001, "seed": 5}
    by_object = NET.learn.fedavg("ill ~ age", "data", estimator=given, rounds=2, seed=5)
    by_words = NET.learn.fedavg("ill ~ age", "data", estimator="MLPClassifier", rounds=2, **words)
    assert by_object.answer == by_words.answer
    with pytest.raises(WardnetError, match="seed is said by the estimator"):
        NET.learn.fedavg("ill ~ age", "data", estimator=given, seed=6)


def test_one_hidden_layer_may_be_said_by_its_size() -> None:
    """As scikit-learn takes it."""
    asked: dict[str, Any] = {"estimator": "MLPClassifier", "rounds": 1}
    one, listed = (
        NET.learn.fedavg("ill ~ age", "data", hidden_layer_sizes=sizes, **asked)
        for sizes in (4, [4])
    )
    assert one.answer == listed.answer


def test_a_validation_takes_an_object_too() -> None:
    """As `fedavg` does."""
    tried = [
        NET.learn.cross_validate("fedavg", "ill ~ age", "data", {"estimator": each}, folds=2)
        for each in (SGDClassifier(loss="log_loss"), "SGDClassifier")
    ]
    assert [trial.evaluation.answer for trial in tried[0].trials] == [
        trial.evaluation.answer for trial in tried[1].trials
    ]


def test_a_search_tries_objects_and_tells_which_was_best() -> None:
    """As a person gives them; the record of it is text."""
    tried = [SGDClassifier(loss="log_loss", alpha=alpha) for alpha in (1000.0, 0.001)]
    found = NET.learn.search("fedavg", "ill ~ age", "data", {"estimator": tried}, folds=2)
    assert found.best["estimator"] is tried[1]
    assert found.to_frame()["estimator"].tolist() == [
        "SGDClassifier(alpha=0.001, loss='log_loss')",
        "SGDClassifier(alpha=1000.0, loss='log_loss')",
    ]
    assert "alpha=0.001" in repr(found)


@pytest.mark.parametrize(
    ("formula", "estimator"),
    [
        ("ill ~ age + stage", SGDClassifier(loss="log_loss")),
        ("score ~ age + stage", SGDRegressor()),
        ("ill ~ age + stage", MLPClassifier(hidden_layer_sizes=(5,), activation="tanh")),
        ("stage ~ age + ill", MLPClassifier(hidden_layer_sizes=(5, 3))),
        ("score ~ age + stage", MLPRegressor(hidden_layer_sizes=(4,), activation="logistic")),
    ],
    ids=str,
)
def test_a_model_becomes_an_object_of_the_class_that_it_was_asked_for(
    formula: str, estimator: BaseEstimator
) -> None:
    """Its predictions are the model's, and so are its classes."""
    model = NET.learn.fedavg(formula, "data", estimator=estimator, rounds=3).model
    found, features = model.to_sklearn(), model.features(TABLE)
    assert type(found) is type(estimator)
    assert list(found.feature_names_in_) == list(features.columns)
    if hasattr(found, "classes_"):
        proba = model.predict_proba(TABLE)
        np.testing.assert_allclose(found.predict_proba(features), proba, rtol=1e-9, atol=1e-9)
        assert np.array_equal(found.predict(features), model.predict(TABLE))
    else:
        np.testing.assert_allclose(found.predict(features), model.predict(TABLE), rtol=1e-9)


def test_a_linear_model_of_three_classes_becomes_what_shares_a_softmax() -> None:
    """`SGDClassifier` would fit one model for each class, and give other chances."""
    model = NET.learn.fedavg("stage ~ age + ill", "data", rounds=3).model
    found = model.to_sklearn()
    assert isinstance(found, LogisticRegression)
    proba = found.predict_proba(model.features(TABLE))
    np.testing.assert_allclose(proba, model.predict_proba(TABLE), rtol=1e-9)


def test_words_do_not_need_scikit_learn() -> None:
    """An extra stays an extra: asking and predicting never import it."""
    program = (
        "import sys, pandas as pd; from wardnet import simulate;"
        "t = pd.DataFrame({'age': range(40), 'ill': [True, False] * 20});"
        "m = simulate([t], rules=False).learn.fedavg('ill ~ age', 'data', rounds=1).model;"
        "m.predict(t); m.features(t); assert 'sklearn' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
