"""Logs for operators: one JSON object per line on stderr, with a closed vocabulary of keys.

A key that is not in `KEYS` is refused, so a patient's value cannot be logged by accident. The
access log is something else: see `wardnet.audit`.
"""

import logging
import sys
import traceback
from typing import Final, cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

KEYS: Final = frozenset(
    {
        "address",
        "attempt",
        "dataset",
        "epoch",
        "error",
        "event",
        "fingerprint",
        "hospital",
        "hospitals",
        "identity",
        "incident",
        "level",
        "method",
        "network",
        "path",
        "place",
        "program",
        "query",
        "reason",
        "role",
        "round",
        "seconds",
        "signal",
        "snapshot",
        "state",
        "time",
        "version",
        "work",
        "workers",
    }
)
"""All keys that a line may have; none can hold a patient's value."""


def configure(program: str) -> None:
    """Send this process's logs to stderr as JSON, those of libraries included.

    Parameters
    ----------
    program : str
        Name of the command, in every line.
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            refuse_unknown_keys,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(program=program)
    logging.basicConfig(handlers=[_Libraries()], level=logging.WARNING, force=True)


def logger() -> FilteringBoundLogger:
    """Return the logger: `logger().info("serving", address=...)`; the event is a constant."""
    return cast("FilteringBoundLogger", structlog.get_logger())


def refuse_unknown_keys(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Refuse a line that says more than the vocabulary allows.

    Raises
    ------
    TypeError
        A bug of the caller; the text names the keys, not their values.
    """
    unknown = sorted(event.keys() - KEYS)
    if unknown:
        message = f"these keys may not be logged: {unknown}"
        raise TypeError(message)
    return event


def place(error: BaseException) -> str:
    """Return where an error was raised, innermost last, without its text or any value."""
    frames = traceback.extract_tb(error.__traceback__)
    return " > ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames)


class _Libraries(logging.Handler):
    """Write a library's line without its text, which may quote data."""

    def emit(self, record: logging.LogRecord) -> None:
        """Say which library spoke, where, and what kind of error it met."""
        details = {"place": f"{record.name}:{record.lineno}"}
        if record.exc_info and record.exc_info[1] is not None:
            details["error"] = type(record.exc_info[1]).__name__
            details["place"] = place(record.exc_info[1]) or details["place"]
        logger().warning("library", **details)
