"""Simulated hospitals reach the published accuracies of FLamby's Fed-Heart-Disease.

Published: `flamby/results/results_benchmark_fed_heart_disease/heart_seed42.csv` to
`heart_seed46.csv` of the repository owkin/FLamby (commits a422b61 and f553c7a), means of the five
seeds. There: 15 rounds of 100 batches of 4 rows; each hospital's rows are standardised by its own
training rows, and those of the pooled test by all training rows.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from wardnet import simulate
from wardnet.client.queries.ask import Ask
from wardnet.question.dictionary import Column, ColumnType, Dictionary
from wardnet.simulation import SimulatedNetwork

HEART = Path(__file__).parents[2].parent / "shared" / "data" / "heart" / "heart740.csv"

pytestmark = pytest.mark.skipif(
    not HEART.exists(), reason="the table of heart disease is not beside this checkout"
)

PUBLISHED: Mapping[str, tuple[float, float]] = {
    "fedavg": (0.6850, 0.7480),
    "fedprox": (0.6850, 0.7480),
    "scaffold": (0.6840, 0.7480),
    "fedadam": (0.7255, 0.7787),
    "fedyogi": (0.7314, 0.7787),
    "fedadagrad": (0.7314, 0.7787),
}
"""Accuracy: mean of the four hospitals' tests, and of the pooled test."""

RATES: Mapping[str, Mapping[str, float]] = {
    "fedavg": {"learning_rate": 0.001},
    "fedprox": {"learning_rate": 0.001, "mu": 0.01},
    "scaffold": {"learning_rate": 0.001},
    "fedadam": {"learning_rate": 0.01, "server_learning_rate": 0.01},
    "fedyogi": {"learning_rate": 0.003162, "server_learning_rate": 0.01},
    "fedadagrad": {"learning_rate": 0.003162, "server_learning_rate": 0.316228},
}
SEEDS = range(42, 47)

NUMBERS = ("age", "sex", "trestbps", "chol", "fbs", "thalach", "exang", "oldpeak")
LEVELS: Mapping[str, tuple[int, ...]] = {"cp": (2, 3, 4), "restecg": (1, 2)}
FEATURES = (*NUMBERS, *(f"{name}{level}" for name, levels in LEVELS.items() for level in levels))

ONE_PATIENT = 1 / 254
"""Of the pooled test."""


class Heart:
    """Hold the table as FLamby has it."""

    def __init__(self) -> None:
        table = pd.read_csv(HEART)
        x = table[list(NUMBERS)].copy()
        for name, levels in LEVELS.items():
            for level in levels:
                x[f"{name}{level}"] = (table[name] == level).astype(np.float64)
        self.train = (table["split"] == "train").to_numpy()
        self.sick = (table["y"] > 0).to_numpy()
        self.site = table["site"].to_numpy()
        self.pooled = _standardised(x.to_numpy(), self.train)
        self.own = np.empty_like(self.pooled)
        for site in np.unique(self.site):
            here = self.site == site
            self.own[here] = _standardised(x.to_numpy()[here], self.train[here])

    def network(self) -> SimulatedNetwork:
        """Return the hospitals with their training rows."""
        frame = pd.DataFrame(self.own, columns=list(FEATURES)).assign(sick=self.sick)
        frames = {
            site: frame[(self.site == site) & self.train] for site in sorted(np.unique(self.site))
        }
        numbers = (
            Column(name, ColumnType.REAL, minimum="-1e10", maximum="1e10") for name in FEATURES
        )
        columns = (*numbers, Column("sick", ColumnType.BOOLEAN))
        dictionary = Dictionary(name="heart", version=1, columns=columns)
        return simulate(frames, dictionary=dictionary, rules=False)

    def accuracies(self, weights: NDArray[np.float64]) -> tuple[float, float]:
        """Return the mean accuracy of the hospitals' tests, and that of the pooled test."""

        def hits(x: NDArray[np.float64], rows: NDArray[np.bool_]) -> float:
            return float(np.mean((x[rows] @ weights[:-1] + weights[-1] > 0) == self.sick[rows]))

        test = ~self.train
        own = [hits(self.own, test & (self.site == site)) for site in np.unique(self.site)]
        return float(np.mean(own)), hits(self.pooled, test)


