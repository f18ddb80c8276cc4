"""Models as a researcher fits them: a formula, a dataset, and how to learn.

>>> import pandas as pd
>>> from wardnet import simulate
>>> table = pd.DataFrame({"age": range(40, 80), "chol": range(200, 240)})
>>> net = simulate([table[:15], table[15:]])
>>> fitted = net.learn.linear("chol ~ age", "data").model
>>> fitted.predict(pd.DataFrame({"age": [50, 60]})).tolist()
[210.0, 220.0]
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, Unpack

from pydantic import JsonValue

from wardnet.client.models.estimators import ESTIMATOR, in_words
from wardnet.client.models.evaluation import Validation
from wardnet.client.models.formulas import FORMULA
from wardnet.client.models.search import Search, search
from wardnet.client.models.validation import cross_validate, question
from wardnet.client.queries.ask import Names, Parameters, Whose, ask_for
from wardnet.client.queries.result import Result
from wardnet.errors import Reason, WardnetError
from wardnet.statistics.regression.robust import CLASSICAL, Kind

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

    from wardnet.client.network import Network


class Learn:
    """Fit models to the rows of all hospitals together; every kind of model is one method.

    A formula is such as `"died ~ age + sex"`; `"died ~ ."` takes all other columns, and
    `"died ~ . - site"` all but one. `linear`, `logistic` and `poisson` also take `a:b` (an
    interaction), `a * b` (which is `a + b + a:b`) and `C(a)` (whole numbers by their levels).

    All take the keywords of `Whose` besides their own, and raise what `Network` raises. The `model`
    of a result predicts from tables, the result's `plot()` draws it.

    Parameters
    ----------
    network : Network
        Who is asked.
    """

    def __init__(self, network: "Network") -> None:
        self._network = network

    def linear(
        self,
        formula: str,
        dataset: str,
        *,
        penalty: float = 0.0,
        lasso_share: float = 0.0,
        errors: Kind = CLASSICAL,
        **whose: Unpack[Whose],
    ) -> Result:
        """Explain a number by other columns: least squares, ridge, lasso or elastic net.

        Parameters
        ----------
        penalty : float
            Strength of the penalty on the standardised coefficients; 0 for none.
        lasso_share : float
            0 for ridge, 1 for lasso, between them elastic net.
        errors : str
            Which standard errors: `classical`, those that hold for rows of different variance
            (`HC0` to `HC3`), or those of hospitals as clusters (`cluster`).
        """
        own: Parameters = {"penalty": penalty, "lasso_share": lasso_share, "errors": errors}
        return self._fit("linear", formula, dataset, own, whose)

    def logistic(
        self,
        formula: str,
        dataset: str,
        *,
        penalty: float = 0.0,
        lasso_share: float = 0.0,
        errors: Kind = CLASSICAL,
        **whose: Unpack[Whose],
    ) -> Result:
        """Explain which of two levels the outcome has by other columns.

        Parameters
        ----------
        penalty, lasso_share, errors
            As `linear` takes them.
        """
        own: Parameters = {"penalty": penalty, "lasso_share": lasso_share, "errors": errors}
        return self._fit("glm", formula, dataset, {**own, "family": "logistic"}, whose)

    def poisson(
        self,
        formula: str,
        dataset: str,
        *,
        penalty: float = 0.0,
        lasso_share: float = 0.0,
        errors: Kind = CLASSICAL,
        **whose: Unpack[Whose],
    ) -> Result:
        """Explain a count by other columns.

        Parameters
        ----------
        penalty, lasso_share, errors
            As `linear` takes them.
        """
        own: Parameters = {"penalty": penalty, "lasso_share": lasso_share, "errors": errors}
        return self._fit("glm", formula, dataset, {**own, "family": "poisson"}, whose)

    def boosting(
        self,
        formula: str,
        dataset: str,
        *,
        trees: int = 100,
        depth: int = 6,
        leaves: int | None = None,
        learning_rate: float = 0.1,
        bins: int = 255,
        minimum_rows: int = 20,
        penalty: float = 0.0,
        row_share: float = 1.0,
        column_share: float = 1.0,
        seed: int = 0,
        **whose: Unpack[Whose],
    ) -> Result:
        """Boost trees that predict a number or a class; each corrects those before it.

        Parameters
        ----------
        trees : int
            Trees for each output, 1 to 1000.
        depth : int
            Most splits on the way to a leaf, 1 to 12.
        leaves : int or None
            Most leaves of a tree, 2 to 4096: then the best splits are kept, wherever they are.
        learning_rate : float
            By what each tree's values are multiplied, above 0, at most 1.
        bins : int
            Most bins of a feature, 2 to 255.
        minimum_rows : int
            Fewest rows of a leaf, at least 1; never fewer than the rules ask for.
        penalty : float
            Ridge on the leaves' values, at least 0.
        row_share, column_share : float
            Share of rows and of features that each tree sees; at least 0.5 and above 0, at most 1.
        seed : int
            Of both shares, at least 0.
        """
        own: Parameters = {
            "trees": trees,
            "depth": depth,
            "leaves": leaves,
            "learning_rate": learning_rate,
            "bins": bins,
            "minimum_rows": minimum_rows,
            "penalty": penalty,
            "row_share": row_share,
            "column_share": column_share,
            "seed": seed,
        }
        return self._fit("boosting", formula, dataset, own, whose)

    def forest(
        self,
        formula: str,
        dataset: str,
        *,
        trees: int = 100,
        depth: int = 6,
        leaves: int | None = None,
        bins: int = 255,
        minimum_rows: int = 10,
        split_features: int | None = None,
        seed: int = 0,
        **whose: Unpack[Whose],
    ) -> Result:
        """Grow a random forest that predicts a number or a class; each tree sees a bag of rows.

        Parameters
        ----------
        trees, depth, leaves, bins, minimum_rows
            As `boosting` takes them.
        split_features : int or None
            How many features a split chooses from; the root of their number for classes and a third
            for numbers when None.
        seed : int
            Of bags and features, at least 0.
        """
        own: Parameters = {
            "trees": trees,
            "depth": depth,
            "leaves": leaves,
            "bins": bins,
            "minimum_rows": minimum_rows,
            "split_features": split_features,
            "seed": seed,
        }
        return self._fit("forest", formula, dataset, own, whose)

    def fedavg(
        self,
        formula: str,
        dataset: str,
        *,
        algorithm: str = "fedavg",
        estimator: "str | BaseEstimator" = "SGDClassifier",
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: str = "relu",
        alpha: float = 0.0001,
        rounds: int = 20,
        epochs: int = 1,
        steps: int | None = None,
        batch_size: int = 32,
        learning_rate: float = 0.1,
        server_learning_rate: float | None = None,
        beta1: float = 0.9,
        beta2: float = 0.99,
        tau: float = 0.001,
        mu: float = 0.01,
        weights: str = "rows",
        clip: float = 10.0,
        validation_share: float = 0.0,
        patience: int | None = None,
        personal: str = "none",
        missing: str = "leave_out",
        standardise: bool = True,
        seed: int = 0,
        start: Sequence[float] = (),
        **whose: Unpack[Whose],
    ) -> Result:
        """Train a linear model or a small network by turns: hospitals train, updates are averaged.

        Parameters
        ----------
        algorithm : str
            `fedavg`, `fedprox`, `scaffold`, `fedadam`, `fedyogi` or `fedadagrad`.
        estimator : str or object
            `SGDClassifier` or `SGDRegressor` (linear), `MLPClassifier` or `MLPRegressor` (with
            hidden layers); or an unfitted object of scikit-learn's class of this name, of which
            every setting is taken, or refused by name.
        hidden_layer_sizes, activation
            Of an `MLP...`, as scikit-learn takes them.
        alpha : float
            Strength of the ridge on the weights, at least 0.
        rounds, epochs, batch_size : int
            How often updates are averaged, how often a hospital goes through its rows in between,
            in batches of how many rows.
        steps : int or None
            How many batches a hospital takes in a round instead of `epochs`.
        learning_rate, server_learning_rate : float
            Of a hospital's step; of the step that the mean update makes (None: 1 where it is added,
            0.03 with `fedadam` and `fedyogi`, 0.3 with `fedadagrad`).
        beta1, beta2, tau : float
            Of `fedadam`, `fedyogi` and `fedadagrad`.
        mu : float
            Of `fedprox`: how strongly a hospital is drawn to the shared weights.
        weights : str
            Whether a hospital's update counts by its `rows` or `equal` to the others.
        clip : float
            Largest Euclidean norm of a hospital's update.
        validation_share : float
            Share of the rows that nobody trains on; at least 0, below 1.
        patience : int or None
            After how many rounds without a smaller loss on these the training ends; None for never.
        personal : str
            What each hospital fits for itself: `none`, `intercept` or `last_layer`.
        missing : str
            Whether rows with a missing value are left out (`leave_out`) or get the `mean`.
        standardise : bool
            Whether numbers are brought to mean 0 and standard deviation 1.
        seed : int
            Of first weights, order of rows, and the validation share.
        start : sequence of float
            First weights instead, in a simulation without rules; none for those that `seed` gives.
        """
        own = {
            "algorithm": algorithm,
            ESTIMATOR: estimator,
            "hidden_layer_sizes": [hidden_layer_sizes]
            if isinstance(hidden_layer_sizes, int)
            else list(hidden_layer_sizes),
            "activation": activation,
            "alpha": alpha,
            "rounds": rounds,
            "epochs": epochs,
            "steps": steps,
            "batch_size": batch_size,
            "learning_rate": learning_rate,
            "server_learning_rate": server_learning_rate,
            "beta1": beta1,
            "beta2": beta2,
            "tau": tau,
            "mu": mu,
            "weights": weights,
            "clip": clip,
            "validation_share": validation_share,
            "patience": patience,
            "personal": personal,
            "missing": missing,
            "standardise": standardise,
            "seed": seed,
            "start": list(start),
        }
        return self._fit("fedavg", formula, dataset, in_words(own), whose)

    def cross_validate(
        self,
        kind: str,
        formula: str,
        dataset: str,
        settings: Mapping[str, JsonValue] | None = None,
        *,
        folds: int | None = None,
        leave_out: Literal["hospital"] | None = None,
        seed: int = 0,
        by: Names | None = None,
        threshold: float = 0.5,
        **whose: Unpack[Whose],
    ) -> Validation:
        """Fit a model to all parts of the rows but one, and evaluate it on this one; each in turn.

        Parameters
        ----------
        kind : str
            `linear`, `logistic`, `poisson`, `boosting`, `forest` or `fedavg`.
        settings : mapping or None
            What the method of this name takes, such as `{"trees": 50}`.
        folds, leave_out, seed, by, threshold
            As `wardnet.client.models.validation.cross_validate` takes them: `leave_out="hospital"`
            leaves out one hospital after the other.
        """
        ask = question(kind, formula, dataset, settings, whose)
        return cross_validate(
            self._network,
            ask,
            folds=folds,
            leave_out=leave_out,
            seed=seed,
            by=by,
            threshold=threshold,
        )

    def search(
        self,
        kind: str,
        formula: str,
        dataset: str,
        grid: Mapping[str, Iterable[JsonValue]],
        *,
        settings: Mapping[str, JsonValue] | None = None,
        n: int | None = None,
        measure: str | None = None,
        folds: int | None = None,
        leave_out: Literal["hospital"] | None = None,
        seed: int = 0,
        by: Names | None = None,
        **whose: Unpack[Whose],
    ) -> Search:
        """Cross-validate a model with several choices of parameters, all on the same parts.

        Parameters
        ----------
        kind, settings, folds, leave_out, by
            As `cross_validate` takes them.
        grid, n, measure, seed
            As `wardnet.client.models.search.search` takes them: `{"depth": [3, 6]}` tries both.
        """
        return search(
            self._network,
            question(kind, formula, dataset, settings, whose),
            grid,
            n=n,
            measure=measure,
            folds=folds,
            leave_out=leave_out,
            seed=seed,
            by=by,
        )

    def _fit(
        self, method: str, formula: str, dataset: str, own: Parameters, whose: Whose
    ) -> Result:
        if isinstance(dataset, str) and "~" in dataset:
            raise WardnetError(
                Reason.PARAMETER_INVALID,
                method=method,
                parameter=FORMULA,
                rule="comes first, and then the dataset",
            )
        return self._network.ask(ask_for(method, dataset, {FORMULA: formula, **own}, whose))
