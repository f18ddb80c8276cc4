"""What the node remembers of its log outside the catalog, so that a restored backup shows.

Nonces, uses and agreements lie in the catalog, and a catalog put back as it was last week would
have forgotten a week of them. The anchor, a file beside it, names the log's end as it was when the
daemon last started, stopped or accepted a query; a log that does not hold that entry is older, or
another one. Who puts both files back is found only by whom the log was shown to.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from wardnet import canonical
from wardnet.audit import log
from wardnet.audit.log import Connection, Head
from wardnet.errors import Reason, WardnetError
from wardnet.identity.files import read_private, write_private
from wardnet_node.vault.disk import disk_errors

FILE_NAME: Final = "anchor.json"

_ADAPTER: Final = TypeAdapter(Head)


class Anchor:
    """Keep the end of the log in a file of its own.

    Parameters
    ----------
    path : Path
        Of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, head: Head) -> None:
        """Replace what is remembered; durable when the call returns.

        Raises
        ------
        WardnetError
            `DISK_FULL`.
        """
        with disk_errors(self._path):
            write_private(self._path, canonical.encode(asdict(head)))

    def check(self, connection: Connection, *, served: bool) -> None:
        """Refuse a log that does not reach to what is remembered.

        Parameters
        ----------
        connection : Connection
            Reads the log.
        served : bool
            Whether the catalog says that a daemon has served it: then something must be remembered.

        Raises
        ------
        WardnetError
            `LOG_DAMAGED`; `FILE_MODE` or `MALFORMED` when the file was tampered with.
        """
        try:
            known = canonical.read(_ADAPTER, read_private(self._path))
        except FileNotFoundError:
            if served:
                raise _damaged(log.head(connection), f"{FILE_NAME} is gone") from None
            return
        if log.head_at(connection, known.size) != known:
            raise _damaged(known, "it is not the entry that was there when the node last served")


def _damaged(head: Head, rule: str) -> WardnetError:
    return WardnetError(Reason.LOG_DAMAGED, line=head.size, rule=rule)
