"""A fitted model: it predicts from rows by elementwise arithmetic, with the same bits anywhere.

A model is read from the answer that states it, and holds nothing else.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wardnet.errors import Reason, WardnetError
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

    def fitted(self, rows: Rows) -> NDArray[np.float64]:
        """Return the weights that a hospital has for itself, fitted to its rows of the question.

        None for most models, and without rows to fit them to. They stay at the hospital.

        Parameters
        ----------
        rows : Rows
            All that the hospital has learned from, with `columns` and the outcome.

        Returns
        -------
        ndarray of float64, shape (own weights,) or (0,)
            Finite.
        """
        del rows
        return np.zeros(0)

    def personal(self, own: NDArray[np.float64]) -> "Model":
        """Return the model as a hospital has it, with what `fitted` gave there.

        Raises
        ------
        WardnetError
            `MALFORMED` for weights that are not those of the model.
        """
        del own
        raise WardnetError(Reason.MALFORMED, field="weights", rule="this model has none of its own")

    @abstractmethod
    def importance(self) -> Mapping[str, float]:
        """Return what share each feature has in the predictions, together 1."""
