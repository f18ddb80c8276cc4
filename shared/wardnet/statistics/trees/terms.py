"""What a row tells a growing tree: how often it counts, its gradient and its hessian."""

from collections.abc import Sequence
from math import ldexp
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wardnet.statistics.outcomes import GRID, Outcome, log_ratio, on_grid
from wardnet.statistics.sampling import draw_bag, draw_share
from wardnet.statistics.trees.binned import Binned, walk
from wardnet.statistics.trees.growth import Node
from wardnet.statistics.trees.plan import Plan
from wardnet.statistics.trees.table import Tree
from wardnet.sums.elementary import sigmoid, softmax


def start(outcome: Outcome, rows: Sequence[int], total: int) -> tuple[Tree, ...]:
    """Return trees of one leaf: the mean, or the logarithm of the odds or of each class's share."""
    match outcome.classes:
        case ():
            values = [on_grid(ldexp(total, -GRID) / rows[0])]
        case (_, _):
            values = [log_ratio(rows[1], rows[0])]
        case _:
            values = [log_ratio(each, sum(rows)) for each in rows]
    leaf = (Node(np.zeros(3, np.int64), 0),)
    return tuple(Tree(0, output, leaf, np.array([each])) for output, each in enumerate(values))


def add_trees(
    held: Binned, trees: Sequence[Tree], *, plan: Plan, missing: int, lineages: Sequence[str]
) -> None:
    """Bring a batch's scores up to the finished trees; all are added anew where it is new.

    Parameters
    ----------
    trees : sequence of Tree
        Finished, in order.
    missing : int
        The bin of missing values.
    lineages : sequence of str
        What the trees were, group by group; the last is that of all.
    """
    if held.lineage == lineages[-1]:
        return
    if held.lineage not in lineages:
        held.scores = np.zeros((len(plan.outcome.outputs), held.outcome.size))
        held.added = 0
    for tree in () if plan.forest else trees[held.added :]:
        at = walk(tree.nodes, held, missing=missing)
        held.scores[tree.output] += tree.values.take(at)
    held.added, held.lineage, held.terms = len(trees), lineages[-1], {}


def terms(
    held: Binned, plan: Plan, *, number: int, output: int, unit: int
) -> tuple[NDArray[Any], ...]:
    """Return each row's weight, gradient and, if it is counted, hessian, as whole numbers.

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
        return weight, np.rint(wanted * -weight * one), weight.astype(np.float64)
    weight = draw_share(held.keys, plan.share, seed=plan.seed, tree=number)
    if not plan.outcome.classes:
        return weight, np.rint((scores[0] - wanted) * one)
    chance = sigmoid(scores[0]) if len(scores) == 1 else softmax(scores)[output]
    return weight, np.rint((chance - wanted) * one), np.rint(chance * (1.0 - chance) * one)
