"""Values that go to a worker again and again: written once, read once."""

from dataclasses import fields
from functools import cached_property, lru_cache
from multiprocessing.reduction import ForkingPickler
from typing import Any, Final

_KEPT: Final = 64
"""Values that a process keeps as it has read them."""


class Once:
    """Be a frozen dataclass that travels between a program's own processes as bytes made once.

    A worker gets its question with every round: to write and read it anew would take longer than
    the sums of many a round. Read again, it is the same object.
    """

    @cached_property
    def _written(self) -> bytes:
        content = {each.name: getattr(self, each.name) for each in fields(self)}  # type: ignore[arg-type]
        return bytes(ForkingPickler.dumps(content))

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what makes it again."""
        return _read, (type(self), self._written)


@lru_cache(_KEPT)
def _read(kind: type[Once], data: bytes) -> Once:
    made = object.__new__(kind)
    made.__dict__.update(ForkingPickler.loads(data))
    return made
