"""What tests of commands share: how they run one, and with what it leaves."""

from collections.abc import Callable

from click.testing import Result

from wardnet.errors import CATALOGUE, Reason

Run = Callable[..., Result]


def exit_code(reason: Reason) -> int:
    """Return what a command that fails for this reason leaves with."""
    return CATALOGUE[reason].exit_code
