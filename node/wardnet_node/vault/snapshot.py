"""A snapshot: one immutable version of a dataset, with the keys to read it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from wardnet.question.dictionary import Dictionary

PATIENT: Final = "_patient"
"""The stored column of patient indices; no dictionary can have this name."""


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
    """

    path: Path
    key: bytes = field(repr=False)
    aad: bytes
    rows: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Hold a pinned snapshot; it may be pickled to worker processes.

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
    """

    dataset: str
    number: int
    id: str
    dictionary: Dictionary
    segments: tuple[SegmentRef, ...]
    rows: int
    patients: int

    @property
    def one_row_per_patient(self) -> bool:
        """Say whether counting rows is counting patients."""
        return self.rows == self.patients
