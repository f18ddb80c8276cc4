"""Promises and receipts: what holds the owner of a log to what it said."""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from support.logs import EVENT, WITNESSES, append, filled
from support.pki import TestNetwork
from wardnet.audit import checkpoint, note, receipt
from wardnet.audit.receipt import Receipt
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope

NETWORK = TestNetwork()
NODE, OTHER = NETWORK.node("clinic-a"), NETWORK.node("clinic-b")
ORIGIN = NODE.member.uri
DIGEST = "ab" * 32
AT = NETWORK.at
NAME, WITNESS = next(iter(WITNESSES.items()))
KEYS = {name: key.public_key() for name, key in WITNESSES.items()}


@pytest.fixture
def log() -> Iterator[sqlite3.Connection]:
    """Give a log of five entries without a checkpoint."""
    connection = filled(5)
    yield connection
    connection.close()


def promise(log: sqlite3.Connection, *, origin: str = ORIGIN) -> Envelope:
    """Promise the last entry."""
    return receipt.promise(log, 5, origin=origin, request_digest=DIGEST, signer=NODE.signer)


def cosigned(log: sqlite3.Connection, *, origin: str = ORIGIN) -> None:
    """Make a checkpoint that one witness cosigns."""
    text = checkpoint.make(log, key=NODE.signer.key, origin=origin, at=AT)
    signed = note.parse(text)
    line = note.cosign(signed.text, name=NAME, key=WITNESS, at=AT).line
    size = checkpoint.parse(signed.text).size
    checkpoint.add_cosignature(log, size=size, line=line, witnesses=KEYS)


def verify(given: Receipt) -> receipt.Kept:
    """Verify as whoever got the answer does."""
    return receipt.verify(given, trust=NETWORK.trust, at=AT, witnesses=KEYS)


@pytest.mark.parametrize("origin", [ORIGIN, f"{ORIGIN}/2"])
def test_a_kept_promise_is_proven(log: sqlite3.Connection, origin: str) -> None:
    """Entry, log, size and who has seen it; also in the log after a recovery."""
    promised = promise(log, origin=origin)
    said = receipt.read_promise(promised, trust=NETWORK.trust, at=AT)
    assert (said.origin, said.seq, said.request_digest) == (origin, 5, DIGEST)
    append(log, [EVENT] * 3)
    cosigned(log, origin=origin)
    kept = verify(receipt.receipt(log, promised))
    assert (kept.promise, kept.size) == (said, 8)
    assert kept.cosigned == {NAME: AT.replace(microsecond=0)}


def test_a_promise_is_kept_by_the_log_that_began_anew(log: sqlite3.Connection) -> None:
    """Its entry still stands there; what stood in a later beginning proves nothing of an older."""
    before, after = promise(log), promise(log, origin=f"{ORIGIN}/3")
    cosigned(log, origin=f"{ORIGIN}/2")
    kept = verify(receipt.receipt(log, before))
    assert (kept.promise.origin, kept.size, set(kept.cosigned)) == (ORIGIN, 5, {NAME})
    with pytest.raises(WardnetError) as caught:
        verify(receipt.receipt(log, after))
    assert caught.value.reason is Reason.CHECKPOINT_UNSIGNED


def test_a_receipt_waits_for_the_checkpoint(log: sqlite3.Connection) -> None:
    """Before it, there is none."""
    promised = promise(log)
    with pytest.raises(WardnetError) as caught:
        receipt.receipt(log, promised)
    assert caught.value.reason is Reason.ENTRY_UNCOVERED


def test_nobody_promises_for_another_log(log: sqlite3.Connection) -> None:
    """The signer names their own log, alone, with a valid certificate, of our network."""
    foreign = receipt.promise(
        log, 5, origin=OTHER.member.uri, request_digest=DIGEST, signer=NODE.signer
    )
    near = promise(log, origin=f"{ORIGIN}x")
    both = Envelope(
        foreign.payload_type,
        foreign.payload,
        (
            *foreign.signatures,
            *receipt.promise(
                log, 5, origin=OTHER.member.uri, request_digest=DIGEST, signer=OTHER.signer
            ).signatures,
        ),
    )
    for wrong in (foreign, near, both):
        with pytest.raises(WardnetError) as caught:
            receipt.read_promise(wrong, trust=NETWORK.trust, at=AT)
        assert caught.value.reason is Reason.SIGNATURE_INVALID
    with pytest.raises(WardnetError):
        receipt.read_promise(promise(log), trust=NETWORK.trust, at=AT + timedelta(days=400))
    with pytest.raises(WardnetError):
        receipt.read_promise(promise(log), trust=TestNetwork("other").trust, at=AT)


def _with_another_entry(given: Receipt) -> Receipt:
    """Promise one entry and write another, as a log that rewrites does."""
    with filled(5) as other:
        cosigned(other)
        return replace(receipt.receipt(other, given.promise), promise=given.promise)


def _with_a_hash_less(given: Receipt) -> Receipt:
    return replace(given, proof=given.proof[1:])


def _under_another_key(given: Receipt) -> Receipt:
    """Let somebody else sign the checkpoint."""
    text = note.parse(given.checkpoint).text
    forged = str(note.sign(text, name=ORIGIN, key=OTHER.signer.key))
    return replace(given, checkpoint=forged)


def _with_a_false_cosignature(given: Receipt) -> Receipt:
    signed = note.parse(given.checkpoint)
    mine, theirs = signed.signatures
    bent = replace(theirs, data=theirs.data[:-1] + bytes([theirs.data[-1] ^ 1]))
    return replace(given, checkpoint=str(note.SignedNote(signed.text, (mine, bent))))


@pytest.mark.parametrize(
    ("attack", "reason"),
    [
        (_with_another_entry, Reason.PROOF_REFUSED),
        (_with_a_hash_less, Reason.PROOF_REFUSED),
        (_under_another_key, Reason.CHECKPOINT_UNSIGNED),
        (_with_a_false_cosignature, Reason.COSIGNATURE_INVALID),
    ],
)
def test_a_broken_promise_shows(
    log: sqlite3.Connection, attack: Callable[[Receipt], Receipt], reason: Reason
) -> None:
    """Whoever keeps promise and receipt holds the evidence."""
    promised = promise(log)
    cosigned(log)
    with pytest.raises(WardnetError) as caught:
        verify(attack(receipt.receipt(log, promised)))
    assert caught.value.reason is reason
