"""Bounds on other people's servers, and what it means when they do not answer."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPException
from typing import Final

from wardnet.errors import Reason, WardnetError

PATIENCE_SECONDS: Final = 10.0
"""Until a connection stands, and for each answer."""

TOTAL_SECONDS: Final = 30.0
"""For one message: also a server that speaks one letter at a time keeps nobody longer."""


@contextmanager
def cut_off(connection: Callable[[], socket.socket | None]) -> Iterator[None]:
    """Cut a connection when the block takes too long.

    Parameters
    ----------
    connection : Callable
        Returns the socket in use at that time.
    """

    def cut() -> None:
        found = connection()
        if found is not None:
            with suppress(OSError):  # it may be closed by now
                socket.socket.shutdown(found, socket.SHUT_RDWR)

    timer = threading.Timer(TOTAL_SECONDS, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


_CAUSES: Final[Sequence[tuple[tuple[type[Exception], ...], Reason, str]]] = (
    (
        (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionResetError, BrokenPipeError),
        Reason.NOTIFICATION_AWAY,
        "it hung up",
    ),
    (
        (ssl.SSLError,),
        Reason.NOTIFICATION_UNTRUSTED,
        "it does not speak TLS as expected there",
    ),
    (
        (socket.gaierror, UnicodeError),
        Reason.NOTIFICATION_AWAY,
        "no host of this name is known",
    ),
    ((TimeoutError,), Reason.NOTIFICATION_AWAY, "it does not answer in time"),
    (
        (ConnectionRefusedError,),
        Reason.NOTIFICATION_AWAY,
        "nothing listens there (connection refused)",
    ),
    ((HTTPException,), Reason.NOTIFICATION_REFUSED, "it does not speak HTTP"),
)
"""What errors mean, the narrower ones first."""


def explained(error: Exception, *, address: str, setting: str) -> WardnetError:
    """Say in words why a server could not be used; never in the words of that server.

    Parameters
    ----------
    error : Exception
        `OSError`, `HTTPException` or `UnicodeError`.
    address : str
        Of the server.
    setting : str
        That names it.
    """
    reason, rule = _explained(error)
    return WardnetError(reason, address=address, setting=setting, rule=rule)


def _explained(error: Exception) -> tuple[Reason, str]:
    if isinstance(error, ssl.SSLCertVerificationError):
        return Reason.NOTIFICATION_UNTRUSTED, str(error.verify_message)
    for kinds, reason, rule in _CAUSES:
        if isinstance(error, kinds):
            return reason, rule
    return Reason.NOTIFICATION_AWAY, getattr(error, "strerror", None) or "the connection broke"
