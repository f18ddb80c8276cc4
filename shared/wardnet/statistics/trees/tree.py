"""A grown tree as arrays, and how rows walk down it: the same for training and for predicting."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wardnet.compiled import compiled
from wardnet.once import Once

_LEVELS: Final = 8
"""That a row goes down a tree, about."""


@dataclass(frozen=True, slots=True)
class Branches:
    """Hold where the rows of each node go on to; a node's children have higher numbers.

    Parameters
    ----------
    feature : ndarray of int32, shape (nodes,)
        Which is asked; -1 in a leaf.
    cut : ndarray of int32, shape (nodes,)
        The last bin that goes left, below that of missing values.
    missing_left : ndarray of bool, shape (nodes,)
        Whether rows without a value go left.
    left : ndarray of int32, shape (nodes,)
        The left child, -1 in a leaf; the right one is the next.
    """

    feature: NDArray[np.int32]
    cut: NDArray[np.int32]
    missing_left: NDArray[np.bool_]
    left: NDArray[np.int32]

    def depths(self) -> NDArray[np.int32]:
        """Return the splits above each node, shape (nodes,); 0 where no row arrives."""
        depths = np.zeros(self.left.size, np.int32)
        for node in np.flatnonzero(self.left >= 0):
            depths[self.left[node] : self.left[node] + 2] = depths[node] + 1
        return depths

    def reached(self) -> Sequence[int]:
        """Return the nodes that rows reach, level by level, left before right."""
        level, found = [0], list[int]()
        while level:
            found += level
            lefts = [int(self.left[node]) for node in level if self.left[node] >= 0]
            level = [child for left in lefts for child in (left, left + 1)]
        return found

    def goes_on_from(self, before: "Branches") -> bool:
        """Say whether these are the nodes of before, with more splits, and none taken back."""
        split = np.flatnonzero(before.left >= 0)
        if before.left.size > self.left.size:
            return False
        return all(
            np.array_equal(was[split], now[split])
            for was, now in (
                (before.feature, self.feature),
                (before.cut, self.cut),
                (before.missing_left, self.missing_left),
                (before.left, self.left),
            )
        )

    def walk(
        self, bins: NDArray[np.uint8], at: NDArray[np.intp], *, missing: int, levels: int
    ) -> NDArray[np.intp]:
        """Return the nodes of rows so many levels further down, shape (rows,).

        Parameters
        ----------
        bins : ndarray of uint8, shape (features, rows)
            Each row's bins.
        at : ndarray of intp, shape (rows,)
            Where rows are.
        missing : int
            The bin of missing values, above all others.
        """
        if levels == 0:
            return at
        ends = self.left < 0
        loop = compiled(_walk_one_by_one, _WALK, steps=at.size * _LEVELS)
        if loop is not None:
            nodes = np.arange(ends.size, dtype=np.int32)
            cut, left = np.where(ends, missing, self.cut), np.where(ends, nodes, self.left)
            feature, back = np.maximum(self.feature, 0).view(np.uint32), self.missing_left & ~ends
            at = at.copy()
            loop(bins, missing, feature, cut, back, left, levels, at.view(np.uint64))
            return at
        right = np.arange(missing + 1) > self.cut[:, np.newaxis]
        right[:, missing] = ~self.missing_left
        own = np.arange(ends.size)[:, np.newaxis]
        below = np.where(ends[:, np.newaxis], own, self.left[:, np.newaxis] + right)
        flat = below.astype(np.intp).reshape(-1)
        line = np.maximum(self.feature, 0).astype(np.intp) * at.size
        cells, places = bins.reshape(-1), np.arange(at.size)
        for _ in range(levels):
            asked = cells.take(line.take(at) + places)
            at = flat.take(at * (missing + 1) + asked)
        return at


_WALK: Final = "void(u1[:, ::1], i8, u4[::1], i4[::1], b1[::1], i4[::1], i8, u8[::1])"


def _walk_one_by_one(  # noqa: PLR0917 - compiled
    bins: NDArray[np.uint8],
    missing: int,
    feature: NDArray[np.uint32],
    cut: NDArray[np.int32],
    back: NDArray[np.bool_],
    left: NDArray[np.int32],
    levels: int,
    at: NDArray[np.uint64],
) -> None:
    """Do what `Branches.walk` does, in place.

    A leaf is its own left child, and nothing goes right of it; `back` takes one step back. No step
    is a branch, which would be guessed wrong half the time, and no index may be negative, which
    would be asked each time.
    """
    for _ in range(levels):
        for row in range(at.size):
            node = at[row]
            asked = bins[feature[node], row]
            at[row] = left[node] + (asked > cut[node]) - ((asked == missing) & back[node])


@dataclass(frozen=True, slots=True)
class Tree:
    """Hold a finished tree.

    Parameters
    ----------
    output : int
        Which output it adds to.
    branches : Branches
        Its nodes, those included that no row reaches since a split was taken back.
    values : ndarray of float64, shape (nodes,)
        What each leaf adds to a row's score, a multiple of `2**-GRID`; 0 in other nodes.
    """

    output: int
    branches: Branches
    values: NDArray[np.float64]


@dataclass(frozen=True)
class Grove(Once):
    """Hold trees that were finished together.

    Parameters
    ----------
    trees : tuple of Tree
        In order.
    lineage : str
        Digest of what all trees rest on, of those before and of these.
    """

    trees: tuple[Tree, ...]
    lineage: str


def grove(trees: Sequence[Tree], *, after: str) -> Grove:
    """Return finished trees.

    Parameters
    ----------
    after : str
        The lineage of those before, or what all rest on.
    """
    hasher = hashlib.sha256(after.encode())
    for tree in trees:
        hasher.update(np.array([tree.output, tree.values.size]).tobytes())
        each = tree.branches
        for array in (each.feature, each.cut, each.missing_left, each.left, tree.values):
            hasher.update(array.tobytes())
    return Grove(tuple(trees), hasher.hexdigest())
