"""Sums add exactly, refuse what was not declared, and travel as exact bytes."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from wardnet.errors import Reason, WardnetError
from wardnet.sums import arrays
from wardnet.sums.arrays import ArraySpec, PackedArray, add, check, digest, pack, unpack, zeros

NARROW = ArraySpec("n", (3,), limit=10, guard="cohort")
WIDE = ArraySpec("s", (2,), limit=2**240, guard="cohort", unit=120)


def wide(*entries: int) -> np.ndarray:
    """Return Python integers as an array."""
    array = np.empty(len(entries), dtype=np.object_)
    array[:] = entries
    return array


SUMS = {"n": np.array([1, -2, 3]), "s": wide(-(2**240), 2**200 + 1)}


def test_the_width_follows_from_the_declared_limit() -> None:
    """Small limits travel as 64-bit lanes, large ones as 256-bit, larger ones not at all."""
    assert (NARROW.width, WIDE.width) == (8, 32)
    with pytest.raises(OverflowError):
        _ = ArraySpec("x", (), limit=2**250, guard="cohort").width


def test_packed_sums_come_back_bit_for_bit() -> None:
    """Bytes are little-endian two's complement of the declared width."""
    again = unpack(pack(SUMS))
    assert digest(again) == digest(SUMS)
    assert again["s"].tolist() == SUMS["s"].tolist()


def test_addition_is_exact_beyond_float_and_int64() -> None:
    """No entry is rounded, however large."""
    total = add(SUMS, SUMS)
    assert total["s"].tolist() == [-(2**241), 2**201 + 2]
    assert total["n"].tolist() == [2, -4, 6]


@pytest.mark.parametrize(
    "sums",
    [
        {"n": np.array([1, 2, 3])},
        {"n": np.array([1, 2, 3]), "s": wide(1, 2), "extra": np.array([1])},
        {"n": np.array([1, 2]), "s": wide(1, 2)},
        {"n": np.array([1, 2, 11]), "s": wide(1, 2)},
        {"n": np.array([1, 2, 3]), "s": wide(1, -(2**240) - 1)},
    ],
)
def test_sums_that_are_not_as_declared_are_refused(sums: dict[str, np.ndarray]) -> None:
    """Names, shapes and limits are fixed before any data."""
    with pytest.raises(WardnetError) as caught:
        check(sums, (NARROW, WIDE))
    assert caught.value.reason is Reason.IMPLAUSIBLE_TOTAL


def test_a_total_may_reach_the_limit_of_all_hospitals() -> None:
    """Two hospitals may send twice what one may."""
    check({"n": np.array([20, 0, 0]), "s": wide(0, 0)}, (NARROW, WIDE), hospitals=2)


def test_zeros_are_as_declared() -> None:
    """A hospital without rows sends these."""
    check({"n": zeros(NARROW), "s": zeros(WIDE)}, (NARROW, WIDE))


@pytest.mark.parametrize(
    "change",
    [{"width": 16}, {"data": b"\0" * 23}, {"shape": (4,)}, {"shape": (2**62, 2**62)}],
    ids=repr,
)
def test_malformed_arrays_are_refused(change: dict[str, Any]) -> None:
    """Lengths are checked before anything is built."""
    packed = pack({"n": np.array([1, 2, 3])})[0]
    with pytest.raises(WardnetError) as caught:
        unpack([replace(packed, **change)])
    assert caught.value.reason is Reason.MALFORMED


def test_a_repeated_array_is_refused() -> None:
    """One name, one array."""
    packed = pack({"n": np.array([1])})
    with pytest.raises(WardnetError):
        unpack([*packed, *packed])


@pytest.mark.parametrize("width", [1, 2, 4, 8])
def test_the_bytes_of_an_entry_tell_nothing(width: int) -> None:
    """Whatever width somebody sends, the sums and their digest are the same."""
    sums = {"n": np.array([-128, 0, 127])}
    (packed,) = pack(sums)
    assert packed.width == 1
    wider = replace(packed, width=width, data=sums["n"].astype(f"<i{width}").tobytes())
    again = unpack([wider])
    assert again["n"].dtype == np.int64
    assert again["n"].tolist() == [-128, 0, 127]
    assert digest(again) == digest(sums)
    assert add(again, again)["n"].tolist() == [-256, 0, 254]


@pytest.mark.parametrize(
    ("entry", "width"),
    [
        (127, 1),
        (128, 2),
        (-128, 1),
        (-129, 2),
        (2**15 - 1, 2),
        (-(2**15) - 1, 4),
        (2**31, 8),
        (-(2**63), 8),
    ],
)
def test_entries_take_the_fewest_bytes_that_hold_them(entry: int, width: int) -> None:
    """The sign takes a bit."""
    sums = {"n": np.array([0, entry])}
    (packed,) = pack(sums)
    assert packed.width == width
    assert unpack([packed])["n"].tolist() == [0, entry]


@pytest.mark.parametrize(
    "shape",
    [(2**63, 0), (0, 2**64 - 1), (1,) * 70, (2**64 - 1,) * 100, (0, *[2**23] * 4)],
    ids=repr,
)
def test_a_shape_that_no_sums_have_is_refused(shape: tuple[int, ...]) -> None:
    """Before its entries are counted, or an array is made of it."""
    data = b"\0" * 8 if set(shape) == {1} else b""
    with pytest.raises(WardnetError) as caught:
        unpack([PackedArray("n", shape, 8, data)])
    assert caught.value.reason in {Reason.MALFORMED, Reason.MESSAGE_TOO_LARGE}


def test_so_many_empty_arrays_are_refused() -> None:
    """They have no entries, and each takes memory and time; a forest's are fewer."""
    made = iter(range(1_000_000))
    with pytest.raises(WardnetError) as caught:
        unpack(PackedArray(str(number), (0,), 8, b"") for number in made)
    assert caught.value.reason is Reason.MESSAGE_TOO_LARGE
    assert next(made) < 50_000
    assert (
        len(unpack(PackedArray(str(number), (1,), 1, b"\1") for number in range(20_000))) == 20_000
    )


def test_few_bytes_do_not_become_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries are bounded, and not only their bytes: one byte on the way is eight in memory."""
    monkeypatch.setattr(arrays, "MOST_ENTRIES", 1000)
    some = PackedArray("n", (600,), 1, b"\0" * 600)
    assert unpack([some])["n"].size == 600
    with pytest.raises(WardnetError) as caught:
        unpack([some, replace(some, name="m")])
    assert caught.value.reason is Reason.MESSAGE_TOO_LARGE
