"""Files that go with the rows in a parcel: reports, pictures, letters."""

import mimetypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfileobj
from typing import Final

from wardnet.errors import Reason, WardnetError
from wardnet.sealing import names
from wardnet.sealing.write import ParcelWriter

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


def put(parcel: ParcelWriter, attachments: Sequence[Attachment]) -> None:
    """Seal files into a parcel, after its rows.

    Raises
    ------
    WardnetError
        `FILE_UNREADABLE`; what the parcel raises.
    """
    for item in attachments:
        with _reading(item):
            file = item.path.open("rb")
        with file, parcel.part(item.name, item.media_type) as sink:
            copyfileobj(file, sink, PIECE)


@contextmanager
def _reading(item: Attachment) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        rule = error.strerror or "it cannot be opened"
        raise WardnetError(Reason.FILE_UNREADABLE, file=str(item.path), rule=rule) from error
