"""Parcels: records of one hospital, sealed for another under one grant.

A parcel is two files. The body is the rows (Parquet) and the attachments, one after another, in
frames under a content key that seals nothing else. The header says what the body is, signed by the
owner's node, and holds the content key; it is sealed to the key that the recipient made for this
one request. What lies on a disk, ours or a relay's, is sealed: no plaintext is ever written.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Trust
from wardnet.sealing.frame_reader import FrameReader, SealedFile
from wardnet.sealing.header import Header, Label, open_header
from wardnet.sealing.hpke import HybridKey


def open_parcel(
    data: bytes,
    body: Path,
    private_key: HybridKey,
    *,
    label: Label,
    digest: str,
    nodes: AbstractSet[str],
    trust: Trust,
    at: datetime,
) -> "Parcel":
    """Open a parcel's header; `Parcel.verify` then reads the body through.

    Parameters
    ----------
    data : bytes
        The sealed header.
    body : Path
        The frames.
    private_key, label, digest, nodes, trust, at
        As for `open_header`.

    Raises
    ------
    WardnetError
        As `open_header`.
    """
    header, key = open_header(
        data, private_key, label=label, digest=digest, nodes=nodes, trust=trust, at=at
    )
    return Parcel(header, body, key)


@dataclass(frozen=True, slots=True)
class Parcel:
    """Hold an open parcel: what it is, and the key to its body.

    Parameters
    ----------
    header : Header
        Its signature was verified.
    body : Path
        The frames.
    key : bytes
        The content key; whoever keeps attachments keeps it wrapped.
    """

    header: Header
    body: Path
    key: bytes = field(repr=False)

    def verify(self) -> None:
        """Open every frame and keep none: the first pass, before anything is taken from it.

        Raises
        ------
        WardnetError
            `PARCEL_DAMAGED` or `FILE_UNREADABLE`.
        """
        frames = self._frames()
        try:
            digest = frames.verify()
        finally:
            frames.close()
        if digest != self.header.digest:
            raise WardnetError(
                Reason.PARCEL_DAMAGED, path=str(self.body), rule="it is not what its owner signed"
            )

    def part(self, name: str) -> FrameReader:
        """Return a file to read one part from, at any place.

        Raises
        ------
        WardnetError
            `PARCEL_DAMAGED`, also while it is read; `FILE_UNREADABLE`.
        KeyError
            When the header names no such part.
        """
        part = {part.name: part for part in self.header.parts}[name]
        return FrameReader(self._frames(), offset=part.offset, length=part.length)

    def _frames(self) -> SealedFile:
        return SealedFile(self.body, self.key, length=self.header.length)
