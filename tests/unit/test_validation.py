"""Models are validated on rows that they did not learn from."""

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from wardnet import simulate
from wardnet.client.models.evaluation import measures_of
from wardnet.client.models.validation import question
from wardnet.client.queries.ask import Ask
from wardnet.client.queries.result import Result
from wardnet.errors import Reason, WardnetError
from wardnet.question.cohort import EVERYONE, select
from wardnet.question.grammar import parse, write
from wardnet.question.rows import Rows
from wardnet.simulation import SimulatedNetwork

if TYPE_CHECKING:
    from pydantic import JsonValue

FORMULA = "ill ~ age + chol"


@cache
def table() -> pd.DataFrame:
    """Return patients, of whom the older are more often ill."""
    generator = np.random.default_rng(4)
    age = generator.integers(20, 80, 600)
    return pd.DataFrame(
        {
            "who": [f"p{number}" for number in range(600)],
            "age": age,
            "chol": generator.integers(150, 300, 600),
            "ill": generator.random(600) < 1 / (1 + np.exp((50 - age) / 8)),
        }
    )


@cache
def network(*, patients: bool = True) -> SimulatedNetwork:
    """Return three hospitals with these patients."""
    frame = table() if patients else table().drop(columns="who")
    parts = {"north": frame[:200], "south": frame[200:450], "west": frame[450:]}
    return simulate(parts, patient="who" if patients else None)


def where_of(result: Result) -> str:
    """Return whose rows a question was about."""
    return write(result.question.cohort)


def test_each_part_is_predicted_by_a_model_of_the_others() -> None:
    """Train on what the fold leaves out, evaluate on the fold, both within the condition."""
    found = network().learn.cross_validate(
        "logistic", FORMULA, "data", folds=3, seed=7, where="age >= 25 or missing(age)"
    )
    for number, trial in enumerate(found.trials, start=1):
        inside = f"(age >= 25 or missing(age)) and fold({number}, of=3, seed=7)"
        assert trial.fitted is not None
        assert parse(where_of(trial.evaluation)) == parse(inside)
        assert parse(where_of(trial.fitted)) == parse(inside.replace("fold", "not fold"))
    rows = sum(found.values("n"))
    assert rows == int((table().age >= 25).sum())


def test_a_fold_is_evaluated_as_one_would_by_hand() -> None:
    """The rows of a fold, predicted by the model of the other folds."""
    net = network(patients=False)
    found = net.learn.cross_validate("logistic", FORMULA, "data", folds=2, by=["age"])
    dictionary = net.dictionary("data").dictionary
    codes = (table().age - int(dictionary.column("age").origin)).to_numpy(np.int32)
    for trial in found.trials:
        assert trial.fitted is not None
        inside = select(trial.evaluation.question.cohort, dictionary, Rows(600, {"age": codes}))
        rows = table()[inside].drop(columns="who")
        chance = trial.fitted.model.predict_proba(rows)[:, 1]
        brier = float(((chance - rows.ill) ** 2).mean())
        assert measures_of(trial.evaluation)["brier"] == pytest.approx(brier, abs=1e-12)


def test_rows_without_patients_are_drawn_by_the_columns_of_the_model() -> None:
    """Outcome included, unless the researcher names others."""
    found = network(patients=False).learn.cross_validate("logistic", FORMULA, "data", folds=2)
    assert where_of(found.trials[0].evaluation) == "fold(1, of=2, seed=0, by=(age, chol, ill))"


def test_one_hospital_after_the_other_is_left_out() -> None:
    """The others are asked for the model, the one for its evaluation."""
    found = network().learn.cross_validate("logistic", FORMULA, "data", leave_out="hospital")
    assert [trial.name for trial in found.trials] == ["north", "south", "west"]
    for trial in found.trials:
        assert trial.fitted is not None
        assert trial.evaluation.hospitals == (trial.name,)
        assert set(trial.fitted.hospitals) == {"north", "south", "west"} - {trial.name}
        assert trial.evaluation.question.cohort == EVERYONE


def test_an_evaluation_by_hospital_asks_each_by_itself() -> None:
    """The same model, the rows of one hospital at a time."""
    fitted = network().learn.logistic(FORMULA, "data")
    found = network().evaluate(fitted, by_hospital=True)
    assert [trial.name for trial in found.trials] == ["north", "south", "west"]
    alone = network().evaluate(fitted, hospitals="south")
    assert found.trials[1].evaluation.table == alone.table


def test_a_validation_prints_and_becomes_a_frame() -> None:
    """A column per part, then mean and deviation; in a frame a row for each."""
    found = network().learn.cross_validate("logistic", FORMULA, "data", folds=3)
    frame = found.to_frame().set_index("fold")
    assert list(frame.index) == ["1", "2", "3", "mean", "sd"]
    values = found.values("log_loss")
    assert frame.log_loss["mean"] == pytest.approx(np.mean(values))
    assert frame.log_loss["sd"] == pytest.approx(np.std(values, ddof=1))
    text = repr(found)
    assert "logistic of data, validated by fold" in text
    assert "log_loss" in text


