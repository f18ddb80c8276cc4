"""A part on its way from a worker to the daemon: in as few bytes as hold its sums.

Copying megabytes from one process to another takes longer than adding some of them up.
"""

import numpy as np
from numpy.typing import NDArray

from wardnet.statistics.session import Part
from wardnet.sums.arrays import least_width
from wardnet.sums.members import Members


def narrow(part: Part) -> Part:
    """Return a part whose arrays have the narrowest integers that hold them."""
    return {name: _narrow(value) for name, value in part.items()}


def widen(part: Part) -> Part:
    """Return what `narrow` was given."""
    return {
        name: value if isinstance(value, Members) else value.astype(np.int64, copy=False)
        for name, value in part.items()
    }


def _narrow(value: NDArray[np.int64] | Members) -> NDArray[np.int64] | Members:
    if isinstance(value, Members):
        return value
    narrowest: NDArray[np.int64] = value.astype(f"i{least_width(value)}", copy=False)
    return narrowest
