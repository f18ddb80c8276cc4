"""Bundles: what they prove, that they travel byte-exact, and that any change is named."""

import io
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.logs import EVENT, KEY, KEYS, NOW, ORIGIN, PINS, WITNESSES, append, filled, signed
from wardnet.audit import bundle, checkpoint, log, note, verifier
from wardnet.audit.bundle import Bundle, Witnessed
from wardnet.audit.entry import from_bytes
from wardnet.audit.verifier import Cosigned, Verdict
from wardnet.errors import Reason, WardnetError

LOGS = {ORIGIN: PINS[ORIGIN]}
PEERS = {name: PINS[name] for name in WITNESSES}
SOME = (2, 3, 7)


def made(seqs: tuple[int, ...] | None, *, size: int = 11, witnesses: int = 2) -> bytes:
    """Return a bundle of a log as bytes."""
    with filled(size) as connection:
        signed(connection, witnesses=witnesses)
        stream = io.BytesIO()
        bundle.write(bundle.gather(connection, seqs, keys=KEYS, wanted="all of ada"), stream)
    return stream.getvalue()


PART, WHOLE = made(SOME), made(None)


def verified(data: bytes) -> Verdict:
    """Read and verify."""
    return verifier.verify(bundle.read(io.BytesIO(data)), logs=LOGS, witnesses=PEERS)


@pytest.mark.parametrize(("data", "seqs"), [(PART, list(SOME)), (WHOLE, list(range(1, 12)))])
def test_a_bundle_travels_byte_exact(data: bytes, seqs: list[int]) -> None:
    """Reading and writing gives the same bytes; the entries are those of the log."""
    read = bundle.read(io.BytesIO(data))
    kept = replace(read, entries=tuple(read.entries))
    again = io.BytesIO()
    bundle.write(kept, again)
    assert again.getvalue() == data
    assert [from_bytes(proved.data).seq for proved in kept.entries] == seqs
    assert (kept.count, kept.wanted) == (len(seqs), "all of ada")


def test_the_verdict_says_what_is_proven_and_what_is_not() -> None:
    """Only the whole log proves that nothing is missing; only witnesses, that all see the same."""
    part, whole = verified(PART), verified(WHOLE)
    assert (part.size, part.count, whole.count) == (11, 3, 11)
    assert part.time == whole.time == NOW
    assert "chose these" in " ".join(part.not_proven)
    assert "No entry of the log is missing" in " ".join(whole.proven)
    assert part.cosigned == dict.fromkeys(WITNESSES, Cosigned(11, NOW))
    assert (part.covered, whole.covered) == (11, 11)
    assert "2 of the 2 witnesses whose keys were compared have cosigned this log." in part.proven
    assert any("clinic-b saw all its 11 entries at 2026-05-04" in line for line in part.proven)
    alone = verifier.verify(bundle.read(io.BytesIO(PART)), logs={}, witnesses={})
    assert alone.time is None
    assert PINS[ORIGIN] in " ".join(alone.not_proven)
    assert "no witness" in " ".join(alone.not_proven)


@pytest.mark.parametrize("seqs", [None, (2, 6)], ids=["whole", "part"])
def test_witnesses_count_as_far_as_they_have_cosigned(seqs: tuple[int, ...] | None) -> None:
    """One has seen 4 entries, another 6 of 7: most have seen 4, and nobody what follows the 6th."""
    with filled(4) as connection:
        signed(connection, witnesses=1)
        append(connection, [EVENT] * 2)
        name, key = list(WITNESSES.items())[1]
        line = note.cosign(note.parse(signed(connection)).text, name=name, key=key, at=NOW).line
        checkpoint.add_cosignature(connection, size=6, line=line, witnesses=KEYS)
        append(connection, [EVENT])
        signed(connection)
        stream = io.BytesIO()
        made = bundle.gather(connection, seqs, keys=KEYS, witnessed=(4, 6, 6, 0))
        bundle.write(made, stream)
    verdict = verified(stream.getvalue())
    sizes = {name.rpartition("/")[2]: each.size for name, each in verdict.cosigned.items()}
    assert (verdict.size, sizes, verdict.covered) == (7, {"clinic-b": 4, "clinic-c": 6}, 4)
    assert any("clinic-b saw its first 4 entries" in line for line in verdict.proven)
    assert any("what follows entry 6:" in line for line in verdict.not_proven)
    both = {"wardnet://heartnet/coordinator/coordinator": "", **PEERS}
    again = verifier.verify(bundle.read(io.BytesIO(stream.getvalue())), logs=LOGS, witnesses=both)
    assert again.covered == 4
    assert "2 of the 3 witnesses whose keys were compared have cosigned this log." in again.proven


