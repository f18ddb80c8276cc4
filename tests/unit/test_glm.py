"""Generalised linear models that have no finite answer, and those that take care to find it."""

from collections.abc import Mapping
from math import exp, log
from typing import Any

import numpy as np
import pandas as pd
import pytest

from support.examples import ask as ask_query
from support.models import by_term
from support.people import DIGEST, ROWS_ARE_PATIENTS, made_up, without_patients
from wardnet import simulate
from wardnet.client.queries.ask import Ask, Parameters
from wardnet.errors import Reason, WardnetError
from wardnet.privacy.rules import OFF
from wardnet.question.answer import Participant
from wardnet.question.dictionary import Column, ColumnType, Dictionary
from wardnet.question.rows import Rows
from wardnet.statistics.regression.newton import (
    INFORMATION,
    LIKELIHOOD,
    NOT_CONVERGED,
    ONE_OUTCOME,
    SEPARATED,
)
from wardnet.statistics.session import Session
from wardnet.sums.products import UNIT

RANDOM = np.random.default_rng(8)
SIZE = 240
X = np.arange(SIZE) % 101
COIN = RANDOM.integers(0, 2, SIZE)
GROUP = np.arange(SIZE) % 3
TABLE = pd.DataFrame(
    {
        "x": X,
        "z": RANDOM.normal(0, 1, SIZE),
        "group": np.array(list("abc"))[GROUP],
        "coin": np.array(["no", "yes"])[COIN],
        "above": np.where(X > 50, "yes", "no"),
        "nearly": np.where(X == 50, np.array(["no", "yes"])[COIN], np.where(X > 50, "yes", "no")),
        "third": np.where(GROUP == 2, "yes", np.array(["no", "yes"])[COIN]),
        "missed": np.where(X > 50, np.nan, X),
        "none": pd.Series(np.zeros(SIZE, int)),
        "visits": np.where(GROUP == 2, 0, RANDOM.poisson(3, SIZE)),
        "many": RANDOM.poisson(np.exp(X / 12)),
    }
)


def ask(
    formula: str,
    *,
    table: pd.DataFrame = TABLE,
    rules: bool = False,
    family: str = "logistic",
    penalty: float = 0.0,
    lasso_share: float = 0.0,
) -> Mapping[str, Mapping[str, Any]]:
    """Ask three hospitals, one of them with a single row; return the rows by their terms."""
    network = simulate([table[:1], table[1:100], table[100:]], rules=rules)
    parameters: Parameters = {
        "formula": formula,
        "family": family,
        "penalty": penalty,
        "lasso_share": lasso_share,
    }
    answer = network.ask(Ask("glm", "data", parameters))
    return by_term(answer.to_dict())


@pytest.mark.parametrize(
    ("formula", "family", "outcome"),
    [
        ("above ~ x", "logistic", SEPARATED),
        ("above ~ z + x + group", "logistic", SEPARATED),
        ("nearly ~ x", "logistic", SEPARATED),
        ("third ~ group", "logistic", SEPARATED),
        ("third ~ z + x + group", "logistic", SEPARATED),
        ("visits ~ group + x", "poisson", SEPARATED),
        ("above ~ missed", "logistic", ONE_OUTCOME),
        ("none ~ x", "poisson", ONE_OUTCOME),
    ],
)
def test_what_has_no_finite_answer_is_told_by_name(formula: str, family: str, outcome: str) -> None:
    """No number is given that would only say when the search was given up."""
    for row in ask(formula, family=family).values():
        assert row["estimate"] is None
        assert row["why"] == outcome


@pytest.mark.parametrize("lasso_share", [0.0, 0.5, 1.0])
def test_a_penalty_makes_a_separated_model_finite(lasso_share: float) -> None:
    """There is one best answer again."""
    found = ask("above ~ x + group", penalty=1.0, lasso_share=lasso_share)
    assert 0 < found["x"]["estimate"] < 2
    assert found["x"]["standard_error"] is None
    assert NOT_CONVERGED not in {row["why"] for row in found.values()}


def test_a_model_of_levels_has_the_means_of_the_levels() -> None:
    """The one case that can be solved by hand."""
    for outcome, family, link in (("coin", "logistic", logit), ("many", "poisson", log)):
        found = ask(f"{outcome} ~ group", family=family)
        values = TABLE[outcome].eq("yes") if outcome == "coin" else TABLE[outcome]
        means = values.groupby(TABLE["group"]).mean()
        assert found["intercept"]["estimate"] == pytest.approx(link(means["a"]), rel=1e-12)
        for level in ("b", "c"):
            difference = link(means[level]) - link(means["a"])
            assert found[f"group[{level}]"]["estimate"] == pytest.approx(difference, abs=1e-12)


def logit(mean: float) -> float:
    """Return the logarithm of the odds."""
    return log(mean / (1 - mean))


