"""What a hospital keeps of a model: never sent, its own, and better for hospitals that differ."""

from typing import Any

import numpy as np
import pytest

from support.learning import asked, learn, table, weights
from wardnet.learning.optimiser import first


@pytest.mark.parametrize(("personal", "kept"), [("intercept", 1), ("last_layer", 4)])
def test_what_a_hospital_keeps_is_never_sent(personal: str, kept: int) -> None:
    """The shared start of these weights stays as it was, while the others learn."""
    tables = [table(100), table(100, seed=2).assign(ill=lambda t: t["y"] > 3)]
    common: dict[str, Any] = {"estimator": "MLPClassifier", "hidden_layer_sizes": [3]}
    question = asked(outcome="ill", **common, personal=personal)
    result = learn(tables, outcome="ill", **common, personal=personal, rounds=10)
    start, end = first(question).weights, weights(result)
    assert np.array_equal(start[-kept:], end[-kept:])
    assert not np.any(start[:-kept] == end[:-kept])


def test_own_intercepts_fit_hospitals_that_differ() -> None:
    """The loss with each hospital's own intercept is below that of one for all."""
    tables = [table(200), table(200, seed=2)]
    tables[1]["y"] += 50.0
    common: dict[str, Any] = {
        "outcome": "y",
        "estimator": "SGDRegressor",
        "rounds": 20,
        "epochs": 5,
    }
    shared = float(str(learn(tables, **common).table.rows[-1][1]))
    own = float(str(learn(tables, **common, personal="intercept").table.rows[-1][1]))
    assert own < 0.1 * shared
