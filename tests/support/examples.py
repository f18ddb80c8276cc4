"""Made-up rows and a question for every method: what the contract suite runs on."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final, TypeAlias

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import JsonValue

from support.regressions import regression
from wardnet.question.answer import tensor
from wardnet.question.cohort import EVERYONE, Cohort
from wardnet.question.dictionary import Column, ColumnType, Dictionary
from wardnet.question.query import Query
from wardnet.question.rows import Rows

Parameters: TypeAlias = Mapping[str, JsonValue]

HOSPITALS: Final = ("a", "b", "c", "d", "e", "f", "g")
DIGEST: Final = "a" * 64

SEX: Final = Column(name="sex", type=ColumnType.CATEGORY, levels=("female", "male", "other"))
SMOKER: Final = Column(name="smoker", type=ColumnType.BOOLEAN)
STAGE: Final = Column(
    name="stage", type=ColumnType.INTEGER, minimum="0", maximum="9", levels=("1", "3", "7")
)
AGE: Final = Column(name="age", type=ColumnType.INTEGER, minimum="-5", maximum="120")
WEIGHT: Final = Column(
    name="weight", type=ColumnType.REAL, minimum="0", maximum="300", resolution="0.1"
)
DOSE: Final = Column(
    name="dose", type=ColumnType.REAL, minimum="0", maximum="1000", resolution="0.000001"
)
"""So fine a grid that it is summed instead of counted."""

VISITS: Final = Column(name="visits", type=ColumnType.INTEGER, minimum="0", maximum="40")

LAB: Final = Column(name="lab", type=ColumnType.REAL, minimum="-20", maximum="350")
"""Off the grid."""

PERSON: Final = Column(name="person", type=ColumnType.IDENTIFIER)

ROWS_ARE_PATIENTS: Final = Dictionary(
    name="people", version=1, columns=(SEX, SMOKER, STAGE, AGE, WEIGHT, DOSE, LAB, VISITS, PERSON)
)
SEVERAL_ROWS: Final = replace(ROWS_ARE_PATIENTS, patient="person")


def _stages() -> JsonValue:
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


_SMOKER: Final[JsonValue] = regression(
    "glm",
    {"outcome": "smoker", "terms": [["age"], ["lab"]]},
    {"intercept": -0.5, "age": 0.02, "lab": -0.001},
)
_TOO_LARGE: Final[JsonValue] = regression(
    "glm",
    {"outcome": "smoker", "terms": [["age"]]},
    {"intercept": 0.0, "age": 1e308},
)
_WEIGHT: Final[JsonValue] = regression(
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
        {"outcome": "visits", "terms": [["age"], ["smoker"]], "family": "poisson"},
    ),
    "evaluate": (
        {"model": _SMOKER, "threshold": 0.45},
        {"model": _WEIGHT},
        {"model": _stages()},
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

REFUSED: Final[Mapping[str, Sequence[tuple[str, Parameters]]]] = {
    "count": (
        ("by", {"by": ["age"]}),
        ("by", {"by": ["sex", "sex"]}),
        ("by", {"by": ["sex", "smoker", "stage", "age"]}),
        ("by", {"by": "sex"}),
        ("colour", {"colour": "red"}),
    ),
    "summary": (
        ("columns", {}),
        ("columns", {"columns": []}),
        ("columns", {"columns": ["sex"]}),
        ("columns", {"columns": ["age", "age"]}),
        ("columns", {"columns": [1]}),
        ("by", {"columns": ["age"], "by": ["weight"]}),
        ("by", {"columns": ["age"], "by": ["sex", "smoker", "stage"]}),
        ("weights", {"columns": ["age"], "weights": "lab"}),
    ),
    "quantiles": (
        ("columns", {"columns": ["lab"]}),
        ("columns", {"columns": ["sex"]}),
        ("probabilities", {"columns": ["age"], "probabilities": []}),
        ("probabilities", {"columns": ["age"], "probabilities": [0.01]}),
        ("probabilities", {"columns": ["age"], "probabilities": [0.5, 0.5]}),
        ("probabilities", {"columns": ["age"], "probabilities": "median"}),
        ("type", {"columns": ["age"], "type": 6}),
    ),
    "histogram": (
        ("column", {"bins": 5}),
        ("column", {"column": "sex", "bins": 5}),
        ("bins", {"column": "age"}),
        ("bins", {"column": "age", "bins": 0}),
        ("bins", {"column": "age", "bins": 5000}),
        ("bins", {"column": "age", "bins": True}),
        ("bins", {"column": "age", "bins": [40]}),
        ("bins", {"column": "age", "bins": [40, 20]}),
        ("by", {"column": "age", "bins": 5, "by": ["sex", "stage"]}),
    ),
    "crosstab": (
        ("rows", {"columns": "sex"}),
        ("columns", {"rows": "sex", "columns": "sex"}),
        ("columns", {"rows": "sex", "columns": "age"}),
    ),
    "boosting": (
        ("outcome", {"features": ["age"]}),
        ("outcome", {"outcome": ["age"], "features": ["sex"]}),
        ("features", {"outcome": "smoker"}),
        ("features", {"outcome": "smoker", "features": []}),
        ("features", {"outcome": "smoker", "features": ["age", "smoker"]}),
        ("features", {"outcome": "smoker", "features": ["age", "age"]}),
        ("trees", {"outcome": "smoker", "features": ["age"], "trees": 0}),
        ("trees", {"outcome": "smoker", "features": ["age"], "trees": 1000, "depth": 12}),
        ("depth", {"outcome": "smoker", "features": ["age"], "depth": 13}),
        ("leaves", {"outcome": "smoker", "features": ["age"], "leaves": 1}),
        ("learning_rate", {"outcome": "smoker", "features": ["age"], "learning_rate": 0}),
        ("bins", {"outcome": "smoker", "features": ["age"], "bins": 256}),
        ("minimum_rows", {"outcome": "smoker", "features": ["age"], "minimum_rows": 0}),
        ("penalty", {"outcome": "smoker", "features": ["age"], "penalty": -1}),
        ("row_share", {"outcome": "smoker", "features": ["age"], "row_share": 0.1}),
        ("column_share", {"outcome": "smoker", "features": ["age"], "column_share": 0}),
        ("seed", {"outcome": "smoker", "features": ["age"], "seed": -1}),
    ),
    "forest": (
        ("outcome", {"features": ["age"]}),
        ("features", {"outcome": "smoker", "features": ["smoker"]}),
        ("split_features", {"outcome": "smoker", "features": ["age"], "split_features": 2}),
        ("learning_rate", {"outcome": "smoker", "features": ["age"], "learning_rate": 0.1}),
    ),
    "fedavg": (
        ("outcome", {"features": ["age"]}),
        ("features", {"outcome": "smoker", "features": []}),
        ("features", {"outcome": "smoker", "features": ["age", "smoker"]}),
        ("estimator", {"outcome": "smoker", "features": ["age"], "estimator": "SGDRegressor"}),
        ("estimator", {"outcome": "age", "features": ["lab"], "estimator": "MLPClassifier"}),
        ("algorithm", {"outcome": "smoker", "features": ["age"], "algorithm": "fedsgd"}),
        ("rounds", {"outcome": "smoker", "features": ["age"], "rounds": 1001}),
        ("learning_rate", {"outcome": "smoker", "features": ["age"], "learning_rate": 0}),
        ("clip", {"outcome": "smoker", "features": ["age"], "clip": 0}),
        ("patience", {"outcome": "smoker", "features": ["age"], "patience": 3}),
        ("personal", {"outcome": "smoker", "features": ["age"], "personal": "all"}),
        ("personal", {"outcome": "smoker", "features": ["age"], "personal": "last_layer"}),
        ("start", {"outcome": "smoker", "features": ["age"], "start": [1.0]}),
        (
            "hidden_layer_sizes",
            {
                "outcome": "smoker",
                "features": ["age"],
                "estimator": "MLPClassifier",
                "hidden_layer_sizes": [2000, 2000],
            },
        ),
    ),
    "linear": (
        ("outcome", {"terms": [["age"]]}),
        ("outcome", {"outcome": "sex", "terms": [["age"]]}),
        ("terms", {"outcome": "lab"}),
        ("terms", {"outcome": "lab", "terms": [["lab"]]}),
        ("terms", {"outcome": "lab", "terms": [["age"], ["age"]]}),
        ("terms", {"outcome": "lab", "terms": [["age", "age"]]}),
        ("terms", {"outcome": "lab", "terms": [["age"], ["age", "sex"]]}),
        ("factors", {"outcome": "lab", "terms": [["age"]], "factors": ["age"]}),
        ("factors", {"outcome": "lab", "terms": [["age"]], "factors": ["sex"]}),
        ("penalty", {"outcome": "lab", "terms": [["age"]], "penalty": -1}),
        ("lasso_share", {"outcome": "lab", "terms": [["age"]], "lasso_share": 2}),
        ("weights", {"outcome": "lab", "terms": [["age"]], "weights": "dose"}),
    ),
    "glm": (
        ("outcome", {"outcome": "sex", "terms": [["age"]]}),
        ("outcome", {"outcome": "lab", "terms": [["age"]]}),
        ("outcome", {"outcome": "age", "terms": [["lab"]], "family": "poisson"}),
        ("outcome", {"outcome": "dose", "terms": [["lab"]], "family": "poisson"}),
        ("family", {"outcome": "smoker", "terms": [["age"]], "family": "gamma"}),
        ("terms", {"outcome": "smoker", "terms": [["sex", "age"]]}),
    ),
    "evaluate": (
        ("model", {}),
        ("model", {"model": "glm"}),
        ("model", {"model": {"method": "glm", "version": 1, "parameters": {}}}),
        ("model", {"model": _TOO_LARGE}),
        ("threshold", {"model": _SMOKER, "threshold": 0}),
        ("threshold", {"model": _SMOKER, "threshold": 1}),
        ("bins", {"model": _SMOKER, "bins": 20}),
    ),
    "pca": (
        ("columns", {}),
        ("columns", {"columns": []}),
        ("columns", {"columns": ["age", "age"]}),
        ("factors", {"columns": ["age"], "factors": ["stage"]}),
        ("factors", {"columns": ["visits"], "factors": ["visits", "age"]}),
        ("components", {"columns": ["age", "lab"], "components": 3}),
        ("components", {"columns": ["age"], "components": 0}),
        ("standardise", {"columns": ["age"], "standardise": "yes"}),
    ),
    "kmeans": (
        ("clusters", {"columns": ["age"]}),
        ("clusters", {"columns": ["age"], "clusters": 0}),
        ("clusters", {"columns": ["age"], "clusters": 65}),
        ("start", {"columns": ["age"], "clusters": 2, "start": [[1]]}),
        ("start", {"columns": ["age"], "clusters": 2, "start": [[1], [2, 3]]}),
        ("start", {"columns": ["age"], "clusters": 1, "start": [[1e200]]}),
        ("rounds", {"columns": ["age"], "clusters": 2, "rounds": 0}),
        ("searches", {"columns": ["age"], "clusters": 2, "searches": 21}),
        ("searches", {"columns": ["age"], "clusters": 1, "start": [[1]], "searches": 2}),
        ("seed", {"columns": ["age"], "clusters": 2, "seed": -1}),
        ("columns", {"columns": ["sex", "sex"], "clusters": 2}),
    ),
    "mixture": (
        ("components", {"columns": ["age"]}),
        ("covariance", {"columns": ["age"], "components": 2, "covariance": "tied"}),
        ("start", {"columns": ["age"], "components": 1, "start": [[1], [2]]}),
        ("ridge", {"columns": ["age"], "components": 2, "ridge": -1}),
        ("tolerance", {"columns": ["age"], "components": 2, "tolerance": -0.1}),
        ("rounds", {"columns": ["age"], "components": 2, "rounds": 1001}),
    ),
}
"""Parameters that are refused, with the name of the one that the refusal must give."""


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


def made_up(seed: int, *, rows: int, missing: float = 0.2) -> Rows:
    """Return made-up rows of `SEVERAL_ROWS`, three per patient on average.

    Parameters
    ----------
    missing : float
        The share of values that is missing, 0 to 1.
    """
    random = np.random.default_rng(seed)
    codes: dict[str, NDArray[np.generic]] = {
        "sex": random.integers(0, 2, rows).astype(np.int8),  # nobody is "other"
        "smoker": random.integers(0, 2, rows).astype(np.int8),
        "stage": random.choice([1, 3, 7], rows).astype(np.int8),
        "age": random.normal(55, 20, rows).clip(0, 125).astype(np.int16),
        "weight": random.normal(700, 150, rows).clip(0, 3000).astype(np.int16),
        "dose": random.integers(0, 1_000_000_001, rows).astype(np.int32),
        "lab": random.lognormal(1, 1.5, rows).clip(-20, 350),
        "visits": random.poisson(3, rows).astype(np.int8),
    }
    for values in codes.values():
        values[random.random(rows) < missing] = np.nan if values.dtype == np.float64 else -1
    return Rows(rows, codes, random.integers(0, rows // 3 + 1, rows).astype(np.uint32))


def without_patients(rows: Rows) -> Rows:
    """Return the same rows, each a patient of its own."""
    return replace(rows, patient=None)


def take(rows: Rows, places: NDArray[np.intp]) -> Rows:
    """Return the rows at some places, in that order."""
    columns = {name: values[places] for name, values in rows.columns.items()}
    return Rows(places.size, columns, None if rows.patient is None else rows.patient[places])


@dataclass(frozen=True)
class Deal:
    """Say how rows are dealt to hospitals and cut into batches.

    Parameters
    ----------
    hospitals : int
        How many get any, 1 to 7; the others hold none.
    batch : int
        Most rows in a batch.
    seed : int
        Of who gets which and in what order.
    """

    hospitals: int
    batch: int
    seed: int

    def parts(self, rows: Rows) -> Mapping[str, Sequence[Rows]]:
        """Return each hospital's batches; all rows of a patient stay at one hospital."""
        random = np.random.default_rng(self.seed)
        whose = np.arange(rows.size) if rows.patient is None else rows.patient
        at = random.integers(0, self.hospitals, rows.size + 1)[whose]
        order = random.permutation(rows.size)
        return {
            hospital: tuple(self._batches(rows, order[at[order] == place]))
            for place, hospital in enumerate(HOSPITALS)
        }

    def _batches(self, rows: Rows, places: NDArray[np.intp]) -> Iterator[Rows]:
        for first in range(0, places.size, self.batch):
            yield take(rows, places[first : first + self.batch])


def deals() -> st.SearchStrategy[Deal]:
    """Draw how rows are dealt."""
    return st.builds(
        Deal,
        hospitals=st.sampled_from([1, 3, 4, 7]),
        batch=st.integers(1, 40),
        seed=st.integers(0, 2**32 - 1),
    )


def tables() -> st.SearchStrategy[Rows]:
    """Draw rows: none, one, or some, with nothing, something or everything missing."""
    return st.builds(
        made_up,
        st.integers(0, 2**32 - 1),
        rows=st.sampled_from([0, 1, 2, 5, 30, 90]),
        missing=st.sampled_from([0.0, 0.2, 1.0]),
    )
