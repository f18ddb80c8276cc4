"""What is to be learned, from what, and how: the parameters of a question, checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, JsonValue, TypeAdapter
from pydantic.dataclasses import dataclass as checked

from wardnet.learning.inputs import Input, inputs
from wardnet.learning.network import Activation, Network
from wardnet.question.dictionary import STRICT, Dictionary, Name
from wardnet.question.drawing import row_keys
from wardnet.question.rows import Rows
from wardnet.statistics import parameters as read
from wardnet.statistics.outcomes import Outcome, outcome
from wardnet.statistics.sampling import draw_share

MOST_ROUNDS: Final = 1000
MOST_WEIGHTS: Final = 1 << 21
MOST_GIVEN: Final = 4096

Algorithm: TypeAlias = Literal["fedavg", "fedprox", "scaffold", "fedadam", "fedyogi", "fedadagrad"]
ADAPTIVE: Final = frozenset({"fedadam", "fedyogi", "fedadagrad"})

Whole: TypeAlias = Annotated[int, Field(ge=1, le=1 << 20)]
Rate: TypeAlias = Annotated[float, Field(gt=0, le=1e3)]
Share: TypeAlias = Annotated[float, Field(ge=0, lt=1)]


@checked(frozen=True, config=STRICT)
class Parameters:
    """Hold what `fedavg` takes.

    Parameters
    ----------
    outcome : str
        A column of numbers, or one with levels, of which each is a class.
    features : tuple of str
        Columns of numbers, booleans or categories, at least one.
    estimator : str
        scikit-learn's name: linear (`SGD...`) or with hidden layers (`MLP...`), for classes or for
        a number.
    hidden_layer_sizes : tuple of int
        Of an `MLP...`.
    activation : str
        Of its hidden layers.
    alpha : float
        Strength of the ridge on the weights, not on intercepts; at least 0.
    algorithm : str
        How hospitals train and how their updates become one.
    rounds : int
        1 to 1000.
    epochs : int
        How often a hospital goes through its rows in a round, 1 to 2**20.
    steps : int or None
        How many batches it takes in a round instead.
    batch_size : int
        Rows of a batch.
    learning_rate, server_learning_rate : float
        Of a hospital's step; of the step that the mean update makes: None for 1 where it is added,
        0.01 where it is scaled.
    beta1, beta2, tau : float
        Of fedadam, fedyogi and fedadagrad: how much of the mean and of the square stays, below 1;
        what is added to its root, above 0.
    mu : float
        Of fedprox: how strongly a hospital is drawn to the shared weights.
    weights : str
        Whether a hospital's update counts by its rows or as everybody's.
    clip : float
        Largest Euclidean norm of a hospital's update.
    validation_share : float
        Share of the rows that nobody trains on; at least 0, below 1.
    patience : int or None
        After how many rounds without a smaller loss on these the training ends; None for never.
    personal : str
        What each hospital fits for itself, in every round anew.
    missing : str
        Whether rows with a missing value are left out or get the mean, or the most frequent level.
    standardise : bool
        Whether inputs, and an outcome of numbers, are brought to mean 0 and standard deviation 1.
    seed : int
        Of first weights, order of rows, and the validation share.
    start : tuple of float
        First weights, all of them, in the order of `Network`; none for those that `seed` gives.
    """

    outcome: Name
    features: Annotated[tuple[Name, ...], Field(min_length=1)]
    estimator: Literal["SGDClassifier", "SGDRegressor", "MLPClassifier", "MLPRegressor"] = (
        "SGDClassifier"
    )
    hidden_layer_sizes: Annotated[tuple[Whole, ...], Field(min_length=1, max_length=8)] = (100,)
    activation: Activation = "relu"
    alpha: Annotated[float, Field(ge=0, le=1e6)] = 0.0001
    algorithm: Algorithm = "fedavg"
    rounds: Annotated[int, Field(ge=1, le=MOST_ROUNDS)] = 20
    epochs: Whole = 1
    steps: Whole | None = None
    batch_size: Whole = 32
    learning_rate: Rate = 0.1
    server_learning_rate: Rate | None = None
    beta1: Share = 0.9
    beta2: Share = 0.99
    tau: Annotated[float, Field(ge=1e-12, le=1)] = 0.001
    mu: Annotated[float, Field(ge=0, le=1e6)] = 0.01
    weights: Literal["rows", "equal"] = "rows"
    clip: Annotated[float, Field(ge=1e-3, le=1e4)] = 10.0
    validation_share: Share = 0.0
    patience: Annotated[int | None, Field(ge=1, le=MOST_ROUNDS)] = None
    personal: Literal["none", "intercept", "last_layer"] = "none"
    missing: Literal["leave_out", "mean"] = "leave_out"
    standardise: bool = True
    seed: Annotated[int, Field(ge=0, lt=1 << 53)] = 0
    start: Annotated[tuple[float, ...], Field(max_length=MOST_GIVEN)] = ()


_ADAPTER: Final = TypeAdapter(Parameters)


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
        rate = self.given.server_learning_rate
        return rate or (0.01 if self.given.algorithm in ADAPTIVE else 1.0)

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
    given = read.read(method, _ADAPTER, parameters)
    predicted = outcome(method, given.outcome, dictionary)
    found = inputs(method, given.features, outcome=given.outcome, dictionary=dictionary)
    if given.estimator.endswith("Classifier") != bool(predicted.classes):
        kind = "a column with levels" if not predicted.classes else "a column of numbers"
        read.refuse(method, "estimator", f"{given.estimator} needs {kind} as outcome")
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
