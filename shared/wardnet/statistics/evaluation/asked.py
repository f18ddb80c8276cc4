"""Which model is evaluated, and what it says of each row beside what is true of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wardnet.question.dictionary import Column
from wardnet.question.rows import Rows, is_missing
from wardnet.statistics.evaluation.order import Order
from wardnet.statistics.groups import Groups
from wardnet.statistics.kept import kept
from wardnet.statistics.model import Model
from wardnet.statistics.variables import Variable
from wardnet.sums.members import Index, where_not

BINS: Final = 10
"""Bins of equal width that predicted probabilities are told by."""

TWO: Final = 2


@dataclass(frozen=True, slots=True)
class Judged:
    """Hold the rows of a batch that have an outcome and a prediction.

    Parameters
    ----------
    truth : ndarray of int64, shape (rows,), or of float64
        The place of the outcome's class among the model's; else the outcome, in its unit.
    scores : ndarray of float64, shape (outputs, rows)
        The probability of each class, from 0 to 1; else the prediction, in the outcome's unit.
    patient : ndarray of uint32, shape (rows,), or None
        As `Rows` has it.
    keys : Mapping of str to ndarray of int64, shape (rows,)
        What each order makes of the rows, by its name.
    """

    truth: NDArray[Any]
    scores: NDArray[np.float64]
    patient: NDArray[np.uint32] | None
    keys: Mapping[str, Index] = field(default_factory=dict[str, Index])

    @property
    def positive(self) -> NDArray[np.float64]:
        """Return the probability of the second of two classes, shape (rows,)."""
        return np.asarray(self.scores[1])


@dataclass(frozen=True)
class Asked:
    """Hold checked parameters.

    Parameters
    ----------
    model : Model
        What is evaluated.
    column : Column
        Its outcome.
    threshold : float
        Between 0 and 1: from which probability on the second of two classes is predicted.
    digest : str
        Of the model as the question holds it.
    time : Order or None
        The times to an event that the predictions are held against as risks.
    """

    model: Model
    column: Column
    threshold: float
    digest: str
    time: Order | None = None

    @property
    def classes(self) -> Sequence[str]:
        """Return the classes of the outcome, as many as the model tells apart; none for numbers."""
        return self.model.classes

    @property
    def two(self) -> bool:
        """Say whether the outcome is one of two classes."""
        return len(self.classes) == TWO

    @property
    def orders(self) -> Mapping[str, Order]:
        """Return the orders of rows that the predictions are held against, by their names."""
        numbers = {} if self.classes else {"": Order(self.column)}
        times = {} if self.time is None else {self.time.column.name: self.time}
        return {**numbers, **times}

    def judge(self, rows: Rows) -> tuple[NDArray[np.bool_], Judged]:
        """Return which rows have an outcome and a prediction, shape (rows.size,), and those."""
        what = ("judged", self.digest, self.time)
        return kept(what, [rows], lambda: self._judge(rows))

    def _judge(self, rows: Rows) -> tuple[NDArray[np.bool_], Judged]:
        truth = self._truth(rows)
        scores = self.model.predict(rows).T
        known = ~np.isnan(scores).any(axis=0)
        known &= truth >= 0 if self.classes else ~np.isnan(truth)
        if self.classes:
            scores = np.clip(scores, 0.0, 1.0)
        patient = None if rows.patient is None else rows.patient[known]
        keys = {of: order.keys(rows)[known] for of, order in self.orders.items()}
        return known, Judged(truth[known], scores[:, known], patient, keys)

    def predicted(self, judged: Judged) -> NDArray[np.int64]:
        """Return the place of the predicted class of each row, shape (rows,)."""
        if self.two:
            return (judged.positive >= self.threshold).astype(np.int64)
        return np.asarray(np.argmax(judged.scores, axis=0), np.int64)

    def _truth(self, rows: Rows) -> NDArray[Any]:
        if self.classes:
            level = Groups((self.column,)).index(rows)
            return np.asarray(where_not(level < 0, self._places[level]), np.int64)
        values = rows.columns[self.column.name]
        variable = Variable(self.column)
        units = float(variable.origin) + float(variable.step) * values.astype(np.float64)
        return np.where(is_missing(self.column, values), np.nan, units)

    @cached_property
    def _places(self) -> Index:
        """Return where each of the outcome's levels stands among the model's classes; -1: not."""
        places = {name: place for place, name in enumerate(self.classes)}
        return np.array([places.get(label, -1) for label in self.column.labels], np.int64)


def bins_of(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the bin of each probability, shape (rows,); the last bin holds 1, too."""
    return np.minimum((scores * BINS).astype(np.int64), BINS - 1)
