"""Grow a few trees together, a level a round, from the total histograms of their nodes.

Of two siblings only the one with fewer rows is counted; the other is what its parent has more.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from wardnet.errors import Reason, WardnetError
from wardnet.statistics.trees.splitting import ROWS, Histograms, Limits, Scale, Split, best_split
from wardnet.statistics.trees.tree import Branches

Allowed = Callable[[int, int], NDArray[np.bool_]]
"""Which features a tree's node may ask, shape (features,)."""


@dataclass(frozen=True, slots=True)
class Node:
    """Hold one node of a growing tree.

    Parameters
    ----------
    sums : ndarray of int64, shape (3,)
        Rows, gradients and hessians.
    depth : int
        0 for the root.
    split : Split or None
        None for a leaf.
    left : int
        The left child's number, -1 for a leaf; the right one's is the next.
    key : float
        Smallest gain on the way here, this node's split included.
    """

    sums: NDArray[np.int64]
    depth: int
    split: Split | None = None
    left: int = -1
    key: float = np.inf


@dataclass(frozen=True, slots=True)
class Brood:
    """Hold siblings that wait to be counted: a split node's two children, or a root.

    Parameters
    ----------
    tree, parent : int
        Whose children; the parent is -1 for a root.
    nodes : tuple of int
        Their numbers.
    asked : int
        The one whose histograms are counted; -1 when neither will be split.
    histograms : Histograms or None
        The parent's, to take the counted child's from.
    """

    tree: int
    parent: int
    nodes: tuple[int, ...]
    asked: int
    histograms: Histograms | None = None


@dataclass(frozen=True, slots=True)
class Shape:
    """Hold how trees grow.

    Parameters
    ----------
    depth : int
        Most splits on the way to a leaf.
    leaves : int
        Most leaves; the splits of the highest gains are kept, as if made one after the other.
    scale, limits : Scale, Limits
        Of the search for splits.
    """

    depth: int
    leaves: int
    scale: Scale
    limits: Limits


@dataclass(frozen=True)
class Growth:
    """Hold trees that grow together.

    Parameters
    ----------
    shape : Shape
        How.
    trees : tuple of tuples of Node
        So far, node 0 the root.
    waiting : tuple of Brood
        Whose turn it is, level by level.
    capacity : int
        Most nodes whose histograms one round carries, at least 1.
    several_rows : bool
        Whether a patient may have several rows, so that those of each node are counted as well.
    """

    shape: Shape
    trees: tuple[tuple[Node, ...], ...]
    waiting: tuple[Brood, ...]
    capacity: int
    several_rows: bool

    def __getstate__(self) -> Mapping[str, object]:
        """Leave out what only the search for splits needs: workers get a copy every round."""
        return {name: getattr(self, name) for name in ("shape", "grown", "asked", "checked")}

    def __deepcopy__(self, _: object) -> "Growth":
        """Return itself: nothing in it changes."""
        return self

    @cached_property
    def grown(self) -> Sequence[Branches]:
        """Return the trees so far, without what is known of their nodes."""
        return tuple(map(branches, self.trees))

    @cached_property
    def taken(self) -> Sequence[Brood]:
        """Return the broods of this round."""
        room, taken = self.capacity, list[Brood]()
        for brood in self.waiting:
            room -= brood.asked >= 0
            if room < 0:
                break
            taken.append(brood)
        return taken

    @cached_property
    def asked(self) -> Sequence[tuple[int, int]]:
        """Return tree and number of the nodes whose histograms the round counts."""
        return [(brood.tree, brood.asked) for brood in self.taken if brood.asked >= 0]

    @cached_property
    def checked(self) -> Sequence[tuple[int, int]]:
        """Return tree and number of the nodes whose patients the round counts."""
        return [(brood.tree, node) for brood in self.taken for node in brood.nodes]

    def step(
        self,
        histograms: Iterable[Histograms],
        small: Sequence[bool],
        allowed: Allowed,
    ) -> "Growth":
        """Split the nodes that were counted.

        Parameters
        ----------
        histograms : iterable of Histograms
            Totals of the asked nodes.
        small : sequence of bool
            Which of `checked` hold too few patients: the split that made them is taken back.
        allowed : Callable
            Which features a node may ask.
        """
        trees = [list(nodes) for nodes in self.trees]
        fresh: list[tuple[int, int, Histograms]] = []
        counted, too_small = iter(histograms), iter(small)
        for brood in self.taken:
            found = next(counted) if brood.asked >= 0 else None
            if sum(next(too_small) for _ in brood.nodes):
                _take_back(trees[brood.tree], brood)
            elif found is not None:
                fresh += [(brood.tree, *each) for each in _both(brood, found)]
        waiting = [*self.waiting[len(self.taken) :], *self._split(trees, fresh, allowed)]
        for nodes in trees:
            _keep_best(nodes, self.shape.leaves - 1)
        alive = (brood for brood in waiting if _alive(trees, brood))
        return replace(self, trees=tuple(map(tuple, trees)), waiting=tuple(alive))

    def _split(
        self,
        trees: list[list[Node]],
        fresh: Sequence[tuple[int, int, Histograms]],
        allowed: Allowed,
    ) -> Iterator[Brood]:
        """Split nodes in place and yield their children."""
        shape = self.shape
        for tree, number, histograms in fresh:
            nodes, sums = trees[tree], np.array([each[0].sum() for each in histograms])
            found = best_split(
                histograms,
                sums=sums,
                allowed=allowed(tree, number),
                scale=shape.scale,
                limits=shape.limits,
            )
            node = replace(nodes[number], sums=sums)
            nodes[number] = node
            if found is None:
                continue
            split, left = found
            key = min(node.key, split.gain)
            nodes[number] = replace(node, split=split, left=len(nodes), key=key)
            first = len(nodes)
            nodes += [Node(side, node.depth + 1, key=key) for side in (left, sums - left)]
            asked = self._asked(nodes, first)
            if asked >= 0 or self.several_rows:
                kept = histograms if asked >= 0 else None
                yield Brood(tree, number, (first, first + 1), asked, kept)

    def _asked(self, nodes: Sequence[Node], first: int) -> int:
        """Return which of two siblings to count: the smaller, if either may be split at all."""
        left, right = (int(node.sums[ROWS]) for node in nodes[first : first + 2])
        if nodes[first].depth >= self.shape.depth:
            return -1
        if max(left, right) < 2 * self.shape.limits.rows:
            return -1
        return first if left <= right else first + 1


