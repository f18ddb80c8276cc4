"""Rows fall into groups by their levels, however many there are."""

import numpy as np
import pytest

from wardnet.question.dictionary import Column, ColumnType
from wardnet.question.rows import Rows
from wardnet.question.values import code_type
from wardnet.statistics.groups import Groups


@pytest.mark.parametrize("levels", [1, 2, 127, 128, 129, 255, 256, 1024])
def test_every_number_of_levels_can_group(levels: int) -> None:
    """The narrow type of the index holds the number of groups as well."""
    names = tuple(f"level {number}" for number in range(levels))
    ward = Column(name="ward", type=ColumnType.CATEGORY, levels=names)
    sex = Column(name="sex", type=ColumnType.BOOLEAN)
    codes = np.arange(-1, levels).astype(code_type(levels))
    rows = Rows(codes.size, {"ward": codes, "sex": np.ones(codes.size, np.int8)})
    assert Groups((ward,)).index(rows).tolist() == codes.tolist()
    expected = [-1, *range(1, 2 * levels, 2)]
    assert Groups((ward, sex)).index(rows).tolist() == expected
    swapped = [-1, *range(levels, 2 * levels)]
    assert Groups((sex, ward)).index(rows).tolist() == swapped
