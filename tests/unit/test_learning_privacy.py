"""What learning withholds and refuses, so that no answer is the gradient of a patient."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from support.learning import asked, learn, table, weights, why
from wardnet.errors import Reason, WardnetError
from wardnet.learning.learned import read
from wardnet.learning.training import Trainee
from wardnet.question.answer import Table, tensor


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
    given: Mapping[str, Any] = {"outcome": "ill", "start": [1.0, 2.0, 3.0]}
    chosen = learn([table(400)], rules=True, **given)
    assert why(chosen) == ["first weights that the question gives"]
    assert not chosen.table.rows
    assert learn([table(400)], learning_rate=1e-9, **given).table.tensors


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