def _standardised(x: NDArray[np.float64], train: NDArray[np.bool_]) -> NDArray[np.float64]:
    mean, sd = x[train].mean(axis=0), x[train].std(axis=0, ddof=1)
    return np.asarray((x - mean) / (sd + 1e-9))


def first_weights(seed: int) -> list[float]:
    """Return what PyTorch draws for a layer of 13 inputs and one output after `manual_seed`.

    Uniform between -1/sqrt(13) and 1/sqrt(13), of the lower 24 bits of the Mersenne Twister.
    """
    words = np.random.RandomState(seed).randint(0, 2**32, size=14, dtype=np.uint32)
    shares = (words & (2**24 - 1)) / 2**24
    return [float(weight) for weight in (2 * shares - 1) / np.sqrt(13)]


@pytest.fixture(scope="module")
def heart() -> Heart:
    """Read the table once."""
    return Heart()


@pytest.fixture(scope="module")
def network(heart: Heart) -> SimulatedNetwork:
    """Simulate the four hospitals once."""
    return heart.network()


@pytest.mark.parametrize("algorithm", PUBLISHED)
def test_published_accuracies_are_reached_to_one_patient(
    heart: Heart, network: SimulatedNetwork, algorithm: str
) -> None:
    """Means of five seeds, over hospitals and pooled, with the published settings."""
    found = []
    for seed in SEEDS:
        result = network.ask(
            Ask(
                "fedavg",
                "heart",
                {
                    "outcome": "sick",
                    "features": list(FEATURES),
                    "algorithm": algorithm,
                    "rounds": 15,
                    "steps": 100,
                    "batch_size": 4,
                    "alpha": 0,
                    "beta2": 0.999,
                    "tau": 1e-8,
                    "standardise": False,
                    "seed": seed,
                    "start": [*first_weights(seed)],
                    **RATES[algorithm],
                },
            )
        )
        (weights,) = (each.array() for each in result.table.tensors if each.name == "weights")
        found.append(heart.accuracies(weights))
    means = np.mean(found, axis=0)
    assert np.all(np.abs(means - PUBLISHED[algorithm]) <= ONE_PATIENT), means


@pytest.mark.parametrize(
    ("algorithm", "own", "pooled"),
    [
        ("fedavg", 0.786, 0.783),
        ("fedprox", 0.789, 0.787),
        ("scaffold", 0.800, 0.791),
        ("fedadam", 0.796, 0.795),
        ("fedyogi", 0.781, 0.791),
        ("fedadagrad", 0.781, 0.791),
    ],
)
def test_common_scaling_does_better_than_the_publication(
    algorithm: str, own: float, pooled: float
) -> None:
    """The columns as they are, one scaling for all, defaults otherwise: as the page says."""
    table = pd.read_csv(HEART)
    for name in LEVELS:
        table[name] = "v" + table[name].astype(int).astype(str)
    table = table.assign(sick=table["y"] > 0).drop(columns=["num", "y"])
    frames = {str(site): rows.drop(columns="site") for site, rows in table.groupby("site")}
    formula = f"sick ~ {' + '.join([*NUMBERS, *LEVELS])}"
    fitted = simulate(frames, dataset="heart", rules=False).learn.fedavg(
        formula, "heart", algorithm=algorithm, rounds=30, where='split = "train"'
    )
    test = table[table["split"] == "test"]
    told = fitted.model.predict(test.drop(columns="site"))
    hits = np.array([str(each).lower() for each in told]) == test["sick"].astype(str).str.lower()
    assert float(hits.groupby(test["site"]).mean().mean()) == pytest.approx(own, abs=ONE_PATIENT)
    assert float(hits.mean()) == pytest.approx(pooled, abs=ONE_PATIENT)
