"""Exponential and logarithm that have the same bits everywhere."""

import sys
from decimal import Decimal

import numpy as np
import pytest
from scipy import special

from wardnet import compiled
from wardnet.sums.elementary import exp, log, sigmoid, softmax


def test_exp_is_right_to_the_last_place() -> None:
    """Compared with an exponential of 28 digits, it is off by at most 1.3 units."""
    x = np.random.default_rng(1).uniform(-60, 60, 2000)
    truth = [Decimal(each).exp() for each in x.tolist()]
    off = [
        abs(Decimal(found) - true) / Decimal(float(np.spacing(float(true))))
        for found, true in zip(exp(x).tolist(), truth, strict=True)
    ]
    assert max(off) < Decimal("1.3")


@pytest.mark.parametrize(("x", "value"), [(0.0, 1.0), (-1e300, exp(np.array([-700.0]))[0])])
def test_exp_at_its_ends(x: float, value: float) -> None:
    """Nothing overflows, and the power 0 is exact."""
    assert exp(np.array([x]))[0] == value


def test_a_number_alone_keeps_its_shape() -> None:
    """As with numpy's own."""
    assert log(np.array(1.5)).shape == exp(np.array(1.5)).shape == ()


def test_one_number_has_the_bits_it_has_among_many() -> None:
    """How rows are cut into batches changes nothing."""
    x = np.random.default_rng(2).normal(0, 20, (3, 1001))
    columns = [softmax(x[:, [place]])[:, 0] for place in range(x.shape[1])]
    assert np.array_equal(np.stack(columns, axis=1), softmax(x))
    assert exp(x[0])[::7].tolist() == [exp(x[0, [place]])[0] for place in range(0, 1001, 7)]


def test_sigmoid_and_softmax_are_scipys() -> None:
    """Up to rounding they are what everybody computes."""
    x = np.random.default_rng(3).normal(0, 20, (3, 500))
    np.testing.assert_allclose(sigmoid(x), special.expit(x), rtol=1e-13)
    np.testing.assert_allclose(softmax(x), special.softmax(x, axis=0), rtol=1e-13)


def test_log_is_right_to_the_last_place() -> None:
    """Near 1, where digits cancel, and far from it."""
    random = np.random.default_rng(4)
    x = np.concatenate(
        [1 + random.normal(0, 1e-3, 500), random.uniform(1e-9, 99, 500), 1.5 ** np.arange(-99, 99)]
    )
    truth = [Decimal(each).ln() for each in x.tolist()]
    off = [
        abs(Decimal(found) - true) / Decimal(float(np.spacing(abs(float(true)))))
        for found, true in zip(log(x).tolist(), truth, strict=True)
        if true
    ]
    assert max(off) < 2
    assert log(np.array([1.0]))[0] == 0


def test_compiled_or_not_the_bits_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also at the ends, and of numbers so small that they lose digits."""
    random = np.random.default_rng(5)
    ends = [0.0, -0.0, 700.0, -700.0, 1e300, -1e300, np.inf, -np.inf]
    powers = np.concatenate([ends, random.normal(0, 20, 992), random.normal(0, 1e-9, 1000)])
    numbers = np.concatenate([[5e-324, 1e-310], np.exp(random.normal(0, 99, 1998))])
    found = []
    for least in (0, sys.maxsize):
        monkeypatch.setattr(compiled, "LEAST", least)
        each = exp(powers.reshape(40, 50), often=True), log(numbers.reshape(50, 40).T, often=True)
        found.append(np.stack(each))
    np.testing.assert_array_equal(found[0].view(np.int64), found[1].view(np.int64))
