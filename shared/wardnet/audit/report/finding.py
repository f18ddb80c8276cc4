"""What deserves a look: signs in a log, each a question for people, none a verdict."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from wardnet.clock import Moment

COLUMNS: Final = ("sign", "log", "time", "who", "entries", "what")
MOST_PLACES: Final = 12
"""Numbers of entries in a row: enough to begin to look."""


class Sign(StrEnum):
    """Name what was noticed, those about the log itself first."""

    TWO_HISTORIES = "two entries in one place"
    GAP = "gap in the log"
    CLOCK_STEP = "clock stepped back"
    UNCLEAN_STOP = "stopped without an entry"
    STALE_WITNESS = "not witnessed"
    LOG_LOCKED = "log locked by a witness"
    FORK_FOUND = "another log told two histories"
    EXTENDED = "served without witnesses"
    BREAK_GLASS = "break glass"
    KEY_REVOKED = "key taken back"
    STEWARDS = "steward's access changed"
    READERS = "new reader"
    ERASED = "detail of a patient erased"
    ONLY_AT_HOSPITAL = "not in the coordinator's log"
    ONLY_AT_COORDINATOR = "not in any hospital's log"
    CONTRADICTION = "logs contradict each other"
    HELD_BACK = "query held back"
    ONE_SIDED = "share told on one side only"
    NOT_DESTROYED = "no receipt of destruction"
    NEAR_IDENTICAL = "near-identical questions"
    REWORDED = "refused, then reworded"
    SMALL_CELLS = "burst of small-cell refusals"
    FETCHES = "burst of refused fetches"
    OFF_HOURS = "outside office hours"
    NEW_KEY = "new key"


@dataclass(frozen=True, slots=True)
class Finding:
    """Hold one sign.

    Parameters
    ----------
    sign : Sign
        What was noticed.
    node : str
        In whose log.
    time : Moment
        When; of several entries the last.
    who : str
        Who acted; empty where it is about the log.
    entries : tuple of int
        Numbers of the entries to look at.
    what : str
        The facts, in words.
    """

    sign: Sign
    node: str
    time: Moment
    who: str
    entries: tuple[int, ...]
    what: str

    def as_row(self) -> tuple[str, ...]:
        """Return a row of a table with `COLUMNS`."""
        places = ", ".join(map(str, self.entries[:MOST_PLACES]))
        if len(self.entries) > MOST_PLACES:
            places += f" and {len(self.entries) - MOST_PLACES} more"
        return (self.sign.value, self.node, self.time, self.who, places, self.what)
