"""Grow trees group after group on common bins; what boosting and random forests share."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import ldexp
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wardnet.errors import Reason, WardnetError
from wardnet.privacy.rules import DisclosureRules
from wardnet.question.answer import Table
from wardnet.question.rows import Rows
from wardnet.statistics.kept import kept
from wardnet.statistics.method import Part
from wardnet.statistics.outcomes import GRID, on_grid
from wardnet.statistics.sampling import draw_features
from wardnet.statistics.tally import COHORT
from wardnet.statistics.trees.binned import Binned, Bins, Terms, binned, histograms
from wardnet.statistics.trees.growth import Growth, Node, Shape, plant
from wardnet.statistics.trees.plan import Plan
from wardnet.statistics.trees.splitting import Histograms, Limits, Scale
from wardnet.statistics.trees.table import model_table
from wardnet.statistics.trees.terms import LARGEST_LOSS, add_trees, loss, start, terms
from wardnet.statistics.trees.tree import Grove, Tree, grove
from wardnet.sums.arrays import ArraySpec, Sums
from wardnet.sums.members import members

KINDS: Final = ("rows", "gradients", "hessians")
"""The sums of a bin: an array each, as they need different numbers of bytes."""

LOSS: Final = "loss"

ROUND_NUMBERS: Final = 500_000
"""Most numbers that a round of histograms carries, so that a hospital's sums fit a message."""

_LARGEST_TERM: Final = 8
"""Bound of a row's gradient and weight."""

_SUM_BITS: Final = 46
"""Bits of a row's term and of the number of rows: no total of 1024 hospitals reaches 2**59."""

_LOSS_BITS: Final = 39
"""The same for losses, of which a row's may be `LARGEST_LOSS`."""

_LEAST_HESSIAN: Final = 1e-3
_LARGEST_LEAF: Final = 64.0


