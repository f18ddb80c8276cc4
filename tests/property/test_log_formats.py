"""A second implementation of the log's formats agrees; parsers refuse or give back the same."""

import base64
import json
import random
import string
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from support.logs import KEY, NOW, ORIGIN, WITNESSES
from support.second_log import mth, path, read_checkpoint, read_cosignature, subproof
from wardnet import canonical
from wardnet.audit import checkpoint, note, tree, witness
from wardnet.audit.checkpoint import Checkpoint
from wardnet.audit.entry import Actor, Budget, Entry, EventType, to_bytes
from wardnet.audit.tree import leaf_hash
from wardnet.errors import Reason, WardnetError

TREES = 5000
MOST = 100
NAME, WITNESS = next(iter(WITNESSES.items()))
PARTS = [ORIGIN, "old 3", "0", "17", "— ", "\n", "\n\n", " ", "+", "é", "AAAA", "=", "\0"]


def test_five_thousand_random_trees_agree() -> None:
    """Root, an inclusion proof, a consistency proof; both verify."""
    chance = random.Random(9162)  # the same trees every time
    for _ in range(TREES):
        size = chance.randint(1, MOST)
        leaves = [leaf_hash(chance.randbytes(4)) for _ in range(size)]
        nodes = {(0, index): leaf for index, leaf in enumerate(leaves)}
        read = lambda *at: nodes[at]  # noqa: E731, B023 - read at once
        for index, leaf in enumerate(leaves):
            nodes |= {made[:2]: made[2] for made in tree.completed(read, index, leaf)}
        root, index, old = mth(leaves), chance.randrange(size), chance.randint(1, size)
        assert tree.root(read, size) == root
        proof = tree.inclusion_proof(read, index, size)
        assert list(proof) == path(index, leaves)
        tree.verify_inclusion(leaves[index], index=index, size=size, proof=proof, root=root)
        proof = tree.consistency_proof(read, old, size)
        assert list(proof) == subproof(old, leaves, whole=True)
        tree.verify_consistency(
            old=old, old_root=mth(leaves[:old]), new=size, new_root=root, proof=proof
        )


@given(st.integers(0, 1 << 50), st.binary(min_size=32, max_size=32))
def test_checkpoints_are_read_alike(size: int, root: bytes) -> None:
    """What we sign and cosign, the second implementation reads; and we read it back."""
    made = Checkpoint(ORIGIN, size, root)
    signed = note.sign(made.text, name=ORIGIN, key=KEY)
    line = note.cosign(made.text, name=NAME, key=WITNESS, at=NOW)
    text = str(note.SignedNote(signed.text, (*signed.signatures, line)))
    assert checkpoint.read(text, origin=ORIGIN, key=KEY.public_key()) == made
    raw = KEY.public_key().public_bytes_raw()
    assert read_checkpoint(text, origin=ORIGIN, key=raw) == (size, root)
    raw = WITNESS.public_key().public_bytes_raw()
    assert read_cosignature(text, name=NAME, key=raw) == int(NOW.timestamp())


@given(st.one_of(st.text(), st.lists(st.sampled_from(PARTS)).map("".join)))
def test_parsers_refuse_or_give_back_the_same(text: str) -> None:
    """No other exception, and no second spelling of what is accepted."""
    with suppress(WardnetError):
        assert str(note.parse(text)) == text
    with suppress(WardnetError):
        assert checkpoint.parse(text).text == text
    with suppress(WardnetError):
        assert str(witness.parse(text)) == text


@given(st.data())
def test_a_bent_request_is_refused_or_the_same(data: st.DataObject) -> None:
    """One character of a true request is replaced."""
    signed = note.sign(Checkpoint(ORIGIN, 5, bytes(32)).text, name=ORIGIN, key=KEY)
    text = str(witness.Submission(3, (bytes(32), b"\1" * 32), str(signed)))
    place = data.draw(st.integers(0, len(text) - 1))
    bent = text[:place] + data.draw(st.sampled_from(string.printable)) + text[place + 1 :]
    with suppress(WardnetError):
        again = witness.parse(bent)
        assert str(again) == bent
        note.verify(note.parse(again.note), name=ORIGIN, key=KEY.public_key())
        assert again.note == str(signed)


@given(
    st.text(st.characters(exclude_categories=["Cs"])), st.integers(-(1 << 53) + 1, (1 << 53) - 1)
)
def test_entries_are_written_as_rfc_8785_says(text: str, number: int) -> None:
    """The fast writer gives the bytes of the canonical one, whatever the text."""
    entry = Entry(
        type=EventType.STARTED,
        node=text,
        actor=Actor(subject=text, organisation=text, on_behalf_of=text),
        budget=Budget(mechanism=text, cost=number, left=-number),
        reasons=(Reason.LOG_STALE,),
        cells_withheld=number,
        approvals=(text, "b", "a"),
        seq=1,
        time="2026-05-04T12:00:00.000Z",
        software_version="x",
        salt=base64.b16encode(bytes(16)).decode().lower(),
    )
    written = to_bytes(entry)
    assert written == canonical.encode(json.loads(written))
