"""Trees predict from the answer that states them, and refuse what no training gives."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from math import exp
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import JsonValue

from support.examples import Parameters, ask
from support.people import DIGEST, ROWS_ARE_PATIENTS, made_up, without_patients
from wardnet.errors import Reason, WardnetError
from wardnet.privacy.rules import STANDARD
from wardnet.question.answer import Table, Withheld, tensor
from wardnet.question.rows import Rows
from wardnet.statistics.features import Feature
from wardnet.statistics.methods import METHODS
from wardnet.statistics.model import Model
from wardnet.statistics.session import run

FEATURES: list[JsonValue] = ["age", "sex", "lab", "dose", "smoker"]
CASES: list[tuple[str, Parameters]] = [
    ("boosting", {"outcome": "weight", "depth": 4}),
    ("boosting", {"outcome": "stage", "depth": 3, "leaves": 5}),
    ("boosting", {"outcome": "smoker", "features": ["age", "sex", "lab", "dose"], "depth": 3}),
    ("forest", {"outcome": "weight", "depth": 4}),
    ("forest", {"outcome": "stage", "depth": 3}),
    ("forest", {"outcome": "smoker", "features": ["age", "sex", "lab", "dose"], "depth": 3}),
]
ROWS = without_patients(made_up(3, rows=900, missing=0.1))


def answered(method: str, parameters: Parameters) -> Table:
    """Return the answer of one hospital."""
    answer = run(
        ask(method, parameters, dictionary=ROWS_ARE_PATIENTS),
        digest=DIGEST,
        dictionary=ROWS_ARE_PATIENTS,
        hospitals={"a": lambda: [ROWS]},
        rules=STANDARD,
    )
    assert answer.table is not None
    return answer.table


def read(method: str, parameters: Parameters, table: Table) -> Model:
    """Return the model of an answer."""
    return METHODS[method].model(METHODS[method].bind(parameters, ROWS_ARE_PATIENTS), table)


def units(feature: Feature, rows: Rows) -> list[float | None]:
    """Return what a person would call the feature's values, None where missing."""
    values = rows.columns[feature.column.name].tolist()
    if feature.column.cells is None:
        return [None if np.isnan(value) else value for value in values]
    if feature.level >= 0:
        return [None if value < 0 else float(value == feature.level) for value in values]
    return [None if value < 0 else feature.cut(int(value)) for value in values]


def walked(method: str, parameters: Parameters, table: Table, rows: Rows) -> list[list[float]]:
    """Return predictions made one row and one node after the other, by the arrays alone."""
    plan = METHODS[method].bind(parameters, ROWS_ARE_PATIENTS)
    outputs, sizes, features, missing_left, numbers = (
        each.array().tolist() for each in table.tensors
    )
    known = [units(feature, rows) for feature in plan.features]
    found = []
    for row in range(rows.size):
        scores, first = [0.0] * len(plan.outcome.outputs), 0
        for output, size in zip(outputs, sizes, strict=True):
            here = slice(first, first + size)
            asked, sides, limits = features[here], missing_left[here], numbers[here]
            node = 0
            while asked[node] >= 0:
                value = known[asked[node]][row]
                left = bool(sides[node]) if value is None else value < limits[node]
                splits_before = sum(each >= 0 for each in asked[:node])
                node = 2 * splits_before + (1 if left else 2)
            scores[output] += limits[node]
            first += size
        found.append(_response(method, plan, scores, trees=len(outputs)))
    return found


def _response(method: str, plan: Any, scores: list[float], *, trees: int) -> list[float]:  # noqa: ANN401
    if method == "forest":
        means = [score / (trees / len(scores)) for score in scores]
        if len(means) == 1:
            return [1 - means[0], means[0]] if plan.outcome.classes else means
        return [mean / sum(means) for mean in means]
    if not plan.outcome.classes:
        return scores
    grown = [exp(score) for score in (scores if len(scores) > 1 else [0.0, *scores])]
    return [each / sum(grown) for each in grown]


@pytest.mark.parametrize(("method", "settings"), CASES)
def test_predictions_are_those_of_a_walk_from_node_to_node(
    method: str, settings: Parameters
) -> None:
    """Values, gaps and levels go where the answer's arrays say, and leaves add up."""
    parameters: Parameters = {"features": FEATURES, "trees": 5, **settings}
    table, tested = answered(method, parameters), without_patients(made_up(4, rows=200))
    found = read(method, parameters, table).predict(tested)
    expected = walked(method, parameters, table, tested)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
    assert np.ptp(found, axis=0).min() > 0


