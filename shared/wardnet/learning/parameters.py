"""What a question about learning by turns may ask."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass as checked

from wardnet.learning.network import Activation
from wardnet.question.dictionary import STRICT, Name

MOST_ROUNDS: Final = 1000
MOST_GIVEN: Final = 4096

Algorithm: TypeAlias = Literal["fedavg", "fedprox", "scaffold", "fedadam", "fedyogi", "fedadagrad"]
ADAPTIVE: Final[Mapping[str, float]] = MappingProxyType(
    {"fedadam": 0.03, "fedyogi": 0.03, "fedadagrad": 0.3}
)
"""Which scale the mean update, and by what rate where none is said."""

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
        Rows of a batch; the last one has the rest, too.
    learning_rate, server_learning_rate : float
        Of a hospital's step; of the step that the mean update makes: None for 1 where it is added,
        that of `ADAPTIVE` where it is scaled.
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
        Only in a simulation without rules.
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


ADAPTER: Final = TypeAdapter(Parameters)
