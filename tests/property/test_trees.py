"""Trees across hospitals: the same bits for any split, and as good as trees on pooled rows."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import JsonValue
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.metrics import accuracy_score, r2_score, roc_auc_score
from threadpoolctl import threadpool_limits

from support.examples import Parameters, ask
from support.people import DIGEST, ROWS_ARE_PATIENTS, SEVERAL_ROWS, Deal, made_up
from support.people import without_patients as rows_as_patients
from wardnet.privacy.rules import STANDARD
from wardnet.question import answer as answers
from wardnet.question.answer import Table
from wardnet.question.dictionary import Column, ColumnType, Dictionary
from wardnet.question.rows import Rows
from wardnet.statistics.methods import METHODS
from wardnet.statistics.session import run

FEATURES = tuple(f"x{place}" for place in range(6))
PLANE = Dictionary(
    name="people",
    version=1,
    columns=(
        *(
            Column(name=name, type=ColumnType.REAL, minimum="-10", maximum="10")
            for name in FEATURES
        ),
        Column(name="sick", type=ColumnType.BOOLEAN),
        Column(name="stage", type=ColumnType.CATEGORY, levels=("a", "b", "c")),
        Column(name="score", type=ColumnType.REAL, minimum="-20", maximum="20"),
    ),
)
SIZE = 8000
TRAINED = np.arange(SIZE) < SIZE // 2


def plane() -> dict[str, NDArray[Any]]:
    """Return rows with bends, an interaction and telling gaps; half of them to be tested on."""
    random = np.random.default_rng(20)
    x = random.normal(size=(len(FEATURES), SIZE)).clip(-9, 9)
    x[random.random(x.shape) < 0.05] = np.nan
    known = np.nan_to_num(x)
    eta = 2 * known[0] + known[1] * (known[2] > 0) + np.sin(3 * known[3]) + 1.5 * np.isnan(x[4])
    return {
        **dict(zip(FEATURES, x, strict=True)),
        "sick": (random.random(SIZE) < 1 / (1 + np.exp(-eta))).astype(np.int8),
        "stage": np.digitize(eta + random.normal(size=SIZE), [-1, 1]).astype(np.int8),
        "score": (eta + random.normal(size=SIZE) / 2).clip(-20, 20),
    }


COLUMNS = plane()
X = np.stack([COLUMNS[name] for name in FEATURES], axis=1)


def fit(method: str, outcome: str, **settings: JsonValue) -> NDArray[np.float64]:
    """Return the predictions for the rows that four hospitals did not train on."""
    rows = {
        hospital: Rows(int(part.sum()), {name: values[part] for name, values in COLUMNS.items()})
        for place, hospital in enumerate("abcd")
        for part in [TRAINED & (np.arange(SIZE) % 4 == place)]
    }
    parameters: Parameters = {"outcome": outcome, "features": [*FEATURES], **settings}
    answer = run(
        ask(method, parameters, dictionary=PLANE),
        digest=DIGEST,
        dictionary=PLANE,
        hospitals={hospital: partial(iter, [held]) for hospital, held in rows.items()},
        rules=STANDARD,
    )
    assert answer.table is not None
    model = METHODS[method].model(METHODS[method].bind(parameters, PLANE), answer.table)
    tested = {name: COLUMNS[name][~TRAINED] for name in FEATURES}
    return model.predict(Rows(int((~TRAINED).sum()), tested))


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Where others are at work, scikit-learn's threads wait for each other."""
    with threadpool_limits(1):
        yield


def test_boosting_ranks_like_boosting_on_pooled_rows() -> None:
    """With the same settings the area under the curve is that of scikit-learn, or better."""
    theirs = HistGradientBoostingClassifier(
        max_iter=20, max_depth=5, max_leaf_nodes=None, early_stopping=False
    ).fit(X[TRAINED], COLUMNS["sick"][TRAINED])
    truth = COLUMNS["sick"][~TRAINED]
    expected = roc_auc_score(truth, theirs.decision_function(X[~TRAINED]))
    found = fit("boosting", "sick", trees=20, depth=5)[:, 1]
    assert roc_auc_score(truth, found) > expected - 0.005


