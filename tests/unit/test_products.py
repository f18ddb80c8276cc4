"""Cross products that are exact, whoever holds which rows."""

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wardnet.sums.products import UNIT, cut, no_products, products, whole


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
