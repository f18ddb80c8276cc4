"""Memory for megabytes that come again: kept by a process instead of returned after each use."""

import ctypes
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
_LONGEST: Final = 32 << 20
"""Bytes of a block that is kept; the highest value that glibc takes."""

_KEPT: Final = 64 << 20
"""Bytes at the end of the memory; more are given back."""


def keep_freed_memory(*, alone: bool = False) -> None:
    """Tell the allocator of this process to keep large blocks.

    By default every message of a megabyte, and every sum of a round, is mapped and unmapped anew,
    page by page: up to a third of the speed. Elsewhere than on glibc nothing happens.

    Parameters
    ----------
    alone : bool
        Whether the process does nothing but transfer, so that its threads may share one arena.

    References
    ----------
    mallopt(3).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LONGEST)
        mallopt(_M_TRIM_THRESHOLD, _KEPT)
        if alone:
            mallopt(_M_ARENA_MAX, 1)
