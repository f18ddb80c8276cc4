"""Loops over rows, compiled where numba is installed: the same bits, sooner."""

from collections.abc import Callable
from functools import cache
from typing import Final, TypeAlias

LEAST: Final = 1 << 20
"""Steps of a loop from which compiling it is worth it: up to two seconds, once in a process."""

Loop: TypeAlias = Callable[..., None]


def compiled(loop: Loop, signature: str, *, steps: int) -> Loop | None:
    """Return a loop compiled; None where numba is missing, or the loop too short.

    Parameters
    ----------
    loop : callable
        Fills arrays that it is given. What it computes it computes in this order, on any processor:
        nothing allows the compiler to contract a product and a sum, or to add in another order.
    signature : str
        Types of its arguments, as numba writes them.
    steps : int
        How often it goes around this time.
    """
    return _compiled(loop, signature) if steps >= LEAST else None


@cache
def _compiled(loop: Loop, signature: str) -> Loop | None:
    try:
        from numba import njit  # noqa: PLC0415 - an extra, and slow to load
    except ImportError:
        return None
    # numpy's way with what is divided by 0: Python's would ask each time, and so one at a time.
    made: Loop = njit(signature, nogil=True, error_model="numpy")(loop)
    return made
