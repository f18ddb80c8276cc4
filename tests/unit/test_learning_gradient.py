"""The gradient and the predictions: right, the same in pieces, and of bounded memory."""

import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray

from support.learning import asked
from wardnet.learning.network import Network, by_columns
from wardnet.learning.optimiser import first
from wardnet.learning.training import Trainee


@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
@pytest.mark.parametrize(
    ("loss", "outputs"), [("squared_error", 1), ("log_loss", 1), ("log_loss", 3)]
)
def test_the_gradient_is_the_slope_of_the_loss(activation: str, loss: str, outputs: int) -> None:
    """Each entry is what a small step of that weight changes in the mean loss and the ridge."""
    network = Network((4, 5, 3, outputs), activation, loss, alpha=0.3)  # type: ignore[arg-type]
    random = np.random.default_rng(3)
    at, x = random.normal(size=network.weights), random.normal(size=(7, 4))
    targets = np.eye(3)[random.integers(0, 3, 7)] if outputs == 3 else random.integers(0, 2, (7, 1))

    def worth(weights: NDArray[np.float64]) -> float:
        mean = network.losses(network.outputs(weights, x), targets.astype(np.float64)).mean()
        return float(mean + 0.15 * (weights[network.penalised] ** 2).sum())

    steps = np.eye(network.weights) * 1e-6
    slopes = [(worth(at + step) - worth(at - step)) / 2e-6 for step in steps]
    assert network.gradient(at, x, targets.astype(np.float64)) == pytest.approx(slopes, abs=1e-7)


def test_memory_does_not_grow_with_rows_times_the_width_of_a_layer() -> None:
    """A question about a very wide layer costs time, and not the hospital's machine."""
    wide = asked(
        outcome="ill",
        estimator="MLPClassifier",
        hidden_layer_sizes=[50_000],
        batch_size=1 << 20,
        clip=1e4,
    )
    x = np.random.default_rng(1).normal(size=(2_000, 2))  # one layer's numbers would be 800 MB
    trainee = Trainee(wide, x, (x[:, :1] > 0).astype(np.float64))
    shared = first(wide)
    tracemalloc.start()
    trainee.update(shared.weights, shared, number=0)
    slope = trainee.control(shared.weights)
    trainee.measured(shared.weights)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 300 << 20
    assert np.isfinite(slope).all()


def test_a_gradient_is_the_same_whole_or_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each piece counts by its rows."""
    learned = asked(outcome="y", estimator="SGDRegressor", alpha=0.3, clip=1e4)
    x = np.random.default_rng(2).normal(size=(70, 2))
    trainee, at = Trainee(learned, x, x @ [[2.0], [1.0]]), np.array([0.1, -0.4, 0.2])
    whole = trainee.control(at)
    monkeypatch.setattr(Network, "rows_at_once", 32)
    assert trainee.control(at) == pytest.approx(whole, rel=1e-12)


def test_predictions_do_not_depend_on_how_rows_are_cut() -> None:
    """The product that predicts adds up in one order, whatever stands beside a row."""
    random = np.random.default_rng(1)
    x, matrix = random.normal(size=(50, 40)), random.normal(size=(40, 9))
    whole = by_columns(x, matrix)
    assert np.array_equal(np.concatenate([by_columns(row[None], matrix) for row in x]), whole)
    assert whole == pytest.approx(x @ matrix)