@dataclass(frozen=True)
class Growing:
    """Hold how far the growing has come.

    Parameters
    ----------
    plan, rules, several_rows
        What is grown, and by which rules.
    bins : Bins
        Common to all hospitals.
    rows : int
        Rows with an outcome, over all hospitals.
    done : tuple of Grove
        Finished, in order, those that the first begin with included.
    group : tuple of (int, int)
        Number and output of the trees that grow.
    growth : Growth
        Their nodes.
    gains : ndarray of float64, shape (features,)
        Sums of the gains of the finished trees' splits.
    losses : tuple of float
        Mean loss of a row before each tree of a boosting.
    """

    plan: Plan
    rules: DisclosureRules
    several_rows: bool
    bins: Bins
    rows: int
    done: tuple[Grove, ...]
    group: tuple[tuple[int, int], ...]
    growth: Growth
    gains: NDArray[np.float64]
    losses: tuple[float, ...] = ()

    @property
    def _kinds(self) -> Sequence[str]:
        return KINDS[: self.plan.kinds]

    @property
    def _loss_unit(self) -> int:
        return max(0, min(GRID, _LOSS_BITS - self.rows.bit_length()))

    @property
    def _sums(self) -> tuple[int, int, int]:
        """Return the shape of a round's histograms of one kind."""
        return (len(self.growth.asked), len(self.plan.features), self.bins.size)

    @property
    def _with_loss(self) -> bool:
        """Say whether the round is a tree's first, or the one after the last."""
        return not self.plan.forest and all(each.left.size == 1 for each in self.growth.grown)

    def arrays(self) -> Sequence[ArraySpec]:
        """Declare the histograms of the asked nodes, and the patients in the checked ones."""
        scale = self.growth.shape.scale
        units = dict(zip(KINDS, (0, scale.gradient, scale.hessian), strict=True))
        specs = [
            ArraySpec(kind, self._sums, _LARGEST_TERM * self.rows << unit, COHORT, unit)
            for kind, unit in units.items()
            if self.growth.asked and kind in self._kinds
        ]
        if self._with_loss:
            largest = int(LARGEST_LOSS) * self.rows << self._loss_unit
            specs.append(ArraySpec(LOSS, (1,), largest, COHORT, self._loss_unit))
        if self.several_rows:
            specs += [
                ArraySpec(_patients(tree), (len(nodes),), self.rows, COHORT)
                for tree, nodes in self._checked.items()
            ]
        return specs

    def local(self, rows: Rows) -> Part:
        """Add up a batch's gradients by node, feature and bin."""
        if not rows.size:
            return self._nothing()
        held = kept(("binned", self.done[0].lineage), [rows], lambda: self._binned(rows))
        add_trees(held, self.done, plan=self.plan)
        part: dict[str, Any] = {}
        found: list[tuple[list[int], NDArray[np.int64]]] = []
        if self._with_loss:
            part[LOSS] = np.array([loss(held, self.plan, unit=self._loss_unit)])
        for tree, nodes in self._checked.items():
            added = self._terms(held, tree)
            grown = self.growth.grown[tree]
            known, at = grown.left.size, held.walk(tree, grown)
            if self.plan.samples:
                at = np.where(added.weight > 0, at, -1)
            if self.several_rows:
                index = _places(nodes, known)[at]
                part[_patients(tree)] = members(index, cells=len(nodes), patient=held.patient)
            places = [place for place, (each, _) in enumerate(self.growth.asked) if each == tree]
            if places:
                asked = [self.growth.asked[place][1] for place in places]
                counted, size = _places(asked, known), self.bins.size
                sums = histograms(held, at, places=counted, size=size, terms=added)
                found.append((places, sums))
        return {**part, **self._in_order(found)}

    def _in_order(self, found: Sequence[tuple[list[int], NDArray[np.int64]]]) -> Part:
        """Return the histograms of all trees by kind, in the order in which nodes are asked."""
        if not found:
            return {}
        _, every = found[0]
        if len(found) > 1:  # those of one tree, megabytes, are as they should be
            every = np.empty((len(self._kinds), *self._sums), np.int64)
            for places, sums in found:
                every[:, places] = sums
        return dict(zip(self._kinds, every, strict=True))

    def _binned(self, rows: Rows) -> Binned:
        plan = self.plan
        return binned(
            rows,
            bins=self.bins,
            columns=plan.columns,
            outcome=plan.outcome.values,
            known=plan.known,
        )

    def _nothing(self) -> Part:
        """Return the part of no rows, without growing anything anew."""
        sums = {spec.name: np.zeros(spec.shape, np.int64) for spec in self.arrays()}
        nobody = np.zeros(0, np.int64)
        empty = {
            _patients(tree): members(nobody, cells=len(nodes), patient=nobody.astype(np.uint32))
            for tree, nodes in self._checked.items()
        }
        return {name: empty.get(name, array) for name, array in sums.items()}

    def step(self, total: Sums) -> "Growing | Table":
        """Split nodes; when no more wait, begin the next trees or return the model."""
        losses = self._with_losses(total)
        if not self.group:
            return self.table(losses)
        growth = self.growth.step(self._found(total), self._small(total), self._allowed)
        grown = replace(self, growth=growth, losses=losses)
        return grown if growth.waiting else grown._finished()  # noqa: SLF001 - its own

    def _found(self, total: Sums) -> Iterable[Histograms]:
        """Return the asked nodes' histograms."""
        if not self.growth.asked:
            return []
        rows, gradients, *hessians = (np.asarray(total[kind], np.int64) for kind in self._kinds)
        if rows.min() < 0:
            raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule="a bin holds fewer rows than none")
        return zip(rows, gradients, *(hessians or [rows]), strict=True)

    @cached_property
    def _checked(self) -> dict[int, list[int]]:
        """Return the nodes of each tree that take part in this round."""
        checked: dict[int, list[int]] = {}
        for tree, node in self.growth.checked:
            checked.setdefault(tree, []).append(node)
        return checked

    def _small(self, total: Sums) -> list[bool]:
        if not self.several_rows:
            return [False] * len(self.growth.checked)
        counts = {tree: iter(total[_patients(tree)].tolist()) for tree in self._checked}
        least = self.rules.minimum_patients
        return [next(counts[tree]) < least for tree, _ in self.growth.checked]

    def _allowed(self, tree: int, node: int) -> NDArray[np.bool_]:
        number, output = self.group[tree]
        place = (node + 1) * len(self.plan.outcome.outputs) + output if self.plan.forest else 0
        return draw_features(
            len(self.plan.features), self.plan.some, seed=self.plan.seed, tree=number, node=place
        )

    def _terms(self, held: Binned, tree: int) -> Terms:
        if tree not in held.terms:
            number, output = self.group[tree]
            unit = self.growth.shape.scale.gradient
            held.terms[tree] = terms(held, self.plan, number=number, output=output, unit=unit)
        return held.terms[tree]

    def _with_losses(self, total: Sums) -> tuple[float, ...]:
        if LOSS not in total:
            return self.losses
        return (*self.losses, ldexp(int(total[LOSS][0]), -self._loss_unit) / self.rows)

    def _finished(self) -> "Growing | Table":
        """Close the group: its trees get their values."""
        trees = tuple(
            Tree(output, grown, np.array([self._value(node) for node in nodes]))
            for grown, nodes, (_, output) in zip(
                self.growth.grown, self.growth.trees, self.group, strict=True
            )
        )
        gains = self.gains.copy()
        for tree, nodes in zip(trees, self.growth.trees, strict=True):
            for number in tree.branches.reached():
                split = nodes[number].split
                if split is not None:
                    gains[split.feature] += split.gain
        done = (*self.done, grove(trees, after=self.done[-1].lineage))
        grown = replace(self, done=done, gains=gains)
        return _next(grown, self.group[-1][0] + 1)

    def table(self, losses: Sequence[float]) -> Table:
        """Return the finished trees as an answer; losses after 0, 1, 2 ... trees."""
        return model_table(
            [tree for each in self.done for tree in each.trees],
            plan=self.plan,
            bins=self.bins,
            gains=self.gains,
            losses=losses,
            rows=self.rows,
        )

    def _value(self, node: Node) -> float:
        """Return what a leaf adds to a row's score."""
        if node.split is not None:
            return 0.0
        rows, gradient, hessian = (int(each) for each in node.sums)
        scale = self.growth.shape.scale
        below = ldexp(hessian, -scale.hessian) + scale.penalty
        if rows < self.rules.minimum_patients or below <= 0:
            return 0.0
        value = -ldexp(gradient, -scale.gradient) / below * self.plan.rate
        return on_grid(min(max(value, -_LARGEST_LEAF), _LARGEST_LEAF))


