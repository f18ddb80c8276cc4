"""The bundle: the one form in which entries of a log travel, with what proves them.

A bundle is JSON Lines: a header with the signed checkpoint, one line per entry with its exact bytes
and its inclusion proof, and a last line that shows that nothing is missing. A *complete* bundle
holds every entry of the checkpoint and needs no proofs: the tree is computed anew. Both ways the
bytes are hashed before they are read.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, BinaryIO, Final, Literal, NamedTuple, NoReturn, TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import Field, StringConstraints, TypeAdapter
from pydantic.dataclasses import dataclass as checked

from wardnet import canonical
from wardnet.audit import checkpoint as checkpoints
from wardnet.audit import log, note, tree
from wardnet.audit.checkpoint import Checkpoint
from wardnet.audit.log import Connection
from wardnet.audit.tree import Frontier, leaf_hash
from wardnet.errors import Reason, WardnetError
from wardnet.question.dictionary import STRICT
from wardnet.question.query import Digest

Fingerprints: TypeAlias = Mapping[str, str]
"""Fingerprints of keys (SHA-256 of SubjectPublicKeyInfo, hexadecimal) by the name of the holder."""

_Text: TypeAlias = Annotated[str, StringConstraints(max_length=1 << 16)]
_Count: TypeAlias = Annotated[int, Field(ge=0, lt=1 << 53)]

_START: Final = b'{"entry":'
_HASH: Final = b'"[0-9a-f]{64}"'
_END: Final = re.compile(
    rb',"proof":\[((?:%b(?:,%b)*)?)\],"seq":([1-9][0-9]{0,15})\}\n' % (_HASH, _HASH)
)
_LONGEST_LINE: Final = canonical.MAXIMUM_BYTES + (1 << 13)


class Proved(NamedTuple):
    """Hold one entry and what proves it.

    Parameters
    ----------
    seq : int
        Its number, from 1.
    data : bytes
        Its exact bytes.
    proof : tuple of bytes
        Inclusion proof; empty in a complete bundle.
    """

    seq: int
    data: bytes
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """Hold entries of one log and what proves them; nothing is known to be true before `verify`.

    Parameters
    ----------
    checkpoint : str
        Signed note, with the cosignatures of witnesses.
    keys : mapping of str to str
        Public keys, 32 bytes in hexadecimal, of the log and its witnesses, as the sender says.
    entries : iterable of Proved
        By rising number; from `read` they come once, as the stream is read.
    count : int
        How many.
    complete : bool
        Whether they are all entries of the checkpoint.
    wanted : str
        What was looked for, in the sender's words.
    """

    checkpoint: str
    keys: Mapping[str, str]
    entries: Iterable[Proved]
    count: int
    complete: bool
    wanted: str = ""


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


@checked(frozen=True, config=STRICT, kw_only=True)
class _Header:
    version: Literal[1]
    checkpoint: _Text
    keys: dict[_Text, Digest]
    count: _Count
    complete: bool
    wanted: _Text


@checked(frozen=True, config=STRICT, kw_only=True)
class _Trailer:
    header: Digest


_HEADER: Final = TypeAdapter(_Header)
_TRAILER: Final = TypeAdapter(_Trailer)


def gather(
    connection: Connection,
    seqs: Sequence[int] | None,
    *,
    keys: note.Keys,
    wanted: str = "",
    size: int | None = None,
) -> Bundle:
    """Return entries of the log with what proves them under its newest checkpoint.

    Parameters
    ----------
    connection : Connection
        Reads the log while the entries of the bundle are taken.
    seqs : sequence of int or None
        Which entries; None for all of the checkpoint.
    keys : mapping of str to Ed25519PublicKey
        Of the log, under its origin, and of its witnesses.
    wanted : str
        What was looked for.
    size : int or None
        Take the newest checkpoint of at most so many entries.

    Raises
    ------
    WardnetError
        `ENTRY_UNCOVERED` when an entry is younger than the checkpoint.
    """
    signed = checkpoints.latest(connection, before=size)
    covered = checkpoints.parse(note.parse(signed).text).size if signed else 0
    young = [seq for seq in seqs or () if seq > covered]
    if signed is None or young:
        raise WardnetError(Reason.ENTRY_UNCOVERED, line=min(young, default=1))
    chosen = None if seqs is None else sorted(set(seqs))
    return Bundle(
        checkpoint=signed,
        keys={name: key.public_bytes_raw().hex() for name, key in keys.items()},
        entries=(
            (Proved(seq, data, ()) for seq, data in log.stored(connection, size=covered))
            if chosen is None
            else (
                Proved(
                    seq,
                    log.data(connection, seq),
                    log.inclusion_proof(connection, seq, size=covered),
                )
                for seq in chosen
            )
        ),
        count=covered if chosen is None else len(chosen),
        complete=chosen is None,
        wanted=wanted,
    )


def write(bundle: Bundle, stream: BinaryIO) -> None:
    """Write a bundle as JSON Lines, entry by entry."""
    header = canonical.write(
        _HEADER,
        _Header(
            version=1,
            checkpoint=bundle.checkpoint,
            keys=dict(bundle.keys),
            count=bundle.count,
            complete=bundle.complete,
            wanted=bundle.wanted,
        ),
    )
    stream.write(header + b"\n")
    for seq, data, proof in bundle.entries:
        hashes = ",".join(f'"{item.hex()}"' for item in proof).encode()
        stream.write(b'%b%b,"proof":[%b],"seq":%d}\n' % (_START, data, hashes, seq))
    trailer = canonical.write(_TRAILER, _Trailer(header=canonical.digest(header)))
    stream.write(trailer + b"\n")


def read(stream: BinaryIO) -> Bundle:
    """Read a bundle; its entries follow as they are asked for.

    Raises
    ------
    WardnetError
        `BUNDLE_MALFORMED`, naming the line; of a later line, when the entries are taken.
    """
    line = stream.readline(_LONGEST_LINE)
    if not line.endswith(b"\n"):
        _refuse(1, "it ends there")
    try:
        header = canonical.read(_HEADER, line[:-1])
    except WardnetError as error:
        raise WardnetError(
            Reason.BUNDLE_MALFORMED, line=1, rule="it is not the header of a bundle"
        ) from error
    return Bundle(
        checkpoint=header.checkpoint,
        keys=header.keys,
        entries=_entries(stream, header, canonical.digest(line[:-1])),
        count=header.count,
        complete=header.complete,
        wanted=header.wanted,
    )


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
        _refuse(count + 2, "the bundle does not hold as many entries as it says")


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


def _entries(stream: BinaryIO, header: _Header, digest: str) -> Iterator[Proved]:
    length = len(_START)
    number = 1
    for number in range(2, header.count + 2):
        line = stream.readline(_LONGEST_LINE)
        # A line of a complete bundle is known but for the entry.
        usual = b',"proof":[],"seq":%d}\n' % (number - 1)
        if line.endswith(usual) and line.startswith(_START):
            yield Proved(number - 1, line[length : -len(usual)], ())
            continue
        # The entry may hold anything; what follows it may not, so it is looked for from the end.
        start = line.rfind(b',"proof":[')
        end = _END.fullmatch(line, start) if start > 0 else None
        if end is None or not line.startswith(_START):
            _refuse(number, "it is not an entry" if line.endswith(b"\n") else "it ends there")
        hashes, seq = end.groups()
        proof = tuple(bytes.fromhex(item.decode()) for item in hashes[1:-1].split(b'","') if item)
        yield Proved(int(seq), line[length:start], proof)
    expected = canonical.write(_TRAILER, _Trailer(header=digest)) + b"\n"
    if stream.read(len(expected) + 1) != expected:
        _refuse(number + 1, "it is not the last one, or the header was changed")


def _refuse(line: int, rule: str) -> NoReturn:
    raise WardnetError(Reason.BUNDLE_MALFORMED, line=line, rule=rule)


def _not_proven(seq: int, rule: str) -> NoReturn:
    raise WardnetError(Reason.PROOF_REFUSED, line=seq, rule=rule)
