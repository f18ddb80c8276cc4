"""Parts between a worker and its daemon come out as they went in."""

from typing import Any

import numpy as np
import pytest

from wardnet.sums.members import members
from wardnet_node.compute.narrow import narrow, widen

WIDE: Any = np.array([1 << 200, -5], np.object_)


@pytest.mark.parametrize(
    ("largest", "width"),
    [(0, 1), (127, 1), (128, 2), (1 << 15, 4), (-(1 << 31), 4), (1 << 31, 8), (-(1 << 63), 8)],
)
def test_integers_travel_in_the_fewest_bytes(largest: int, width: int) -> None:
    """And are 64-bit integers again, of the same values."""
    sent = narrow({"sums": np.array([[0, largest]], np.int64)})["sums"]
    assert isinstance(sent, np.ndarray)
    assert sent.dtype.itemsize == width
    back = widen({"sums": sent})["sums"]
    assert isinstance(back, np.ndarray)
    assert back.dtype == np.int64
    assert back.tolist() == [[0, largest]]


def test_what_is_no_64_bit_integer_travels_as_it_is() -> None:
    """Wide sums, and who was counted."""
    counted = members(np.zeros(3, np.int8), cells=1, patient=None)
    back = widen(narrow({"wide": WIDE, "counted": counted}))
    assert back["wide"] is WIDE
    assert back["counted"] is counted
