"""What a hospital does with its rows in one round; it keeps nothing of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wardnet.learning.optimiser import Shared
from wardnet.learning.plan import Plan
from wardnet.sums.accumulate import BLOCK

Vector: TypeAlias = NDArray[np.float64]
Matrix: TypeAlias = NDArray[np.float64]

LOSS_UNIT: Final = 30
LARGEST_LOSS: Final = 1 << 20
"""A row's loss counts as no more, so that those of a block fit a word."""


@dataclass(frozen=True)
class Trainee:
    """Hold one hospital's rows as a model sees them, in an order that follows from what they hold.

    Parameters
    ----------
    plan : Plan
        How to train.
    x : ndarray of float64, shape (rows, inputs)
        What goes in.
    targets : ndarray of float64, shape (rows, outputs)
        What should come out.
    """

    plan: Plan
    x: Matrix
    targets: Matrix

    def refitted(self, weights: Vector, *, number: int) -> Vector:
        """Return the shared weights with those that are the hospital's own, fitted to its rows."""
        if self.plan.given.personal == "none":
            return weights
        return self._trained(weights, self.plan.personal, number, pull=None)

    def update(self, own: Vector, shared: Shared, *, number: int) -> Vector:
        """Return by how much training moves the weights that are shared; 0 for the others.

        Parameters
        ----------
        own : ndarray of float64, shape (weights,)
            Where it begins.
        shared : Shared
            What all hospitals know.
        number : int
            Of the round, from 0.
        """
        pull = None
        if self.plan.given.algorithm == "scaffold" and shared.before.size:
            pull = shared.control - self.control(shared.before)
        trained = self._trained(own, ~self.plan.personal, number, pull=pull)
        return clipped(trained - own, self.plan.given.clip)

    def control(self, weights: Vector) -> Vector:
        """Return the clipped gradient of all rows' mean loss plus the ridge, shape (weights,)."""
        return clipped(self._gradient(weights, self.x, self.targets), self.plan.given.clip)

    def measured(self, weights: Vector) -> list[int]:
        """Return the sum of the losses in units of `2**-LOSS_UNIT`, and how many rows are hit."""
        network = self.plan.network
        pieces = [network.outputs(weights, self.x[piece]) for piece in self._pieces(len(self.x))]
        outputs = np.concatenate(pieces or [np.zeros((0, network.sizes[-1]))])
        losses = np.nan_to_num(network.losses(outputs, self.targets), nan=np.inf)
        whole = np.rint(np.minimum(losses, LARGEST_LOSS) * 2.0**LOSS_UNIT).astype(np.int64)
        sums = (whole[at : at + BLOCK].sum() for at in range(0, whole.size, BLOCK))
        return [sum(map(int, sums)), int(np.count_nonzero(self.plan.hits(outputs, self.targets)))]

    def _trained(
        self, start: Vector, moving: NDArray[np.bool_], number: int, *, pull: Vector | None
    ) -> Vector:
        """Take the round's steps; only some weights move, and none without rows."""
        given = self.plan.given
        weights, every = start.copy(), bool(moving.all())
        if not len(self.x):
            return weights
        for rows in self._batches(number):
            gradient = self._gradient(weights, self.x[rows], self.targets[rows])
            if given.algorithm == "fedprox":
                gradient += given.mu * (weights - start)
            if pull is not None:
                gradient += pull
            if not every:
                gradient *= moving
            gradient *= given.learning_rate
            weights -= gradient
        return weights

    def _gradient(self, weights: Vector, x: Matrix, targets: Matrix) -> Vector:
        """Return the gradient of the rows' mean loss, added up so that it fits in memory."""
        network, total = self.plan.network, np.zeros(weights.size)
        for piece in self._pieces(len(x)):
            found = network.gradient(weights, x[piece], targets[piece])
            total += len(x[piece]) / len(x) * found
        return total

    def _pieces(self, rows: int) -> list[slice]:
        size = self.plan.network.rows_at_once
        return [slice(first, first + size) for first in range(0, rows, size)]

    def _batches(self, number: int) -> Iterator[NDArray[np.intp]]:
        """Yield the places of a round's batches; every way through the rows has its own order.

        The last batch takes the rest, too: no batch is smaller than it may be.
        """
        given = self.plan.given
        every = max(1, len(self.x) // given.batch_size)
        steps = given.steps or given.epochs * every
        order = self._order(number * steps // every)
        for step in range(number * steps, (number + 1) * steps):
            way, place = divmod(step, every)
            order = order if place else self._order(way)
            end = None if place == every - 1 else (place + 1) * given.batch_size
            yield order[place * given.batch_size : end]

    def _order(self, way: int) -> NDArray[np.intp]:
        """Return an order that another size of batches does not share: none differ by one row."""
        given = self.plan.given
        drawn = np.random.PCG64([given.seed, way, given.batch_size]).random_raw(len(self.x))
        return np.argsort(drawn, kind="stable")


def clipped(update: Vector, bound: float) -> Vector:
    """Return an update, as much shorter as its Euclidean norm exceeds the bound; NaN if endless."""
    norm = float(np.sqrt(update @ update))
    if not np.isfinite(norm):
        return np.full(update.size, np.nan)
    return update if norm <= bound else update * (bound / norm)
