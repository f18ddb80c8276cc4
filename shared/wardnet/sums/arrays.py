"""Named integer arrays: their declaration, their addition, their bytes.

A real number travels as the integer `round(x * 2**unit)`. Every array declares its unit and the
largest magnitude one hospital may send *before* any data is seen, so a total can never wrap.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from wardnet.errors import Reason, WardnetError

IntegerArray: TypeAlias = NDArray[np.int64] | NDArray[np.object_]
"""int64 where the total fits, Python integers where it may need up to 256 bits."""

Sums: TypeAlias = Mapping[str, IntegerArray]

NARROW_BITS: Final = 59
WIDE_BITS: Final = 253
"""A total must stay below 2**59 (64-bit lanes) or 2**253 (256-bit), so sums never wrap."""

MAXIMUM_HOSPITALS: Final = 1024

MOST_ENTRIES: Final = 1 << 23
"""Of all sums of a round: however few bytes they take, they become 8 or more each."""

_MOST_AXES: Final = 8
_LEAST_ENTRIES: Final = 256
"""An array counts for as many, though it has fewer: also an empty one takes memory and time."""

_WIDTHS: Final = (1, 2, 4, 8)
"""Bytes that an entry of a 64-bit sum may take on the wire."""


@dataclass(frozen=True, slots=True)
class ArraySpec:
    """Declare one array of a round's sums.

    Parameters
    ----------
    name : str
        Unique in the round.
    shape : tuple of int
        Fixed for all hospitals.
    limit : int
        Largest magnitude of any entry that one hospital may send (after scaling).
    guard : str
        Name of the guard whose cells are the first axis, each entry one cell or a run of equally
        many; what holds a withheld cell is sent as 0.
    unit : int
        The entry `k` stands for the number `k * 2**-unit`; 0 for counts.
    """

    name: str
    shape: tuple[int, ...]
    limit: int
    guard: str
    unit: int = 0

    @property
    def width(self) -> int:
        """Return the bytes per entry: 8 where every total fits in 59 bits, else 32."""
        total = self.limit * MAXIMUM_HOSPITALS
        if total.bit_length() <= NARROW_BITS:
            return 8
        if total.bit_length() <= WIDE_BITS:
            return 32
        message = f"{self.name}: the limit does not fit 256-bit sums"
        raise OverflowError(message)


def zeros(spec: ArraySpec) -> IntegerArray:
    """Return an array of zeros as `spec` declares it."""
    if spec.width == 8:
        return np.zeros(spec.shape, dtype=np.int64)
    return np.full(spec.shape, 0, dtype=np.object_)


def add(left: Sums, right: Sums) -> Sums:
    """Return the entrywise sum; both must hold the same names and shapes."""
    if left.keys() != right.keys():
        raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule="the parts hold different arrays")
    for name, array in left.items():
        if array.shape != right[name].shape:
            raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule=f"{name} has different shapes")
    return {name: array + right[name] for name, array in left.items()}


def check(sums: Sums, specs: Sequence[ArraySpec], *, hospitals: int = 1) -> None:
    """Refuse sums that are not as declared, or larger than `hospitals` times the limit.

    Raises
    ------
    WardnetError
        `IMPLAUSIBLE_TOTAL`, naming the array.
    """
    if set(sums) != {spec.name for spec in specs}:
        raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule="it holds other arrays than declared")
    for spec in specs:
        array = sums[spec.name]
        if array.shape != spec.shape:
            raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule=f"{spec.name} has another shape")
        if (array.dtype == np.int64) != (spec.width == 8):
            raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule=f"{spec.name} has another width")
        bound = spec.limit * hospitals
        if array.size and not (-bound <= array.min() and array.max() <= bound):
            raise WardnetError(Reason.IMPLAUSIBLE_TOTAL, rule=f"{spec.name} is above its limit")


@dataclass(frozen=True, slots=True)
class PackedArray:
    """Hold one array as the wire carries it: little-endian two's complement, C order.

    Entries of 64-bit sums take the fewest bytes that all of them fit in: sums are small where few
    rows meet, and what is carried, stored and hashed is most of what a round of trees costs.

    Parameters
    ----------
    name : str
        Unique in the round.
    shape : tuple of int
        As declared.
    width : int
        Bytes per entry: 1, 2, 4 or 8 of a 64-bit sum; 32.
    data : bytes
        `width * prod(shape)` bytes.
    """

    name: str
    shape: tuple[int, ...]
    width: int
    data: bytes


def pack(sums: Sums) -> tuple[PackedArray, ...]:
    """Write sums as bytes, sorted by name."""
    return tuple(_pack(name, sums[name]) for name in sorted(sums))


def _pack(name: str, array: IntegerArray) -> PackedArray:
    if array.dtype == np.int64:
        width = least_width(array)
        data = array.astype(f"<i{width}", copy=False).tobytes()
        return PackedArray(name, array.shape, width, data)
    entries = (int(entry).to_bytes(32, "little", signed=True) for entry in array.ravel())
    return PackedArray(name, array.shape, 32, b"".join(entries))


def least_width(array: IntegerArray) -> int:
    """Return the bytes that the largest entry of a 64-bit sum takes: 1, 2, 4 or 8."""
    low, high = int(array.min(initial=0)), int(array.max(initial=0))
    bits = max(high, ~low).bit_length() + 1  # of two's complement, the sign included
    return next(width for width in _WIDTHS if bits <= 8 * width)


def unpack(arrays: Iterable[PackedArray]) -> Sums:
    """Read what `pack` wrote.

    Raises
    ------
    WardnetError
        `MALFORMED` for a repeated name, a wrong width or a wrong length; `MESSAGE_TOO_LARGE`.
    """
    sums: dict[str, IntegerArray] = {}
    entries = 0
    for packed in arrays:
        if len(packed.shape) > _MOST_AXES or max(packed.shape, default=0) > MOST_ENTRIES:
            raise WardnetError(Reason.MALFORMED, field="sums", rule="a shape that no sums have")
        count = prod(packed.shape)
        if prod(max(side, 1) for side in packed.shape) > MOST_ENTRIES:  # also one that is empty
            raise WardnetError(Reason.MESSAGE_TOO_LARGE, rule=f"{MOST_ENTRIES} numbers")
        if packed.name in sums or packed.width not in {*_WIDTHS, 32}:
            raise WardnetError(Reason.MALFORMED, field="sums", rule="repeated name or wrong width")
        if min(packed.shape, default=0) < 0 or len(packed.data) != packed.width * count:
            raise WardnetError(Reason.MALFORMED, field="sums", rule="wrong length")
        entries += max(count, _LEAST_ENTRIES)
        if entries > MOST_ENTRIES:
            raise WardnetError(Reason.MESSAGE_TOO_LARGE, rule=f"{MOST_ENTRIES} numbers")
        sums[packed.name] = _unpack(packed)
    return sums


def _unpack(packed: PackedArray) -> IntegerArray:
    if packed.width in _WIDTHS:
        entries64 = np.frombuffer(packed.data, dtype=f"<i{packed.width}").astype(np.int64)
        return entries64.reshape(packed.shape)
    entries = [
        int.from_bytes(packed.data[start : start + 32], "little", signed=True)
        for start in range(0, len(packed.data), 32)
    ]
    array = np.empty(len(entries), dtype=np.object_)
    array[:] = entries
    return array.reshape(packed.shape)


def digest(sums: Sums | Sequence[PackedArray]) -> str:
    """Return the SHA-256 over names, shapes, widths and bytes, hexadecimal.

    Parameters
    ----------
    sums : Mapping or sequence of PackedArray
        As they are, or as `pack` returns them.
    """
    hasher = hashlib.sha256()
    for packed in pack(sums) if isinstance(sums, Mapping) else sums:
        header = f"{packed.name}|{packed.shape}|{packed.width}|{len(packed.data)}|"
        hasher.update(header.encode())
        hasher.update(packed.data)
    return hasher.hexdigest()