def begin(
    plan: Plan,
    *,
    rules: DisclosureRules,
    several_rows: bool,
    bins: Bins,
    rows: Sequence[int],
    total: int,
) -> Growing | Table:
    """Return the first trees' state.

    Parameters
    ----------
    rows : sequence of int
        Rows of each class; of a number, all.
    total : int
        Sum of the numbers in units of `2**-GRID`; 0 for classes.
    """
    first = () if plan.forest else start(plan.outcome, rows, total)
    content = repr((plan, [edges.tolist() for edges in bins.edges], list(rows), total))
    shape = _shape(plan, rules, sum(rows))
    growth = plant(0, shape=shape, capacity=1, several_rows=several_rows)
    state = Growing(
        plan,
        rules,
        several_rows,
        bins,
        sum(rows),
        (grove(first, after=content),),
        (),
        growth,
        np.zeros(len(plan.features)),
    )
    return _next(state, 1)


def _next(state: Growing, number: int) -> Growing | Table:
    """Plant the next group: one tree of each output, or as many of a forest as a round carries.

    After the last tree of a boosting comes a round without any, for the loss.
    """
    plan = state.plan
    if plan.forest and number > plan.trees:
        return state.table(())
    outputs = range(len(plan.outcome.outputs))
    capacity = max(1, ROUND_NUMBERS // (len(plan.features) * state.bins.size * plan.kinds))
    widest = 1 << max(0, plan.depth - 2)
    together = max(1, capacity // (widest * len(outputs))) if plan.forest else 1
    last = min(plan.trees, number + together - 1)
    group = tuple((each, output) for each in range(number, last + 1) for output in outputs)
    growth = plant(
        len(group),
        shape=state.growth.shape,
        capacity=capacity,
        several_rows=state.several_rows,
    )
    return replace(state, group=group, growth=growth)


def _shape(plan: Plan, rules: DisclosureRules, count: int) -> Shape:
    """Return how trees grow on so many rows."""
    unit = min(plan.fineness, _SUM_BITS - count.bit_length())
    hessian = 0 if plan.forest or plan.counted_hessians else unit
    least = max(1, round(_LEAST_HESSIAN * 2.0**hessian))
    rows = max(plan.minimum_rows, rules.minimum_patients, 1)
    return Shape(
        plan.depth,
        plan.leaves,
        Scale(unit, hessian, plan.penalty),
        Limits(rows, least),
    )


def _places(nodes: Sequence[int], size: int) -> NDArray[np.intp]:
    """Return the place of each node among some nodes, -1 for others, shape (size + 1,)."""
    places = np.full(size + 1, -1, np.intp)  # the last is for rows in no node
    places[list(nodes)] = np.arange(len(nodes))
    return places


def _patients(tree: int) -> str:
    return f"patients:{tree}"
