"""The picture of a proof: its steps are those of the tree, and what it shows is true."""

import re
from xml.etree import ElementTree as ET

import pytest

from wardnet.audit.checkpoint import Checkpoint
from wardnet.audit.export.path import draw_path, path
from wardnet.audit.tree import inclusion_proof, leaf_hash, node_hash
from wardnet.audit.tree import root as root_of
from wardnet.errors import Reason, WardnetError


def leaves(size: int) -> list[bytes]:
    """Return the bytes of entries."""
    return [f"entry {number}".encode() for number in range(1, size + 1)]


def read(level: int, position: int) -> bytes:
    """Return the hash of a full subtree, from the entries."""
    if level == 0:
        return leaf_hash(f"entry {position + 1}".encode())
    return node_hash(read(level - 1, 2 * position), read(level - 1, 2 * position + 1))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 13, 33])
def test_every_path_leads_to_the_root(size: int) -> None:
    """From every entry, and each box stands for the entries that it names."""
    for seq, data in enumerate(leaves(size), start=1):
        found = path(data, seq, size=size, proof=inclusion_proof(read, seq - 1, size))
        assert found.root.hash == root_of(read, size)
        assert (found.root.first, found.root.last) == (1, size)
        for step in found.steps:
            left, right = step.computed, step.given
            if step.given_left:
                left, right = right, left
            assert left.last + 1 == right.first
            assert left.first <= seq <= right.last


def test_a_proof_of_another_length_is_refused() -> None:
    """As is a number that the checkpoint does not cover."""
    proof = inclusion_proof(read, 4, 13)
    for seq, given in ((5, proof[:-1]), (5, (*proof, bytes(32))), (14, proof), (0, proof)):
        with pytest.raises(WardnetError) as caught:
            path(b"entry 5", seq, size=13, proof=given)
        assert caught.value.reason is Reason.PROOF_REFUSED


@pytest.mark.parametrize(
    ("data", "told"), [(b"entry 5", "leads to"), (b"entry 6", "does not lead to")]
)
def test_the_picture_says_whether_the_path_holds(data: bytes, told: str) -> None:
    """By words, not by colour alone; names cannot be markup, and nothing is loaded or styled."""
    drawn = path(data, 5, size=13, proof=inclusion_proof(read, 4, 13))
    checkpoint = Checkpoint("wardnet://net/node/a", 13, root_of(read, 13))
    svg = draw_path(drawn, checkpoint, seen_by=["Cosigned by <b>south</b>"])
    root = ET.fromstring(svg)
    assert f"it {told} the signed root" in root.attrib["aria-label"]
    assert "NOT the same hash" in svg or told == "leads to"
    assert "<b>" not in svg
    assert "Cosigned by" in svg
    titles = [title.text or "" for title in root.iter("{http://www.w3.org/2000/svg}title")]
    given = [step.given.hash.hex() for step in drawn.steps]
    computed = [step.computed.hash.hex() for step in drawn.steps] + [drawn.root.hash.hex()]
    assert sorted(titles) == sorted(
        [f"given: {item}" for item in given] + [f"computed: {item}" for item in computed]
    )
    assert not re.search(r"style=|href=|<script|url\(", svg)


def test_the_only_entry_is_its_own_root() -> None:
    """A path without steps is drawn, too."""
    drawn = path(b"entry 1", 1, size=1, proof=())
    checkpoint = Checkpoint("wardnet://net/node/a", 1, drawn.root.hash)
    assert "The bytes of entry 1" in draw_path(drawn, checkpoint, seen_by=[])
