"""A snapshot: one immutable version of a dataset, with the keys to read it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from math import ceil
from pathlib import Path
from typing import Final

from wardnet.once import Once
from wardnet.question.dictionary import Dictionary

PATIENT: Final = "_patient"
"""The stored column of patient indices; no dictionary can have this name."""

GROUP_ROWS: Final = 1 << 18
"""Rows of a group: they are stored together, and decoded at once."""


@dataclass(frozen=True, slots=True)
class SegmentRef:
    """Name one encrypted file and hold what opens it.

    Parameters
    ----------
    path : Path
        Of the file.
    key : bytes
        32 bytes, of this file alone.
    aad : bytes
        What the file is, which its authentication covers: nothing else opens in its place.
    rows : int
        How many it holds.
    turn, turns : int
        Which groups of its rows are meant: of every `turns`, the one at `turn`.
    """

    path: Path
    key: bytes = field(repr=False)
    aad: bytes
    rows: int
    turn: int = 0
    turns: int = 1

    def by_groups(self) -> "tuple[SegmentRef, ...]":
        """Return what names its groups of rows one by one; together they are all of it."""
        turns = max(1, ceil(self.rows / GROUP_ROWS))
        return tuple(replace(self, turn=turn, turns=turns) for turn in range(turns))


@dataclass(frozen=True)
class Snapshot(Once):
    """Hold a pinned snapshot; it may be sent to worker processes.

    Parameters
    ----------
    dataset : str
        Its name.
    number : int
        From 1, growing with every load.
    id : str
        `<number>:<manifest digest>`.
    dictionary : Dictionary
        That it was loaded under.
    segments : tuple of SegmentRef
        In the order of the rows.
    rows, patients : int
        In all segments; patients are distinct.
    dataset_id : str
        The catalog's, of which another dataset of the same name has another one; empty for rows
        that are in no catalog.
    """

    dataset: str
    number: int
    id: str
    dictionary: Dictionary
    segments: tuple[SegmentRef, ...]
    rows: int
    patients: int
    dataset_id: str = ""

    def dealt(self, hands: int) -> Sequence["Snapshot"]:
        """Return at most so many snapshots that share its groups of rows, dealt in turn."""
        groups = tuple(chain.from_iterable(each.by_groups() for each in self.segments))
        dealt = (groups[first::hands] for first in range(min(hands, len(groups))))
        return [replace(self, segments=segments) for segments in dealt]

    @property
    def one_row_per_patient(self) -> bool:
        """Say whether counting rows is counting patients."""
        return self.rows == self.patients
