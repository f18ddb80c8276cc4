"""Linear models where textbook formulas lose their digits, and where there is nothing to tell."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from support.models import by_term
from support.nist import FILIP, LONGLEY, NORRIS, PONTIUS, WAMPLER
from wardnet import simulate

YEARS = np.arange(60)
WAVE = np.sin(YEARS.astype(float) * 2.3).round(6)


def ask(
    table: pd.DataFrame,
    formula: str,
    *,
    rules: bool = False,
    penalty: float = 0.0,
) -> Mapping[str, Mapping[str, Any]]:
    """Ask three hospitals, one of them with a single row; return the rows by their terms."""
    network = simulate([table[:1], table[1:9], table[9:]], rules=rules)
    return by_term(network.learn.linear(formula, "data", penalty=penalty).to_dict())


HARD = {
    "Norris": (NORRIS, 13.5),
    "Pontius": (PONTIUS, 13.5),
    "Longley": (LONGLEY, 14),
    "Filip": (FILIP, 7.5),
    **{f"Wampler{at}": (each, 14.5) for at, each in enumerate(WAMPLER, start=1)},
}
"""With the digits that are right at least: of Filip, of which doubles of x**10 leave no more."""


@pytest.mark.parametrize("name", HARD)
def test_certified_answers_are_found_to_their_digits(name: str) -> None:
    """Estimates and standard errors of NIST's tables, whose columns nearly make each other up."""
    reference, digits = HARD[name]
    found = ask(reference.table, reference.formula)
    for term, (estimate, error) in reference.certified.items():
        assert found[term]["estimate"] == pytest.approx(estimate, rel=10**-digits), term
        told = found[term]["standard_error"]
        assert (told or 0) == pytest.approx(error, rel=10 ** -min(digits, 14)), term


def test_columns_that_nearly_make_each_other_up_keep_their_digits() -> None:
    """Large numbers, of which one is the sum of others but for a trifle."""
    a = 500_000 + 3_000 * YEARS + (YEARS * 7919 % 997)
    b = 250_000 + 1_111 * YEARS + (YEARS * 104_729 % 1009)
    trifle = (YEARS * 15_485_863) % 3
    table = pd.DataFrame({"a": a, "b": b, "c": a + b + trifle})
    table["y"] = 7 + 2 * table["a"] - 3 * table["b"] + 5 * table["c"]
    found = ask(table, "y ~ a + b + c")
    for term, true in {"intercept": 7, "a": 2, "b": -3, "c": 5}.items():
        assert found[term]["estimate"] == pytest.approx(true, rel=1e-14), term
    assert found["fit r2"]["estimate"] == 1
    assert found["fit rss"]["estimate"] == 0


def test_the_digits_stay_where_numbers_are_off_the_grid() -> None:
    """A polynomial of degree 3 through numbers with nine digits before what moves."""
    x = 1e6 + WAVE
    table = pd.DataFrame({"x": x, "y": 3 + 2 * x})
    found = ask(table, "y ~ x")
    assert found["x"]["estimate"] == pytest.approx(2, rel=1e-9)
    assert found["intercept"]["estimate"] == pytest.approx(3, rel=1e-3)


@pytest.mark.parametrize("penalty", [0.0, 2.0])
def test_aliased_and_constant_columns_have_no_estimate_by_name(penalty: float) -> None:
    """The others are those of the model without them."""
    table = pd.DataFrame({"y": WAVE, "a": YEARS, "five": np.full(60, 5)})
    table["b"] = YEARS % 7
    table["sum"] = 9 if penalty else table["a"] + 2 * table["b"] + 3
    found = ask(table, "y ~ a + five + b + sum", penalty=penalty)
    alone = ask(table, "y ~ a + b", penalty=penalty)
    for term in ("five", "sum"):
        assert found[term]["estimate"] is None
        assert found[term]["why"] == "aliased: the columns before it make it up"
    for term in ("intercept", "a", "b", "fit rss"):
        assert found[term]["estimate"] == alone[term]["estimate"]
        assert found[term]["standard_error"] == alone[term]["standard_error"]


def test_fewer_rows_than_columns_have_no_standard_errors() -> None:
    """What can be estimated is, with nothing said about its precision."""
    table = pd.DataFrame({"y": [1, 4, 2], "a": [1, 2, 3], "b": [2, 5, 1], "c": [0, 1, 5]})
    found = ask(table, "y ~ a + b + c")
    assert found["c"]["why"] == "aliased: the columns before it make it up"
    assert (found["fit rank"]["estimate"], found["fit residual_df"]["estimate"]) == (3, 0)
    assert found["a"]["standard_error"] is None
    assert found["fit sigma2"]["estimate"] is None


def test_no_complete_row_is_told() -> None:
    """Every row misses one of the two."""
    odd = YEARS % 2 == 1
    table = pd.DataFrame(
        {"y": np.where(odd, WAVE, np.nan), "a": np.where(odd, np.nan, YEARS.astype(float))}
    )
    found = ask(table, "y ~ a")
    assert found["a"]["why"] == "no row has a value in every column"


@pytest.mark.parametrize(
    ("formula", "rule"),
    [
        ("y ~ rare + a", "a level of rare with fewer than 10 patients"),
        ("y ~ half * third", "a level of half and third with fewer than 10 patients"),
        ("y ~ a + b + c + d + e + g", "fewer than 10 patients for each parameter"),
        ("gaps ~ a", "fewer than 10 patients"),
        ("few ~ half", "a level of half and few with fewer than 10 patients"),
    ],
)
def test_the_rules_withhold_the_whole_model(formula: str, rule: str) -> None:
    """Nothing about it is told but the rule."""
    table = pd.DataFrame({name: YEARS * k % 53 for k, name in enumerate("abcdeg", start=1)})
    table["y"] = WAVE
    table["gaps"] = np.where(YEARS < 9, WAVE, np.nan)
    table["rare"] = np.where(YEARS < 9, "x", "z")
    table["half"] = np.where(YEARS < 30, "x", "z")
    table["third"] = np.where(YEARS % 30 < 8, "x", "z")
    table["few"] = np.where(YEARS % 30 < 8, 1, 2)
    for row in ask(table, formula, rules=True).values():
        assert row["estimate"] is None
        assert row["why"] == rule