def test_a_model_says_what_it_looks_at_and_what_matters() -> None:
    """Columns, outcome, classes; shares of the gains that add up to 1."""
    parameters: Parameters = {"outcome": "smoker", "features": ["sex", "lab", "age"], "trees": 9}
    model = read("boosting", parameters, answered("boosting", parameters))
    assert list(model.columns) == ["age", "lab", "sex"]
    assert model.outcome == "smoker"
    assert list(model.classes) == ["false", "true"]
    shares = model.importance()
    assert set(shares) == {"sex=female", "sex=male", "sex=other", "lab", "age"}
    assert sum(shares.values()) == pytest.approx(1, abs=1e-4)


def test_the_loss_falls_from_that_of_the_start() -> None:
    """The curve begins with the entropy of the classes, and every tree improves on it."""
    parameters: Parameters = {"outcome": "smoker", "features": ["age", "lab"], "trees": 20}
    table = answered("boosting", parameters)
    curve = [float(str(row[4])) for row in table.rows if row[0] == "after trees"]
    smokers = ROWS.columns["smoker"].astype(np.int64)
    share = float((smokers[smokers >= 0]).mean())
    assert len(curve) == 21
    assert curve[0] == pytest.approx(-share * np.log(share) - (1 - share) * np.log(1 - share))
    assert all(after < before for before, after in pairwise(curve))
    assert table.rows[0] == (
        "model",
        "",
        None,
        table.rows[0][3],
        curve[-1],
        int((smokers >= 0).sum()),
    )


def test_the_loss_of_numbers_is_the_mean_squared_error_in_their_unit() -> None:
    """It starts as the variance."""
    parameters: Parameters = {"outcome": "weight", "features": ["age"], "trees": 1}
    table = answered("boosting", parameters)
    weights = ROWS.columns["weight"].astype(np.float64)
    start = next(row[4] for row in table.rows if row[0] == "after trees")
    assert start == pytest.approx(np.var(weights[weights >= 0] / 10), rel=1e-5)


PARAMETERS: Parameters = {"outcome": "weight", "features": ["age", "lab"], "trees": 3, "depth": 3}


def broken(name: str, change: Callable[[NDArray[Any]], NDArray[Any]]) -> Table:
    """Return an answer of which somebody changed one array."""
    table = answered("boosting", PARAMETERS)
    tensors = tuple(
        tensor(each.name, change(each.array())) if each.name == name else each
        for each in table.tensors
    )
    return replace(table, tensors=tensors)


def put(place: int, value: float) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """Return what changes one entry."""

    def change(array: NDArray[Any]) -> NDArray[Any]:
        array = array.copy()
        array[place] = value
        return array

    return change


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("outputs", put(0, 1)),
        ("outputs", put(0, -1)),
        ("outputs", lambda array: array[:0]),
        ("outputs", lambda array: array.repeat(5000)),
        ("outputs", lambda array: array.astype(np.float64)),
        ("outputs", lambda array: array[np.newaxis]),
        ("nodes", put(0, 0)),
        ("nodes", put(0, 2**31 - 1)),
        ("nodes", put(1, 3)),
        ("features", put(1, 2)),
        ("features", put(1, -2)),
        ("features", put(1, -1)),
        ("features", put(-1, 0)),
        ("features", lambda array: array[:-1]),
        ("missing_left", put(1, 2)),
        ("numbers", put(1, np.nan)),
        ("numbers", put(1, 1e300)),
        ("numbers", put(1, 40.001)),
    ],
)
def test_arrays_that_no_training_gives_are_refused(
    name: str, change: Callable[[NDArray[Any]], NDArray[Any]]
) -> None:
    """Whoever sends them gets an error, not a prediction and not an endless walk."""
    with pytest.raises(WardnetError) as refusal:
        read("boosting", PARAMETERS, broken(name, change))
    assert refusal.value.reason is Reason.MALFORMED


def test_a_table_with_other_features_or_shares_is_refused() -> None:
    """The rows that a person reads belong to the same model."""
    table = answered("boosting", PARAMETERS)
    for rows in (table.rows[:1], tuple((*row[:2], 2.0, *row[3:]) for row in table.rows)):
        with pytest.raises(WardnetError) as refusal:
            read("boosting", PARAMETERS, replace(table, rows=rows))
        assert refusal.value.reason is Reason.MALFORMED


def test_an_answer_without_a_model_predicts_nothing() -> None:
    """Too few patients of a class: the refusal says that there is none."""
    with pytest.raises(WardnetError) as refusal:
        read("boosting", PARAMETERS, Table(("part", "name"), ("share",), ()))
    assert refusal.value.reason is Reason.NO_MODEL
    held = Withheld({"part": "every"}, ("share",), "no has fewer than 10 patients")
    with pytest.raises(
        WardnetError, match="holds no model that predicts: no has fewer than 10 patients"
    ):
        read("boosting", PARAMETERS, Table(("part", "name"), ("share",), (), (held,)))
