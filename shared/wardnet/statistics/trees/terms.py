"""What a row tells a growing tree: how often it counts, its gradient and its hessian."""

from collections.abc import Sequence
from math import ldexp
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wardnet.statistics.outcomes import GRID, Outcome, log_ratio, on_grid
from wardnet.statistics.sampling import draw_bag, draw_share
from wardnet.statistics.trees.binned import Binned, Terms, to_terms
from wardnet.statistics.trees.growth import Node, branches
from wardnet.statistics.trees.plan import Plan
from wardnet.statistics.trees.tree import Grove, Tree
from wardnet.sums.elementary import log, sigmoid, softmax

LARGEST_LOSS: Final = 1024.0
"""As much a row's loss counts at most."""


def start(outcome: Outcome, rows: Sequence[int], total: int) -> tuple[Tree, ...]:
    """Return trees of one leaf: the mean, or the logarithm of the odds or of each class's share."""
    match outcome.classes:
        case ():
            values = [on_grid(ldexp(total, -GRID) / rows[0])]
        case (_, _):
            values = [log_ratio(rows[1], rows[0])]
        case _:
            values = [log_ratio(each, sum(rows)) for each in rows]
    leaf = branches([Node(np.zeros(3, np.int64), 0)])
    return tuple(Tree(output, leaf, np.array([each])) for output, each in enumerate(values))


def add_trees(held: Binned, groves: Sequence[Grove], *, plan: Plan) -> None:
    """Bring a batch's scores up to the finished trees; all are added anew where it is new.

    Parameters
    ----------
    groves : sequence of Grove
        Finished, in order.
    """
    if held.lineage == groves[-1].lineage:
        return
    lineages = [each.lineage for each in groves]
    if held.lineage in lineages:
        groves = groves[lineages.index(held.lineage) + 1 :]
    else:
        held.scores = np.zeros((len(plan.outcome.outputs), held.outcome.size))
    trees = () if plan.forest else [tree for each in groves for tree in each.trees]
    for place, tree in enumerate(trees):
        held.scores[tree.output] += tree.values.take(held.walk(place, tree.branches))
    held.lineage = lineages[-1]
    held.chances, held.terms, held.places = None, {}, {}


def terms(held: Binned, plan: Plan, *, number: int, output: int, unit: int) -> Terms:
    """Return each row's weight, gradient and hessian, as whole numbers.

    Parameters
    ----------
    number, output : int
        For which tree of which output.
    unit : int
        The integer k stands for `k * 2**-unit`; for a forest's hessians, for k.
    """
    wanted, one = plan.outcome.target(held.outcome, output), 2.0**unit
    if plan.forest:
        weight = draw_bag(held.keys, seed=plan.seed, tree=number)
        return to_terms(weight, np.rint(wanted * -weight * one), weight.astype(np.float64))
    weight = draw_share(held.keys, plan.share, seed=plan.seed, tree=number)
    if not plan.outcome.classes:
        return to_terms(weight, np.rint((held.scores[0] - wanted) * one))
    chance = _chances(held)[output]
    hessians = np.rint(chance * (1.0 - chance) * one)
    off = (chance - 1.0) * _side(held) if len(held.scores) == 1 else chance - wanted
    return to_terms(weight, np.rint(off * one), hessians)


def loss(held: Binned, plan: Plan, *, unit: int) -> int:
    """Return the sum of the rows' losses before the next tree, in units of `2**-unit`.

    Notes
    -----
    Of a number, (score - outcome)**2; of a class, minus the logarithm of its chance.
    """
    losses = np.minimum(_losses(held, plan), LARGEST_LOSS)
    return int(np.rint(losses * 2.0**unit).astype(np.int64).sum())


def _losses(held: Binned, plan: Plan) -> NDArray[np.float64]:
    if not plan.outcome.classes:
        error = held.scores[0] - held.outcome
        return np.asarray(error * error)
    chances = _chances(held)
    own = chances[0] if len(chances) == 1 else chances[held.outcome, np.arange(held.outcome.size)]
    return -log(own, often=True)


def _chances(held: Binned) -> NDArray[np.float64]:
    """Return what the loss and the gradients of all outputs begin with, shape (outputs, rows).

    The chance of each class; of two classes, the chance of the row's own.
    """
    if held.chances is None:
        one = len(held.scores) == 1
        held.chances = (
            sigmoid(_side(held) * held.scores, often=True)
            if one
            else softmax(held.scores, often=True)
        )
    return held.chances


def _side(held: Binned) -> NDArray[np.float64]:
    """Return 1 for rows of the second of two classes, -1 for the others, shape (rows,)."""
    return 2.0 * held.outcome - 1.0
