"""Exact accumulation: the same integers for any split of the rows, in any order, on any CPU."""

from typing import Final

MAXIMUM_ROWS: Final = 1 << 40
"""Most rows that one hospital may hold; limits of sums are declared with it."""
