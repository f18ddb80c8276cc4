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
from wardnet.statistics.trees.tree import Tree
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


def add_trees(held: Binned, trees: Sequence[Tree], *, plan: Plan, lineages: Sequence[str]) -> None:
    """Bring a batch's scores up to the finished trees; all are added anew where it is new.

    Parameters
    ----------
    trees : sequence of Tree
        Finished, in order.
    lineages : sequence of str
        What the trees were, group by group; the last is that of all.
    """
    if held.lineage == lineages[-1]:
        return
    if held.lineage not in lineages:
        held.scores = np.zeros((len(plan.outcome.outputs), held.outcome.size))
        held.added = 0
    for place, tree in enumerate(() if plan.forest else trees[held.added :]):
        held.scores[tree.output] += tree.values.take(held.walk(place, tree.branches))
    held.added, held.lineage = len(trees), lineages[-1]
    held.terms, held.places = {}, {}


def terms(held: Binned, plan: Plan, *, number: int, output: int, unit: int) -> Terms:
    """Return each row's weight, gradient and hessian, as whole numbers.

    Parameters
    ----------
    number, output : int
        For which tree of which output.
    unit : int
        The integer k stands for `k * 2**-unit`; for a forest's hessians, for k.
    """
    wanted = plan.outcome.target(held.outcome, output)
    scores, one = held.scores, 2.0**unit
    if plan.forest:
        weight = draw_bag(held.keys, seed=plan.seed, tree=number)
        return to_terms(weight, np.rint(wanted * -weight * one), weight.astype(np.float64))
    weight = draw_share(held.keys, plan.share, seed=plan.seed, tree=number)
    if not plan.outcome.classes:
        return to_terms(weight, np.rint((scores[0] - wanted) * one))
    chance = sigmoid(scores[0]) if len(scores) == 1 else softmax(scores)[output]
    hessians = np.rint(chance * (1.0 - chance) * one)
    return to_terms(weight, np.rint((chance - wanted) * one), hessians)


def loss(held: Binned, plan: Plan, *, unit: int) -> int:
    """Return the sum of the rows' losses before the next tree, in units of `2**-unit`.

    Notes
    -----
    Of a number, (score - outcome)**2; of a class, minus the logarithm of its chance.
    """
    losses = np.minimum(_losses(held, plan), LARGEST_LOSS)
    return int(np.rint(losses * 2.0**unit).astype(np.int64).sum())


def _losses(held: Binned, plan: Plan) -> NDArray[np.float64]:
    scores = held.scores
    if not plan.outcome.classes:
        error = scores[0] - held.outcome
        return np.asarray(error * error)
    if len(scores) == 1:
        sign = 2.0 * plan.outcome.target(held.outcome, 0) - 1.0
        return -log(sigmoid(sign * scores[0]))
    return -log(softmax(scores)[held.outcome, np.arange(held.outcome.size)])