def test_a_log_that_does_not_continue_what_a_witness_cosigned_is_refused() -> None:
    """Its owner has signed both histories; the cosigned one comes along and gives it away."""
    with filled(4) as connection, filled(4) as other:
        seen = signed(other, witnesses=2)
        append(connection, [EVENT])
        signed(connection)
        part = bundle.gather(connection, (5,), keys=KEYS)
        forged = replace(part, witnessed=(Witnessed(seen, ()),))
        with pytest.raises(WardnetError) as caught:
            verifier.verify(forged, logs=LOGS, witnesses=PEERS)
    assert caught.value.reason is Reason.CONSISTENCY_REFUSED


def test_a_log_that_began_anew_is_held_against_the_pin_of_its_owner() -> None:
    """Its origin has another number, its key is the compared one; another key is refused."""
    with filled(3) as connection:
        origin, key = f"{ORIGIN}/2", KEYS[ORIGIN]
        checkpoint.make(connection, key=KEY, origin=origin, at=NOW)
        whole = bundle.gather(connection, None, keys={origin: key})
        kept = replace(whole, entries=tuple(whole.entries))
    verdict = verifier.verify(kept, logs=LOGS, witnesses={})
    assert verdict.origin == origin
    assert "The log's key is the one that you have compared." in verdict.proven
    with pytest.raises(WardnetError) as caught:
        verifier.verify(kept, logs={ORIGIN: "0" * 64}, witnesses={})
    assert caught.value.reason is Reason.LOG_KEY_MISMATCH


def test_an_entry_after_the_checkpoint_waits_for_the_next() -> None:
    """Nothing is given out that is not covered; without a checkpoint, nothing."""
    with filled(2) as connection:
        with pytest.raises(WardnetError) as caught:
            bundle.gather(connection, None, keys=KEYS)
        assert caught.value.reason is Reason.ENTRY_UNCOVERED
        signed(connection)
        append(connection, [EVENT])
        assert bundle.gather(connection, None, keys=KEYS).count == 2
        with pytest.raises(WardnetError, match="entry 3") as caught:
            bundle.gather(connection, (1, 3), keys=KEYS)
        assert caught.value.reason is Reason.ENTRY_UNCOVERED
        signed(connection)
        assert bundle.gather(connection, None, keys=KEYS).count == 3
        assert bundle.gather(connection, None, keys=KEYS, size=2).count == 2


def test_an_empty_log_is_proven_empty() -> None:
    """Its checkpoint stands for nothing."""
    verdict = verified(made(None, size=0))
    assert (verdict.size, verdict.count) == (0, 0)


@pytest.mark.parametrize("data", [PART, WHOLE], ids=["part", "whole"])
@given(place=st.integers(0, min(len(PART), len(WHOLE)) - 1), bit=st.integers(0, 7))
def test_no_flipped_bit_goes_unseen(data: bytes, place: int, bit: int) -> None:
    """Wherever it is: header, checkpoint, entry, proof or end."""
    changed = bytearray(data)
    changed[place] ^= 1 << bit
    with pytest.raises(WardnetError):
        verified(bytes(changed))


