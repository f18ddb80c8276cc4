"""What is to be learned, from what, and how: the parameters of a question, checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from wardnet.learning.inputs import Input, inputs
from wardnet.learning.network import Network
from wardnet.learning.parameters import ADAPTER, ADAPTIVE, Parameters
from wardnet.question.dictionary import Dictionary
from wardnet.question.drawing import row_keys
from wardnet.question.rows import Rows
from wardnet.statistics import parameters as read
from wardnet.statistics.outcomes import Outcome, outcome
from wardnet.statistics.sampling import draw_share

MOST_WEIGHTS: Final = 1 << 21


@dataclass(frozen=True)
class Plan:
    """Hold what is to be learned.

    Parameters
    ----------
    given : Parameters
        As asked.
    outcome, inputs, network : Outcome, tuple of Input, Network
        What is predicted, from what, and how.
    """

    given: Parameters
    outcome: Outcome
    inputs: tuple[Input, ...]
    network: Network

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Return the names of the columns, sorted."""
        names = {each.column.name for each in self.inputs}
        return tuple(sorted(names | {self.outcome.column.name}))

    @property
    def linear(self) -> bool:
        """Say whether there is no hidden layer."""
        return len(self.network.sizes) == 2

    @property
    def parts(self) -> int:
        """Return 2 where some rows are set aside to validate on, else 1."""
        return 2 if self.given.validation_share else 1

    @property
    def server_rate(self) -> float:
        """Return the learning rate of the server's step."""
        return self.given.server_learning_rate or ADAPTIVE.get(self.given.algorithm, 1.0)

    @cached_property
    def personal(self) -> NDArray[np.bool_]:
        """Return which weights a hospital fits for itself, shape (weights,)."""
        mask = np.zeros(self.network.weights)
        *_, (matrix, intercepts) = self.network.layers(mask)
        intercepts[:] = self.given.personal != "none"
        matrix[:] = self.given.personal == "last_layer"
        return mask > 0

    def usable(self, rows: Rows) -> NDArray[np.bool_]:
        """Return which rows are trained or validated on, shape (rows.size,)."""
        known = np.asarray(self.outcome.index(rows) >= 0)
        if self.given.missing == "leave_out":
            for each in self.inputs:
                known = known & ~each.missing(rows)
        return known

    def targets(self, rows: Rows) -> NDArray[np.float64]:
        """Return what should come out, shape (rows.size, outputs): numbers, or 1 for the class."""
        if not self.outcome.classes:
            return Input(self.outcome.column).values(rows)[:, np.newaxis]
        classes = self.outcome.index(rows).astype(np.int64)
        return np.stack([self.outcome.target(classes, at) for at in self._outputs], axis=1)

    @property
    def _outputs(self) -> range:
        return range(self.network.sizes[-1])

    def hits(self, outputs: NDArray[np.float64], targets: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which rows' class has the largest chance, shape (rows,); none for numbers."""
        if not self.outcome.classes:
            return np.zeros(len(outputs), np.bool_)
        if outputs.shape[1] == 1:
            return np.asarray((outputs > 0) == (targets > 0))[:, 0]
        return np.asarray(outputs.argmax(axis=1) == targets.argmax(axis=1))

    def keys(self, rows: Rows) -> NDArray[np.uint64]:
        """Return a number for what each row holds; a row has no other name."""
        return row_keys(rows, self.columns)

    def validates(self, rows: Rows) -> NDArray[np.bool_]:
        """Return which rows are not trained on, shape (rows.size,)."""
        share = self.given.validation_share
        if not share:
            return np.zeros(rows.size, np.bool_)
        return draw_share(self.keys(rows), share, seed=self.given.seed, tree=0) > 0


def plan(method: str, parameters: Mapping[str, JsonValue], dictionary: Dictionary) -> Plan:
    """Check parameters against the dictionary.

    Raises
    ------
    WardnetError
        `PARAMETER_INVALID` or `COLUMN_UNAVAILABLE`.
    """
    given = read.read(method, ADAPTER, parameters)
    predicted = outcome(method, given.outcome, dictionary)
    found = inputs(method, given.features, outcome=given.outcome, dictionary=dictionary)
    if given.estimator.endswith("Classifier") != bool(predicted.classes):
        kind = "Classifier" if predicted.classes else "Regressor"
        fits = f"{given.estimator[:3]}{kind}"
        read.refuse(method, "estimator", f"must be {fits} for {given.outcome}")
    if given.steps and given.epochs > 1:
        read.refuse(method, "steps", "takes the place of epochs; say one of them")
    if given.patience and not given.validation_share:
        read.refuse(method, "patience", "needs a validation_share above 0")
    deep = given.estimator.startswith("MLP")
    if given.personal == "last_layer" and not deep:
        read.refuse(method, "personal", "leaves a linear model nothing to share; take intercept")
    hidden = given.hidden_layer_sizes if deep else ()
    network = Network(
        sizes=(len(found), *hidden, len(predicted.outputs)),
        activation=given.activation,
        loss="log_loss" if predicted.classes else "squared_error",
        alpha=given.alpha,
    )
    if network.weights > MOST_WEIGHTS:
        read.refuse(method, "hidden_layer_sizes", f"gives more than {MOST_WEIGHTS} weights")
    if given.start and len(given.start) != network.weights:
        read.refuse(method, "start", "needs as many numbers as the model has weights")
    return Plan(given, predicted, found, network)
