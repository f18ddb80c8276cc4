"""Signed notes and checkpoints: published example, one spelling, no signature taken for another."""

import base64
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from support.logs import KEY, KEYS, NOW, ORIGIN, WITNESSES, filled, signed
from support.second_log import read_checkpoint, read_cosignature
from wardnet.audit import checkpoint, note
from wardnet.audit.checkpoint import Checkpoint
from wardnet.errors import Reason, WardnetError

# The example of golang.org/x/mod/sumdb/note, whose format signed-note is.
PUBLISHED_KEY = "ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PUBLISHED = """If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6R\
yyBwJnAM=
"""
NAME, WITNESS = next(iter(WITNESSES.items()))
TEXT = f"{ORIGIN}\n3\n{base64.b64encode(bytes(32)).decode()}\n"
NOTE = str(note.sign(TEXT, name=ORIGIN, key=KEY))


def test_the_published_note_verifies_and_is_written_the_same() -> None:
    """A note of another implementation, with its key."""
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(PUBLISHED_KEY)[1:])
    read = note.parse(PUBLISHED)
    note.verify(read, name="PeterNeumann", key=key)
    assert str(read) == PUBLISHED


def test_a_second_implementation_reads_what_we_sign() -> None:
    """Checkpoint and cosignatures, by the texts of the formats."""
    with filled(5) as connection:
        text = signed(connection, witnesses=2)
        made = checkpoint.read(text, origin=ORIGIN, key=KEY.public_key())
    raw = {name: key.public_bytes_raw() for name, key in KEYS.items()}
    assert read_checkpoint(text, origin=ORIGIN, key=raw[ORIGIN]) == (made.size, made.root)
    for name in WITNESSES:
        assert read_cosignature(text, name=name, key=raw[name]) == int(NOW.timestamp())


def test_only_the_named_key_counts() -> None:
    """Another key, another name, or a cosignature never stands for the log's signature."""
    read = note.parse(NOTE)
    note.verify(read, name=ORIGIN, key=KEY.public_key())
    cosigned = note.SignedNote(TEXT, (note.cosign(TEXT, name=ORIGIN, key=KEY, at=NOW),))
    for wrong, name, key in (
        (read, ORIGIN, WITNESS),
        (read, NAME, KEY),
        (cosigned, ORIGIN, KEY),
        (note.parse(NOTE.replace("\n3\n", "\n4\n")), ORIGIN, KEY),
    ):
        with pytest.raises(WardnetError) as caught:
            note.verify(wrong, name=name, key=key.public_key())
        assert caught.value.reason is Reason.CHECKPOINT_UNSIGNED


def test_a_cosignature_is_over_text_and_time() -> None:
    """The newest counts; a changed text or time is refused, another witness's is not seen."""
    later = datetime(2027, 1, 1, tzinfo=UTC)
    lines = tuple(note.cosign(TEXT, name=NAME, key=WITNESS, at=at) for at in (later, NOW))
    both = note.parse(str(note.SignedNote(TEXT, lines)))
    key = WITNESS.public_key()
    assert note.verify_cosignature(both, name=NAME, key=key) == later
    assert note.verify_cosignature(both, name=ORIGIN, key=key) is None
    assert note.verify_cosignature(both, name=NAME, key=KEY.public_key()) is None
    data = lines[0].data
    for changed in (
        note.SignedNote(TEXT.replace("3", "4"), lines),
        note.SignedNote(TEXT, (note.NoteSignature(NAME, lines[0].key_id, b"\0" + data[1:-1]),)),
        note.SignedNote(TEXT, (note.NoteSignature(NAME, lines[0].key_id, b"\xff" + data[1:]),)),
    ):
        with pytest.raises(WardnetError) as caught:
            note.verify_cosignature(changed, name=NAME, key=key)
        assert caught.value.reason is Reason.COSIGNATURE_INVALID