@pytest.mark.parametrize("data", [PART, WHOLE], ids=["part", "whole"])
@given(st.data())
def test_no_cut_goes_unseen(data: bytes, drawn: st.DataObject) -> None:
    """A bundle that ends early, or goes on after its end, is none."""
    place = drawn.draw(st.integers(0, len(data) - 1))
    for changed in (data[:place], data + data[place:]):
        with pytest.raises(WardnetError) as caught:
            verified(changed)
        assert caught.value.reason in {Reason.BUNDLE_MALFORMED, Reason.PROOF_REFUSED}


@given(st.binary(max_size=400))
def test_anything_else_is_refused(data: bytes) -> None:
    """The reader raises its own reasons and nothing else."""
    lines = PART.splitlines(keepends=True)
    for changed in (data, lines[0] + data, lines[0] + lines[1] + data):
        with pytest.raises(WardnetError):
            verified(changed)


def _of_another_log(opened: Bundle) -> Bundle:
    """Put the checkpoint of a log with other entries in the header."""
    other = bundle.read(io.BytesIO(made(SOME)))
    return replace(opened, checkpoint=other.checkpoint)


def _with_another_key(opened: Bundle) -> Bundle:
    """Sign the same with a key of one's own and give that key."""
    key = next(iter(WITNESSES.values()))
    text = note.parse(opened.checkpoint).text
    keys = {**opened.keys, ORIGIN: key.public_key().public_bytes_raw().hex()}
    return replace(opened, checkpoint=str(note.sign(text, name=ORIGIN, key=key)), keys=keys)


def _without_keys(opened: Bundle) -> Bundle:
    return replace(opened, keys={})


def _with_a_bad_key(opened: Bundle) -> Bundle:
    return replace(opened, keys={ORIGIN: "00"})


def _with_a_false_cosignature(opened: Bundle) -> Bundle:
    """Move a cosignature of another checkpoint under this one."""
    other = note.parse(bundle.read(io.BytesIO(made(SOME))).checkpoint)
    mine = note.parse(opened.checkpoint)
    joined = (mine.signatures[0], *other.signatures[1:])
    return replace(opened, checkpoint=str(note.SignedNote(mine.text, joined)))


def _moved(opened: Bundle) -> Bundle:
    first, *others = opened.entries
    return replace(opened, entries=(first._replace(seq=first.seq + 1), *others[1:]), count=2)


def _edited(opened: Bundle) -> Bundle:
    first, second, *others = opened.entries
    edited = second._replace(data=second.data.replace(b"ada", b"eve"))
    return replace(opened, entries=(first, edited, *others))


def _twice(opened: Bundle) -> Bundle:
    first, *others = opened.entries
    return replace(opened, entries=(first, first, *others), count=opened.count + 1)


def _fewer(opened: Bundle) -> Bundle:
    return replace(opened, entries=tuple(opened.entries)[:-1])


def _without_the_last(opened: Bundle) -> Bundle:
    return replace(opened, entries=tuple(opened.entries)[:-1], count=opened.count - 1)


def _without_the_second(opened: Bundle) -> Bundle:
    first, _, *others = opened.entries
    return replace(opened, entries=(first, *others), count=opened.count - 1)