def test_leaf_wise_boosting_ranks_like_boosting_on_pooled_rows() -> None:
    """So does keeping the best splits wherever they are."""
    theirs = HistGradientBoostingClassifier(
        max_iter=20, max_depth=7, max_leaf_nodes=12, early_stopping=False
    ).fit(X[TRAINED], COLUMNS["sick"][TRAINED])
    truth = COLUMNS["sick"][~TRAINED]
    expected = roc_auc_score(truth, theirs.decision_function(X[~TRAINED]))
    found = fit("boosting", "sick", trees=20, depth=7, leaves=12)[:, 1]
    assert roc_auc_score(truth, found) > expected - 0.005


def test_boosted_numbers_are_explained_as_well() -> None:
    """The share of variance explained is that of scikit-learn, within a percent, or better."""
    theirs = HistGradientBoostingRegressor(
        max_iter=20, max_depth=5, max_leaf_nodes=None, early_stopping=False
    ).fit(X[TRAINED], COLUMNS["score"][TRAINED])
    truth = COLUMNS["score"][~TRAINED]
    found = fit("boosting", "score", trees=20, depth=5)[:, 0]
    assert r2_score(truth, found) > r2_score(truth, theirs.predict(X[~TRAINED])) - 0.01


def test_three_classes_are_told_apart_as_well() -> None:
    """As many rows get their class as scikit-learn's, within a percent."""
    theirs = HistGradientBoostingClassifier(
        max_iter=20, max_depth=4, max_leaf_nodes=None, early_stopping=False
    ).fit(X[TRAINED], COLUMNS["stage"][TRAINED])
    truth = COLUMNS["stage"][~TRAINED]
    found = fit("boosting", "stage", trees=20, depth=4)
    classes = np.argmax(found, axis=1)
    assert accuracy_score(truth, classes) > theirs.score(X[~TRAINED], truth) - 0.01


def test_a_forest_ranks_like_a_forest_on_pooled_rows() -> None:
    """Other bags and other draws, but no worse a forest."""
    theirs = RandomForestClassifier(
        30, max_depth=6, min_samples_leaf=10, max_features=2, random_state=0
    ).fit(X[TRAINED], COLUMNS["sick"][TRAINED])
    truth = COLUMNS["sick"][~TRAINED]
    expected = roc_auc_score(truth, theirs.predict_proba(X[~TRAINED])[:, 1])
    found = fit("forest", "sick", trees=30, depth=6)[:, 1]
    assert roc_auc_score(truth, found) > expected - 0.01


@pytest.mark.parametrize("dictionary", [ROWS_ARE_PATIENTS, SEVERAL_ROWS])
@pytest.mark.parametrize(
    ("method", "settings"),
    [
        ("boosting", {"outcome": "smoker", "depth": 3}),
        ("boosting", {"outcome": "weight", "leaves": 5, "row_share": 0.7, "column_share": 0.5}),
        ("boosting", {"outcome": "stage", "depth": 3}),
        ("forest", {"outcome": "weight", "depth": 4}),
        ("forest", {"outcome": "stage", "depth": 3}),
    ],
)
def test_one_three_four_and_seven_hospitals_grow_the_same_bytes(
    method: str, settings: Parameters, dictionary: Dictionary
) -> None:
    """Who holds which rows, in what batches and order, changes no bit of the model."""
    parameters: Parameters = {"features": ["age", "sex", "lab", "dose"], "trees": 3, **settings}
    table = made_up(3, rows=900)
    rows = table if dictionary.patient else rows_as_patients(table)
    found = set()
    for deal in (Deal(1, 10_000, 0), Deal(3, 50, 1), Deal(4, 100, 2), Deal(7, 77, 5)):
        answer = run(
            ask(method, parameters, dictionary=dictionary),
            digest=DIGEST,
            dictionary=dictionary,
            hospitals={name: partial(iter, held) for name, held in deal.parts(rows).items()},
            rules=STANDARD,
        )
        assert answer.table is not None
        assert _depth(answer.table) > 1
        found.add(answers.to_bytes(answer))
    assert len(found) == 1


def _depth(table: Table) -> int:
    return int(table.tensors[1].array().max()) // 2
