"""What a hospital fits for itself once the answer is there: it stays at the hospital."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wardnet.question.rows import Rows
from wardnet.statistics.method import Part
from wardnet.statistics.model import Model
from wardnet.statistics.tally import Tally
from wardnet.sums.arrays import Sums

_OWN: Final = "own"


@dataclass(frozen=True)
class Fitting(Tally):
    """Fit an answer's model to one hospital's rows, where a tally's work is done.

    Nothing of it is a sum, and none of it is ever sent. A part holds whole numbers: here the bits
    of the weights.

    Parameters
    ----------
    state : Model
        That the answer states.
    """

    state: Model

    def sums(self, part: Part) -> Sums:
        """Return the part as it is."""
        own = part[_OWN]
        return {_OWN: own} if isinstance(own, np.ndarray) else {}

    def _local(self, rows: Rows) -> Part:
        return {_OWN: self.state.fitted(self._chosen(rows)).view(np.int64)}


def weights(sums: Sums) -> NDArray[np.float64]:
    """Return what a fitting has found, shape (own weights,), or (0,) for nothing."""
    return sums[_OWN].view(np.float64)
