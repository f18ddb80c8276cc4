"""The Merkle tree of RFC 9162, section 2.1: pure functions of hashes.

A tree of n leaves is known by its *full subtrees*: the node at `(level, position)` covers the
2**level leaves from position * 2**level on. Once full it never changes, so it can be stored; every
root and every proof is folded from a few of them.

References
----------
RFC 9162, "Certificate Transparency Version 2.0", sections 2.1.1 to 2.1.4.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NoReturn, TypeAlias

from wardnet.errors import Reason, WardnetError

ReadNode: TypeAlias = Callable[[int, int], bytes]
"""Return the hash of the full subtree at `(level, position)`."""

Proof: TypeAlias = tuple[bytes, ...]

HASH_BYTES: Final = 32
EMPTY: Final = hashlib.sha256(b"").digest()
"""The root of a tree without leaves (RFC 9162, 2.1.1)."""


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf: SHA-256(0x00 || data) (RFC 9162, 2.1.1)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node: SHA-256(0x01 || left || right) (RFC 9162, 2.1.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(read_node: ReadNode, size: int) -> bytes:
    """Return the root of the first `size` leaves; reads at most log2(size) + 1 nodes."""
    return _range_hash(read_node, 0, size) if size else EMPTY


def completed(read_node: ReadNode, index: int, leaf: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield level, position and hash of each inner subtree that leaf `index` makes full.

    Parameters
    ----------
    read_node : ReadNode
        Knows all full subtrees of the `index` leaves before.
    index : int
        From 0.
    leaf : bytes
        Its hash.
    """
    level, hashed = 0, leaf
    while index >> level & 1:
        hashed = node_hash(read_node(level, (index >> level) - 1), hashed)
        level += 1
        yield level, index >> level, hashed


@dataclass(slots=True)
class Frontier:
    """Grow a tree leaf by leaf, holding only the full subtrees that still await a neighbour."""

    size: int = 0
    waiting: list[bytes] = field(default_factory=list)

    def push(self, leaf: bytes) -> list[bytes]:
        """Add a leaf; return the hashes of the inner subtrees that became full, lowest first."""
        made: list[bytes] = []
        index, hashed = self.size, leaf
        while index & 1:
            hashed = node_hash(self.waiting.pop(), hashed)
            made.append(hashed)
            index >>= 1
        self.waiting.append(hashed)
        self.size += 1
        return made

    def root(self) -> bytes:
        """Return the root of the leaves so far."""
        return _fold(self.waiting) if self.waiting else EMPTY


def inclusion_proof(read_node: ReadNode, index: int, size: int) -> Proof:
    """Return the proof that a leaf stands at `index` of a tree (RFC 9162, 2.1.3.1).

    Parameters
    ----------
    index : int
        From 0, below `size`.
    size : int
        Of the tree.

    Returns
    -------
    tuple of bytes
        Hashes of the neighbours, from the leaf up; at most log2(size) + 1.
    """
    if not 0 <= index < size:
        message = f"a tree of {size} leaves has none at {index}"
        raise ValueError(message)
    start, end = 0, size
    neighbours: list[bytes] = []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            neighbours.append(_range_hash(read_node, middle, end))
            end = middle
        else:
            neighbours.append(_range_hash(read_node, start, middle))
            start = middle
    return tuple(reversed(neighbours))


def sides(index: int, size: int) -> tuple[Literal["left", "right"], ...]:
    """Return on which side each neighbour of an inclusion proof stands, from the leaf up.

    Examples
    --------
    >>> sides(2, 5)
    ('right', 'left', 'right')
    """
    start, end = 0, size
    found: list[Literal["left", "right"]] = []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            found.append("right")
            end = middle
        else:
            found.append("left")
            start = middle
    return tuple(reversed(found))


