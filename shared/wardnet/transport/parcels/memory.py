"""Memory for messages of a megabyte: kept by the process instead of returned after each."""

import ctypes
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
_KEPT: Final = 32 << 20
"""Bytes; the highest value that glibc takes for the second one."""


def keep_freed_memory() -> None:
    """Tell the allocator of this process, which does nothing but transfer, to keep large blocks.

    By default every message of a megabyte is mapped and unmapped anew, page by page: a third of
    the speed. Elsewhere than on glibc nothing happens.

    References
    ----------
    mallopt(3).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _KEPT)
        mallopt(_M_TRIM_THRESHOLD, _KEPT)
        mallopt(_M_ARENA_MAX, 1)
