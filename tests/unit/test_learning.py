"""Learning by turns: the gradient, the algorithms, and what happens to odd tables."""

import tracemalloc
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from pydantic import JsonValue

from wardnet import simulate
from wardnet.client.queries.ask import Ask
from wardnet.client.queries.result import Result
from wardnet.errors import Reason, WardnetError
from wardnet.learning.learned import read
from wardnet.learning.network import Network, by_columns
from wardnet.learning.optimiser import Shared, first, take
from wardnet.learning.plan import Plan, plan
from wardnet.learning.training import Trainee, clipped
from wardnet.question.answer import Table, tensor
from wardnet.question.dictionary import Column, ColumnType, Dictionary
from wardnet.question.rows import Rows

NUMBERS = Dictionary(
    name="data",
    version=1,
    columns=(
        Column("x", ColumnType.REAL, minimum="-100", maximum="100"),
        Column("z", ColumnType.REAL, minimum="-100", maximum="100"),
        Column("y", ColumnType.REAL, minimum="-1000", maximum="1000"),
        Column("ill", ColumnType.BOOLEAN),
        Column("kind", ColumnType.CATEGORY, levels=("a", "b", "c")),
    ),
)
PLAIN: Mapping[str, Any] = {
    "alpha": 0,
    "standardise": False,
    "batch_size": 1 << 20,
    "clip": 10_000,
}


def asked(**parameters: JsonValue) -> Plan:
    """Return a checked question about `y` or `ill`."""
    return plan("fedavg", {"features": ["x", "z"], **parameters}, NUMBERS)


def table(rows: int, *, seed: int = 1, slope: float = 2.0, spread: float = 1.0) -> pd.DataFrame:
    """Make up a hospital's table."""
    random = np.random.default_rng(seed)
    x, z = random.normal(0, spread, rows), random.normal(0, 1, rows)
    y = slope * x - z + random.normal(0, 0.1, rows)
    kinds = np.array(["a", "b", "c"])[random.integers(0, 3, rows)]
    return pd.DataFrame({"x": x, "z": z, "y": y, "ill": y > 0, "kind": kinds}).round(9)


def learn(
    tables: Sequence[pd.DataFrame] | Mapping[str, pd.DataFrame],
    *,
    rules: bool = False,
    **parameters: JsonValue,
) -> Result:
    """Ask simulated hospitals."""
    network = simulate(tables, dictionary=NUMBERS, rules=rules)
    return network.ask(Ask("fedavg", "data", {"features": ["x", "z"], **parameters}))


def weights(result: Result) -> NDArray[np.float64]:
    """Return what a model predicts with."""
    (found,) = (each.array() for each in result.table.tensors if each.name == "weights")
    return np.asarray(found)


def why(result: Result) -> list[str]:
    """Return what an answer withholds, in words."""
    return [held.rule for held in result.table.withheld]


@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
@pytest.mark.parametrize(
    ("loss", "outputs"), [("squared_error", 1), ("log_loss", 1), ("log_loss", 3)]
)
def test_the_gradient_is_the_slope_of_the_loss(activation: str, loss: str, outputs: int) -> None:
    """Each entry is what a small step of that weight changes in the mean loss and the ridge."""
    network = Network((4, 5, 3, outputs), activation, loss, alpha=0.3)  # type: ignore[arg-type]
    random = np.random.default_rng(3)
    at, x = random.normal(size=network.weights), random.normal(size=(7, 4))
    targets = np.eye(3)[random.integers(0, 3, 7)] if outputs == 3 else random.integers(0, 2, (7, 1))

    def worth(weights: NDArray[np.float64]) -> float:
        mean = network.losses(network.outputs(weights, x), targets.astype(np.float64)).mean()
        return float(mean + 0.15 * (weights[network.penalised] ** 2).sum())

    steps = np.eye(network.weights) * 1e-6
    slopes = [(worth(at + step) - worth(at - step)) / 2e-6 for step in steps]
    assert network.gradient(at, x, targets.astype(np.float64)) == pytest.approx(slopes, abs=1e-7)


