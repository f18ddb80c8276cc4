"""What an auditor's command prints can be read: short in lists, whole and provable in one entry."""

import hashlib
import io

import pytest

from support.log_entries import ANN, digest, entry
from support.logs import KEYS, filled, signed
from wardnet.audit import bundle, checkpoint, note
from wardnet.audit.bundle import Bundle
from wardnet.audit.entry import EventType
from wardnet.client.commands.audit_words import described, inclusion, listed, path, tabled


def made(size: int, seqs: tuple[int, ...] | None) -> Bundle:
    """Return a bundle of a log of some size."""
    with filled(size) as connection:
        signed(connection)
        stream = io.BytesIO()
        bundle.write(bundle.gather(connection, seqs, keys=KEYS), stream)
    stream.seek(0)
    read = bundle.read(stream)
    kept = tuple(read.entries)
    return Bundle(
        checkpoint=read.checkpoint,
        keys=read.keys,
        entries=kept,
        count=read.count,
        complete=read.complete,
    )


@pytest.mark.parametrize("size", [1, 2, 5, 8, 11])
def test_whoever_hashes_what_is_printed_reaches_the_root(size: int) -> None:
    """By hand, with nothing but SHA-256 and the words left and right."""
    for seq in range(1, size + 1):
        part = made(size, (seq,))
        (proved,) = part.entries
        _, first, *steps, _, _, _ = path(part, proved)
        hashed = hashlib.sha256(b"\x00" + proved.data).digest()
        assert first.split() == ["entry", hashed.hex()]
        *beside, root = (step.split() for step in steps)
        for side, neighbour in beside:
            both = bytes.fromhex(neighbour)
            both = both + hashed if side == "left" else hashed + both
            hashed = hashlib.sha256(b"\x01" + both).digest()
        assert root == ["root", hashed.hex()]
        assert checkpoint.parse(note.parse(part.checkpoint).text).root == hashed


def test_a_complete_bundle_gives_the_path_that_it_does_not_carry() -> None:
    """It is the one that the log itself would have given."""
    whole = made(11, None)
    for proved in whole.entries:
        (alone,) = made(11, (proved.seq,)).entries
        assert inclusion(whole, proved)
        assert len(inclusion(whole, proved)) == len(alone.proof)


def test_a_list_is_short_and_one_entry_is_whole() -> None:
    """Nobody reads 64 digits in a list; nobody proves anything with 12."""
    told = entry(7, study=digest(8), purpose='{"permission":"DUO:0000006"}')
    line = listed(told)
    assert (line["who"], line["time"]) == ("researcher/ann", "2026-03-02 09:07:00 UTC")
    assert line["study"] == "000000000000\N{HORIZONTAL ELLIPSIS}"
    lines = list(described(told))
    assert max(map(len, lines)) < 100
    text = "\n".join(lines)
    assert digest(8) in text
    assert ANN in text
    assert "2026-03-02 09:07:00.000 UTC" in text
    assert '"permission": "DUO:0000006"' in text


def test_no_entry_steers_the_terminal() -> None:
    """Names and reasons come from others: their control characters are not printed."""
    evil = entry(1, type=EventType.BREAK_GLASS, statement='{"reason":"\\u001b[2J"}', dataset="\x1b")
    assert "\x1b" not in "\n".join(described(evil)) + str(listed(evil))


def test_columns_that_say_nothing_are_left_out() -> None:
    """Numbers stay numbers, so that they stand to the right."""
    assert tabled(("a", "b", "c"), [("x", "", 0), ("y", "", 2)]) == [
        {"a": "x", "c": 0},
        {"a": "y", "c": 2},
    ]
