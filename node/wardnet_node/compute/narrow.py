"""A part on its way from a worker to the daemon: in as few bytes as hold its sums.

Copying megabytes from one process to another takes longer than adding some of them up.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wardnet.statistics.session import Part
from wardnet.sums.arrays import least_width
from wardnet.sums.members import Members


def narrow(part: Part) -> Part:
    """Return a part whose arrays of 64-bit integers have the fewest bytes that hold them."""
    return {name: _narrow(value) for name, value in part.items()}


def widen(part: Part) -> Part:
    """Return what `narrow` was given."""
    return {name: _widen(value) for name, value in part.items()}


def _narrow(value: NDArray[Any] | Members) -> NDArray[Any] | Members:
    if isinstance(value, Members) or value.dtype != np.int64:
        return value
    return value.astype(f"i{least_width(value)}", copy=False)


def _widen(value: NDArray[Any] | Members) -> NDArray[Any] | Members:
    if isinstance(value, Members) or value.dtype.kind != "i":
        return value
    return value.astype(np.int64, copy=False)
