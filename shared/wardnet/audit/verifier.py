"""The verifier: what a bundle proves and what not, without anybody's server.

Of a complete bundle the tree is computed anew; of any other, each entry is proven by itself. Both
ways the bytes are hashed before they are read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NoReturn, TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from wardnet.audit import checkpoint as checkpoints
from wardnet.audit import log, note, tree
from wardnet.audit.bundle import Bundle
from wardnet.audit.checkpoint import Checkpoint
from wardnet.audit.tree import Frontier, leaf_hash
from wardnet.errors import Reason, WardnetError

Fingerprints: TypeAlias = Mapping[str, str]
"""Fingerprints of keys (SHA-256 of SubjectPublicKeyInfo, hexadecimal) by the name of the holder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """State what a bundle proves and what not, in plain words.

    Parameters
    ----------
    origin, size : str, int
        Of the log.
    fingerprint : str
        Of the log's key.
    count : int
        How many entries the bundle holds.
    cosigned : mapping of str to datetime
        When each pinned witness last cosigned the checkpoint.
    proven, not_proven : tuple of str
        Sentences.
    """

    origin: str
    size: int
    fingerprint: str
    count: int
    cosigned: Mapping[str, datetime] = field(default_factory=dict)
    proven: tuple[str, ...]
    not_proven: tuple[str, ...]

    @property
    def time(self) -> datetime | None:
        """Return when the newest cosignature was made; None without one."""
        return max(self.cosigned.values(), default=None)


def verify(
    bundle: Bundle, *, logs: Fingerprints, witnesses: Fingerprints, seen: Sequence[str] = ()
) -> Verdict:
    """Check every entry of a bundle against its checkpoint, and the checkpoint against the pins.

    Parameters
    ----------
    bundle : Bundle
        Its entries are taken once.
    logs, witnesses : mapping of str to str
        Fingerprints of the keys that were compared out of band, by origin and by witness.
    seen : sequence of str
        Other signed checkpoints of the log, as a witness or another auditor holds them. A complete
        bundle shows whether they belong to the same history, if they are not longer than it.

    Returns
    -------
    Verdict
        What is proven; a key that was not compared is said under what is not.

    Raises
    ------
    WardnetError
        `CHECKPOINT_MALFORMED`, `CHECKPOINT_UNSIGNED`, `LOG_KEY_MISMATCH`, `COSIGNATURE_INVALID`,
        `PROOF_REFUSED`, `BUNDLE_REWRITTEN` or `LOG_FORKED`, naming the checkpoint's owner or the
        entry;
        `BUNDLE_MALFORMED` from the stream that is read.
    """
    # 1. The checkpoint is signed by the key given for its log, which is the compared one.
    signed = note.parse(bundle.checkpoint)
    checkpoint = checkpoints.parse(signed.text)
    key = _key(bundle, checkpoint.origin, logs)
    note.verify(signed, name=checkpoint.origin, key=key)
    # 2. Every cosignature of a pinned witness holds.
    given = {name: _key(bundle, name, witnesses) for name in witnesses if name in bundle.keys}
    cosigned = note.cosignatures(signed, given)
    # 3. The log has signed what others have seen of it, too.
    others = [checkpoints.read(text, origin=checkpoint.origin, key=key) for text in seen]
    # 4. Every entry is one of those that the checkpoint stands for, and others' checkpoints fit.
    known = {checkpoint.size: checkpoint.root}
    if bundle.complete:
        known = _verify_all(bundle, checkpoint, sizes={other.size for other in others})
    else:
        _verify_each(bundle, checkpoint)
    for other in others:
        if known.get(other.size, other.root) != other.root:
            raise WardnetError(Reason.LOG_FORKED, identity=checkpoint.origin)
    return _verdict(
        bundle,
        checkpoint,
        key,
        pinned=checkpoint.origin in logs,
        cosigned=cosigned,
        fitting=(
            sum(other.size in known for other in others),
            sum(other.size not in known for other in others),
        ),
    )


