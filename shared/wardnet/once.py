"""Values that go to a worker round after round: they are sent once, and then named."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import fields
from functools import cached_property
from multiprocessing.reduction import ForkingPickler
from typing import Any, Final

_KNOWN: Final[ContextVar[set[bytes] | None]] = ContextVar("known", default=None)
"""Names of the values that the process which is written to has; None where that is unknown."""

_HELD: Final[dict[bytes, "Once"]] = {}
"""By name, what this process was sent."""


class Once:
    """Be a frozen dataclass that travels once between a program's own processes.

    A worker gets its question with every round: to write and read it anew would take longer than
    the sums of many a round. A value's name is the digest of its type and content.
    """

    @cached_property
    def _written(self) -> tuple[bytes, bytes]:
        content = {each.name: getattr(self, each.name) for each in fields(self)}  # type: ignore[arg-type]
        with known(None):  # what is kept here is for every process
            data = bytes(ForkingPickler.dumps((type(self), content)))
        return hashlib.sha256(data).digest(), data

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what makes it again, or what names it."""
        name, data = self._written
        names = _KNOWN.get()
        if names is None:
            return _made, (data,)
        if name in names:
            return _named, (name,)
        names.add(name)
        return _held, (data, name)


@contextmanager
def known(names: set[bytes] | None) -> Iterator[None]:
    """Let values with these names be named only, and add the names of those that are not.

    Parameters
    ----------
    names : set of bytes or None
        One process's; to be emptied when it may have missed what was sent, and when it forgets.
    """
    before = _KNOWN.set(names)
    try:
        yield
    finally:
        _KNOWN.reset(before)


def forget() -> None:
    """Drop what this process was sent; from then on everything is sent to it again."""
    _HELD.clear()


def _made(data: bytes) -> Once:
    kind, content = ForkingPickler.loads(data)
    made: Once = object.__new__(kind)
    vars(made).update(content)
    return made


def _held(data: bytes, name: bytes) -> Once:
    return _HELD.setdefault(name, _made(data))


def _named(name: bytes) -> Once:
    return _HELD[name]
