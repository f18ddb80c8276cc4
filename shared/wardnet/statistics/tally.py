"""A hospital's part of one round: all that touches patients' rows, and nothing else.

A tally can be sent to worker processes; it computes the same on any machine.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import chain
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wardnet.privacy.rules import Guard
from wardnet.question.cohort import Everyone, columns_of, select
from wardnet.question.rows import Rows, concatenate, no_rows
from wardnet.statistics.kept import kept
from wardnet.statistics.method import Method, Part, Question, join, settle
from wardnet.sums import arrays
from wardnet.sums.accumulate import MAXIMUM_ROWS
from wardnet.sums.arrays import ArraySpec, Sums
from wardnet.sums.members import Members, members, where_not

DATASET: Final = "dataset"
COHORT: Final = "cohort"
"""Guards of every query, of one cell each: all patients, and those that the cohort selects."""

LEFT_OUT: Final = "left out"
"""Guard of a filtered query, of one cell: the patients of whom it leaves out a row."""


@dataclass(frozen=True)
class Tally:
    """Compute one hospital's sums for one round.

    Parameters
    ----------
    method : Method
        What is computed.
    question : Question
        Of which rows.
    state : object
        The method's state; None in the guard round.
    withheld : Mapping of str to ndarray of bool, shape (cells,)
        Cells of each guard that are sent as 0.
    """

    method: Method[Any, Any]
    question: Question[Any]
    state: object
    withheld: Mapping[str, NDArray[np.bool_]]

    @cached_property
    def columns(self) -> frozenset[str]:
        """Return the columns that batches must hold, those of the cohort included."""
        return self._own_columns | columns_of(self.question.cohort)

    @property
    def whole(self) -> bool:
        """Say whether the rows of a hospital must come together, in one process."""
        return self.method.whole and self.state is not None

    @property
    def with_patient(self) -> bool:
        """Say whether rows must name their patients (where a patient may have several rows)."""
        return self.question.dictionary.patient is not None

    @cached_property
    def specs(self) -> Sequence[ArraySpec]:
        """Return what the sums look like."""
        if self.state is not None:
            return self.method.arrays(self.state)
        sizes = {name: guard.cells for name, guard in self._guards.items()}
        return [
            ArraySpec(name, (cells,), limit=MAXIMUM_ROWS, guard=name)
            for name, cells in {**dict.fromkeys(self._wholes, 1), **sizes}.items()
        ]

    def part(self, batches: Iterable[Rows]) -> Part:
        """Return the part of any number of batches, of any sizes."""
        none = no_rows(self.question.dictionary, self.columns)
        if not self.whole:
            others = iter(batches)
            return self.merge(map(self._local, chain([next(others, none)], others)))
        held = list(batches) or [none]
        if len(held) == 1:
            return self._local(held[0])
        return self._local(kept("whole", held, lambda: concatenate(held)))

    def merge(self, parts: Iterable[Part]) -> Part:
        """Return several parts of this hospital as one; the order does not matter."""
        return reduce(join, parts)

    def sums(self, part: Part) -> Sums:
        """Return what may leave the hospital: withheld cells are 0, the rest as declared.

        Raises
        ------
        WardnetError
            `IMPLAUSIBLE_TOTAL` when the part is not as the method declares it.
        """
        finished = settle(part) if self.state is None else self.method.finish(self.state, part)
        sums = {spec.name: self._declared(spec, finished[spec.name]) for spec in self.specs}
        arrays.check(sums, self.specs)
        return sums

    def hidden(self, spec: ArraySpec) -> NDArray[np.bool_]:
        """Return which entries of an array's first axis are withheld, shape (spec.shape[0],).

        An entry may stand for several cells of its guard, and is withheld with any of them.
        """
        cells = self.withheld.get(spec.guard, np.zeros(spec.shape[0], np.bool_))
        return np.asarray(cells.reshape(spec.shape[0], -1).any(axis=1))

    @property
    def _filtered(self) -> bool:
        return not isinstance(self.question.cohort, Everyone)

    @property
    def _wholes(self) -> Sequence[str]:
        return (DATASET, COHORT, LEFT_OUT) if self._filtered else (DATASET, COHORT)

    @cached_property
    def _guards(self) -> Mapping[str, Guard]:
        return self.method.guards(self.question)

    @cached_property
    def _own_columns(self) -> frozenset[str]:
        return self.method.columns(self.question.parameters)

    def _declared(self, spec: ArraySpec, array: NDArray[Any]) -> NDArray[Any]:
        declared = array.astype(np.int64 if spec.width == 8 else np.object_, copy=False)
        hidden = self.hidden(spec)
        if hidden.any():
            declared = declared.copy()
            declared[hidden] = 0
        return declared

    def _local(self, rows: Rows) -> Part:
        if self.state is not None:
            return self.method.local(self.state, self._chosen(rows))
        mask = self._select(rows)
        chosen = self._own(rows) if mask is None else self._own(rows).take(mask)
        index = self.method.cells(self.question, chosen)
        counted = {
            name: members(index[name], cells=guard.cells, patient=chosen.patient)
            for name, guard in self._guards.items()
        }
        wholes = {DATASET: _everybody(rows), COHORT: _everybody(chosen)}
        if mask is not None:
            left_out = where_not(mask, np.zeros(rows.size, np.int8))
            wholes[LEFT_OUT] = members(left_out, cells=1, patient=rows.patient)
        return {**wholes, **counted}

    def _chosen(self, rows: Rows) -> Rows:
        """Return the rows of the cohort; the same ones again while a batch stays in memory."""
        if not self._filtered:
            return self._own(rows)
        what = (self.question.dictionary.digest, repr(self.question.cohort), self._own_columns)

        def choose() -> Rows:
            mask = select(self.question.cohort, self.question.dictionary, rows)
            return self._own(rows).take(mask)

        return kept(what, [rows], choose)

    def _own(self, rows: Rows) -> Rows:
        """Return the rows with the method's own columns only."""
        columns = {name: rows.columns[name] for name in self._own_columns}
        return Rows(rows.size, columns, rows.patient)

    def _select(self, rows: Rows) -> NDArray[np.bool_] | None:
        """Return which rows the cohort selects; None for everyone."""
        if not self._filtered:
            return None
        return select(self.question.cohort, self.question.dictionary, rows)


def _everybody(rows: Rows) -> Members:
    return members(np.zeros(rows.size, np.int8), cells=1, patient=rows.patient)
