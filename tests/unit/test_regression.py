"""Regressions predict from their answers, by hand and to the bit; not without estimates."""

from dataclasses import replace
from math import exp

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from support.models import by_term
from wardnet import simulate
from wardnet.client.queries.ask import Ask, Parameters
from wardnet.client.queries.result import Result
from wardnet.errors import Reason, WardnetError
from wardnet.question.rows import Rows
from wardnet.simulation import SimulatedNetwork
from wardnet.statistics.methods import METHODS
from wardnet.statistics.model import Model

RANDOM = np.random.default_rng(4)
SIZE = 300
TABLE = pd.DataFrame(
    {
        "x": RANDOM.normal(60, 5, SIZE),
        "age": RANDOM.integers(20, 90, SIZE),
        "group": np.array(list("abc"))[RANDOM.integers(0, 3, SIZE)],
        "coin": np.array(["no", "yes"])[RANDOM.integers(0, 2, SIZE)],
        "above": np.where(np.arange(SIZE) > 100, "yes", "no"),
        "visits": RANDOM.poisson(3, SIZE),
    }
)
TABLE["twice"] = TABLE["age"] * 2
TABLE["line"] = np.arange(SIZE)
FORMULA = "x + age + group + x:group"


def network(table: pd.DataFrame = TABLE) -> SimulatedNetwork:
    """Deal a table to two hospitals."""
    return simulate([table[:120], table[120:]], rules=False)


def model(hospitals: SimulatedNetwork, answer: Result) -> Model:
    """Read an answer's model."""
    method = METHODS[answer.answer.method]
    dictionary = hospitals.dictionary("data").dictionary
    return method.model(method.bind(answer.question.parameters, dictionary), answer.table)


def rows(hospitals: SimulatedNetwork) -> Rows:
    """Return the rows of the first hospital."""
    return hospitals.batches("hospital-1")()[0]


def by_hand(answer: Result) -> NDArray[np.float64]:
    """Return the linear predictor of the first hospital's rows."""
    found = {term: row["estimate"] for term, row in by_term(answer.to_dict()).items()}
    eta = []
    for row in TABLE[:120].to_dict("records"):
        names = {"intercept": 1.0, "x": row["x"], "age": row["age"]}
        for level in "bc":
            names[f"group[{level}]"] = row["group"] == level
            names[f"x:group[{level}]"] = row["x"] * (row["group"] == level)
        eta.append(sum(found[name] * value for name, value in names.items()))
    return np.array(eta)


def test_a_linear_model_predicts_the_number() -> None:
    """Coefficients in units times the columns in units, also of interactions."""
    hospitals = network()
    answer = hospitals.learn.linear(f"visits ~ {FORMULA}", "data")
    found = model(hospitals, answer)
    assert (found.columns, found.outcome, found.classes) == (["age", "group", "x"], "visits", ())
    assert found.predict(rows(hospitals))[:, 0] == pytest.approx(by_hand(answer), rel=1e-9)


def test_a_logistic_model_predicts_both_probabilities() -> None:
    """In the order of the levels; together 1."""
    hospitals = network()
    answer = hospitals.learn.logistic(f"coin ~ {FORMULA}", "data")
    found = model(hospitals, answer)
    shares = found.predict(rows(hospitals))
    second = [1 / (1 + exp(-eta)) for eta in by_hand(answer)]
    assert tuple(found.classes) == ("no", "yes")
    assert shares[:, 1] == pytest.approx(second, rel=1e-8)
    assert shares.sum(axis=1) == pytest.approx(1, rel=1e-15)


def test_a_poisson_model_predicts_the_rate() -> None:
    """The exponential of the predictor."""
    hospitals = network()
    answer = hospitals.learn.poisson(f"visits ~ {FORMULA}", "data")
    rate = model(hospitals, answer).predict(rows(hospitals))[:, 0]
    assert rate == pytest.approx([exp(eta) for eta in by_hand(answer)], rel=1e-8)


def test_a_row_predicts_the_same_bits_in_any_company() -> None:
    """Alone as among others, and whatever the machine's vector units are."""
    hospitals = network()
    found = model(hospitals, hospitals.learn.logistic(f"coin ~ {FORMULA}", "data"))
    together = rows(hospitals)
    alone = together.take(np.arange(together.size) == 7)
    assert found.predict(alone).tobytes() == found.predict(together)[7].tobytes()


def test_a_missing_value_predicts_nothing() -> None:
    """Not a number, whichever column misses it; the outcome is not looked at."""
    hospitals = network()
    found = model(hospitals, hospitals.learn.linear("visits ~ x + age + group", "data"))
    given = rows(hospitals)
    columns = {name: given.columns[name].copy() for name in found.columns}
    columns["x"][0], columns["age"][1], columns["group"][2] = np.nan, -1, -1
    missing = np.isnan(found.predict(replace(given, columns=columns))[:, 0])
    assert np.flatnonzero(missing).tolist() == [0, 1, 2]


def test_a_column_that_others_make_up_adds_nothing() -> None:
    """As if it had not been named."""
    hospitals = network()
    with_it = model(hospitals, hospitals.learn.linear("visits ~ age + twice", "data"))
    without = model(hospitals, hospitals.learn.linear("visits ~ age", "data"))
    given = rows(hospitals)
    assert with_it.predict(given).tobytes() == without.predict(given).tobytes()
    assert with_it.importance() == {"age": 1.0, "twice": 0.0}


def test_importance_is_in_standard_errors() -> None:
    """The shares of |z|; an interaction counts for both its columns."""
    hospitals = network()
    answer = hospitals.learn.logistic("coin ~ age + group + x", "data")
    z = {term: row["statistic"] for term, row in by_term(answer.to_dict()).items()}
    sizes = {
        "age": abs(z["age"]),
        "group": abs(z["group[b]"]) + abs(z["group[c]"]),
        "x": abs(z["x"]),
    }
    shares = model(hospitals, answer).importance()
    whole = sum(sizes.values())
    assert shares == pytest.approx({name: size / whole for name, size in sizes.items()})


def test_importance_under_a_penalty_is_by_the_bounds() -> None:
    """There is no standard error; what a lasso leaves out has none."""
    hospitals = network()
    ridge = model(hospitals, hospitals.learn.linear("line ~ age + x", "data", penalty=1.0))
    assert sum(ridge.importance().values()) == pytest.approx(1)
    lasso = hospitals.learn.linear("line ~ age + x", "data", penalty=1e9, lasso_share=1.0)
    assert model(hospitals, lasso).importance() == {"age": 0.0, "x": 0.0}


def test_an_answer_without_estimates_is_no_model() -> None:
    """It is told that there is none, and that the table says why."""
    hospitals = network()
    with pytest.raises(WardnetError) as error:
        model(hospitals, hospitals.learn.logistic("above ~ line", "data"))
    assert error.value.reason is Reason.NO_MODEL


@pytest.mark.parametrize(
    ("method", "parameters"),
    [("linear", {"formula": "visits ~ x"}), ("summary", {"columns": ["visits"], "by": []})],
)
def test_a_table_of_another_question_is_no_model(method: str, parameters: Parameters) -> None:
    """The terms must be those of the question."""
    hospitals = network()
    asked = hospitals.learn.linear("visits ~ age", "data")
    other = hospitals.ask(Ask(method, "data", parameters))
    with pytest.raises(WardnetError) as error:
        model(hospitals, replace(asked, table=other.table))
    assert error.value.reason is Reason.MALFORMED
