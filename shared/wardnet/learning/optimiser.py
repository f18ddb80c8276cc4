"""The step that a round's mean update makes: elementwise, so with the same bits everywhere."""

from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from wardnet.learning.parameters import ADAPTIVE
from wardnet.learning.plan import Plan

Vector: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Shared:
    """Hold the weights that all hospitals know, and what the next step remembers.

    Parameters
    ----------
    weights : ndarray of float64, shape (weights,)
        The model.
    momentum, square : ndarray of float64, same shape or (0,)
        Running mean of the updates, and of their squares; for fedadam, fedyogi and fedadagrad.
    before, control : ndarray of float64, same shape or (0,)
        For scaffold: the weights of the round before, and the mean gradient there; none in the
        first round.
    """

    weights: Vector
    momentum: Vector
    square: Vector
    before: Vector
    control: Vector


def first(plan: Plan) -> Shared:
    """Return what all hospitals know at first."""
    given, none = plan.given, np.zeros(0)
    start = np.array(given.start) if given.start else plan.network.start(given.seed)
    if given.algorithm not in ADAPTIVE:
        return Shared(start, none, none, none, none)
    square = np.full(start.size, given.tau * given.tau)
    return Shared(start, np.zeros(start.size), square, none, none)


def take(plan: Plan, shared: Shared, *, update: Vector, control: Vector) -> Shared:
    """Return what all hospitals know after a round.

    Parameters
    ----------
    update : ndarray of float64, shape (weights,)
        Mean of the hospitals' updates.
    control : ndarray of float64, shape (weights,) or (0,)
        Mean of their gradients at the shared weights; for scaffold.

    References
    ----------
    Reddi et al. (2021), Adaptive federated optimization, algorithm 2.
    Karimireddy et al. (2020), SCAFFOLD, algorithm 1, option I.
    """
    given, rate = plan.given, plan.server_rate
    if given.algorithm not in ADAPTIVE:
        moved = shared.weights + rate * update
        return replace(shared, weights=moved, before=shared.weights, control=control)
    momentum = given.beta1 * shared.momentum + (1.0 - given.beta1) * update
    squared, square = update * update, shared.square
    match given.algorithm:
        case "fedadam":
            square = given.beta2 * square + (1.0 - given.beta2) * squared
        case "fedyogi":
            square = square - (1.0 - given.beta2) * squared * np.sign(square - squared)
        case _:
            square = square + squared
    moved = shared.weights + rate * momentum / (np.sqrt(square) + given.tau)
    return replace(shared, weights=moved, momentum=momentum, square=square)
