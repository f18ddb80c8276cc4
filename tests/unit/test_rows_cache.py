"""A worker keeps decoded rows between rounds, within its memory."""

from collections.abc import Iterator

import numpy as np

from wardnet.question.rows import Rows
from wardnet_node.compute.cache import RowsCache


class Disk:
    """Rows to decode, and how often that was done."""

    def __init__(self, *batches: int) -> None:
        self.scans = 0
        self._batches = [Rows(size, {"x": np.zeros(size, np.int8)}) for size in batches]

    def scan(self) -> Iterator[Rows]:
        """Decode all batches."""
        self.scans += 1
        yield from self._batches


def sizes(cache: RowsCache, disk: Disk, *, query: str = "q", content: object = "s1") -> list[int]:
    """Read a query's rows and return the size of each batch."""
    return [rows.size for rows in cache.rows(query, content=content, scan=disk.scan)]


def test_rows_are_decoded_once_for_all_rounds_of_a_query() -> None:
    """The second round finds what the first has decoded."""
    cache, disk = RowsCache(100), Disk(40, 40)
    assert [sizes(cache, disk), sizes(cache, disk)] == [[40, 40], [40, 40]]
    assert disk.scans == 1


def test_rows_that_do_not_fit_are_read_through() -> None:
    """A table larger than the memory is decoded in every round, and complete."""
    cache, disk = RowsCache(100), Disk(60, 60)
    assert [sizes(cache, disk), sizes(cache, disk)] == [[60, 60], [60, 60]]
    assert disk.scans == 2


def test_the_query_used_longest_ago_makes_room() -> None:
    """A new query takes the place of an old one, not of the one just used."""
    cache, old, used, new = RowsCache(100), Disk(40), Disk(40), Disk(40)
    for query, disk in (("old", old), ("used", used), ("new", new), ("used", used), ("old", old)):
        sizes(cache, disk, query=query)
    assert (old.scans, used.scans, new.scans) == (2, 1, 1)


def test_forgotten_rows_are_gone() -> None:
    """After its end, a query's rows are not kept in memory."""
    cache, disk = RowsCache(100), Disk(40)
    sizes(cache, disk)
    cache.forget("q")
    sizes(cache, disk)
    assert disk.scans == 2


def test_rows_of_other_content_are_not_mistaken_for_it() -> None:
    """Other columns or another snapshot under the same query are decoded anew."""
    cache, one, other = RowsCache(100), Disk(40), Disk(50)
    assert sizes(cache, one, content="s1") == [40]
    assert sizes(cache, other, content="s2") == [50]


def test_a_round_that_stops_half_way_leaves_nothing_half_kept() -> None:
    """Rows are kept only when all of them were decoded."""
    cache, disk = RowsCache(100), Disk(40, 40)
    rows = cache.rows("q", content="s1", scan=disk.scan)
    next(iter(rows))
    del rows
    assert sizes(cache, disk) == [40, 40]
