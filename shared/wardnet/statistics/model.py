"""A fitted model: it predicts from rows by elementwise arithmetic, with the same bits anywhere.

A model is read from the answer that states it, and holds nothing else.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from wardnet.question.rows import Rows


class Model(ABC):
    """Predict from rows."""

    @property
    @abstractmethod
    def columns(self) -> Sequence[str]:
        """Return the names of the columns that it looks at, sorted; not the outcome's."""

    @property
    @abstractmethod
    def outcome(self) -> str:
        """Return the name of the column that it predicts; empty where it predicts none."""

    @property
    @abstractmethod
    def classes(self) -> Sequence[str]:
        """Return the classes whose probabilities it predicts; none where it predicts numbers."""

    @abstractmethod
    def predict(self, rows: Rows) -> NDArray[Any]:
        """Return numbers, or the probability of each class.

        Parameters
        ----------
        rows : Rows
            With `columns`.

        Returns
        -------
        ndarray of float64, shape (rows.size, outputs)
            In the outcome's unit where it predicts a number; NaN where a value is missing that it
            cannot do without. One output per class, also where there are two; else one, or one per
            component.
        """

    @abstractmethod
    def importance(self) -> Mapping[str, float]:
        """Return what share each feature has in the predictions, together 1."""