def test_what_is_withheld_in_a_part_does_not_count_for_the_mean() -> None:
    """A fold with a small cell in its confusion table leaves the mean to the others."""
    found = network().learn.cross_validate("logistic", FORMULA, "data", folds=20)
    told = found.values("sensitivity")
    assert len(told) < 20
    assert found.mean("sensitivity") == (pytest.approx(np.mean(told)) if told else None)
    assert "withheld or not defined" in repr(found)


def test_a_search_tries_all_choices_and_puts_the_best_first() -> None:
    """A forest of two depths and two numbers of trees, by the mean log-loss over the same folds."""
    found = network().learn.search(
        "forest", FORMULA, "data", {"depth": [1, 3], "trees": [2, 4]}, folds=2
    )
    frame = found.to_frame()
    assert len(frame) == 4
    assert frame.mean_log_loss.is_monotonic_increasing
    assert dict(found.best) == {"depth": int(frame.depth[0]), "trees": int(frame.trees[0])}
    by_area = network().learn.search(
        "forest", FORMULA, "data", {"depth": [1, 3]}, folds=2, measure="auc", settings={"trees": 2}
    )
    assert by_area.to_frame().mean_auc.is_monotonic_decreasing
    assert "mean_auc" in repr(by_area)


def test_a_choice_that_is_told_in_fewer_parts_does_not_win() -> None:
    """Hardly anybody is predicted to be ill under a large penalty; who is, may well be."""
    grid = {"penalty": [1.0, 1e4]}
    found = network().learn.search(
        "logistic", FORMULA, "data", grid, leave_out="hospital", measure="precision"
    )
    frame = found.to_frame()
    assert frame.parts.is_monotonic_decreasing
    assert found.best == {"penalty": 1.0}


def test_a_random_search_draws_choices_by_its_seed() -> None:
    """Two of six, the same ones again."""
    grid = {"penalty": [0.0, 1.0, 10.0], "lasso_share": [0.0, 1.0]}
    first, again = (
        network().learn.search("logistic", FORMULA, "data", grid, n=2, seed=3, folds=2)
        for _ in range(2)
    )
    assert len(first.candidates) == 2
    assert first.to_dict() == again.to_dict()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"folds": 1}, "from 2 to 100"),
        ({"leave_out": "patient"}, "must be hospital"),
        ({"leave_out": "hospital", "folds": 3}, "give one of the two"),
        ({"leave_out": "hospital", "hospitals": "north"}, "two or more"),
        ({"kind": "svm"}, "must be one of linear"),
    ],
)
def test_what_cannot_be_validated_is_refused_in_words(given: dict[str, str], words: str) -> None:
    """Before any question is asked."""
    given = {"kind": "logistic", **given}
    with pytest.raises(WardnetError, match=words) as caught:
        network().learn.cross_validate(formula=FORMULA, dataset="data", **given)  # type: ignore[arg-type]
    assert caught.value.reason is Reason.PARAMETER_INVALID


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"grid": {}}, "needs parameters with values"),
        ({"grid": {"penalty": []}}, "needs parameters with values"),
        ({"grid": {"penalty": [1]}, "n": 2}, "from 1 to 1"),
        ({"grid": {"penalty": [1]}, "measure": "calibration_slope"}, "must be one of log_loss"),
    ],
)
def test_what_cannot_be_searched_is_refused_in_words(
    given: dict[str, dict[str, list[int]]], words: str
) -> None:
    """A measure must have a better and a worse."""
    with pytest.raises(WardnetError, match=words):
        network().learn.search("logistic", FORMULA, "data", folds=2, **given)  # type: ignore[arg-type]


def test_a_kind_of_model_is_a_method_and_what_it_says_already() -> None:
    """`poisson` is `glm` with its family."""
    ask = question("poisson", "visits ~ age", "data", {"penalty": 2}, {"hospitals": "north"})
    assert (ask.method, ask.hospitals) == ("glm", "north")
    assert ask.parameters == {"formula": "visits ~ age", "family": "poisson", "penalty": 2}


def test_a_model_too_large_for_a_question_is_refused_with_what_to_do() -> None:
    """A question holds 1 MiB."""
    fitted = network().learn.logistic(FORMULA, "data")
    model: dict[str, JsonValue] = {
        "method": "glm",
        "version": 1,
        "parameters": {**fitted.question.parameters, "note": "x" * (1 << 20)},
        "table": {"keys": [], "values": [], "rows": []},
    }
    with pytest.raises(WardnetError, match="960 KiB; fit a smaller one: fewer trees"):
        network().ask(Ask("evaluate", "data", {"model": model}))


def test_an_answer_without_a_model_cannot_be_evaluated() -> None:
    """A count predicts nothing."""
    with pytest.raises(WardnetError) as caught:
        network().evaluate(network().count("data"))
    assert caught.value.reason is Reason.NO_MODEL
