"""Promises and receipts: what whoever gets an answer keeps, to hold the log's owner to it.

With an answer comes a *promise*, signed: the entry about it stands in the log under this number and
with this hash. When the next checkpoint is cosigned, a *receipt* follows: the proof that it does.
A promise that no receipt ever follows, or an auditor who finds another entry there, is evidence.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, Final, Literal, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.x509 import Certificate
from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass as checked

from wardnet import canonical
from wardnet.audit import checkpoint as checkpoints
from wardnet.audit import log, note, tree
from wardnet.audit.log import Connection
from wardnet.errors import Reason, WardnetError
from wardnet.identity import envelope as envelopes
from wardnet.identity.certificates import read_certificate
from wardnet.identity.envelope import Envelope, Signer, Trust
from wardnet.question.dictionary import STRICT
from wardnet.question.query import Digest

PAYLOAD_TYPE: Final = "application/vnd.wardnet.log-promise.v1+json"


@checked(frozen=True, config=STRICT, kw_only=True)
class Promise:
    """State where an entry stands in a log.

    Parameters
    ----------
    version : int
        Of this layout; 1.
    origin : str
        Which log.
    seq : int
        Number of the entry.
    leaf : str
        Its leaf hash, hexadecimal. The entry is salted: the hash tells nothing of it.
    request_digest : str
        SHA-256 of the signed request that the entry is about, as the entry says too.
    """

    version: Literal[1] = 1
    origin: str
    seq: Annotated[int, Field(ge=1, lt=1 << 53)]
    leaf: Digest
    request_digest: Digest


@dataclass(frozen=True, slots=True)
class Receipt:
    """Hold a promise and the proof that it was kept; nothing is known to be true before `verify`.

    Parameters
    ----------
    promise : Envelope
        Signed by the log's owner.
    proof : tuple of bytes
        Inclusion proof of the promised entry.
    checkpoint : str
        Signed note, with the cosignatures of witnesses.
    """

    promise: Envelope
    proof: tuple[bytes, ...]
    checkpoint: str


@dataclass(frozen=True, slots=True)
class Kept:
    """State what a receipt proves.

    Parameters
    ----------
    promise : Promise
        The one that was kept.
    size : int
        Of the log then.
    cosigned : mapping of str to datetime
        When each known witness cosigned it.
    """

    promise: Promise
    size: int
    cosigned: Mapping[str, datetime] = field(default_factory=dict)


_ADAPTER: Final = TypeAdapter(Promise)


def promise(
    connection: Connection, seq: int, *, origin: str, request_digest: str, signer: Signer
) -> Envelope:
    """Sign where an entry stands; call it in the transaction that wrote it, release after.

    Parameters
    ----------
    connection : Connection
        Holds the log.
    seq : int
        Number of the entry.
    origin : str
        Which log.
    request_digest : str
        What the entry is about.
    signer : Signer
        The log's owner.
    """
    leaf = tree.leaf_hash(log.data(connection, seq)).hex()
    made = Promise(origin=origin, seq=seq, leaf=leaf, request_digest=request_digest)
    return envelopes.sign(PAYLOAD_TYPE, canonical.write(_ADAPTER, made), signer)


def read_promise(envelope: Envelope, *, trust: Trust, at: datetime) -> Promise:
    """Return a promise that the log's owner has signed.

    Raises
    ------
    WardnetError
        `SIGNATURE_INVALID`, also when it is about somebody else's log; `MALFORMED`.
    """
    # 1. Somebody of the network has signed it.
    (member, *others) = envelopes.verify(envelope, payload_type=PAYLOAD_TYPE, trust=trust, at=at)
    made = canonical.read(_ADAPTER, envelope.payload)
    # 2. It is their own log, the first one or one after a recovery.
    if others or not (made.origin == member.uri or made.origin.startswith(f"{member.uri}/")):
        raise WardnetError(Reason.SIGNATURE_INVALID, rule="it is about somebody else's log")
    return made


def receipt(connection: Connection, promised: Envelope, *, covered: int | None = None) -> Receipt:
    """Return the receipt for a promise of this log, under its newest checkpoint.

    Parameters
    ----------
    connection : Connection
        Reads the log.
    promised : Envelope
        Verified as the log owner's own.
    covered : int or None
        Take the newest checkpoint of at most so many entries: what enough witnesses have cosigned.

    Raises
    ------
    WardnetError
        `ENTRY_UNCOVERED` before the checkpoint.
    """
    seq = canonical.read(_ADAPTER, promised.payload).seq
    signed = checkpoints.latest(connection, before=covered)
    size = checkpoints.parse(note.parse(signed).text).size if signed else 0
    if signed is None or seq > size:
        raise WardnetError(Reason.ENTRY_UNCOVERED, line=seq)
    return Receipt(promised, log.inclusion_proof(connection, seq, size=size), signed)


def verify(receipt: Receipt, *, trust: Trust, at: datetime, witnesses: note.Keys) -> Kept:
    """Check that a promise was kept.

    Parameters
    ----------
    trust : Trust
        Whose members may promise.
    at : datetime
        When the signer's certificate must be valid: when the answer came.
    witnesses : mapping of str to Ed25519PublicKey
        Those whose cosignatures count.

    Raises
    ------
    WardnetError
        `SIGNATURE_INVALID`, `CHECKPOINT_UNSIGNED`, `COSIGNATURE_INVALID` or `PROOF_REFUSED`, which
        names the entry; `MALFORMED` or `CHECKPOINT_MALFORMED`.
    """
    # 1. The owner of the log has promised the entry.
    made = read_promise(receipt.promise, trust=trust, at=at)
    # 2. The same key has signed the checkpoint, of that log or of a later beginning of it.
    key = _key_of(receipt.promise)
    origin = _later(receipt.checkpoint, made.origin)
    checkpoint = checkpoints.read(receipt.checkpoint, origin=origin, key=key)
    # 3. The entry is in it.
    tree.verify_inclusion(
        bytes.fromhex(made.leaf),
        index=made.seq - 1,
        size=checkpoint.size,
        proof=receipt.proof,
        root=checkpoint.root,
    )
    # 4. Who else has seen it.
    cosigned = note.cosignatures(note.parse(receipt.checkpoint), witnesses)
    return Kept(made, checkpoint.size, cosigned)


def _later(note_text: str, promised: str) -> str:
    """Return the origin of a checkpoint that can keep a promise; else the promised one."""
    shown = checkpoints.parse(note.parse(note_text).text)
    then = replace(shown, origin=promised)
    is_later = shown.owner == then.owner and shown.number > then.number
    return shown.origin if is_later else promised


def _key_of(envelope: Envelope) -> Ed25519PublicKey:
    """Return the key of a verified envelope's only signer."""
    return key_of_leaf(read_certificate(envelope.signatures[0].certificates[0]))


def key_of_leaf(leaf: Certificate) -> Ed25519PublicKey:
    """Return the key of a verified signing certificate."""
    return cast("Ed25519PublicKey", leaf.public_key())
