"""Tails as scipy has them."""

from decimal import Decimal

import pytest
from scipy import stats

from wardnet.statistics.distributions import (
    chi_squared_tail,
    critical,
    f_tail,
    normal_tails,
    t_tails,
)

FAR = [0.0, 0.01, 0.5, 1.0, 1.9, 3.0, 7.5, 30.0]


@pytest.mark.parametrize("x", FAR)
def test_normal_and_t_tails_are_scipys(x: float) -> None:
    """On both sides, near and far, for few and many degrees of freedom."""
    assert float(normal_tails(Decimal(-x))) == pytest.approx(2 * stats.norm.sf(x), rel=1e-11)
    for freedom in (1, 2, 9, 700, 10**7):
        found = float(t_tails(Decimal(-x), freedom=freedom))
        assert found == pytest.approx(2 * stats.t.sf(x, freedom), rel=1e-9)


@pytest.mark.parametrize("x", FAR)
def test_chi_squared_and_f_tails_are_scipys(x: float) -> None:
    """For odd and even degrees of freedom."""
    for freedom in (1, 2, 13, 100):
        found = float(chi_squared_tail(Decimal(x), freedom=freedom))
        assert found == pytest.approx(stats.chi2.sf(x, freedom), rel=1e-11)
        found = float(f_tail(Decimal(x), upper=freedom, lower=727))
        assert found == pytest.approx(stats.f.sf(x, freedom, 727), rel=1e-9)


@pytest.mark.parametrize("freedom", [1, 2, 9, 727, 10**6, None])
def test_critical_values_are_scipys(freedom: int | None) -> None:
    """Those that 5 % exceed on either side."""
    true = stats.norm.ppf(0.975) if freedom is None else stats.t.ppf(0.975, freedom)
    assert float(critical(freedom)) == pytest.approx(true, rel=1e-12)