def consistency_proof(read_node: ReadNode, old: int, new: int) -> Proof:
    """Return the proof that a tree of `new` leaves begins with one of `old` (RFC 9162, 2.1.4.1).

    Parameters
    ----------
    old, new : int
        Sizes, 0 <= old <= new. The proof from an empty tree, and from the same size, is empty.
    """
    if not 0 <= old <= new:
        message = f"a tree of {new} leaves does not continue one of {old}"
        raise ValueError(message)
    if old in (0, new):
        return ()
    start, end = 0, new
    whole = True  # whether the subtree that we look at is all of the old tree
    neighbours: list[bytes] = []
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            neighbours.append(_range_hash(read_node, middle, end))
            end = middle
        else:
            neighbours.append(_range_hash(read_node, start, middle))
            start, whole = middle, False
    if not whole:
        neighbours.append(_range_hash(read_node, start, end))
    return tuple(reversed(neighbours))


def verify_inclusion(
    leaf: bytes, *, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Check that `leaf` stands at `index` of the tree with this root (RFC 9162, 2.1.3.2).

    Raises
    ------
    WardnetError
        `PROOF_REFUSED`, naming the entry (its number is `index` + 1).
    """
    # 1. The leaf is inside the tree.
    if not 0 <= index < size:
        _refuse(index, "it is not among those of the checkpoint")
    # 2. Hash upwards as the paths of the leaf and of the last leaf say.
    path, last, hashed = index, size - 1, leaf
    for neighbour in proof:
        if last == 0 or len(neighbour) != HASH_BYTES:
            _refuse(index, "it has another form")
        if path & 1 or path == last:
            hashed = node_hash(neighbour, hashed)
            while not path & 1 and path:
                path, last = path >> 1, last >> 1
        else:
            hashed = node_hash(hashed, neighbour)
        path, last = path >> 1, last >> 1
    # 3. We are at the top, and it is the root.
    if last:
        _refuse(index, "it has another form")
    if hashed != root:
        _refuse(index, "the entry, its place or a hash was changed")


def verify_consistency(
    *, old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the tree of `new` leaves begins with that of `old` (RFC 9162, 2.1.4.2).

    Raises
    ------
    WardnetError
        `CONSISTENCY_REFUSED`.
    """
    # 1. Every tree continues the empty one, and itself.
    if not 0 <= old <= new:
        raise WardnetError(Reason.CONSISTENCY_REFUSED, rule="the later one is the smaller one")
    if old in (0, new):
        same = (old_root if old else EMPTY) == (new_root if old == new else EMPTY)
        if proof or not same:
            raise WardnetError(Reason.CONSISTENCY_REFUSED, rule="the roots differ")
        return
    # 2. Begin at the old tree's last full subtree; it is the old root itself for a power of two.
    path, last = old - 1, new - 1
    while path & 1:
        path, last = path >> 1, last >> 1
    hashes = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not hashes or any(len(item) != HASH_BYTES for item in hashes):
        raise WardnetError(Reason.CONSISTENCY_REFUSED, rule="the proof has another form")
    before = after = hashes[0]
    # 3. Hash upwards to both roots at once.
    for neighbour in hashes[1:]:
        if last == 0:
            raise WardnetError(Reason.CONSISTENCY_REFUSED, rule="the proof has another form")
        if path & 1 or path == last:
            before, after = node_hash(neighbour, before), node_hash(neighbour, after)
            while not path & 1 and path:
                path, last = path >> 1, last >> 1
        else:
            after = node_hash(after, neighbour)
        path, last = path >> 1, last >> 1
    # 4. We are at the top of both.
    if last or before != old_root or after != new_root:
        raise WardnetError(Reason.CONSISTENCY_REFUSED, rule="the hashes do not lead to both roots")


def _split(size: int) -> int:
    """Return the largest power of two below `size` (RFC 9162, 2.1.1)."""
    return 1 << (size - 1).bit_length() - 1


def _range_hash(read_node: ReadNode, start: int, end: int) -> bytes:
    """Return the root of the leaves from `start`, a multiple of a power of two >= their number."""
    hashes: list[bytes] = []
    while start < end:
        level = (end - start).bit_length() - 1
        hashes.append(read_node(level, start >> level))
        start += 1 << level
    return _fold(hashes)


def _fold(hashes: Sequence[bytes]) -> bytes:
    """Return the root over full subtrees, largest first."""
    *others, hashed = hashes
    for left in reversed(others):
        hashed = node_hash(left, hashed)
    return hashed


def _refuse(index: int, rule: str) -> NoReturn:
    raise WardnetError(Reason.PROOF_REFUSED, line=index + 1, rule=rule)