@pytest.mark.parametrize(
    "text",
    [
        "",
        TEXT,
        NOTE[:-1],
        NOTE + "\n",
        NOTE.replace("— ", "- "),
        NOTE.replace("— ", "—  "),
        NOTE.replace("\n", "\r\n"),
        NOTE + "— a+b AAAAAAAA\n",
        NOTE + "— a b c\n",
        NOTE + "— a AAAA=\n",
        NOTE + "— a AAAAAB==\n",
        NOTE + "— a AAAA\n",
        NOTE + "— a AAAAAAAA\n" * 300,
        "x" * 70_000 + NOTE,
    ],
)
def test_other_spellings_are_no_notes(text: str) -> None:
    """One note, one sequence of bytes."""
    with pytest.raises(WardnetError) as caught:
        note.parse(text)
    assert caught.value.reason is Reason.CHECKPOINT_MALFORMED


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"{ORIGIN}\n3\n",
        TEXT.replace("\n3\n", "\n03\n"),
        TEXT.replace("\n3\n", "\n-3\n"),
        TEXT.replace("\n3\n", "\n٣\n"),
        TEXT.replace(ORIGIN, ""),
        TEXT.replace("AAA=", "AAB="),
        TEXT.replace("AAA=", "AAA"),
        TEXT + "more\n",
        f"{ORIGIN}\n3\nAAAA\n",
        f"{ORIGIN}\n3\né\n",
    ],
)
def test_other_texts_are_no_checkpoints(text: str) -> None:
    """Three lines: origin, size, root."""
    assert checkpoint.parse(TEXT) == Checkpoint(ORIGIN, 3, bytes(32))
    assert checkpoint.parse(TEXT).text == TEXT
    with pytest.raises(WardnetError) as caught:
        checkpoint.parse(text)
    assert caught.value.reason is Reason.CHECKPOINT_MALFORMED


def test_a_key_signs_for_its_own_log_only() -> None:
    """A checkpoint of another origin under this name is refused."""
    other = str(note.sign(TEXT.replace("clinic-a", "clinic-z"), name=ORIGIN, key=KEY))
    with pytest.raises(WardnetError, match="another log"):
        checkpoint.read(other, origin=ORIGIN, key=KEY.public_key())


def test_a_checkpoint_is_made_once_for_a_size() -> None:
    """Asking again gives the kept one, with its cosignatures; a fresh cosignature replaces."""
    with filled(2) as connection:
        first = signed(connection, witnesses=2)
        assert signed(connection) == first
        later = datetime(2026, 6, 1, tzinfo=UTC)
        line = note.cosign(note.parse(first).text, name=NAME, key=WITNESS, at=later).line
        at = checkpoint.add_cosignature(connection, size=2, line=line, witnesses=KEYS)
        assert at == later
        found = note.parse(checkpoint.latest(connection) or "")
    assert len(found.signatures) == 3
    assert note.verify_cosignature(found, name=NAME, key=WITNESS.public_key()) == later


def test_only_a_true_cosignature_is_kept() -> None:
    """Of an unknown witness, another key, another text, or for a checkpoint never made: refused."""
    with filled(2) as connection:
        text = note.parse(signed(connection)).text
        stranger = Ed25519PrivateKey.generate()
        for name, key, over, size in (
            ("wardnet://heartnet/node/nobody", stranger, text, 2),
            (NAME, stranger, text, 2),
            (NAME, WITNESS, TEXT, 2),
            (NAME, WITNESS, text, 3),
        ):
            line = note.cosign(over, name=name, key=key, at=NOW).line
            with pytest.raises(WardnetError) as caught:
                checkpoint.add_cosignature(connection, size=size, line=line, witnesses=KEYS)
            assert caught.value.reason is Reason.COSIGNATURE_INVALID
        assert checkpoint.latest(connection, before=1) is None


def test_a_log_is_held_against_its_own_checkpoints() -> None:
    """All of them, and each must still be signed."""
    with filled(3) as connection:
        signed(connection)
        key = KEY.public_key()
        assert checkpoint.verify(connection, key=key).size == 3
        connection.execute(
            "UPDATE checkpoints SET note = replace(note, char(10)||'3', char(10)||'2')"
        )
        with pytest.raises(WardnetError) as caught:
            checkpoint.verify(connection, key=key)
        assert caught.value.reason is Reason.CHECKPOINT_UNSIGNED
