"""Rare combinations: how many patients share what could point to a person.

Sweeney (2002) counts rows; a patient with many rows would hide alone in a group of their own, so
here a group counts distinct patients. What is left over needs no second look: a combination stays
or goes with all its rows.

References
----------
Sweeney (2002), k-anonymity: a model for protecting privacy, Int. J. Uncertainty, Fuzziness and
Knowledge-Based Systems 10(5), 557-570.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wardnet.question.dictionary import Dictionary

LARGE: Final = 1000
"""A group of so many patients is not counted further."""

DIRECT: Final = 1 << 20
"""Up to so many possible combinations each has its number from the start."""

_PENDING: Final = 1 << 18
_PATIENT_BITS: Final = 32


class Combinations:
    """Give every combination of values a number, the same in every batch.

    Parameters
    ----------
    dictionary : Dictionary
        Of the de-identified rows.
    names : sequence of str
        The quasi-identifiers, all on the grid.
    """

    def __init__(self, dictionary: Dictionary, names: Sequence[str]) -> None:
        # A missing value, -1, is one value more.
        self._cells = {name: (dictionary.column(name).cells or 0) + 1 for name in names}
        possible = 1
        for cells in self._cells.values():
            possible *= cells
        self._direct = possible if possible <= DIRECT else None
        self._known = np.zeros(0, np.int64)
        self._numbers = np.zeros(0, np.int64)

    @property
    def size(self) -> int:
        """Return how many numbers there are so far."""
        return len(self._known) if self._direct is None else self._direct

    def numbers(self, columns: Mapping[str, NDArray[Any]], *, rows: int) -> NDArray[np.int64]:
        """Return the number of each row's combination.

        Parameters
        ----------
        columns : Mapping of str to ndarray, each shape (rows,)
            The quasi-identifiers as they leave.
        rows : int
            How many.

        Returns
        -------
        ndarray of int64, shape (rows,)
        """
        places = np.zeros(rows, np.int64)
        for name, cells in self._cells.items():
            places *= cells
            places += columns[name]
            places += 1
        return places if self._direct is not None else self._numbered(places)

    def _numbered(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        found = distinct(places)
        where = np.searchsorted(self._known, found)
        known = np.zeros(len(found), np.bool_)
        inside = where < len(self._known)
        known[inside] = self._known[where[inside]] == found[inside]
        new, first = found[~known], len(self._known)
        self._known = np.insert(self._known, where[~known], new)
        self._numbers = np.insert(
            self._numbers, where[~known], np.arange(first, first + len(new), dtype=np.int64)
        )
        return self._numbers[np.searchsorted(self._known, places)]


@dataclass(frozen=True, slots=True)
class Groups:
    """Hold what was counted.

    Parameters
    ----------
    stays : ndarray of bool, shape (combinations,)
        Whether at least the minimum of patients share a combination.
    smallest, smallest_left : int
        Patients in the smallest group before and after rare ones are left out; `at_most` stands for
        so many and more; 0 where there is none.
    patients : ndarray of bool, shape (patients,)
        Who has a row left.
    rows : int
        That are left.
    """

    stays: NDArray[np.bool_]
    smallest: int
    smallest_left: int
    patients: NDArray[np.bool_]
    rows: int


class GroupCount:
    """Count the distinct patients of every combination, batch by batch.

    Memory is flat: a group that is large enough is no longer looked at, and what is kept of others
    is one number per patient and group.

    Parameters
    ----------
    patients : int
        Numbers of patients are below it.
    minimum : int
        Fewest patients that may share a combination.

    Attributes
    ----------
    at_most : int
        Largest group that is counted: `LARGE`, or the minimum.
    """

    def __init__(self, *, patients: int, minimum: int) -> None:
        self._minimum = minimum
        self.at_most = max(LARGE, minimum)
        self._rows = np.zeros(0, np.int64)
        self._is_large = np.zeros(0, np.bool_)
        self._in_large = np.zeros(patients, np.bool_)
        self._pairs = np.zeros(0, np.int64)
        self._pending: list[NDArray[np.int64]] = []
        self._waiting = 0

    def add(
        self, combinations: NDArray[np.int64], patients: NDArray[np.uint32], *, size: int
    ) -> None:
        """Count rows.

        Parameters
        ----------
        combinations, patients : ndarray, shape (rows,)
            Numbers of each row.
        size : int
            Numbers of combinations are below it.
        """
        self._grow(size)
        self._rows += np.bincount(combinations, minlength=size)
        large = self._is_large[combinations]
        if large.any():
            self._in_large[patients[large]] = True
            combinations, patients = combinations[~large], patients[~large]
        self._pending.append(combinations << _PATIENT_BITS | patients)
        self._waiting += len(patients)
        if self._waiting >= max(_PENDING, len(self._pairs)):
            self._settle()

    def groups(self) -> Groups:
        """Return what was counted."""
        self._settle()
        counts = self._counts()
        counts[self._is_large] = self.at_most
        there, stays = counts > 0, counts >= self._minimum
        kept = self._in_large.copy()
        # What is large stays: `at_most` is at least the minimum.
        kept[self._pairs[stays[self._pairs >> _PATIENT_BITS]] & 0xFFFFFFFF] = True
        return Groups(
            stays=stays,
            smallest=int(counts[there].min(initial=self.at_most)) if there.any() else 0,
            smallest_left=int(counts[there & stays].min()) if (there & stays).any() else 0,
            patients=kept,
            rows=int(self._rows[stays].sum()),
        )

    def _grow(self, size: int) -> None:
        if size > len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros(size - len(self._rows), np.int64)])
            more = np.zeros(size - len(self._is_large), np.bool_)
            self._is_large = np.concatenate([self._is_large, more])

    def _counts(self) -> NDArray[np.int64]:
        return np.bincount(self._pairs >> _PATIENT_BITS, minlength=len(self._rows))

    def _settle(self) -> None:
        """Merge what is pending, and stop looking at groups that have become large."""
        self._pairs = distinct(np.concatenate([self._pairs, *self._pending]))
        self._pending, self._waiting = [], 0
        grown = self._counts() >= self.at_most
        if grown.any():
            large = grown[self._pairs >> _PATIENT_BITS]
            self._in_large[self._pairs[large] & 0xFFFFFFFF] = True
            self._is_large |= grown
            self._pairs = self._pairs[~large]


def distinct(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the distinct values, sorted; `np.unique` takes ten times as long."""
    values = np.sort(values)
    return values[np.flatnonzero(np.diff(values, prepend=values[:1] - 1))]
