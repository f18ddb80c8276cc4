"""What kind of trees are to be grown, on what, and how far."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wardnet.once import Once
from wardnet.question.rows import Rows
from wardnet.statistics.features import Feature
from wardnet.statistics.outcomes import GRID, Outcome

MAXIMUM_TREES: Final = 1000
MAXIMUM_DEPTH: Final = 12

_CLASS_BITS: Final = 22


@dataclass(frozen=True)
class Plan(Once):
    """Hold what is to be grown.

    Parameters
    ----------
    outcome, features : Outcome, tuple of Feature
        What is predicted from what.
    trees, depth, leaves, bins : int
        Most of each; the leaves of one tree.
    minimum_rows : int
        Fewest rows of a leaf.
    penalty : float
        Ridge on the leaves' values.
    rate : float
        Shrinkage of each tree's values; 1 in a forest.
    share : float
        Share of rows that a tree of a boosting sees.
    some : int
        How many features a tree of a boosting, or a node of a forest, may ask.
    seed : int
        Of all that is drawn.
    forest : bool
        Whether trees are grown on bags of rows for themselves, instead of each on the errors of
        those before.
    """

    outcome: Outcome
    features: tuple[Feature, ...]
    trees: int
    depth: int
    leaves: int
    bins: int
    minimum_rows: int
    penalty: float
    rate: float
    share: float
    some: int
    seed: int
    forest: bool

    @cached_property
    def columns(self) -> Sequence[str]:
        """Return the names of the columns, sorted."""
        names = {feature.column.name for feature in self.features}
        return sorted(names | {self.outcome.column.name})

    @property
    def counted_hessians(self) -> bool:
        """Say whether every row's hessian is 1, so that hessians need no sums of their own."""
        return not self.forest and not self.outcome.classes

    @property
    def kinds(self) -> int:
        """Return how many sums a bin has: rows, gradients and, where there are any, hessians."""
        return 2 if self.counted_hessians else 3

    @property
    def fineness(self) -> int:
        """Return the most bits after the point of a row's gradient and hessian.

        Those of a class are between -1 and 1: 22 bits tell rare classes apart, and more would only
        be carried. The classes of a forest are counted.
        """
        if not self.outcome.classes:
            return GRID
        return 0 if self.forest else _CLASS_BITS

    @property
    def samples(self) -> bool:
        """Say whether a tree may leave rows out."""
        return self.forest or self.share < 1

    def known(self, rows: Rows) -> NDArray[np.bool_]:
        """Return which rows have an outcome, shape (rows.size,)."""
        return np.asarray(self.outcome.index(rows) >= 0)