def test_memory_does_not_grow_with_rows_times_the_width_of_a_layer() -> None:
    """A question about a very wide layer costs time, and not the hospital's machine."""
    wide = asked(
        outcome="ill",
        estimator="MLPClassifier",
        hidden_layer_sizes=[50_000],
        batch_size=1 << 20,
        clip=1e4,
    )
    x = np.random.default_rng(1).normal(size=(2_000, 2))  # one layer's numbers would be 800 MB
    trainee = Trainee(wide, x, (x[:, :1] > 0).astype(np.float64))
    shared = first(wide)
    tracemalloc.start()
    trainee.update(shared.weights, shared, number=0)
    slope = trainee.control(shared.weights)
    trainee.measured(shared.weights)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 300 << 20
    assert np.isfinite(slope).all()


def test_a_gradient_is_the_same_whole_or_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each piece counts by its rows."""
    learned = asked(outcome="y", estimator="SGDRegressor", alpha=0.3, clip=1e4)
    x = np.random.default_rng(2).normal(size=(70, 2))
    trainee, at = Trainee(learned, x, x @ [[2.0], [1.0]]), np.array([0.1, -0.4, 0.2])
    whole = trainee.control(at)
    monkeypatch.setattr(Network, "rows_at_once", 32)
    assert trainee.control(at) == pytest.approx(whole, rel=1e-12)


def test_predictions_do_not_depend_on_how_rows_are_cut() -> None:
    """The product that predicts adds up in one order, whatever stands beside a row."""
    random = np.random.default_rng(1)
    x, matrix = random.normal(size=(50, 40)), random.normal(size=(40, 9))
    whole = by_columns(x, matrix)
    assert np.array_equal(np.concatenate([by_columns(row[None], matrix) for row in x]), whole)
    assert whole == pytest.approx(x @ matrix)


def test_one_hospital_with_all_rows_in_a_batch_is_plain_gradient_descent() -> None:
    """Federated averaging adds nothing of its own."""
    rows = table(200)
    result = learn([rows], **PLAIN, outcome="ill", rounds=30, learning_rate=0.5)
    x = np.column_stack([rows["x"], rows["z"], np.ones(200)])
    at = np.zeros(3)
    for _ in range(30):
        at -= 0.5 * x.T @ (1 / (1 + np.exp(-x @ at)) - rows["ill"]) / 200
    assert weights(result) == pytest.approx(at, abs=1e-9)


def test_one_step_at_each_hospital_is_gradient_descent_on_all_rows() -> None:
    """Updates weighted by rows are then the gradient of the pooled rows."""
    tables = [table(150, seed=1), table(30, seed=2, slope=-1.0)]
    common: dict[str, Any] = {**PLAIN, "outcome": "y", "estimator": "SGDRegressor", "rounds": 20}
    apart, together = learn(tables, **common), learn([pd.concat(tables)], **common)
    assert weights(apart) == pytest.approx(weights(together), abs=1e-9)
    assert apart.table.rows[-1][1] == pytest.approx(together.table.rows[-1][1])


def test_equal_weights_count_hospitals_and_not_rows() -> None:
    """A small hospital then moves the model as much as a large one; one without rows not."""
    tables = [table(300, slope=2.0), table(30, slope=-2.0), table(1)[:0]]
    common: dict[str, Any] = {
        **PLAIN,
        "outcome": "y",
        "estimator": "SGDRegressor",
        "rounds": 40,
        "steps": 40,
    }
    by_rows = weights(learn(tables, **common, weights="rows"))[0]
    equal = weights(learn(tables, **common, weights="equal"))[0]
    assert by_rows > 1.5
    assert abs(equal) < 0.2


def test_scaffold_drifts_less_than_averaging() -> None:
    """Hospitals that differ pull averaging off the best model of all rows; controls correct it."""
    tables = [table(100, slope=3.0, spread=2.0), table(100, seed=2, slope=-1.0, spread=0.5)]
    rows = pd.concat(tables)
    x = np.column_stack([rows["x"], rows["z"], np.ones(200)])
    best = np.linalg.lstsq(x, rows["y"], rcond=None)[0]
    common: dict[str, Any] = {
        **PLAIN,
        "outcome": "y",
        "estimator": "SGDRegressor",
        "rounds": 150,
        "steps": 20,
    }
    drift = {
        algorithm: np.abs(
            weights(learn(tables, **common, algorithm=algorithm, learning_rate=0.05)) - best
        ).max()
        for algorithm in ("fedavg", "scaffold")
    }
    assert drift["fedavg"] > 0.3
    assert drift["scaffold"] < 0.01


def test_fedprox_stays_nearer_to_the_shared_weights() -> None:
    """The stronger the pull, the shorter a round's way; without pull it is federated averaging."""
    rows = [table(100)]
    common: dict[str, Any] = {
        **PLAIN,
        "outcome": "ill",
        "rounds": 1,
        "steps": 50,
        "learning_rate": 0.5,
    }
    average = weights(learn(rows, **common))
    lengths = [
        float(np.linalg.norm(weights(learn(rows, **common, algorithm="fedprox", mu=mu))))
        for mu in (0.0, 0.1, 1.0)
    ]
    assert lengths[0] == np.linalg.norm(average)
    assert lengths[0] > lengths[1] > lengths[2]


