"""Moments stay exact where textbook formulas lose all digits."""

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.definitions import exact_moments
from support.examples import ask
from support.people import DIGEST
from wardnet.privacy.rules import OFF
from wardnet.question.answer import Cell
from wardnet.question.dictionary import Column, ColumnType, Dictionary, decimal_text
from wardnet.question.rows import Rows
from wardnet.statistics.moments import MOMENTS
from wardnet.statistics.rounding import power_of_two, root
from wardnet.statistics.session import run

MICHELSO = [299.85, 299.74, 299.90, 300.07, 299.93] * 20
"""Like NIST's Michelso, the speed of light in 1000 km/s: three digits move."""

MAVRO = [2.00180, 2.00170, 2.00180, 2.00190, 2.00180] * 10
"""Like NIST's Mavro: six constant leading digits."""

NUMACC3 = [1_000_000.2] + [1_000_000.1, 1_000_000.3] * 500
NUMACC4 = [10_000_000.2] + [10_000_000.1, 10_000_000.3] * 500
"""NIST's NumAcc3 and NumAcc4: 1001 values, whose certified sd is 0.1."""


def column(values: Sequence[float], resolution: str = "") -> Column:
    """Describe a column with wide and round bounds."""
    top = 10 ** math.ceil(math.log10(max(map(abs, values)) + 1))
    return Column(
        name="x", type=ColumnType.REAL, minimum=f"-{top}", maximum=f"{top}", resolution=resolution
    )


def narrow(values: Sequence[float], resolution: str) -> Column:
    """Describe a column with bounds near its values, so that its codes are counted."""
    return Column(
        name="x",
        type=ColumnType.REAL,
        minimum=str(math.floor(min(values))),
        maximum=str(math.ceil(max(values))),
        resolution=resolution,
    )


def summary(values: Sequence[float], described: Column) -> dict[str, Cell]:
    """Summarise values, dealt to three hospitals."""
    dictionary = Dictionary(name="nist", version=1, columns=(described,))
    x: np.ndarray = np.array(values, np.float64)
    if described.cells is not None:
        x = np.array([described.code(decimal_text(Fraction(repr(v)))) for v in values], np.int64)
    parts = [Rows(part.size, {"x": part}) for part in np.array_split(x, 3)]
    found = run(
        ask("summary", {"columns": ["x"]}, dictionary=dictionary),
        digest=DIGEST,
        dictionary=dictionary,
        hospitals={name: partial(iter, [rows]) for name, rows in zip("abc", parts, strict=True)},
        rules=OFF,
    ).table
    assert found is not None
    return dict(zip((*found.keys, *found.values), found.rows[0], strict=True))


SERIES = pytest.mark.parametrize(
    ("values", "resolution"),
    [(MICHELSO, "0.01"), (MAVRO, "0.00001"), (NUMACC3, "0.1"), (NUMACC4, "0.1")],
    ids=["michelso", "mavro", "numacc3", "numacc4"],
)


@SERIES
def test_on_a_small_grid_every_statistic_is_correctly_rounded(
    values: Sequence[float], resolution: str
) -> None:
    """The decimals that a person wrote down are what is summarised, not their doubles."""
    found = summary(values, narrow(values, resolution))
    expected = exact_moments([Fraction(repr(value)) for value in values])
    assert {name: found[name] for name in expected} == expected


@SERIES
def test_on_a_large_grid_fourteen_digits_are_right(
    values: Sequence[float], resolution: str
) -> None:
    """Bounds that are ten million times wider than the values cost nothing."""
    found = summary(values, column(values, resolution))
    expected = exact_moments([Fraction(repr(value)) for value in values])
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("values", [MICHELSO, MAVRO, NUMACC3, NUMACC4])
def test_off_the_grid_fourteen_digits_are_right(values: Sequence[float]) -> None:
    """The reference are the doubles themselves, in exact fractions."""
    found = summary(values, column(values))
    expected = exact_moments([Fraction(value) for value in values])
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("exponent", range(8, 19))
def test_moments_are_right_or_empty_however_wide_the_bounds(exponent: int) -> None:
    """Values near 1 within bounds far beyond them: thirteen digits, or none and why."""
    values = np.random.default_rng(3).normal(1, 0.1, 1000).tolist()
    wide = Column(name="x", type=ColumnType.REAL, minimum="0", maximum=f"1e{exponent}")
    found = summary(values, wide)
    if found["kurtosis"] is None:
        assert exponent > 9
        assert [found[name] for name in MOMENTS] == [None] * len(MOMENTS)
        return
    assert exponent < 12
    for name, reference in exact_moments([Fraction(value) for value in values]).items():
        assert found[name] == pytest.approx(reference, rel=1e-12), name


def test_constant_values_have_moments_however_wide_the_bounds() -> None:
    """That all are equal is seen exactly; the smallest difference is not taken for none."""
    wide = Column(name="x", type=ColumnType.REAL, minimum="-1e18", maximum="1e18")
    constant = summary([1.1] * 20, wide)
    assert (constant["mean"], constant["variance"], constant["kurtosis"]) == (1.1, 0, None)
    assert summary([0.9, 1.1] * 20, wide)["variance"] is None


def test_numacc4_off_the_grid_has_the_certified_deviation() -> None:
    """Doubles near 10 million hold 0.1 to 8.3 digits, and no more is lost."""
    found = summary(NUMACC4, column(NUMACC4))
    assert found["sd"] == pytest.approx(0.1, rel=10**-8.2)


@pytest.mark.parametrize("resolution", ["", "0.25"], ids=["off", "on"])
@pytest.mark.parametrize(
    ("values", "defined"),
    [
        ([], set()),
        ([2.5], {"mean"}),
        ([2.5, 2.5, 2.5, 2.5, 2.5], {"mean", "variance", "sd"}),
        ([2.5, 3.5], {"mean", "variance", "sd", "skewness", "kurtosis"}),
        ([2.5, 3.5, 3.5], {"mean", "variance", "sd", "skewness", "kurtosis", "skewness_adjusted"}),
    ],
    ids=["none", "one", "equal", "two", "three"],
)
def test_what_is_undefined_is_empty(
    values: Sequence[float], defined: set[str], resolution: str
) -> None:
    """Few or equal values have no spread or no shape; that is no error."""
    described = Column(
        name="x", type=ColumnType.REAL, minimum="0", maximum="10", resolution=resolution
    )
    found = summary(values, described)
    names = set(found) - {"variable", "n", "missing"}
    assert found["n"] == len(values)
    assert {name for name in names if found[name] is not None} == defined
    if len(set(values)) == 1 < len(values):
        assert found["variance"] == found["sd"] == 0


@given(st.fractions(min_value=0), st.integers(-400, 400))
def test_roots_are_correctly_rounded(value: Fraction, power: int) -> None:
    """No double lies nearer to the true root."""
    value = value * Fraction(4) ** power
    found = root(value)
    below, above = math.nextafter(found, -1), math.nextafter(found, math.inf)
    low, high = (Fraction(found) + Fraction(below)) / 2, (Fraction(found) + Fraction(above)) / 2
    assert max(low, Fraction(0)) ** 2 <= value <= high**2


@given(st.fractions(min_value=Fraction(1, 10**9), max_value=10**9))
def test_powers_of_two_are_the_smallest_above(bound: Fraction) -> None:
    """Terms are scaled to at most 1 and to more than one half where they are largest."""
    assert power_of_two(bound) / 2 < bound <= power_of_two(bound)
