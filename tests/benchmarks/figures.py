"""What a benchmark returns, and how it takes time."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Final

REPEATS: Final = 5
"""Every time is the median of so many runs."""


@dataclass(frozen=True, slots=True)
class Figure:
    """Hold one measured number beside its target.

    Parameters
    ----------
    name : str
        What was measured.
    value : float
        The number.
    unit : str
        `us`, `ms`, `s`, `MB`, or `x` for a ratio.
    target : float
        The number should not be above this.
    how : str
        One line: what exactly, against what.
    """

    name: str
    value: float
    unit: str
    target: float
    how: str

    @property
    def met(self) -> bool:
        """Say whether the target is met."""
        return self.value <= self.target


def seconds(run: Callable[[], object], *, repeats: int = REPEATS) -> float:
    """Return the median time of a run, after one run to warm up."""
    run()
    return median(once(run) for _ in range(repeats))


def once(run: Callable[[], object]) -> float:
    """Return the time of one run in seconds."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began