def plant(trees: int, *, shape: Shape, capacity: int, several_rows: bool) -> Growth:
    """Return trees of one node each, to be counted first."""
    root = Node(np.zeros(3, np.int64), 0)
    roots = tuple(Brood(tree, -1, (0,), 0) for tree in range(trees))
    return Growth(shape, ((root,),) * trees, roots, capacity, several_rows)


def _both(brood: Brood, found: Histograms) -> Iterator[tuple[int, Histograms]]:
    """Yield every node of a brood with its histograms."""
    for node in brood.nodes:
        if node == brood.asked:
            yield node, found
        elif brood.histograms is not None:
            rows, gradients, hessians = brood.histograms
            rest = rows - found[0], gradients - found[1], hessians - found[2]
            if rest[ROWS].min() < 0:
                raise WardnetError(
                    Reason.IMPLAUSIBLE_TOTAL, rule="a node has more rows than the one above it"
                )
            yield node, rest


def _take_back(nodes: list[Node], brood: Brood) -> None:
    if brood.parent >= 0:
        nodes[brood.parent] = replace(nodes[brood.parent], split=None, left=-1)


def _keep_best(nodes: list[Node], splits: int) -> None:
    """Take back the splits that a search for the best one, each time, would not have reached."""
    made = [number for number, node in enumerate(nodes) if node.split is not None]
    made.sort(key=lambda number: (-nodes[number].key, number))
    for number in made[splits:]:
        nodes[number] = replace(nodes[number], split=None, left=-1)


def _alive(trees: Sequence[Sequence[Node]], brood: Brood) -> bool:
    return brood.parent < 0 or trees[brood.tree][brood.parent].split is not None


def branches(nodes: Sequence[Node]) -> Branches:
    """Return where the rows of each node go on to."""
    splits = [node.split for node in nodes]
    return Branches(
        np.array([-1 if split is None else split.feature for split in splits], np.int32),
        np.array([0 if split is None else split.cut for split in splits], np.int32),
        np.array([split is not None and split.missing_left for split in splits], np.bool_),
        np.array([node.left for node in nodes], np.int32),
    )
