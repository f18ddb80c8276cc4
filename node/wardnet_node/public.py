"""What others may read of our errors: nothing about this machine's disk."""

from collections.abc import Iterable
from typing import Final

from wardnet import logs
from wardnet.errors import Reason, WardnetError

_OF_THIS_MACHINE: Final = frozenset({"path", "file", "report"})


def public(reasons: Iterable[WardnetError], *, work: str) -> tuple[WardnetError, ...]:
    """Return errors as they may leave; what only our operator can repair goes to our log instead.

    Parameters
    ----------
    reasons : Iterable of WardnetError
        Why some work is not done.
    work : str
        Which, for the log.
    """
    told = dict[str, WardnetError]()
    for reason in reasons:
        if reason.row.fields & _OF_THIS_MACHINE:
            logs.logger().error(
                "unable", work=work[:80], reason=reason.reason.value, error=str(reason)
            )
            leaving = WardnetError(Reason.NODE_UNABLE)
        else:
            leaving = reason
        told[str(leaving)] = leaving
    return tuple(told.values())
