"""Symmetric systems with a hundred digits."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from wardnet.errors import Reason, WardnetError
from wardnet.statistics.solve import decimals, solve

RANDOM = np.random.default_rng(5)


def squares(columns: np.ndarray) -> np.ndarray:
    """Return exact cross products of whole numbers."""
    exact = columns.astype(object)
    return decimals(exact @ exact.T)


def test_a_system_is_solved_as_numpy_does() -> None:
    """Estimates, inverse and what is left, for a system that is easy for doubles as well."""
    table = RANDOM.integers(-9, 9, (4, 40))
    found = solve(squares(table), columns=3)
    x, y = table[:3].T.astype(float), table[3].astype(float)
    inverse = np.linalg.inv(x.T @ x)
    assert found.aliased == ()
    np.testing.assert_allclose(found.inverse.astype(float), inverse, rtol=1e-11, atol=1e-15)
    np.testing.assert_allclose(found.solution[:, 0].astype(float), inverse @ x.T @ y, rtol=1e-11)
    rest = y @ y - y @ x @ inverse @ x.T @ y
    assert float(found.rest[0, 0]) == pytest.approx(rest, rel=1e-11)


def test_a_hilbert_matrix_keeps_its_digits() -> None:
    """Doubles lose all of them at this size."""
    size = 14
    hilbert = [[Fraction(1, i + j + 1) for j in range(size)] for i in range(size)]
    joined = [[*row, sum(row)] for row in hilbert]
    joined.append([sum(column) for column in zip(*joined, strict=True)])
    found = solve(decimals(np.array(joined, object)), columns=size)
    assert max(abs(each - 1) for each in found.solution[:, 0]) < Decimal(10) ** -60


def test_made_up_columns_are_named_in_order() -> None:
    """The first of them stay; the rest of the estimates is that of the model without the others."""
    a, b, y = RANDOM.integers(-9, 9, (3, 30))
    found = solve(squares(np.stack([a, b, a + b, 0 * a, y])), columns=4)
    assert found.aliased == (2, 3)
    alone = solve(squares(np.stack([a, b, y])), columns=2)
    assert found.solution[:2, 0].tolist() == alone.solution[:, 0].tolist()
    assert found.solution[2:, 0].tolist() == [0, 0]


def test_a_negative_square_is_nobodys_total() -> None:
    """A hospital that sends it ends the query."""
    with pytest.raises(WardnetError) as refusal:
        solve(decimals(np.array([[4, 6, 0], [6, 1, 0], [0, 0, 1]], object)), columns=2)
    assert refusal.value.reason is Reason.IMPLAUSIBLE_TOTAL


def test_a_weighted_square_that_rounding_made_negative_tells_nothing() -> None:
    """Rows whose weights have vanished leave nothing but rounding, which may have either sign."""
    found = solve(
        decimals(np.array([[4, 6, 0], [6, 1, 0], [0, 0, 1]], object)), columns=2, weighted=True
    )
    assert found.aliased == (1,)
