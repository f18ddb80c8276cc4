"""Find common bins for all hospitals: about as many rows in each, and never very few.

A feature starts with equally wide cells. Where a cell holds more than a quarter of the rows of a
bin, the next round cuts it into four, until none does or it is a single code. Then neighbouring
cells are joined into bins.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wardnet.errors import Reason, WardnetError
from wardnet.statistics.features import Feature
from wardnet.sums.accumulate import MAXIMUM_ROWS
from wardnet.sums.arrays import ArraySpec

MAXIMUM_BINS: Final = 255
"""So that a bin, or that there is no value, fits a byte."""

MAXIMUM_LOOKUP: Final = 1 << 20
"""Up to so many codes, looking each one up in a list of all is faster than searching for it."""

_FIRST_CELLS: Final = 1024
_PARTS: Final = 4
_PER_BIN: Final = 4
"""So many cells make a bin, so that bins are about as full as each other."""


@dataclass(frozen=True)
class Cells:
    """Hold the cells of one feature while they are being refined.

    Parameters
    ----------
    feature : Feature
        Whose.
    starts : ndarray of int64, shape (cells,)
        First code of each cell, ascending from 0.
    counts : ndarray of int64, shape (cells,), or None
        Rows in each cell; None before the first round.
    """

    feature: Feature
    starts: NDArray[np.int64]
    counts: NDArray[np.int64] | None = None

    def declare(self, name: str, guard: str) -> ArraySpec:
        """Declare the rows in each cell."""
        return ArraySpec(name, self.starts.shape, limit=MAXIMUM_ROWS, guard=guard)

    def count(self, codes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Count rows in each cell; -1, no value, is in none."""
        if self.feature.codes <= MAXIMUM_LOOKUP:
            each = np.bincount(codes + 1, minlength=self.feature.codes + 1)[1:]
            return np.add.reduceat(each, self.starts)
        cell = np.searchsorted(self.starts, codes, side="right")
        return np.bincount(cell, minlength=self.starts.size + 1)[1:]

    @cached_property
    def widths(self) -> NDArray[np.int64]:
        """Return how many codes each cell holds."""
        return np.diff(self.starts, append=self.feature.codes)

    def refined(self, counts: NDArray[np.int64], *, bins: int) -> "Cells":
        """Return the cells with those cut that hold too many rows.

        Returns
        -------
        Cells
            With the counts, and not cut, when no cell needs it.

        Raises
        ------
        WardnetError
            `IMPLAUSIBLE_TOTAL`.
        """
        if counts.min(initial=0) < 0:
            raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule="a cell holds fewer rows than none")
        heavy = (counts * (bins * _PER_BIN) > counts.sum()) & (self.widths > 1)
        if not heavy.any():
            return replace(self, counts=counts)
        finer = [
            start + np.arange(_PARTS) * width // _PARTS
            for start, width in zip(self.starts[heavy], self.widths[heavy], strict=True)
        ]
        return replace(self, starts=np.unique(np.concatenate([self.starts, *finer])), counts=None)

    def edges(self, *, bins: int, least: int) -> NDArray[np.int64]:
        """Return the first codes of all bins but the first, ascending.

        Parameters
        ----------
        bins : int
            Most bins.
        least : int
            Fewest rows in a bin; cells with fewer are joined with the next ones.
        """
        if self.counts is None:
            message = "cells that were not counted"
            raise ValueError(message)
        edges: list[int] = []
        inside, left, room = 0, int(self.counts.sum()), bins
        for start, count in zip(self.starts.tolist(), self.counts.tolist(), strict=True):
            full = inside >= max(least, 1) and inside * room >= left
            if full and left - inside >= max(least, 1) and room > 1:
                edges.append(start)
                inside, left, room = 0, left - inside, room - 1
            inside += count
        return np.array(edges, np.int64)


def cells(feature: Feature) -> Cells:
    """Return the first cells of a feature."""
    first = np.arange(min(_FIRST_CELLS, feature.codes), dtype=np.int64)
    return Cells(feature, np.unique(first * feature.codes // first.size))
