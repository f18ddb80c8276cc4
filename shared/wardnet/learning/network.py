"""A linear model, or a network of fully connected layers: its outputs and its gradient.

All weights stand in one vector, layer by layer: the matrix (inputs by outputs, row by row), then
the intercepts.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wardnet.sums.elementary import log, sigmoid, softmax

Vector: TypeAlias = NDArray[np.float64]
Matrix: TypeAlias = NDArray[np.float64]
Product: TypeAlias = Callable[[Matrix, Matrix], Matrix]

Loss: TypeAlias = Literal["squared_error", "log_loss"]
Activation: TypeAlias = Literal["relu", "tanh", "logistic", "identity"]

_MOST_ROWS: Final = 1 << 14
_MOST_NUMBERS: Final = 1 << 22
"""Most rows, and most numbers of all their layers, that are computed at once."""

_SMALLEST: Final = 1e-300
"""A chance below this counts as this, so that its logarithm is a number."""


def by_columns(x: Matrix, weights: Matrix) -> Matrix:
    """Return the product of matrices, added up in one order: a library's depends on the machine."""
    product = np.zeros((x.shape[0], weights.shape[1]))
    for place in range(x.shape[1]):
        product += x[:, place : place + 1] * weights[place]
    return product


@dataclass(frozen=True)
class Network:
    """Hold the shape of a model; a linear one has no hidden layer.

    Parameters
    ----------
    sizes : tuple of int
        Numbers that go in, through each hidden layer, and out.
    activation : str
        Of the hidden layers.
    loss : str
        `squared_error`, half of it; or `log_loss`, of one output's odds or of each class.
    alpha : float
        Strength of the ridge on all weights but the intercepts.
    """

    sizes: tuple[int, ...]
    activation: Activation
    loss: Loss
    alpha: float

    @property
    def weights(self) -> int:
        """Return how many weights there are, intercepts included."""
        return sum((inside + 1) * out for inside, out in self._shapes)

    @property
    def rows_at_once(self) -> int:
        """Return of how many rows all layers fit in memory, however wide they are."""
        return max(1, min(_MOST_ROWS, _MOST_NUMBERS // sum(self.sizes)))

    @property
    def _shapes(self) -> tuple[tuple[int, int], ...]:
        return tuple(zip(self.sizes[:-1], self.sizes[1:], strict=True))

    def layers(self, weights: Vector) -> Iterator[tuple[Matrix, Vector]]:
        """Yield each layer's matrix, shape (in, out), and intercepts, shape (out,): no copies."""
        at = 0
        for inside, out in self._shapes:
            middle, end = at + inside * out, at + (inside + 1) * out
            yield weights[at:middle].reshape(inside, out), weights[middle:end]
            at = end

    def start(self, seed: int) -> Vector:
        """Return the first weights: 0 of a linear model, else drawn (Glorot, Bengio 2010)."""
        weights = np.zeros(self.weights)
        if len(self.sizes) == 2:
            return weights
        bits = np.random.PCG64(seed)
        for matrix, _ in self.layers(weights):
            factor = 2.0 if self.activation == "logistic" else 6.0
            bound = np.sqrt(factor / sum(matrix.shape))
            drawn = (bits.random_raw(matrix.size) >> np.uint64(11)) * 2.0**-53
            matrix[:] = ((2.0 * drawn - 1.0) * bound).reshape(matrix.shape)
        return weights

    @cached_property
    def penalised(self) -> NDArray[np.bool_]:
        """Return which weights are no intercepts, shape (weights,)."""
        mask = np.zeros(self.weights)
        for matrix, _ in self.layers(mask):
            matrix[:] = 1.0
        return mask > 0

    def outputs(self, weights: Vector, x: Matrix, product: Product = np.matmul) -> Matrix:
        """Return what comes out, before it is turned into chances, shape (rows, outputs)."""
        return self._through(weights, x, product)[-1]

    def chances(self, outputs: Matrix) -> Matrix:
        """Return the chance of each class, shape (rows, classes), of one output's odds or of each.

        Only where the loss is that of chances.
        """
        if outputs.shape[1] > 1:
            return np.ascontiguousarray(softmax(outputs.T).T)
        odds = outputs[:, 0]
        return np.stack([sigmoid(-odds), sigmoid(odds)], axis=1)

    def losses(self, outputs: Matrix, targets: Matrix) -> Vector:
        """Return each row's loss without the ridge, shape (rows,).

        Parameters
        ----------
        outputs, targets : ndarray of float64, shape (rows, outputs)
            What comes out; what should: numbers, or 1 for the class and 0 for others.
        """
        if self.loss == "squared_error":
            return np.asarray(0.5 * (outputs[:, 0] - targets[:, 0]) ** 2)
        chances = self.chances(outputs)
        wanted = targets if targets.shape[1] > 1 else np.hstack([1.0 - targets, targets])
        met = np.maximum(np.where(wanted > 0, chances, 0.0).max(axis=1, initial=0.0), _SMALLEST)
        return -log(met)

    def gradient(self, weights: Vector, x: Matrix, targets: Matrix) -> Vector:
        """Return the gradient of the rows' mean loss plus the ridge, shape (weights,)."""
        through = self._through(weights, x, np.matmul)
        outputs = through[-1]
        if self.loss == "squared_error":
            found = outputs
        else:
            found = sigmoid(outputs) if outputs.shape[1] == 1 else self.chances(outputs)
        error = (found - targets) / len(x)
        gradient = self.alpha * weights * self.penalised
        layers, slopes = list(self.layers(weights)), list(self.layers(gradient))
        for place in range(len(layers) - 1, -1, -1):
            before = through[place]
            slopes[place][0][:] += before.T @ error
            slopes[place][1][:] += error.sum(axis=0)
            if place:
                error = (error @ layers[place][0].T) * self._slope(before)
        return gradient

    def _through(self, weights: Vector, x: Matrix, product: Product) -> list[Matrix]:
        """Return what goes into each layer, and what comes out of the last."""
        through = [x]
        for place, (matrix, intercepts) in enumerate(self.layers(weights)):
            out = product(through[-1], matrix) + intercepts
            through.append(out if place == len(self.sizes) - 2 else self._active(out))
        return through

    def _active(self, x: Matrix) -> Matrix:
        match self.activation:
            case "relu":
                return np.maximum(x, 0.0)
            case "logistic":
                return sigmoid(x)
            case "tanh":
                return 2.0 * sigmoid(2.0 * x) - 1.0
            case "identity":
                return x

    def _slope(self, active: Matrix) -> Matrix:
        """Return the activation's slope, given what it returned."""
        match self.activation:
            case "relu":
                return (active > 0.0).astype(np.float64)
            case "logistic":
                return active * (1.0 - active)
            case "tanh":
                return 1.0 - active * active
            case "identity":
                return np.ones_like(active)


__all__ = ["Activation", "Loss", "Network", "by_columns"]
