"""Where sealed parcels lie at a node: those that go out, and those that have come in.

parcels/out/<digest>.header, .body        made here, sent as they are
parcels/in/<digest>.header, .body         fetched, whole
parcels/in/<digest>.part, .fetch          on the way
"""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wardnet.identity.files import read_private, write_private

FOLDER: Final = "parcels"
FETCH_DIGITS: Final = 32


@dataclass(frozen=True, slots=True)
class Sealed:
    """Name the two files of one parcel.

    Parameters
    ----------
    header, body : Path
        Both exist once the parcel is whole.
    """

    header: Path
    body: Path

    @property
    def parcel(self) -> str:
        """Return the parcel's digest."""
        return self.body.stem

    @property
    def whole(self) -> bool:
        """Say whether both are there."""
        return self.header.exists() and self.body.exists()


class Spool:
    """Find parcels below a node's home.

    Parameters
    ----------
    home : Path
        The node's folder.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.outgoing = home / FOLDER / "out"
        self.incoming = home / FOLDER / "in"
        for folder in (self.outgoing, self.incoming):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def made(self, parcel: str) -> Sealed:
        """Return the files of a parcel that was sealed here."""
        return _sealed(self.outgoing, parcel)

    def fetched(self, parcel: str) -> Sealed:
        """Return the files of a parcel that came, or is to come, from elsewhere."""
        return _sealed(self.incoming, parcel)

    def part(self, parcel: str) -> Path:
        """Return the file in which a body gathers."""
        return self.incoming / f"{parcel}.part"

    def fetch_id(self, parcel: str) -> str:
        """Return the id of the fetch that is under way; a new one where there is none."""
        path = self.incoming / f"{parcel}.fetch"
        if path.exists():
            kept = read_private(path).decode(errors="replace")
            if len(kept) == FETCH_DIGITS and set(kept) <= set("0123456789abcdef"):
                return kept
        made = secrets.token_hex(FETCH_DIGITS // 2)
        write_private(path, made.encode())
        return made

    def unfinished(self, parcel: str) -> bool:
        """Say whether a fetch was begun and not closed."""
        return (self.incoming / f"{parcel}.fetch").exists()

    def has_come(self, parcel: str) -> bool:
        """Say whether anything of a parcel that came from elsewhere is here."""
        return any(self.incoming.glob(f"{parcel}.*"))

    def finished(self, parcel: str) -> None:
        """Forget the id of a fetch that was closed."""
        (self.incoming / f"{parcel}.fetch").unlink(missing_ok=True)

    def discard(self, parcel: str) -> None:
        """Delete every file of a parcel, durably."""
        for folder in (self.outgoing, self.incoming):
            for suffix in ("header", "body", "part", "fetch"):
                (folder / f"{parcel}.{suffix}").unlink(missing_ok=True)
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def _sealed(folder: Path, parcel: str) -> Sealed:
    return Sealed(folder / f"{parcel}.header", folder / f"{parcel}.body")
