"""What a hospital keeps of a model: never sent, its own, and better for hospitals that differ."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydantic import JsonValue

from support.learning import NUMBERS, asked, learn, table, weights
from wardnet import simulate
from wardnet.client.queries.ask import Ask
from wardnet.errors import Reason, WardnetError
from wardnet.learning.learned import read
from wardnet.learning.optimiser import first
from wardnet.learning.plan import plan
from wardnet.learning.seen import seen
from wardnet.learning.training import Trainee


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


@pytest.mark.parametrize("patience", [None, 2])
@pytest.mark.parametrize("kind", ["intercept", "last_layer"])
def test_what_a_hospital_fits_at_the_end_is_what_it_had_in_the_round(
    kind: str, patience: int | None
) -> None:
    """The losses of all hospitals with it add up to that of the round, to the last bit."""
    tables = {"a": table(100), "b": table(150, seed=2).assign(ill=lambda t: t["y"] > 3)}
    given: dict[str, Any] = {
        "features": ["x", "z"],
        "outcome": "ill",
        "estimator": "MLPClassifier",
        "hidden_layer_sizes": [3],
        "personal": kind,
        "validation_share": 0.3,
        "patience": patience,
        "rounds": 8,
        "learning_rate": 0.8,
    }
    network = simulate(tables, dictionary=NUMBERS, rules=False)
    result = network.ask(Ask("fedavg", "data", given))
    model = read("fedavg", plan("fedavg", given, NUMBERS), result.table)
    sums, sizes = 0, 0
    for hospital in tables:
        (rows,) = network.batches(hospital)()
        own = model.personal(model.fitted(rows))
        trained, _ = seen(own.plan, own.scaling, own.target, rows)
        sums += Trainee(own.plan, *trained).measured(own.weights)[0]
        sizes += len(trained[0])
    losses = [row[2] for row in result.table.rows]
    best = losses.index(min(losses)) if patience else -1  # type: ignore[type-var]
    assert result.table.rows[best][1] == sums / (sizes << 30)


@pytest.mark.parametrize(
    ("changes", "rows", "kept"),
    [
        ({"personal": "intercept"}, 100, 1),
        ({"personal": "none"}, 100, 0),
        ({"personal": "intercept"}, 0, 0),
        ({"personal": "intercept", "learning_rate": 1e3, "epochs": 100}, 100, 0),
    ],
    ids=["fitted", "shared", "no rows", "diverged"],
)
def test_a_hospital_has_finite_weights_of_its_own_or_none(
    changes: dict[str, JsonValue], rows: int, kept: int
) -> None:
    """None where all are shared, where there are no rows, and where the fit does not end well."""
    given: dict[str, Any] = {"outcome": "y", "estimator": "SGDRegressor", "rounds": 1}
    tables = [table(100), table(100, seed=2)]
    model = read("fedavg", asked(**given), learn(tables, **given).table)
    (whole,) = simulate(tables, dictionary=NUMBERS).batches("hospital-1")()
    fitting = replace(model, plan=asked(**given, **changes))
    assert fitting.fitted(whole.take(np.arange(whole.size) < rows)).shape == (kept,)


@pytest.mark.parametrize("wrong", [[], [0.0, 0.0], [np.nan]])
def test_other_weights_than_a_model_has_are_no_hospitals_own(wrong: list[float]) -> None:
    """As many as there are, and finite; nothing is cut or filled."""
    given: dict[str, Any] = {"outcome": "ill", "rounds": 1, "personal": "intercept"}
    model = read("fedavg", asked(**given), learn([table(100), table(100)], **given).table)
    with pytest.raises(WardnetError) as error:
        model.personal(np.array(wrong))
    assert error.value.reason is Reason.MALFORMED


def test_a_simulation_without_rules_shows_what_each_hospital_would_predict_with() -> None:
    """Hospitals that differ predict their own rows better with it; the first row is off by 50."""
    tables = {"a": table(200), "b": table(200, seed=2), "c": table(1).iloc[:0]}
    tables["b"]["y"] += 50.0
    given: dict[str, Any] = {"estimator": "SGDRegressor", "epochs": 5, "personal": "intercept"}
    network = simulate(tables, dictionary=NUMBERS, rules=False)
    result = network.learn.fedavg("y ~ x + z", "data", **given)
    for name in ("a", "b"):
        own = network.own_model(result, name).predict(tables[name])
        assert np.abs(own - tables[name]["y"]).mean() < 3.0
        assert np.abs(result.model.predict(tables[name]) - tables[name]["y"]).mean() > 20.0
    nothing = network.own_model(result, "c").predict(tables["a"])
    assert np.array_equal(nothing, result.model.predict(tables["a"]))


@pytest.mark.parametrize(
    ("rules", "hospital", "personal"),
    [(True, "a", "intercept"), (False, "z", "intercept"), (False, "a", "none")],
    ids=["rules", "stranger", "shared"],
)
def test_weights_of_one_hospital_are_refused_elsewhere(
    *, rules: bool, hospital: str, personal: str
) -> None:
    """Under the rules nobody sees them; who took no part, and a model without any, has none."""
    network = simulate({"a": table(100), "b": table(100)}, dictionary=NUMBERS, rules=rules)
    result = network.learn.fedavg("ill ~ x + z", "data", rounds=1, personal=personal)
    with pytest.raises(WardnetError) as error:
        network.own_model(result, hospital)
    assert error.value.reason is Reason.PARAMETER_INVALID


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
