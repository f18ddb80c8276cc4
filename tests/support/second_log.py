"""A second implementation of the log's formats, written from RFC 9162 and the C2SP texts alone.

It is as plain and slow as the definitions and shares nothing with the product.
"""

import base64
import hashlib
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def mth(leaves: Sequence[bytes]) -> bytes:
    """Return the root by the definition of RFC 9162, 2.1.1."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = largest_power_below(len(leaves))
    return hashlib.sha256(b"\x01" + mth(leaves[:split]) + mth(leaves[split:])).digest()


def path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """Return the inclusion proof by the definition of RFC 9162, 2.1.3.1."""
    if len(leaves) == 1:
        return []
    split = largest_power_below(len(leaves))
    if index < split:
        return [*path(index, leaves[:split]), mth(leaves[split:])]
    return [*path(index - split, leaves[split:]), mth(leaves[:split])]


def subproof(old: int, leaves: Sequence[bytes], *, whole: bool) -> list[bytes]:
    """Return the consistency proof by the definition of RFC 9162, 2.1.4.1."""
    if old == len(leaves):
        return [] if whole else [mth(leaves)]
    split = largest_power_below(len(leaves))
    if old <= split:
        return [*subproof(old, leaves[:split], whole=whole), mth(leaves[split:])]
    return [*subproof(old - split, leaves[split:], whole=False), mth(leaves[:split])]


def largest_power_below(size: int) -> int:
    """Return the largest power of two smaller than `size`."""
    power = 1
    while power * 2 < size:
        power *= 2
    return power


def read_checkpoint(note: str, *, origin: str, key: bytes) -> tuple[int, bytes]:
    """Return size and root of a checkpoint that `key` signed (signed-note, tlog-checkpoint)."""
    cut = note.rindex("\n\n")
    text, lines = note[: cut + 1], note[cut + 2 :].splitlines()
    signature = next(
        _parts(line) for line in lines if _parts(line)[:2] == (origin, _id(origin, 1, key))
    )
    Ed25519PublicKey.from_public_bytes(key).verify(signature[2], text.encode())
    first, size, root = text.splitlines()
    assert first == origin
    return int(size), base64.b64decode(root)


def read_cosignature(note: str, *, name: str, key: bytes) -> int:
    """Return when a witness cosigned, in seconds (tlog-cosignature, Ed25519)."""
    cut = note.rindex("\n\n")
    text, lines = note[: cut + 1], note[cut + 2 :].splitlines()
    _, _, data = next(
        _parts(line) for line in lines if _parts(line)[:2] == (name, _id(name, 4, key))
    )
    seconds = int.from_bytes(data[:8], "big")
    message = b"cosignature/v1\ntime " + str(seconds).encode() + b"\n" + text.encode()
    Ed25519PublicKey.from_public_bytes(key).verify(data[8:], message)
    return seconds


def _parts(line: str) -> tuple[str, bytes, bytes]:
    dash, name, signature = line.split(" ")
    assert dash == "\u2014"
    data = base64.b64decode(signature)
    return name, data[:4], data[4:]


def _id(name: str, kind: int, key: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + key).digest()[:4]