@pytest.mark.parametrize("algorithm", ["fedadam", "fedyogi", "fedadagrad"])
def test_adaptive_steps_are_those_of_the_paper(algorithm: str) -> None:
    """Reddi et al. (2021), algorithm 2, written out for two rounds of one weight."""
    question = asked(
        outcome="ill", algorithm=algorithm, beta1=0.9, beta2=0.8, tau=0.1, server_learning_rate=0.5
    )
    shared, mean, square, at = first(question), 0.0, 0.1**2, 0.0
    for update in (0.3, -0.05):
        shared = take(question, shared, update=np.full(3, update), control=np.zeros(0))
        mean = 0.9 * mean + 0.1 * update
        if algorithm == "fedadam":
            square = 0.8 * square + 0.2 * update**2
        elif algorithm == "fedyogi":
            square -= 0.2 * update**2 * np.sign(square - update**2)
        else:
            square += update**2
        at += 0.5 * mean / (np.sqrt(square) + 0.1)
    assert shared.weights == pytest.approx(np.full(3, at), rel=1e-14)


def test_an_update_is_clipped_to_its_norm() -> None:
    """A hospital whose update has norm a million moves the model by no more than the bound."""
    assert np.linalg.norm(clipped(np.full(4, 5e5), 2.0)) == pytest.approx(2.0)
    with np.errstate(over="ignore"):
        assert np.isnan(clipped(np.full(4, 1e200), 2.0)).all()
    rows = table(100)
    rows["y"] = 500.0
    common: dict[str, Any] = {**PLAIN, "outcome": "y", "estimator": "SGDRegressor", "rounds": 1}
    pulled = weights(learn([rows, table(100)], **{**common, "clip": 0.5}, learning_rate=1.0))
    assert 0.2 < np.linalg.norm(pulled) <= 0.5


@pytest.mark.parametrize("estimator", ["SGDRegressor", "MLPRegressor"])
def test_a_learning_rate_that_diverges_is_named(estimator: str) -> None:
    """No model, no bits of infinity: the answer says what to do, with the rounds so far."""
    result = learn(
        [table(80), table(80, seed=2)],
        outcome="y",
        estimator=estimator,
        learning_rate=1000,
        epochs=500,
        batch_size=4,
    )
    assert why(result) == ["learning diverged: take a smaller learning rate"]
    assert not result.table.tensors


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"ill": True}, "one outcome only"),
        ({"x": np.nan}, "no row to train on"),
    ],
)
def test_a_table_that_teaches_nothing_has_a_named_outcome(
    change: Mapping[str, Any], rule: str
) -> None:
    """One class everywhere, or a column without any value."""
    result = learn([table(60).assign(**change), table(60, seed=2).assign(**change)], outcome="ill")
    assert why(result)[0].startswith(rule)
    with pytest.raises(WardnetError) as refusal:
        read("fedavg", asked(outcome="ill"), result.table)
    assert refusal.value.reason is Reason.NO_MODEL


def test_a_constant_outcome_has_a_named_outcome() -> None:
    """A number that is the same in all rows needs no model."""
    result = learn([table(60).assign(y=1.0)], outcome="y", estimator="SGDRegressor")
    assert why(result) == ["one outcome only: all rows to train on have the same"]


def test_a_constant_feature_is_named_and_does_nothing() -> None:
    """It does not make the others' scaling infinite."""
    result = learn([table(60).assign(z=5.0), table(60, seed=2).assign(z=5.0)], outcome="ill")
    assert [held.cell for held in result.table.withheld] == [{"input": "z"}]
    model = read("fedavg", asked(outcome="ill"), result.table)
    assert model.importance() == {"x": 1.0, "z": 0.0}


