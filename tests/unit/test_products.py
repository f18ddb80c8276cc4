"""Cross products that are exact, whoever holds which rows."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardnet.sums.accumulate import BLOCK
from wardnet.sums.products import (
    BOTH_DIGITS,
    UNIT,
    cut,
    enough,
    no_products,
    products,
    whole,
)


@given(st.integers(0, 2**32 - 1), st.integers(0, 60))
def test_products_are_those_of_exact_fractions(seed: int, split: int) -> None:
    """Columns of one, two and three slices, over rows that are split anywhere."""
    random = np.random.default_rng(seed)
    codes = random.integers(0, 2**20, 60) / 2**20
    fine = random.integers(-(2**40), 2**40, 60) / 2**40
    finest = random.integers(-(2**53), 2**53, 60) / 2**53
    table = np.stack([codes, finest, fine])
    limbs = no_products(3, 3)
    for rows in (table[:, :split], table[:, split:]):
        sliced = cut(rows, slices=[1, 3, 2])
        limbs += products(sliced, sliced)
    exact = [[Fraction(each) for each in row] for row in table.tolist()]
    for i, row in enumerate(whole(limbs)):
        for j, found in enumerate(row):
            true = sum((x * y for x, y in zip(exact[i], exact[j], strict=True)), Fraction(0))
            assert Fraction(found, 2**UNIT) == true


def test_what_is_below_the_last_slice_is_rounded_row_by_row() -> None:
    """So a row's entry is the same whatever stands beside it."""
    odd = np.full((1, 8192), 1 / 3)
    third = round(Fraction(1 / 3) * 2**40)
    sliced = cut(odd, slices=[2])
    assert whole(products(sliced, sliced)).item() == 8192 * third**2 << UNIT - 80


@pytest.mark.parametrize(("digit", "slices"), [(20, 3), (26, 2)])
@given(seed=st.integers(0, 2**32 - 1), rows=st.sampled_from([1, 511, 512, 513, 1100]))
def test_slices_of_other_lengths_are_exact_too(
    digit: int, slices: int, seed: int, rows: int
) -> None:
    """However many pieces of rows a matrix product takes, and whatever is left of them."""
    random = np.random.default_rng(seed)
    other = BOTH_DIGITS - digit
    entries = random.integers(-(2**48), 2**48, (2, rows), endpoint=True) / 2**48
    entries[:, 0] = 1, -1  # the largest that there are
    terms = random.integers(-(2**52), 2**52, (2, rows), endpoint=True) / 2**52
    regressors = cut(entries, slices=[enough(48, digit=other)] * 2, digit=other)
    found = whole(products(regressors, cut(terms, slices=[slices] * 2, digit=digit)))
    for i, one in enumerate(entries.tolist()):
        for j, term in enumerate(terms.tolist()):
            pairs = zip(map(Fraction, one), map(Fraction, term), strict=True)
            assert Fraction(found[i, j], 2**UNIT) == sum((x * y for x, y in pairs), Fraction(0))


@pytest.mark.parametrize("digit", [18, 20, 24])
def test_the_largest_entries_of_a_whole_block_do_not_overflow(digit: int) -> None:
    """Ones and what is next to them, in every row."""
    ones = np.ones((1, BLOCK))
    below = np.full((1, BLOCK), 1 - 2.0**-36)
    for entries in (ones, -ones, below):
        sliced = cut(entries, slices=[2], digit=digit)
        found = products(sliced, cut(ones, slices=[2], digit=BOTH_DIGITS - digit))
        assert whole(found).item() == BLOCK * int(entries[0, 0] * 2**36) << UNIT - 36


def test_columns_of_other_slices_stand_at_their_places() -> None:
    """A column that needs more slices may stand between others."""
    entries = np.array([[0.5], [1 / 3], [0.25], [1 / 7], [1.0]])
    sliced = cut(entries, slices=[1, 3, 1, 2, 1])
    exact = [Fraction(1, 2), Fraction(1 / 3), Fraction(1, 4), Fraction(1, 7), Fraction(1)]
    exact[3] = Fraction(round(Fraction(1 / 7) * 2**40), 2**40)
    found = whole(products(sliced, sliced))
    assert [[Fraction(each, 2**UNIT) for each in row] for row in found] == [
        [one * other for other in exact] for one in exact
    ]