def test_steep_counts_are_found_from_afar() -> None:
    """Counts from 1 to 4000: the first step is much too long."""
    found = ask("many ~ x", family="poisson")
    assert found["x"]["estimate"] == pytest.approx(1 / 12, rel=0.01)
    assert exp(found["intercept"]["estimate"]) == pytest.approx(1, rel=0.1)
    assert found["fit iterations"]["estimate"] < 15


def test_aliased_columns_have_no_estimate_by_name() -> None:
    """The others are those of the model without them."""
    rows = ask("coin ~ x + twice + z", table=TABLE.assign(twice=2 * TABLE["x"] + 1))
    alone = ask("coin ~ x + z")
    assert rows["twice"]["estimate"] is None
    for term in ("intercept", "x", "z"):
        assert rows[term]["estimate"] == pytest.approx(alone[term]["estimate"], rel=1e-12)
        assert rows[term]["standard_error"] == pytest.approx(
            alone[term]["standard_error"], rel=1e-12
        )


@pytest.mark.parametrize(
    ("formula", "rule"),
    [
        ("rare ~ x", "a level of rare with fewer than 10 patients"),
        ("seldom ~ group", "a level of group and seldom with fewer than 10 patients"),
    ],
)
def test_the_rules_withhold_the_whole_model(formula: str, rule: str) -> None:
    """A model of levels only would tell how many of a level have which outcome."""
    rare = np.where(np.arange(SIZE) < 8, "yes", "no")
    seldom = np.where((GROUP == 1) & (X > 8) | (GROUP != 1) & (X > 50), "yes", "no")
    table = TABLE.assign(rare=rare, seldom=seldom)
    for row in ask(formula, table=table, rules=True).values():
        assert row["estimate"] is None
        assert row["why"] == rule


@pytest.mark.parametrize("name", [INFORMATION, LIKELIHOOD])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_total_that_its_rows_cannot_give_is_refused(name: str, sign: int) -> None:
    """The number of rows is known from the first round; the session stays where it was."""
    rows = without_patients(made_up(3, rows=300))
    question = ask_query("glm", {"outcome": "smoker", "terms": [["age"]]})
    session = Session(question, digest=DIGEST, dictionary=ROWS_ARE_PATIENTS)
    participants = [Participant("a", "1")]
    for _ in range(2):
        session.advance(session.tally.sums(session.tally.part([rows])), participants)
    total = session.tally.sums(session.tally.part([rows]))
    wrong = {**total, name: total[name] + sign * (301 << UNIT)}
    with pytest.raises(WardnetError) as refusal:
        session.advance(wrong, participants)
    assert refusal.value.reason is Reason.IMPLAUSIBLE_TOTAL
    assert session.round == 2


def test_totals_that_make_estimates_without_measure_are_refused() -> None:
    """Each column is nearly the one before it: what solves such a system has no double."""
    names = [f"x{number}" for number in range(24)]
    dictionary = Dictionary(
        name="many",
        version=1,
        columns=(
            *(Column(name, ColumnType.INTEGER, minimum="0", maximum="9") for name in names),
            Column("y", ColumnType.BOOLEAN),
        ),
    )
    random = np.random.default_rng(5)
    columns = {name: random.integers(0, 10, 300) for name in names}
    rows = Rows(300, {**columns, "y": random.integers(0, 2, 300)})
    question = ask_query(
        "glm", {"outcome": "y", "terms": [[name] for name in names]}, dictionary=dictionary
    )
    session = Session(question, digest=DIGEST, dictionary=dictionary, rules=OFF)
    participants = [Participant("a", "1")]
    for _ in range(2):
        session.advance(session.tally.sums(session.tally.part([rows])), participants)
    total = session.tally.sums(session.tally.part([rows]))
    chain = np.eye(25, dtype=object) << 15
    chain[np.arange(24), np.arange(1, 25)] = 1 << 33
    information = np.full((1, 25, 26), 1 << 100, object)
    information[0, :, :25] = chain.T.dot(chain) << 50
    with pytest.raises(WardnetError) as refusal:
        session.advance({**total, INFORMATION: information}, participants)
    assert refusal.value.reason is Reason.IMPLAUSIBLE_TOTAL
    assert refusal.value.details["rule"] == "no rows give such estimates"


def test_a_column_far_from_0_costs_no_digits() -> None:
    """Its term and the intercept cancel, and nothing is scaled by either alone."""
    far = TABLE.assign(x=1e6 + X.astype(float) / 7)
    near = TABLE.assign(x=X.astype(float) / 7)
    found, reference = (
        ask("visits ~ x + z + x:z", table=table, family="poisson") for table in (far, near)
    )
    assert found["x:z"]["estimate"] == pytest.approx(reference["x:z"]["estimate"], rel=1e-6)
    deviance = reference["fit deviance"]["estimate"]
    assert found["fit deviance"]["estimate"] == pytest.approx(deviance, rel=1e-9)