def test_missing_values_count_as_the_mean_or_leave_a_row_out() -> None:
    """Also at prediction: a row without a value has a prediction only where values are filled."""
    rows = table(200)
    rows.loc[:49, "x"] = np.nan
    rows.loc[60:69, "kind"] = None
    rows_with = Rows(
        2,
        {
            "x": np.array([np.nan, 1.0]),
            "z": np.array([0.0, 0.0]),
            "kind": np.array([0, -1], np.int8),
        },
    )
    asks: dict[str, Any] = {"outcome": "ill", "features": ["x", "z", "kind"]}
    filled = learn([rows], **asks, missing="mean")
    model = read("fedavg", asked(**asks, missing="mean"), filled.table)
    assert np.isfinite(model.predict(rows_with)).all()
    left = learn([rows], **asks)
    assert np.isnan(read("fedavg", asked(**asks), left.table).predict(rows_with)).all()
    fill = next(each.array() for each in filled.table.tensors if each.name == "inputs")[2]
    assert fill[0] == pytest.approx(rows["x"].mean(), rel=1e-12)
    most = rows["kind"].value_counts().idxmax()
    assert fill[2:].tolist() == [float(level == most) for level in "abc"]


def test_the_scaling_is_the_pooled_mean_and_standard_deviation() -> None:
    """Exact sums: as if all rows stood in one table."""
    tables = [table(70, spread=9.0), table(31, seed=4)]
    result = learn(tables, outcome="y", estimator="SGDRegressor", rounds=1)
    found = {each.name: each.array() for each in result.table.tensors}
    rows = pd.concat(tables)
    assert found["inputs"][0] == pytest.approx(rows[["x", "z"]].mean().to_numpy(), rel=1e-12)
    assert found["inputs"][1] == pytest.approx(rows[["x", "z"]].std(ddof=0).to_numpy(), rel=1e-12)
    assert found["outcome"] == pytest.approx([rows["y"].mean(), rows["y"].std(ddof=0)], rel=1e-12)


def test_a_network_learns_what_a_line_cannot() -> None:
    """Exclusive or: a hidden layer is right in most rows, a linear model in half of them."""
    tables = [table(400), table(400, seed=2)]
    tables = [each.assign(ill=(each["x"] > 0) != (each["z"] > 0)) for each in tables]
    common: dict[str, Any] = {"outcome": "ill", "rounds": 30, "validation_share": 0.2}
    line = learn(tables, **common).table.rows[-1][3]
    deep = learn(
        tables, **common, estimator="MLPClassifier", hidden_layer_sizes=[16], epochs=5
    ).table.rows[-1][3]
    assert float(str(line)) < 0.65
    assert float(str(deep)) > 0.9


def test_training_ends_when_the_rows_aside_get_no_better() -> None:
    """The model is that of the best round, not of the last."""
    result = learn(
        [table(60)],
        outcome="kind",
        estimator="MLPClassifier",
        hidden_layer_sizes=[30],
        rounds=200,
        epochs=5,
        validation_share=0.4,
        patience=3,
    )
    losses = [float(str(row[2])) for row in result.table.rows]
    assert len(losses) < 201
    assert int(np.argmin(losses)) == len(losses) - 4
    stopped = int(np.argmin(losses))
    again = learn(
        [table(60)],
        outcome="kind",
        estimator="MLPClassifier",
        hidden_layer_sizes=[30],
        rounds=max(stopped, 1),
        epochs=5,
        validation_share=0.4,
    )
    assert not stopped or np.array_equal(weights(result), weights(again))


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


def test_a_hospital_keeps_nothing_between_rounds() -> None:
    """Training the same round again, anew, gives the same bits."""
    question = asked(outcome="y", estimator="SGDRegressor", algorithm="scaffold", batch_size=8)
    random = np.random.default_rng(1)
    x, targets = random.normal(size=(100, 2)), random.normal(size=(100, 1))
    shared = Shared(np.ones(3), np.zeros(0), np.zeros(0), np.zeros(3), np.full(3, 0.1))
    ours = Trainee(question, x, targets)
    ours.update(np.ones(3), shared, number=3)
    once = ours.update(np.ones(3), shared, number=4)
    again = Trainee(question, x.copy(), targets.copy()).update(np.ones(3), shared, number=4)
    assert np.array_equal(once, again)


