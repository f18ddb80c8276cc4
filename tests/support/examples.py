"""A question for every method: what the contract suite runs on."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Final, TypeAlias

import numpy as np
from pydantic import JsonValue

from support.people import (
    HOSPITALS,
    ROWS_ARE_PATIENTS,
)
from support.regressions import regression
from wardnet.question.answer import tensor
from wardnet.question.cohort import EVERYONE, Cohort
from wardnet.question.dictionary import Dictionary
from wardnet.question.query import Query

Parameters: TypeAlias = Mapping[str, JsonValue]


def _stages_model() -> JsonValue:
    """Return three starts, and a tree that tells the first stage from the others by age."""
    arrays = {
        "outputs": np.array([0, 1, 2, 0]),
        "nodes": np.array([1, 1, 1, 3]),
        "features": np.array([-1, -1, -1, 0, -1, -1]),
        "missing_left": np.array([0, 0, 0, 1, 0, 0]),
        "numbers": np.array([0.1, 0.2, 0.3, 41.0, 0.5, -0.5]),
    }
    tensors = [asdict(tensor(name, array)) for name, array in arrays.items()]
    shares: list[JsonValue] = [
        ["feature", "age", 1.0, 1, None, None],
        ["feature", "lab", 0.0, 0, None, None],
    ]
    rows: JsonValue = [["model", "", None, 1, 0.9, 100], *shares]
    values: JsonValue = ["share", "splits", "loss", "rows"]
    table = {"keys": ["part", "name"], "values": values, "rows": rows, "tensors": tensors}
    parameters: JsonValue = {"outcome": "stage", "features": ["age", "lab"], "trees": 1}
    model = {"method": "boosting", "version": 1, "parameters": parameters, "table": table}
    plain: JsonValue = json.loads(json.dumps(model))
    return plain


SMOKER_MODEL: Final[JsonValue] = regression(
    "glm",
    {"outcome": "smoker", "terms": [["age"], ["lab"]]},
    {"intercept": -0.5, "age": 0.02, "lab": -0.001},
)
_WEIGHT_MODEL: Final[JsonValue] = regression(
    "linear", {"outcome": "weight", "terms": [["age"]]}, {"intercept": 70.0, "age": 0.1}
)
EXAMPLES: Final[Mapping[str, Sequence[Parameters]]] = {
    "count": ({}, {"by": ["sex", "smoker", "stage"]}),
    "summary": (
        {"columns": ["age", "lab"]},
        {"columns": ["weight", "dose", "stage", "lab"], "by": ["stage", "sex"]},
    ),
    "quantiles": (
        {"columns": ["age", "dose"], "probabilities": [0.5]},
        {"columns": ["weight"], "probabilities": [0.05, 0.3, 0.95], "by": ["sex", "smoker"]},
    ),
    "histogram": (
        {"column": "age", "bins": 5},
        {"column": "lab", "bins": [-3.5, 0, 17.25, 350], "by": ["stage"]},
    ),
    "crosstab": ({"rows": "stage", "columns": "sex"},),
    "boosting": (
        {"outcome": "smoker", "features": ["age", "sex", "lab"], "trees": 2, "depth": 3},
        {
            "outcome": "weight",
            "features": ["age", "stage", "dose"],
            "trees": 2,
            "leaves": 3,
            "learning_rate": 0.5,
            "bins": 9,
            "minimum_rows": 5,
            "penalty": 0.5,
            "row_share": 0.8,
            "column_share": 0.7,
            "seed": 3,
        },
        {"outcome": "stage", "features": ["lab", "smoker"], "trees": 1, "depth": 2},
    ),
    "forest": (
        {"outcome": "stage", "features": ["age", "sex", "lab"], "trees": 2, "depth": 2},
        {
            "outcome": "weight",
            "features": ["age", "lab"],
            "trees": 2,
            "depth": 3,
            "leaves": 5,
            "bins": 20,
            "minimum_rows": 12,
            "split_features": 2,
            "seed": 1,
        },
    ),
    "fedavg": (
        {"outcome": "smoker", "features": ["age", "sex", "lab"], "rounds": 3, "steps": 4},
        {
            "outcome": "weight",
            "features": ["age", "stage", "dose", "lab"],
            "estimator": "MLPRegressor",
            "hidden_layer_sizes": [3],
            "activation": "tanh",
            "alpha": 0.01,
            "algorithm": "scaffold",
            "rounds": 3,
            "epochs": 2,
            "batch_size": 12,
            "learning_rate": 0.05,
            "server_learning_rate": 0.9,
            "weights": "equal",
            "clip": 2,
            "validation_share": 0.3,
            "patience": 1,
            "personal": "intercept",
            "missing": "mean",
            "seed": 5,
        },
        {
            "outcome": "stage",
            "features": ["lab", "smoker"],
            "algorithm": "fedprox",
            "mu": 0.1,
            "rounds": 2,
            "standardise": False,
            "start": [0.0] * 9,
        },
        {
            "outcome": "smoker",
            "features": ["age"],
            "estimator": "MLPClassifier",
            "hidden_layer_sizes": [4, 2],
            "algorithm": "fedyogi",
            "beta1": 0.5,
            "beta2": 0.9,
            "tau": 0.01,
            "rounds": 2,
            "personal": "last_layer",
        },
    ),
    "linear": (
        {"outcome": "lab", "terms": [["age"], ["stage"], ["dose"]], "factors": ["stage"]},
        {
            "outcome": "weight",
            "terms": [["age"], ["smoker"], ["lab"], ["age", "smoker"]],
            "penalty": 3,
            "lasso_share": 0.5,
        },
        {"outcome": "lab", "terms": [["age"], ["weight"]], "errors": "HC3"},
    ),
    "glm": (
        {"outcome": "smoker", "terms": [["age"], ["lab"]], "family": "logistic"},
        {
            "outcome": "smoker",
            "terms": [["stage"], ["weight"]],
            "factors": ["stage"],
            "penalty": 2.5,
            "lasso_share": 1,
        },
        {
            "outcome": "visits",
            "terms": [["age"], ["smoker"]],
            "family": "poisson",
            "errors": "HC2",
        },
    ),
    "evaluate": (
        {"model": SMOKER_MODEL, "threshold": 0.45},
        {"model": _WEIGHT_MODEL, "time": "visits", "event": "smoker"},
        {"model": _stages_model()},
    ),
    "pca": (
        {"columns": ["age", "lab", "dose"]},
        {
            "columns": ["weight", "stage", "smoker", "visits"],
            "factors": ["stage"],
            "standardise": False,
            "components": 2,
        },
    ),
    "kmeans": (
        {"columns": ["age", "weight"], "clusters": 3, "searches": 2, "seed": 5},
        {
            "columns": ["lab", "visits", "smoker", "stage"],
            "factors": ["stage"],
            "clusters": 2,
            "start": [[5, 2, 1, 0, 0], [60.5, 3, 0, 1, 0]],
            "standardise": False,
            "rounds": 3,
        },
    ),
    "mixture": (
        {"columns": ["age", "lab"], "components": 2, "tolerance": 0.01, "rounds": 12},
        {
            "columns": ["weight", "smoker", "stage"],
            "factors": ["stage"],
            "components": 2,
            "covariance": "diagonal",
            "start": [[60, 0, 1, 0], [80, 1, 0, 1]],
            "ridge": 0.001,
            "tolerance": 0.05,
        },
    ),
}
"""Questions that every method must answer by the contract; a new method adds its own."""


def ask(
    method: str,
    parameters: Parameters,
    *,
    dictionary: Dictionary = ROWS_ARE_PATIENTS,
    cohort: Cohort = EVERYONE,
) -> Query:
    """Return a query to all hospitals."""
    return Query(
        version=1,
        network="test",
        researcher="ada",
        dataset=dictionary.name,
        dictionary=dictionary.digest,
        method=method,
        method_version=1,
        parameters=dict(parameters),
        cohort=cohort,
        hospitals=HOSPITALS,
        minimum_hospitals=len(HOSPITALS),
        mode="clear",
        study="0" * 64,
        agreements=dict.fromkeys(HOSPITALS, "0" * 64),
        purpose={},
        minimum_patients=10,
        recipient="0" * 64,
        nonce="0" * 32,
        not_before="2026-01-01T00:00:00.000Z",
        not_after="2026-01-01T00:15:00.000Z",
    )
