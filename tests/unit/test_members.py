"""Distinct patients per cell, however their rows are spread."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardnet.sums.members import FEW_CELLS, MANY_CELLS, count, members, where_not


@pytest.mark.parametrize("cells", [4, 300])
@given(
    pairs=st.lists(st.tuples(st.integers(-1, 3), st.integers(0, 99)), max_size=40),
    cut=st.integers(0, 40),
)
def test_a_patient_counts_once_per_cell(cells: int, pairs: list[tuple[int, int]], cut: int) -> None:
    """Also when her rows stand in two parts."""
    index = np.array([cell for cell, _ in pairs], np.int8)
    patient = np.array([who for _, who in pairs], np.uint32)
    parts = (
        members(index[some], cells=cells, patient=patient[some])
        for some in (slice(None, cut), slice(cut, None))
    )
    left, right = parts
    expected = [len({who for at, who in pairs if at == cell}) for cell in range(cells)]
    assert (left + right).total().tolist() == (right + left).total().tolist() == expected


@pytest.mark.parametrize("cells", [1, MANY_CELLS, MANY_CELLS + 1, 2048])
def test_memory_grows_with_the_rows_and_not_with_cells_times_patients(cells: int) -> None:
    """A question about many cells cannot fill a hospital's memory."""
    patient = np.arange(100_000, dtype=np.uint32)
    found = members((patient % cells).astype(np.int16), cells=cells, patient=patient)
    assert found.seen.nbytes + sum(pairs.nbytes for pairs in found.pairs) <= 9 * patient.size
    assert found.total().sum() == patient.size


def test_rows_without_patients_are_patients() -> None:
    """Two hospitals' kinds of parts can be joined: counted rows and named patients."""
    index = np.array([0, 1, 1, -1], np.int8)
    named = members(index, cells=2, patient=np.array([7, 7, 7, 7], np.uint32))
    assert (members(index, cells=2) + named).total().tolist() == [2, 3]


@pytest.mark.parametrize("cells", [1, 2, FEW_CELLS, FEW_CELLS + 1, 300])
def test_both_ways_to_count_agree(cells: int) -> None:
    """Few and many cells are counted differently, and the same."""
    index = np.random.default_rng(1).integers(-1, cells, 5000).astype(np.int16)
    expected = [int(np.sum(index == cell)) for cell in range(cells)]
    assert count(index, cells=cells).tolist() == expected


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int64])
def test_hidden_rows_are_in_no_cell(dtype: type[np.signedinteger]) -> None:
    """For every width of an index."""
    index = np.array([0, 5, 100, -1], dtype)
    hidden = np.array([True, False, True, False])
    found = where_not(hidden, index)
    assert found.tolist() == [-1, 5, -1, -1]
    assert found.dtype == dtype
