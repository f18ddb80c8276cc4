"""The verifier: what a bundle proves and what not, without anybody's server.

Of a complete bundle the tree is computed anew; of any other, each entry is proven by itself. Both
ways the bytes are hashed before they are read. Witnesses count where the reader knows their keys
from elsewhere, each as far as it has cosigned.
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
from wardnet.audit.cosigned import needed_of
from wardnet.audit.tree import Frontier, leaf_hash
from wardnet.errors import Reason, WardnetError
from wardnet.identity.member import Member, Role

Fingerprints: TypeAlias = Mapping[str, str]
"""Fingerprints of keys (SHA-256 of SubjectPublicKeyInfo, hexadecimal) by the name of the holder."""


@dataclass(frozen=True, slots=True, order=True)
class Cosigned:
    """Say how far a witness has cosigned a log, and when.

    Parameters
    ----------
    size : int
        Entries.
    at : datetime
        Of its cosignature.
    """

    size: int
    at: datetime


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
    cosigned : mapping of str to Cosigned
        How far each pinned witness has cosigned; who has not is not named.
    covered : int or None
        Entries that most of the pinned nodes have cosigned (two, if two are pinned); None where no
        other node is pinned.
    proven, not_proven : tuple of str
        Sentences.
    """

    origin: str
    size: int
    fingerprint: str
    count: int
    cosigned: Mapping[str, Cosigned] = field(default_factory=dict)
    covered: int | None = None
    proven: tuple[str, ...]
    not_proven: tuple[str, ...]

    @property
    def time(self) -> datetime | None:
        """Return when the newest cosignature was made; None without one."""
        return max((each.at for each in self.cosigned.values()), default=None)


def verify(
    bundle: Bundle, *, logs: Fingerprints, witnesses: Fingerprints, seen: Sequence[str] = ()
) -> Verdict:
    """Check every entry of a bundle against its checkpoint, and the checkpoint against the pins.

    Parameters
    ----------
    bundle : Bundle
        Its entries are taken once.
    logs, witnesses : mapping of str to str
        Fingerprints of the keys that were compared out of band, by the log's owner or origin, and
        by witness.
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
    pin = logs.get(checkpoint.origin, logs.get(checkpoint.owner))
    key = _key(bundle, checkpoint.origin, pin)
    note.verify(signed, name=checkpoint.origin, key=key)
    # 2. Every cosignature of a pinned witness holds; what it is under is this log's beginning.
    pinned = {
        name: pin
        for name, pin in witnesses.items()
        if name != checkpoint.owner and _role(name) is not Role.STEWARD
    }
    cosigned = _cosigned(bundle, checkpoint, key=key, pinned=pinned)
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
        compared=pin is not None,
        pinned=pinned,
        cosigned=cosigned,
        fitting=(
            sum(other.size in known for other in others),
            sum(other.size not in known for other in others),
        ),
    )


def _cosigned(
    bundle: Bundle, checkpoint: Checkpoint, *, key: Ed25519PublicKey, pinned: Fingerprints
) -> Mapping[str, Cosigned]:
    """Return how far each of the pinned witnesses has cosigned."""
    given = {name: _key(bundle, name, pin) for name, pin in pinned.items() if name in bundle.keys}
    found: dict[str, Cosigned] = {}
    for text, proof in ((bundle.checkpoint, ()), *bundle.witnessed):
        before = checkpoints.read(text, origin=checkpoint.origin, key=key)
        tree.verify_consistency(
            old=before.size,
            old_root=before.root,
            new=checkpoint.size,
            new_root=checkpoint.root,
            proof=proof,
        )
        for name, at in note.cosignatures(note.parse(text), given).items():
            seen = Cosigned(before.size, at)
            found[name] = max(found.get(name, seen), seen)
    return found


def _covered(pinned: Fingerprints, cosigned: Mapping[str, Cosigned]) -> int | None:
    """Return how much most of the pinned nodes have cosigned; the coordinator does not count."""
    nodes = [name for name in pinned if _role(name) is Role.NODE]
    sizes = sorted((cosigned[name].size for name in nodes if name in cosigned), reverse=True)
    needed = needed_of(len(nodes))
    if not needed:
        return None
    return sizes[needed - 1] if needed <= len(sizes) else 0


def _role(name: str) -> Role | None:
    try:
        return Member.from_uri(name).role
    except WardnetError:
        return None  # a pin may have any name; a log's origin after a recovery is no member


def _key(bundle: Bundle, name: str, pin: str | None) -> Ed25519PublicKey:
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
    if pin not in (None, fingerprint):
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
    compared: bool,
    pinned: Fingerprints,
    cosigned: Mapping[str, Cosigned],
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
    if compared:
        proven.append("The log's key is the one that you have compared.")
    else:
        not_proven.append(
            f"Whether the log's key is its owner's: compare {fingerprint} with {origin} on another "
            "way, then pin it."
        )
    if cosigned:
        proven += _witnesses(checkpoint, pinned, cosigned)
    if fitting[0]:
        held = "1 checkpoint is" if fitting[0] == 1 else f"{fitting[0]} checkpoints are"
        proven.append(f"{held} held by others, of this same history.")
    if fitting[1]:
        not_proven.append(
            f"Whether other checkpoints are of the same history ({fitting[1]}): only a complete "
            "bundle that is at least as long shows it."
        )
    seen = max((each.size for each in cosigned.values()), default=0)
    if not cosigned:
        not_proven.append(
            "Whether others were shown the same history: no witness whose key was compared has "
            "cosigned it."
        )
    elif seen < size:
        not_proven.append(
            f"Whether others were shown what follows entry {seen}: no witness whose key was "
            "compared has cosigned it yet."
        )
    not_proven.append("What happened after the checkpoint, and what was never written down.")
    return Verdict(
        origin=origin,
        size=size,
        fingerprint=fingerprint,
        count=count,
        cosigned=cosigned,
        covered=_covered(pinned, cosigned),
        proven=tuple(proven),
        not_proven=tuple(not_proven),
    )


def _witnesses(
    checkpoint: Checkpoint, pinned: Fingerprints, cosigned: Mapping[str, Cosigned]
) -> list[str]:
    """Say who else has seen the log, how far, and when."""
    of = f"{len(cosigned)} of the {len(pinned)} witnesses whose keys were compared"
    have = "has" if len(cosigned) == 1 else "have"
    told = [
        "The witness whose key was compared has cosigned this log."
        if len(pinned) == 1
        else f"{of} {have} cosigned this log."
    ]
    for name, each in sorted(cosigned.items()):
        whole = each.size == checkpoint.size
        what = f"all its {each.size} entries" if whole else f"its first {each.size} entries"
        told.append(
            f"{name} saw {what} at {each.at:%Y-%m-%d %H:%M:%S} UTC, and every earlier history that "
            "it saw is part of it."
        )
    return told


def _not_proven(seq: int, rule: str) -> NoReturn:
    raise WardnetError(Reason.PROOF_REFUSED, line=seq, rule=rule)