@pytest.mark.parametrize(
    ("data", "attack", "reason", "named"),
    [
        (PART, _of_another_log, Reason.PROOF_REFUSED, "Entry 2"),
        (WHOLE, _of_another_log, Reason.BUNDLE_REWRITTEN, "size 11"),
        (PART, _with_another_key, Reason.LOG_KEY_MISMATCH, ORIGIN),
        (PART, _without_keys, Reason.CHECKPOINT_UNSIGNED, ORIGIN),
        (PART, _with_a_bad_key, Reason.CHECKPOINT_UNSIGNED, ORIGIN),
        (PART, _with_a_false_cosignature, Reason.COSIGNATURE_INVALID, "clinic-b"),
        (PART, _moved, Reason.PROOF_REFUSED, "Entry 3"),
        (PART, _edited, Reason.PROOF_REFUSED, "Entry 3"),
        (WHOLE, _edited, Reason.BUNDLE_REWRITTEN, "size 11"),
        (PART, _twice, Reason.PROOF_REFUSED, "Entry 2"),
        (PART, _fewer, Reason.BUNDLE_MALFORMED, "line 4"),
        (WHOLE, _without_the_last, Reason.PROOF_REFUSED, "Entry 11"),
        (WHOLE, _without_the_second, Reason.PROOF_REFUSED, "Entry 2"),
        (WHOLE, _twice, Reason.PROOF_REFUSED, "Entry 2"),
    ],
)
def test_a_forged_bundle_is_named(
    data: bytes, attack: Callable[[Bundle], Bundle], reason: Reason, named: str
) -> None:
    """Whatever the sender changes, the first thing that does not hold is said."""
    read = bundle.read(io.BytesIO(data))
    forged = attack(replace(read, entries=tuple(read.entries)))
    with pytest.raises(WardnetError) as caught:
        verifier.verify(forged, logs=LOGS, witnesses=PEERS)
    assert caught.value.reason is reason
    assert named in str(caught.value)


def test_an_entry_that_gives_another_number_is_refused() -> None:
    """Even when its log has hashed it there."""
    with filled(2) as connection:
        data = log.data(connection, 1)
        connection.execute("UPDATE access_log SET entry = ? WHERE seq = 2", (data,))
        signed(connection)
        whole = bundle.gather(connection, None, keys=KEYS)
        with pytest.raises(WardnetError, match="stands elsewhere"):
            verifier.verify(whole, logs={}, witnesses={})


def test_the_checkpoint_of_another_log_speaks_for_that_log_only() -> None:
    """Another member signs the same root as its own: nothing is proven of the pinned log."""
    read = bundle.read(io.BytesIO(PART))
    name, key = next(iter(WITNESSES.items()))
    text = note.parse(read.checkpoint).text.replace(ORIGIN, name)
    forged = replace(read, checkpoint=str(note.sign(text, name=name, key=key)))
    verdict = verifier.verify(forged, logs=LOGS, witnesses={})
    assert ORIGIN not in " ".join((verdict.origin, *verdict.proven))
    assert "Whether the log's key" in " ".join(verdict.not_proven)


def test_what_others_have_seen_is_held_against_the_whole_log() -> None:
    """A witness's checkpoint of the same history fits, at its size; of another, it is a fork."""
    with filled(4) as connection, filled(4) as other:
        mine, theirs = signed(connection), signed(other)
        append(connection, [EVENT] * 5)
        later = signed(connection)
        whole = bundle.gather(connection, None, keys=KEYS)
        kept = replace(whole, entries=tuple(whole.entries))
        part = bundle.gather(connection, (4,), keys=KEYS)
        verdict = verifier.verify(part, logs=LOGS, witnesses={}, seen=(mine, later))
        short = bundle.gather(connection, None, keys=KEYS, size=4)
        beyond = verifier.verify(short, logs=LOGS, witnesses={}, seen=(later,))
    assert "same history (1)" in " ".join(verdict.not_proven)
    assert "same history (1)" in " ".join(beyond.not_proven)
    verdict = verifier.verify(kept, logs=LOGS, witnesses={}, seen=(mine, later))
    assert "2 checkpoints are held by others, of this same history." in verdict.proven
    with pytest.raises(WardnetError) as caught:
        verifier.verify(kept, logs=LOGS, witnesses={}, seen=(mine, theirs))
    assert caught.value.reason is Reason.LOG_FORKED
    with pytest.raises(WardnetError) as caught:
        verifier.verify(kept, logs=LOGS, witnesses={}, seen=(mine.replace("a ", "b ", 1),))
    assert caught.value.reason is Reason.CHECKPOINT_UNSIGNED
