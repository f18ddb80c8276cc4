"""Files that go with the rows in a parcel: reports, pictures, letters."""

import hashlib
import mimetypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wardnet.errors import Reason, WardnetError
from wardnet.sealing import names
from wardnet.sealing.write import ParcelWriter
from wardnet.sharing.grant import Grant

PIECE: Final = 1 << 20
_UNKNOWN: Final = "application/octet-stream"
_OTHERS: Final = {".dcm": "application/dicom", ".csv": "text/csv", ".md": "text/markdown"}
"""What the system may not know."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """Name a file that is to go along.

    Parameters
    ----------
    path : Path
        Where it is; its last part is the name in the parcel.
    """

    path: Path

    @property
    def name(self) -> str:
        """Return what it is called at the recipient."""
        return self.path.name

    @property
    def media_type(self) -> str:
        """Return what its ending says that it holds."""
        ending = self.path.suffix.lower()
        guessed = mimetypes.guess_type(f"file{ending}", strict=True)[0]
        return _OTHERS.get(ending) or (guessed or _UNKNOWN).lower()


def attached(paths: Sequence[Path]) -> tuple[Attachment, ...]:
    """Return files as attachments once it is sure that they can be read and be called so.

    Raises
    ------
    WardnetError
        `FILE_UNREADABLE` or `ATTACHMENT_NAME`.
    """
    found = tuple(map(Attachment, paths))
    names.check_names(item.name for item in found)
    for item in found:
        with _reading(item), item.path.open("rb"):
            pass
    return found


def digests(attachments: Sequence[Attachment]) -> tuple[str, ...]:
    """Return what a grant names the files by.

    Raises
    ------
    WardnetError
        `FILE_UNREADABLE`.
    """
    found = set[str]()
    for item in attachments:
        with _reading(item), item.path.open("rb") as file:
            found.add(hashlib.file_digest(file, "sha256").hexdigest())
    return tuple(sorted(found))


def put(parcel: ParcelWriter, attachments: Sequence[Attachment], *, grant: Grant) -> None:
    """Seal files into a parcel, after its rows: those that a steward has signed, all of them.

    Raises
    ------
    WardnetError
        `FILE_UNREADABLE`; `ATTACHMENT_NOT_GRANTED`, `ATTACHMENT_MISSING`; what the parcel raises.
    """
    left = set(grant.attachments)
    for item in attachments:
        with _reading(item):
            file = item.path.open("rb")
        sha = hashlib.sha256()
        with file, parcel.part(item.name, item.media_type) as sink:
            while piece := file.read(PIECE):
                sha.update(piece)
                sink.write(piece)
        if sha.hexdigest() not in grant.attachments:
            raise WardnetError(Reason.ATTACHMENT_NOT_GRANTED, file=str(item.path))
        left.discard(sha.hexdigest())
    if left:
        raise missing(grant.request)


def missing(share: str) -> WardnetError:
    """Return the refusal of a parcel without the files that were granted with it."""
    return WardnetError(Reason.ATTACHMENT_MISSING, share=share[:12])


@contextmanager
def _reading(item: Attachment) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        rule = error.strerror or "it cannot be opened"
        raise WardnetError(Reason.FILE_UNREADABLE, file=str(item.path), rule=rule) from error
