"""The Merkle tree against published vectors and the recursive definition of RFC 9162."""

from collections.abc import Sequence
from typing import Any

import pytest

from support.second_log import mth, path, subproof
from wardnet.audit import tree
from wardnet.audit.tree import EMPTY, Frontier, leaf_hash, node_hash
from wardnet.errors import Reason, WardnetError

# Leaves and roots of the reference implementation's tests: github.com/google/certificate-
# transparency, python/ct/crypto/merkle_test.py (RFC 6962, whose tree RFC 9162 keeps).
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
MOST = 40


class Stored:
    """Full subtrees as a log stores them."""

    def __init__(self, leaves: Sequence[bytes]) -> None:
        self.nodes: dict[tuple[int, int], bytes] = {}
        for index, leaf in enumerate(leaves):
            self.nodes[0, index] = leaf
            for level, position, made in tree.completed(self.read, index, leaf):
                self.nodes[level, position] = made

    def read(self, level: int, position: int) -> bytes:
        """Return one node."""
        return self.nodes[level, position]


def leaf_hashes(size: int) -> list[bytes]:
    """Return distinct leaf hashes."""
    return [leaf_hash(b"entry %d" % number) for number in range(size)]


@pytest.mark.parametrize("size", range(1, 9))
def test_published_roots_are_found(size: int) -> None:
    """The vectors of the reference implementation hold for stored and for streamed trees."""
    hashes = [leaf_hash(leaf) for leaf in LEAVES[:size]]
    frontier = Frontier()
    for leaf in hashes:
        frontier.push(leaf)
    assert tree.root(Stored(hashes).read, size).hex() == ROOTS[size - 1]
    assert frontier.root().hex() == ROOTS[size - 1]


def test_an_empty_tree_has_the_hash_of_nothing() -> None:
    """As RFC 9162, 2.1.1 says."""
    assert EMPTY.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert Frontier().root() == tree.root(Stored([]).read, 0) == EMPTY


@pytest.mark.parametrize("size", range(1, MOST))
def test_roots_and_inclusion_proofs_are_those_of_the_definition(size: int) -> None:
    """Every leaf of every small tree; each proof verifies."""
    hashes = leaf_hashes(size)
    stored = Stored(hashes)
    assert tree.root(stored.read, size) == mth(hashes)
    for index, leaf in enumerate(hashes):
        proof = tree.inclusion_proof(stored.read, index, size)
        assert list(proof) == path(index, hashes)
        tree.verify_inclusion(leaf, index=index, size=size, proof=proof, root=mth(hashes))


@pytest.mark.parametrize("new", range(1, MOST))
def test_consistency_proofs_are_those_of_the_definition(new: int) -> None:
    """From every earlier size to every small one; each proof verifies."""
    hashes = leaf_hashes(new)
    stored = Stored(hashes)
    for old in range(1, new + 1):
        proof = tree.consistency_proof(stored.read, old, new)
        assert list(proof) == subproof(old, hashes, whole=True)
        tree.verify_consistency(
            old=old, old_root=mth(hashes[:old]), new=new, new_root=mth(hashes), proof=proof
        )


def test_everything_continues_the_empty_log() -> None:
    """Nothing is to be proven, and a proof of it is refused."""
    hashes = leaf_hashes(5)
    assert tree.consistency_proof(Stored(hashes).read, 0, 5) == ()
    tree.verify_consistency(old=0, old_root=EMPTY, new=5, new_root=mth(hashes), proof=())
    with pytest.raises(WardnetError):
        tree.verify_consistency(
            old=0, old_root=EMPTY, new=5, new_root=mth(hashes), proof=(hashes[0],)
        )


@pytest.mark.parametrize("size", range(1, 18))
def test_no_changed_inclusion_proof_holds(size: int) -> None:
    """Another leaf, place, size, root or hash, one hash more or less: all refused."""
    hashes = leaf_hashes(size)
    root, read = mth(hashes), Stored(hashes).read
    for index, leaf in enumerate(hashes):
        proof = tree.inclusion_proof(read, index, size)
        good: dict[str, Any] = {"index": index, "size": size, "proof": proof, "root": root}
        wrong: list[dict[str, Any]] = [
            {"leaf": node_hash(leaf, leaf)},
            {"index": index + 1},
            {"index": index - 1},
            {"size": 0},
            {"root": EMPTY},
            {"proof": (*proof, leaf)},
            *({"proof": proof[:place] + proof[place + 1 :]} for place in range(len(proof))),
            *(
                {"proof": (*proof[:place], other, *proof[place + 1 :])}
                for place in range(len(proof))
                for other in (EMPTY, b"", proof[place] + b"\0")
            ),
        ]
        for change in wrong:
            with pytest.raises(WardnetError) as caught:
                tree.verify_inclusion(**{"leaf": leaf, **good, **change})
            assert caught.value.reason is Reason.PROOF_REFUSED


@pytest.mark.parametrize("new", range(2, 18))
def test_no_changed_consistency_proof_holds(new: int) -> None:
    """A rewritten history, other sizes, and proofs with other hashes are refused."""
    hashes = leaf_hashes(new)
    read = Stored(hashes).read
    for old in range(1, new):
        proof = tree.consistency_proof(read, old, new)
        good: dict[str, Any] = {
            "old": old,
            "new": new,
            "old_root": mth(hashes[:old]),
            "new_root": mth(hashes),
            "proof": proof,
        }
        rewritten = [leaf_hash(b"rewritten"), *hashes[1:]]
        wrong: list[dict[str, Any]] = [
            {"old_root": mth(rewritten[:old])},
            {"new_root": mth(rewritten)},
            {"old": new, "new": old},
            {"old": new},
            {"old": -1},
            {"proof": ()},
            {"proof": (*proof, EMPTY)},
            *({"proof": proof[:place] + proof[place + 1 :]} for place in range(len(proof))),
            *(
                {"proof": (*proof[:place], other, *proof[place + 1 :])}
                for place in range(len(proof))
                for other in (EMPTY, b"")
            ),
        ]
        for change in wrong:
            with pytest.raises(WardnetError) as caught:
                tree.verify_consistency(**{**good, **change})
            assert caught.value.reason is Reason.CONSISTENCY_REFUSED


def test_a_tree_has_no_leaf_beyond_its_end_and_never_shrinks() -> None:
    """Asking for such proofs is a bug of the caller."""
    read = Stored(leaf_hashes(3)).read
    with pytest.raises(ValueError, match="none at 3"):
        tree.inclusion_proof(read, 3, 3)
    with pytest.raises(ValueError, match="does not continue"):
        tree.consistency_proof(read, 3, 2)
