"""Wardnet: hospitals answer research questions together without giving up their records."""

from typing import TYPE_CHECKING

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
