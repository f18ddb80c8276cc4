"""Exact accumulation gives the integers that exact arithmetic gives."""

import random
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from wardnet.sums.accumulate import BLOCK, SLICE, integers, pieces, power_sums


def rounded(value: float, slices: int = 3) -> int:
    """Return a term in whole units, ties to even, as one row's term is rounded."""
    return round(Fraction(value) * (1 << SLICE * slices))


def added(
    values: NDArray[np.float64],
    group: NDArray[np.signedinteger[Any]],
    *,
    groups: int,
    slices: int = 3,
) -> list[int]:
    """Add values up by groups."""
    limbs = np.zeros((1 + slices, groups, 1), np.int64)
    for piece in pieces(group, groups=groups):
        limbs += piece.add_up(values[piece.order][np.newaxis], slices=[slices])
    found: list[int] = integers(limbs)[:, 0].tolist()
    return found


@pytest.mark.parametrize("cells", [1, 2, 300, 1 << 20])
def test_power_sums_do_not_wrap_at_their_limits(cells: int) -> None:
    """Counts just below 2**40 in the highest codes of the largest grid need 160 bits."""
    counts = np.zeros((2, cells), np.int64)
    counts[0, -1] = (1 << 40) - 1
    counts[1, cells // 2 :] = 12_345
    expected = [
        [
            sum(int(n) * code**power for code, n in enumerate(row.tolist()) if n)
            for power in range(1, 5)
        ]
        for row in counts
    ]
    assert power_sums(counts, powers=4).tolist() == expected


def test_power_sums_of_nothing_are_zero() -> None:
    """A group without values has no powers."""
    assert power_sums(np.zeros((1, 7), np.int64), powers=2).tolist() == [[0, 0]]


@pytest.mark.parametrize("slices", [1, 3, 5])
def test_real_sums_equal_fractions(slices: int) -> None:
    """Each term is rounded below its last slice, and nothing else is."""
    draw = random.Random(1)
    values = [draw.uniform(-1, 1) * 2.0 ** -draw.randint(0, 210) for _ in range(3000)]
    values += [1.0, -1.0, 0.0, -0.0, 2.0**-120, 2.0**-121, 3 * 2.0**-121, 5e-324]
    group = np.array([draw.randint(-1, 2) for _ in values], np.int8)
    terms = list(zip(values, group, strict=True))
    expected = [sum(rounded(v, slices) for v, g in terms if g == each) for each in range(3)]
    assert added(np.array(values), group, groups=3, slices=slices) == expected


def test_kinds_of_terms_are_cut_into_their_own_slices() -> None:
    """The kinds with fewer slices are rounded where theirs end, in the unit of the finest."""
    terms = np.array([[1 / 3, 1 / 7], [1e-20 / 3, 1e-20 / 7], [1e-30 / 3, 1e-30 / 7]])
    (piece,) = pieces(np.zeros(2, np.int8), groups=1)
    (found,) = integers(piece.add_up(terms.copy(), slices=[2, 3, 3]))
    expected = [
        sum(rounded(each, slices) for each in kind)
        for kind, slices in zip(terms, [2, 3, 3], strict=True)
    ]
    assert found.tolist() == [expected[0] << SLICE, *expected[1:]]


@pytest.mark.parametrize("value", [1.0, -1.0, 1 - 2.0**-53, 2.0**-41, 1 / 3])
def test_the_largest_blocks_are_exact(value: float) -> None:
    """Every partial sum fits a double even when all terms are as large as they may be."""
    rows = 5 * BLOCK + 17
    group = np.zeros(rows, np.int8)
    assert added(np.full(rows, value), group, groups=1) == [rows * rounded(value)]


def test_full_blocks_of_odd_slices_are_exact() -> None:
    """Terms near 1 whose every bit is in use leave no room in a double's 53 bits."""
    draw = random.Random(2)
    values = [draw.uniform(0.9, 1) for _ in range(3 * BLOCK)]
    group = np.zeros(len(values), np.int8)
    assert added(np.array(values), group, groups=1) == [sum(map(rounded, values))]


def test_limbs_stay_small_however_many_rows() -> None:
    """All but the first are below 2**40, so that adding pieces wraps none of them."""
    values = np.full(8 * BLOCK, 1 / 3)
    (piece,) = pieces(np.zeros(values.size, np.int8), groups=1)
    limbs = piece.add_up(values[np.newaxis].copy(), slices=[3])
    assert limbs[1:].min() >= 0
    assert limbs[1:].max() < 1 << SLICE
    assert abs(limbs[0]).max() < values.size


def test_more_groups_than_rows_in_a_block() -> None:
    """Every group gets its own rows, groups without rows get nothing."""
    group = np.array([300, 5, 300, -1, 0], np.int16)
    values = np.array([0.5, 0.25, 0.125, 1.0, -1.0])
    expected = {0: -1.0, 5: 0.25, 300: 0.625}
    found = added(values, group, groups=400)
    assert {at: total / 2 ** (3 * SLICE) for at, total in enumerate(found) if total} == expected


def test_pieces_leave_out_rows_without_a_group() -> None:
    """A batch in which nobody has a group has no pieces."""
    assert list(pieces(np.full(10, -1, np.int8), groups=2)) == []
    assert list(pieces(np.zeros(0, np.int8), groups=2)) == []