def test_updates_of_few_patients_are_withheld() -> None:
    """A hundred to learn from; ten for each parameter, class, level, and column with gaps."""
    assert why(learn([table(40), table(50, seed=2)], rules=True, outcome="ill")) == [
        "fewer than 100 patients to learn from"
    ]
    many = learn(
        [table(70), table(60, seed=2)],
        rules=True,
        outcome="y",
        features=["x", "z", "kind"],
        estimator="SGDRegressor",
    )
    assert not why(many)
    several = learn(
        [table(60), table(50, seed=2)], rules=True, outcome="kind", features=["x", "z", "y"]
    )
    assert why(several) == ["fewer than 10 patients for each parameter"]
    rare = table(200)
    rare["ill"] = np.arange(200) < 4
    assert why(learn([rare], rules=True, outcome="ill")) == ["a class with fewer than 10 patients"]
    odd = table(200)
    odd.loc[:2, "kind"] = "a"
    odd.loc[3:, "kind"] = odd.loc[3:, "kind"].replace("a", "b")
    level = learn([odd], rules=True, outcome="ill", features=["x", "kind"])
    assert why(level) == ["a level of kind with fewer than 10 patients"]
    gaps = table(200)
    gaps.loc[5:, "z"] = np.nan
    few_values = learn([gaps], rules=True, outcome="ill", missing="mean")
    assert why(few_values) == ["values of z of fewer than 10 patients"]
    few = learn([table(200)], rules=True, outcome="ill", validation_share=0.02)
    assert why(few) == ["rows to train or to validate on of fewer than 10 patients"]


def test_an_answer_that_no_learning_gave_is_refused() -> None:
    """Wrong shapes, names, or numbers that are none."""
    question = asked(outcome="ill")
    right = learn([table(60)], outcome="ill").table
    short = tensor("weights", np.zeros(2))
    for tensors in ((short, *right.tensors[1:]), right.tensors[:2], (*right.tensors, short)):
        broken: Table = replace(right, tensors=tensors)
        with pytest.raises(WardnetError) as refusal:
            read("fedavg", question, broken)
        assert refusal.value.reason is Reason.MALFORMED


def test_nobody_chooses_the_weights_that_training_begins_with() -> None:
    """They could be such that the only row with a gradient is one patient's."""
    start: list[JsonValue] = [1.0, 2.0, 3.0]
    chosen = learn([table(400)], rules=True, outcome="ill", start=start)
    assert why(chosen) == ["first weights that the question gives"]
    assert not chosen.table.rows
    assert learn([table(400)], outcome="ill", start=start, learning_rate=1e-9).table.tensors


def test_an_accuracy_with_few_misses_is_withheld() -> None:
    """Whoever has the model would know whom it takes for what; loss and model are told."""
    rows = table(400)
    result = learn([rows], rules=True, outcome="ill", rounds=30)
    told = [row[3] for row in result.table.rows]
    assert told[-1] is None
    assert isinstance(told[0], float)
    assert why(result)[-1] == "fewer than 10 patients"
    assert result.table.tensors
    exact = learn([rows], outcome="ill", rounds=30).table.rows[-1][3]
    assert float(str(exact)) > 390 / 400


@pytest.mark.parametrize("forgetful", [{"steps": 1}, {"alpha": 1e6, "learning_rate": 1e-6}])
def test_no_answer_is_the_gradient_of_a_single_patient(forgetful: Mapping[str, Any]) -> None:
    """One step of one row, or weights that forget all rows but the last, would tell that row."""
    common: dict[str, Any] = {"outcome": "ill", "rounds": 1, **forgetful}
    assert why(learn([table(300)], rules=True, batch_size=1, **common)) == [
        "batches of fewer than 10 rows"
    ]
    assert weights(learn([table(300)], rules=True, batch_size=10, **common)).size


def test_no_batch_is_smaller_than_the_question_says() -> None:
    """The last one takes the rest, unless a hospital has fewer rows in all."""
    asked_for = asked(outcome="ill", batch_size=10)
    for rows, sizes in {39: [10, 10, 19], 30: [10, 10, 10], 7: [7]}.items():
        trainee = Trainee(asked_for, np.zeros((rows, 2)), np.zeros((rows, 1)))
        assert [batch.size for batch in trainee._batches(0)] == sizes
        assert sorted(np.concatenate(list(trainee._batches(3)))) == list(range(rows))


def test_other_sizes_of_batches_have_other_orders() -> None:
    """The first batches of two questions would else differ by one row."""
    x, y = np.zeros((60, 2)), np.zeros((60, 1))
    ten, eleven = (
        next(Trainee(asked(outcome="ill", batch_size=size), x, y)._batches(0)) for size in (10, 11)
    )
    assert len(set(ten.tolist()) - set(eleven.tolist())) > 1
