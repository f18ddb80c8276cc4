"""The algorithms: averaging, its variants, adaptive steps and clipping, as the papers have them."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from support.learning import PLAIN, asked, learn, table, weights
from wardnet.learning.optimiser import Shared, first, take
from wardnet.learning.training import Trainee, clipped


def test_one_hospital_with_all_rows_in_a_batch_is_plain_gradient_descent() -> None:
    """Federated averaging adds nothing of its own."""
    rows = table(200)
    result = learn([rows], **PLAIN, outcome="ill", rounds=30, learning_rate=0.5)
    x = np.column_stack([rows["x"], rows["z"], np.ones(200)])
    at = np.zeros(3)
    for _ in range(30):
        at -= 0.5 * x.T @ (1 / (1 + np.exp(-x @ at)) - rows["ill"]) / 200
    assert weights(result) == pytest.approx(at, abs=1e-9)


def test_one_step_at_each_hospital_is_gradient_descent_on_all_rows() -> None:
    """Updates weighted by rows are then the gradient of the pooled rows."""
    tables = [table(150, seed=1), table(30, seed=2, slope=-1.0)]
    common: dict[str, Any] = {**PLAIN, "outcome": "y", "estimator": "SGDRegressor", "rounds": 20}
    apart, together = learn(tables, **common), learn([pd.concat(tables)], **common)
    assert weights(apart) == pytest.approx(weights(together), abs=1e-9)
    assert apart.table.rows[-1][1] == pytest.approx(together.table.rows[-1][1])


def test_equal_weights_count_hospitals_and_not_rows() -> None:
    """A small hospital then moves the model as much as a large one; one without rows not."""
    tables = [table(300, slope=2.0), table(30, slope=-2.0), table(1)[:0]]
    common: dict[str, Any] = {
        **PLAIN,
        "outcome": "y",
        "estimator": "SGDRegressor",
        "rounds": 40,
        "steps": 40,
    }
    by_rows = weights(learn(tables, **common, weights="rows"))[0]
    equal = weights(learn(tables, **common, weights="equal"))[0]
    assert by_rows > 1.5
    assert abs(equal) < 0.2


def test_scaffold_drifts_less_than_averaging() -> None:
    """Hospitals that differ pull averaging off the best model of all rows; controls correct it."""
    tables = [table(100, slope=3.0, spread=2.0), table(100, seed=2, slope=-1.0, spread=0.5)]
    rows = pd.concat(tables)
    x = np.column_stack([rows["x"], rows["z"], np.ones(200)])
    best = np.linalg.lstsq(x, rows["y"], rcond=None)[0]
    common: dict[str, Any] = {
        **PLAIN,
        "outcome": "y",
        "estimator": "SGDRegressor",
        "rounds": 150,
        "steps": 20,
    }
    drift = {
        algorithm: np.abs(
            weights(learn(tables, **common, algorithm=algorithm, learning_rate=0.05)) - best
        ).max()
        for algorithm in ("fedavg", "scaffold")
    }
    assert drift["fedavg"] > 0.3
    assert drift["scaffold"] < 0.01


def test_fedprox_stays_nearer_to_the_shared_weights() -> None:
    """The stronger the pull, the shorter a round's way; without pull it is federated averaging."""
    rows = [table(100)]
    common: dict[str, Any] = {
        **PLAIN,
        "outcome": "ill",
        "rounds": 1,
        "steps": 50,
        "learning_rate": 0.5,
    }
    average = weights(learn(rows, **common))
    lengths = [
        float(np.linalg.norm(weights(learn(rows, **common, algorithm="fedprox", mu=mu))))
        for mu in (0.0, 0.1, 1.0)
    ]
    assert lengths[0] == np.linalg.norm(average)
    assert lengths[0] > lengths[1] > lengths[2]


@pytest.mark.parametrize("algorithm", ["fedadam", "fedyogi", "fedadagrad"])
def test_adaptive_steps_are_those_of_the_paper(algorithm: str) -> None:
    """Reddi et al. (2021), algorithm 2, written out for two rounds of one weight."""
    question = asked(
        outcome="ill", algorithm=algorithm, beta1=0.9, beta2=0.8, tau=0.1, server_learning_rate=0.5
    )
    shared, mean, square, at = first(question), 0.0, 0.1**2, 0.0
    for update in (0.3, -0.05):
        shared = take(question, shared, update=np.full(3, update), control=np.zeros(0))
        mean = 0.9 * mean + 0.1 * update
        if algorithm == "fedadam":
            square = 0.8 * square + 0.2 * update**2
        elif algorithm == "fedyogi":
            square -= 0.2 * update**2 * np.sign(square - update**2)
        else:
            square += update**2
        at += 0.5 * mean / (np.sqrt(square) + 0.1)
    assert shared.weights == pytest.approx(np.full(3, at), rel=1e-14)


