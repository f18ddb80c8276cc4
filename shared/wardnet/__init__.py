"""Wardnet: hospitals answer research questions together without giving up their records."""

import os
from typing import TYPE_CHECKING

# gRPC prints lines of its own to stderr; it reads this once, when it is first imported.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

if TYPE_CHECKING:
    from wardnet.simulation import simulate

__all__ = ["simulate"]


def __getattr__(name: str) -> object:
    """Load the simulation only when it is asked for: the daemons do without it."""
    if name == "simulate":
        from wardnet.simulation import simulate  # noqa: PLC0415 - loaded on demand

        return simulate
    message = f"module 'wardnet' has no attribute {name!r}"
    raise AttributeError(message)
