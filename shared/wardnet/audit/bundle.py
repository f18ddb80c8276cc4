"""The bundle: the one form in which entries of a log travel, with what proves them.

A bundle is JSON Lines: a header with the signed checkpoint and what witnesses have cosigned of the
log, one line per entry with its exact bytes and its inclusion proof, and a last line that shows
that nothing is missing. A *complete* bundle holds every entry of the checkpoint and needs no
proofs. What a bundle is worth, `verifier` says.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, BinaryIO, Final, Literal, NamedTuple, NoReturn, TypeAlias

from pydantic import Field, StringConstraints, TypeAdapter
from pydantic.dataclasses import dataclass as checked

from wardnet import canonical
from wardnet.audit import checkpoint as checkpoints
from wardnet.audit import log, note
from wardnet.audit.log import Connection
from wardnet.audit.recovery import Recovery
from wardnet.errors import Reason, WardnetError
from wardnet.question.dictionary import STRICT
from wardnet.question.query import Digest

_Text: TypeAlias = Annotated[str, StringConstraints(max_length=1 << 16)]
_Count: TypeAlias = Annotated[int, Field(ge=0, lt=1 << 53)]
_Proof: TypeAlias = Annotated[tuple[Digest, ...], Field(max_length=63)]

MOST_WITNESSED: Final = 64
"""Cosigned checkpoints in one bundle; witnesses that keep up share one."""

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


class Witnessed(NamedTuple):
    """Hold a checkpoint that witnesses have cosigned, and what leads from it to the bundle's own.

    Parameters
    ----------
    checkpoint : str
        Signed note, with their cosignatures.
    proof : tuple of bytes
        Consistency proof.
    """

    checkpoint: str
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """Hold entries of one log and what proves them, none of it believed before `verifier.verify`.

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
    witnessed : tuple of Witnessed
        What witnesses had cosigned before the checkpoint.
    recovery : Recovery or None
        By which entry the log began anew last, where it did.
    """

    checkpoint: str
    keys: Mapping[str, str]
    entries: Iterable[Proved]
    count: int
    complete: bool
    wanted: str = ""
    witnessed: tuple[Witnessed, ...] = ()
    recovery: Recovery | None = None


@checked(frozen=True, config=STRICT, kw_only=True)
class _Witnessed:
    checkpoint: _Text
    proof: _Proof


@checked(frozen=True, config=STRICT, kw_only=True)
class _Header:
    version: Literal[1]
    checkpoint: _Text
    keys: dict[_Text, Digest]
    count: _Count
    complete: bool
    wanted: _Text
    witnessed: Annotated[tuple[_Witnessed, ...], Field(max_length=MOST_WITNESSED)]
    recovery: Recovery | None = None


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
    witnessed: Iterable[int] = (),
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
    witnessed : iterable of int
        Sizes of checkpoints that witnesses have cosigned.

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
        witnessed=tuple(_witnessed(connection, witnessed, signed=signed, size=covered)),
    )


def _witnessed(
    connection: Connection, sizes: Iterable[int], *, signed: str, size: int
) -> Iterator[Witnessed]:
    """Yield the newest cosigned checkpoints of the same origin below one of `size`."""
    origin = checkpoints.parse(note.parse(signed).text).origin
    below = sorted({one for one in sizes if 0 < one < size}, reverse=True)
    for old in below[:MOST_WITNESSED]:
        text = checkpoints.latest(connection, before=old)
        if text is None:  # whoever rewrote the log has taken it out
            continue
        found = checkpoints.parse(note.parse(text).text)
        if (found.origin, found.size) == (origin, old):
            yield Witnessed(text, log.consistency_proof(connection, old=old, new=size))


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
            witnessed=tuple(
                _Witnessed(checkpoint=one.checkpoint, proof=tuple(item.hex() for item in one.proof))
                for one in bundle.witnessed
            ),
            recovery=bundle.recovery,
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
        witnessed=tuple(
            Witnessed(one.checkpoint, tuple(bytes.fromhex(item) for item in one.proof))
            for one in header.witnessed
        ),
        recovery=header.recovery,
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
