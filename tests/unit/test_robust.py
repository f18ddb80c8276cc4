"""Standard errors of rows and of hospitals, as computed directly, and where there are none."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from support.models import by_term
from wardnet import simulate

RANDOM = np.random.default_rng(4)
SIZE = 240
HOSPITAL = np.repeat([0, 1, 2], [40, 90, 110])
TABLE = pd.DataFrame(
    {
        "x": RANDOM.integers(0, 40, SIZE),
        "z": RANDOM.normal(0, 1, SIZE).round(3),
        "group": RANDOM.choice(list("abc"), SIZE),
    }
)
TABLE["cost"] = (3 * TABLE.x + RANDOM.normal(0, 1, SIZE) * TABLE.x + 5 * HOSPITAL).round(2)
TABLE["sick"] = 1 / (1 + np.exp(1 - TABLE.x / 20 - TABLE.z)) > RANDOM.random(SIZE)
TABLE["visits"] = RANDOM.poisson(np.exp(0.02 * TABLE.x + 0.3 * TABLE.z + 0.2 * HOSPITAL))
TERMS = ("intercept", "x", "z", "group[b]", "group[c]")
X = np.column_stack(
    [np.ones(SIZE), TABLE.x, TABLE.z, TABLE.group == "b", TABLE.group == "c"]
).astype(float)

Found = Mapping[str, Mapping[str, Any]]
Row = NDArray[np.float64]


def fit(
    kind: str, errors: str, table: pd.DataFrame = TABLE, *, terms: str = "x + z + group"
) -> Found:
    """Fit a model over three hospitals, without the rules."""
    network = simulate([table[:40], table[40:130], table[130:]], rules=False)
    outcome = {"linear": "cost", "logistic": "sick", "poisson": "visits"}[kind]
    answer = getattr(network.learn, kind)(f"{outcome} ~ {terms}", "data", errors=errors)
    return by_term(answer.to_dict())


def told(found: Found, column: str = "standard_error") -> Row:
    """Return one column of the coefficients."""
    return np.array([found[term][column] for term in TERMS], np.float64)


def terms_of(kind: str, beta: Row) -> tuple[Row, Row]:
    """Return the weights and residuals at some coefficients."""
    eta = X @ beta
    if kind == "linear":
        return np.ones(SIZE), TABLE.cost.to_numpy() - eta
    if kind == "logistic":
        mean = 1 / (1 + np.exp(-eta))
        return mean * (1 - mean), TABLE.sick.to_numpy() - mean
    return np.exp(eta), TABLE.visits.to_numpy() - np.exp(eta)


KINDS = ("linear", "logistic", "poisson")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("errors", "power"), [("HC0", 0), ("HC1", 0), ("HC2", 1), ("HC3", 2)])
def test_errors_of_rows_are_those_of_the_sandwich(kind: str, errors: str, power: int) -> None:
    """With leverages of the weighted columns, as R's sandwich package has them."""
    found = fit(kind, errors)
    weights, residuals = terms_of(kind, told(found, "estimate"))
    bread = np.linalg.inv(X.T * weights @ X)
    leverages = weights * np.einsum("ij,jk,ik->i", X, bread, X)
    middle = X.T * (residuals**2 / (1 - leverages) ** power) @ X
    factor = SIZE / (SIZE - len(TERMS)) if errors == "HC1" else 1
    wanted = np.sqrt(factor * np.diagonal(bread @ middle @ bread))
    assert told(found) == pytest.approx(wanted, rel=1e-10)
    assert told(found, "estimate") == pytest.approx(told(fit(kind, "classical"), "estimate"))


