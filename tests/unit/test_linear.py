"""Linear models where textbook formulas lose their digits, and where there is nothing to tell."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from support.models import by_term
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


LONGLEY = """
60323 83.0 234289 2356 1590 107608 1947
61122 88.5 259426 2325 1456 108632 1948
60171 88.2 258054 3682 1616 109773 1949
61187 89.5 284599 3351 1650 110929 1950
63221 96.2 328975 2099 3099 112075 1951
63639 98.1 346999 1932 3594 113270 1952
64989 99.0 365385 1870 3547 115094 1953
63761 100.0 363112 3578 3350 116219 1954
66019 101.2 397469 2904 3048 117388 1955
67857 104.6 419180 2822 2857 118734 1956
68169 108.4 442769 2936 2798 120445 1957
66513 110.8 444546 4681 2637 121950 1958
68655 112.6 482704 3813 2552 123366 1959
69564 114.2 502601 3931 2514 125368 1960
69331 115.7 518173 4806 2572 127852 1961
70551 116.9 554894 4007 2827 130081 1962
"""
"""NIST StRD, linear least squares, Longley: seven columns of which doubles keep eight digits."""

CERTIFIED = {
    "intercept": (-3482258.63459582, 890420.383607373),
    "x1": (15.0618722713733, 84.9149257747669),
    "x2": (-0.358191792925910e-01, 0.334910077722432e-01),
    "x3": (-2.02022980381683, 0.488399681651699),
    "x4": (-1.03322686717359, 0.214274163161675),
    "x5": (-0.511041056535807e-01, 0.226073200069370),
    "x6": (1829.15146461355, 455.478499142212),
}


def test_longley_is_right_to_the_last_certified_digit() -> None:
    """Estimates and standard errors, to the fifteen digits that NIST gives."""
    lines = [line.split() for line in LONGLEY.split("\n") if line]
    table = pd.DataFrame(lines, columns=["y", *list(CERTIFIED)[1:]]).astype(float)
    found = ask(table, "y ~ x1 + x2 + x3 + x4 + x5 + x6")
    for term, (estimate, error) in CERTIFIED.items():
        assert found[term]["estimate"] == pytest.approx(estimate, rel=1e-14), term
        assert found[term]["standard_error"] == pytest.approx(error, rel=1e-14), term


@pytest.mark.parametrize(("base", "digits"), [(1, 15), (10, 14)], ids=["Wampler1", "Wampler2"])
def test_wamplers_polynomials_are_found(base: int, digits: int) -> None:
    """NIST StRD: of degree 5 through 0 to 20, without an error; doubles keep six digits of it."""
    x = np.arange(21.0)
    powers = {f"p{degree}": x**degree for degree in range(1, 6)}
    true = {"intercept": 1.0, **{name: base ** -float(name[1]) for name in powers}}
    y = 1 + sum(true[name] * column for name, column in powers.items())
    table = pd.DataFrame({"y": np.round(y, 5), **powers})
    found = ask(table, f"y ~ {' + '.join(powers)}")
    for term, estimate in true.items():
        assert found[term]["estimate"] == pytest.approx(estimate, rel=10.0**-digits), term


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
