"""How far a parcel is on its way, told by the daemon to commands and to the page.

One small file for each share beside the parcels, while something is under way or stuck.
"""

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic
from typing import Final, Self

from wardnet_node.sharing.carrying.spool import Spool

TELL_SECONDS: Final = 0.25
_ENDING: Final = ".way"


@dataclass(frozen=True, slots=True)
class Way:
    """Tell how far a parcel is.

    Parameters
    ----------
    what : str
        What is done, in words.
    done, total : int
        Rows while it is made, bytes on its way; 0 before it is known.
    problem : str
        Why the last try has failed; empty while it goes well.
    """

    what: str
    done: int = 0
    total: int = 0
    problem: str = ""

    @property
    def percent(self) -> int | None:
        """Return how much of it is done, 0 to 100; None before it is known."""
        return 100 * self.done // self.total if self.total else None

    @classmethod
    def read(cls, spool: Spool, share: str) -> Self | None:
        """Return what the daemon says of a share, or None when it is not at it."""
        with suppress(OSError, ValueError, TypeError):
            return cls(**json.loads(_path(spool, share).read_text(encoding="utf-8")))
        return None


@dataclass(slots=True)
class Telling:
    """Tell of one share, now and then.

    Parameters
    ----------
    spool : Spool
        Of this node.
    share : str
        Its digest.
    """

    spool: Spool
    share: str
    way: Way = field(default_factory=lambda: Way(""))
    _told: float = 0.0

    def begin(self, what: str) -> None:
        """Say what is done now."""
        self.way = Way(what)
        self._write()

    def move(self, done: int, total: int) -> None:
        """Say how far it is."""
        self.way = Way(self.way.what, done, total)
        if monotonic() >= self._told + TELL_SECONDS:
            self._write()

    def fail(self, problem: str) -> None:
        """Say what stands in its way."""
        self.way = Way(self.way.what, self.way.done, self.way.total, problem)
        self._write()

    def end(self) -> None:
        """Say nothing any more."""
        _path(self.spool, self.share).unlink(missing_ok=True)

    def _write(self) -> None:
        """Put the file in place of the last; nothing is lost with it when the machine stops."""
        self._told = monotonic()
        path = _path(self.spool, self.share)
        new = path.with_suffix(".new")
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(asdict(self.way), file)
        new.replace(path)


def forget_all(spool: Spool) -> None:
    """Delete what a daemon before has told."""
    for path in spool.outgoing.glob(f"*{_ENDING}"):
        path.unlink(missing_ok=True)


def _path(spool: Spool, share: str) -> Path:
    return spool.outgoing / f"{share}{_ENDING}"