@pytest.mark.parametrize("kind", KINDS)
def test_errors_of_hospitals_are_those_of_their_scores(kind: str) -> None:
    """With the factor G / (G - 1) (n - 1) / (n - k), and t with G - 1 degrees of freedom."""
    found = fit(kind, "cluster")
    weights, residuals = terms_of(kind, told(found, "estimate"))
    bread = np.linalg.inv(X.T * weights @ X)
    scores = np.array([(X * residuals[:, np.newaxis])[at == HOSPITAL].sum(0) for at in range(3)])
    factor = 3 / 2 * (SIZE - 1) / (SIZE - len(TERMS))
    wanted = np.sqrt(factor * np.diagonal(bread @ scores.T @ scores @ bread))
    assert told(found) == pytest.approx(wanted, rel=1e-7)
    reach = (told(found, "high") - told(found, "estimate")) / told(found)
    assert reach == pytest.approx(0.95 * np.sqrt(2 / (1 - 0.95**2)), rel=1e-12)


@pytest.mark.parametrize("errors", ["HC0", "HC3", "cluster"])
def test_aliased_columns_change_nothing(errors: str) -> None:
    """They have no standard error, and the others have theirs."""
    table = TABLE.assign(twice=2 * TABLE.x)
    found = fit("linear", errors, table, terms="x + twice + z + group")
    assert found["twice"]["why"] == "aliased: the columns before it make it up"
    assert told(found).tolist() == told(fit("linear", errors)).tolist()


def test_a_perfect_fit_has_no_errors() -> None:
    """All residuals are 0."""
    found = fit("linear", "HC2", TABLE.assign(cost=2 * TABLE.x + 1), terms="x")
    assert found["x"]["estimate"] == 2
    assert found["x"]["standard_error"] is None


@pytest.mark.parametrize(("errors", "given"), [("HC1", True), ("HC2", False), ("HC3", False)])
def test_a_row_that_decides_alone_is_named(errors: str, *, given: bool) -> None:
    """Its residual is 0 whatever its outcome, and cannot be divided by 1 less its leverage."""
    found = fit("linear", errors, TABLE.assign(alone=np.arange(SIZE) == 7), terms="x + alone")
    assert found["x"]["estimate"] is not None
    assert (found["x"]["standard_error"] is not None) == given
    assert found["x"]["why"] == ("" if given else ALONE)


ALONE = "a row decides on a coefficient nearly alone: take HC0 or HC1, or fewer columns"


def test_a_hospital_with_few_patients_withholds_the_errors_of_hospitals() -> None:
    """With two of them, and a few columns, they would tell about its rows."""
    for few, why in ((9, "a hospital with fewer than 10 patients"), (10, ""), (0, "")):
        parts = [TABLE[:few], TABLE[few:150], TABLE[150:]]
        answer = simulate(parts).learn.linear("cost ~ x + z", "data", errors="cluster")
        found = by_term(answer.to_dict())
        assert found["x"]["why"] == why
        assert (found["x"]["standard_error"] is None) == bool(why)


@pytest.mark.parametrize(("few", "given"), [(0, False), (1, False), (9, False), (10, True)])
@pytest.mark.parametrize("what", ["a regressor", "the outcome"])
def test_few_patients_of_a_level_at_a_hospital_withhold_the_errors_of_hospitals(
    what: str, few: int, *, given: bool
) -> None:
    """Of two hospitals they would tell the residuals of these patients alone."""
    rare = (np.arange(SIZE) < few) | (np.arange(SIZE) >= SIZE - 30)
    table = TABLE.assign(rare=rare)
    ask = simulate([table[:120], table[120:]]).learn
    if what == "a regressor":
        answer = ask.linear("cost ~ rare", "data", errors="cluster")
    else:
        answer = ask.logistic("rare ~ x", "data", errors="cluster")
    found = by_term(answer.to_dict())["intercept"]
    assert found["estimate"] is not None
    assert (found["standard_error"] is not None) == given
    assert found["why"] == ("" if given else "a level at a hospital with fewer than 10 patients")


def test_one_hospital_has_no_errors_of_hospitals() -> None:
    """The rows of the others are none."""
    answer = simulate([TABLE, TABLE[:0]]).learn.linear("cost ~ x", "data", errors="cluster")
    assert by_term(answer.to_dict())["x"]["why"] == "fewer than two hospitals with rows"