def _key(bundle: Bundle, name: str, pins: Fingerprints) -> Ed25519PublicKey:
    raw = bundle.keys.get(name)
    if raw is None:
        raise WardnetError(
            Reason.CHECKPOINT_UNSIGNED, identity=name, rule="the bundle gives no key for it"
        )
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(raw))
    except ValueError:
        raise WardnetError(
            Reason.CHECKPOINT_UNSIGNED, identity=name, rule="the key given for it is none"
        ) from None
    fingerprint = note.fingerprint(key)
    if pins.get(name, fingerprint) != fingerprint:
        raise WardnetError(Reason.LOG_KEY_MISMATCH, identity=name, fingerprint=fingerprint)
    return key


def _verify_each(bundle: Bundle, checkpoint: Checkpoint) -> None:
    count = last = 0
    for seq, data, proof in bundle.entries:
        if seq <= last:
            _not_proven(seq, "it stands twice or out of order")
        tree.verify_inclusion(
            leaf_hash(data),
            index=seq - 1,
            size=checkpoint.size,
            proof=proof,
            root=checkpoint.root,
        )
        if not log.says(data, seq):
            _not_proven(seq, "it says itself that it stands elsewhere")
        count, last = count + 1, seq
    if count != bundle.count:
        rule = "the bundle does not hold as many entries as it says"
        raise WardnetError(Reason.BUNDLE_MALFORMED, line=count + 2, rule=rule)


def _verify_all(bundle: Bundle, checkpoint: Checkpoint, *, sizes: set[int]) -> dict[int, bytes]:
    """Compute the tree anew; return its roots at these sizes, those that it reached."""
    frontier = Frontier()
    push, says = frontier.push, log.says
    roots = {0: frontier.root()}
    for expected, (seq, data, _) in enumerate(bundle.entries, start=1):
        if seq != expected:
            _not_proven(expected, "it is missing")
        if not says(data, seq):
            _not_proven(seq, "it says itself that it stands elsewhere")
        push(leaf_hash(data))
        if seq in sizes:
            roots[seq] = frontier.root()
    if frontier.size != checkpoint.size:
        _not_proven(frontier.size + 1, "it is missing")
    if frontier.root() != checkpoint.root:
        raise WardnetError(Reason.BUNDLE_REWRITTEN, line=checkpoint.size)
    return roots


def _verdict(
    bundle: Bundle,
    checkpoint: Checkpoint,
    key: Ed25519PublicKey,
    *,
    pinned: bool,
    cosigned: Mapping[str, datetime],
    fitting: tuple[int, int],
) -> Verdict:
    origin, size, count = checkpoint.origin, checkpoint.size, bundle.count
    fingerprint = note.fingerprint(key)
    each = "The entry" if count == 1 else f"Each of the {count} entries"
    proven = [f"{each} is, byte for byte, one of the {size} of {origin}."]
    not_proven: list[str] = []
    if bundle.complete:
        proven.append("No entry of the log is missing up to its checkpoint.")
    else:
        not_proven.append(
            "Whether other entries fit what was looked for: the log's owner chose these."
        )
    if pinned:
        proven.append("The log's key is the one that you have compared.")
    else:
        not_proven.append(
            f"Whether the log's key is its owner's: compare {fingerprint} with {origin} on another "
            "way, then pin it."
        )
    proven += [
        f"{name} saw this history at {at:%Y-%m-%d %H:%M:%S} UTC and every earlier one it saw is "
        "part of it."
        for name, at in sorted(cosigned.items())
    ]
    if fitting[0]:
        proven.append(f"Of the same history are the checkpoints that others hold: {fitting[0]}.")
    if fitting[1]:
        not_proven.append(
            f"Whether other checkpoints are of the same history ({fitting[1]}): only a complete "
            "bundle that is at least as long shows it."
        )
    if not cosigned:
        not_proven.append(
            "Whether others were shown the same history: no witness that you have pinned has "
            "cosigned it."
        )
    not_proven.append("What happened after the checkpoint, and what was never written down.")
    return Verdict(
        origin=origin,
        size=size,
        fingerprint=fingerprint,
        count=count,
        cosigned=cosigned,
        proven=tuple(proven),
        not_proven=tuple(not_proven),
    )


def _not_proven(seq: int, rule: str) -> NoReturn:
    raise WardnetError(Reason.PROOF_REFUSED, line=seq, rule=rule)
