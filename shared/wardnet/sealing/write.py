"""Make a parcel: rows and attachments go in, two sealed files come out, or nothing."""

import errno
import fcntl
import io
import os
import secrets
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from wardnet import canonical, clock
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Signer
from wardnet.identity.files import write_private
from wardnet.sealing import hpke, names
from wardnet.sealing.frames import KEY_BYTES, FrameWriter, frames_of
from wardnet.sealing.header import (
    MAXIMUM_PARTS,
    ROWS,
    Header,
    Label,
    Part,
    seal_header,
)

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

UNFINISHED: Final = ".unfinished"
"""Ending of a body that is being sealed; its writer holds a lock on it until the header exists."""

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True, slots=True)
class SealedParcel:
    """Hold what was made.

    Parameters
    ----------
    header : Header
        What was signed; the sealed file beside the body holds it and the content key.
    header_path, body_path : Path
        `<digest>.header` and `<digest>.body`.
    """

    header: Header
    header_path: Path
    body_path: Path


class PartWriter(io.RawIOBase):
    """Take the bytes of one part, as a file that is open for writing does."""

    def __init__(self, parcel: "ParcelWriter", part: Part) -> None:
        super().__init__()
        self._parcel, self._part, self._length = parcel, part, 0

    def writable(self) -> bool:
        """Say that it can be written."""
        return True

    def write(self, data: "ReadableBuffer", /) -> int:
        """Seal bytes and return how many: all.

        Raises
        ------
        WardnetError
            `DISK_FULL` or `PARCEL_TOO_LARGE`.
        """
        if self.closed:
            message = "the part is closed"
            raise ValueError(message)
        written = self._parcel.write(data)
        self._length += written
        return written

    def close(self) -> None:
        """End the part."""
        if not self.closed:
            self._parcel.end(replace(self._part, length=self._length))
        super().close()


class ParcelWriter:
    """Seal parts, then the header; files that were not finished are deleted.

    Parameters
    ----------
    folder : Path
        Where both files come to lie.
    label : Label
        Whose the parcel is.
    recipient : str
        Hybrid public key of the request, 2432 hexadecimal characters.
    snapshot : str
        Which version of the dataset.
    signer : Signer
        Of the sending hospital's node.
    made : datetime
        Moment of sealing.

    Raises
    ------
    WardnetError
        `DISK_FULL`; `MALFORMED` when the recipient is no key.

    Examples
    --------
    ::

        with ParcelWriter(folder, label, ...) as parcel:
            with parcel.part(ROWS, ROWS_MEDIA_TYPE) as sink:
                pyarrow.parquet.write_table(table, sink)
            sealed = parcel.seal()
    """

    def __init__(
        self,
        folder: Path,
        label: Label,
        *,
        recipient: str,
        snapshot: str,
        signer: Signer,
        made: datetime,
    ) -> None:
        self._folder, self._label, self._recipient = folder, label, recipient
        self._snapshot, self._signer, self._made = snapshot, signer, made
        self._key = secrets.token_bytes(KEY_BYTES)
        self._parts: list[Part] = []
        self._names: set[str] = set()
        self._within = False
        hpke.seal_hybrid(b"", recipient, info=label.info)  # refuses what is no key before the work
        self._path = folder / f"{secrets.token_hex(16)}{UNFINISHED}"
        with self._disk():
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            self._file = os.fdopen(handle, "wb")
        fcntl.flock(handle, fcntl.LOCK_EX)
        self._frames = FrameWriter(self._file, self._key)

    def part(self, name: str, media_type: str) -> PartWriter:
        """Begin a part; close it before the next one. The first is `ROWS`.

        Raises
        ------
        WardnetError
            `ATTACHMENT_NAME`; `MALFORMED` when the media type is none; `PARCEL_TOO_LARGE` after
            1999 attachments.
        """
        if self._within or not (self._parts or name == ROWS):
            message = "the rows come first, and one part at a time"
            raise ValueError(message)
        if len(self._parts) == MAXIMUM_PARTS:
            rule = f"more than {MAXIMUM_PARTS - 1} attachments"
            raise WardnetError(Reason.PARCEL_TOO_LARGE, rule=rule)
        name, offset = unicodedata.normalize("NFC", name), self._frames.length
        part = canonical.validated(
            lambda: Part(name=name, media_type=media_type, offset=offset, length=0)
        )
        if self._parts:
            names.check(name, position=len(self._parts), taken=self._names)
        self._within = True
        return PartWriter(self, part)

    def write(self, data: "ReadableBuffer") -> int:
        """Seal bytes of the part that was begun; `PartWriter` calls it."""
        with self._disk():
            return self._frames.write(data)

    def end(self, part: Part) -> None:
        """Take note of a part that is complete; `PartWriter` calls it."""
        self._parts.append(part)
        self._within = False

    def seal(self) -> SealedParcel:
        """Seal the last frame and the header, and return when both files are durable.

        Raises
        ------
        WardnetError
            `DISK_FULL`.
        """
        if self._within or not self._parts:
            message = "a part is open, or there is none"
            raise ValueError(message)
        # 1. The body is durable under its own name before a header speaks of it.
        with self._disk():
            digest = self._frames.close()
            self._file.flush()
            os.fsync(self._file.fileno())
        header = self._header(digest)
        data = seal_header(header, self._key, recipient=self._recipient, signer=self._signer)
        body_path = self._folder / f"{digest}.body"
        header_path = body_path.with_suffix(".header")
        with self._disk():
            self._path.rename(body_path)
            # 2. The header comes last: where there is one, the parcel is whole.
            try:
                write_private(header_path, data)
            except BaseException:
                body_path.unlink()
                raise
        self._file.close()
        return SealedParcel(header, header_path, body_path)

    def _header(self, digest: str) -> Header:
        return canonical.validated(
            lambda: Header(
                version=1,
                label=self._label,
                snapshot=self._snapshot,
                parts=tuple(self._parts),
                frames=frames_of(self._frames.length),
                length=self._frames.length,
                digest=digest,
                key_hash=canonical.digest(self._key),
                made=clock.to_moment(self._made),
            )
        )

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Delete what was not sealed."""
        self._frames.abandon()
        with suppress(OSError):  # what could not be written needs not be
            self._file.close()
        self._path.unlink(missing_ok=True)

    @contextmanager
    def _disk(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in _FULL:
                raise WardnetError(Reason.DISK_FULL, path=str(self._folder)) from error
            raise


def sweep(folder: Path) -> None:
    """Delete what crashes have left half made: their keys are gone, so nobody can open it.

    What another process, or another thread, is just making stays.
    """
    for path in (*folder.glob(f"*{UNFINISHED}"), *folder.glob("*.body")):
        with suppress(BlockingIOError, FileNotFoundError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not path.with_suffix(".header").exists():
                path.unlink()