@pytest.mark.parametrize("estimator", ["SGDClassifier", "MLPClassifier"])
@pytest.mark.parametrize("algorithm", ["fedprox", "scaffold", "fedadam", "fedyogi", "fedadagrad"])
def test_every_algorithm_learns_without_further_settings(algorithm: str, estimator: str) -> None:
    """Twenty rounds of its own rates end about where plain averages do."""
    tables = [table(200), table(100, seed=2), table(60, seed=3)]
    asked: dict[str, Any] = {"outcome": "ill", "estimator": estimator, "hidden_layer_sizes": [8]}
    plain, other = (
        float(str(learn(tables, **asked, algorithm=each).table.rows[-1][1]))
        for each in ("fedavg", algorithm)
    )
    assert other < 1.25 * plain


def test_an_update_is_clipped_to_its_norm() -> None:
    """A hospital whose update has norm a million moves the model by no more than the bound."""
    assert np.linalg.norm(clipped(np.full(4, 5e5), 2.0)) == pytest.approx(2.0)
    with np.errstate(over="ignore"):
        assert np.isnan(clipped(np.full(4, 1e200), 2.0)).all()
    rows = table(100)
    rows["y"] = 500.0
    common: dict[str, Any] = {**PLAIN, "outcome": "y", "estimator": "SGDRegressor", "rounds": 1}
    pulled = weights(learn([rows, table(100)], **{**common, "clip": 0.5}, learning_rate=1.0))
    assert 0.2 < np.linalg.norm(pulled) <= 0.5


def test_a_network_learns_what_a_line_cannot() -> None:
    """Exclusive or: a hidden layer is right in most rows, a linear model in half of them."""
    tables = [table(400), table(400, seed=2)]
    tables = [each.assign(ill=(each["x"] > 0) != (each["z"] > 0)) for each in tables]
    common: dict[str, Any] = {"outcome": "ill", "rounds": 30, "validation_share": 0.2}
    line = learn(tables, **common).table.rows[-1][3]
    deep = learn(
        tables, **common, estimator="MLPClassifier", hidden_layer_sizes=[16], epochs=5
    ).table.rows[-1][3]
    assert float(str(line)) < 0.65
    assert float(str(deep)) > 0.9


def test_training_ends_when_the_rows_aside_get_no_better() -> None:
    """The model is that of the best round, not of the last."""
    result = learn(
        [table(60)],
        outcome="kind",
        estimator="MLPClassifier",
        hidden_layer_sizes=[30],
        rounds=200,
        epochs=5,
        validation_share=0.4,
        patience=3,
    )
    losses = [float(str(row[2])) for row in result.table.rows]
    assert len(losses) < 201
    assert int(np.argmin(losses)) == len(losses) - 4
    stopped = int(np.argmin(losses))
    again = learn(
        [table(60)],
        outcome="kind",
        estimator="MLPClassifier",
        hidden_layer_sizes=[30],
        rounds=max(stopped, 1),
        epochs=5,
        validation_share=0.4,
    )
    assert not stopped or np.array_equal(weights(result), weights(again))


def test_a_hospital_keeps_nothing_between_rounds() -> None:
    """Training the same round again, anew, gives the same bits."""
    question = asked(outcome="y", estimator="SGDRegressor", algorithm="scaffold", batch_size=8)
    random = np.random.default_rng(1)
    x, targets = random.normal(size=(100, 2)), random.normal(size=(100, 1))
    shared = Shared(np.ones(3), np.zeros(0), np.zeros(0), np.zeros(3), np.full(3, 0.1))
    ours = Trainee(question, x, targets)
    ours.update(np.ones(3), shared, number=3)
    once = ours.update(np.ones(3), shared, number=4)
    again = Trainee(question, x.copy(), targets.copy()).update(np.ones(3), shared, number=4)
    assert np.array_equal(once, again)
