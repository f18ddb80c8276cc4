"""What the node remembers of its log outside the catalog, so that a restored backup shows.

Nonces, uses and agreements lie in the catalog, and a catalog put back as it was last week would
have forgotten a week of them. The anchor, a file beside it, names the log's end as it was when the
daemon last started, stopped or accepted a query; a log that does not hold that entry is older, or
another one, and the node is locked until two stewards act (`desk.unlock`). Who puts both files back
is found by whom the log was shown to: a witness that holds a checkpoint which the log has signed
and does not continue locks the node in the same way.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from wardnet import canonical
from wardnet.audit import disputes, log
from wardnet.audit.disputes import Evidence
from wardnet.audit.log import Connection, Head
from wardnet.errors import Reason, WardnetError
from wardnet.identity.files import read_private, write_private
from wardnet_node.vault.disk import disk_errors

FILE_NAME: Final = "anchor.json"

_ADAPTER: Final = TypeAdapter(Head)


@dataclass(frozen=True, slots=True)
class Gap:
    """Say what is missing between the log and what it was.

    Parameters
    ----------
    anchored : Head or None
        Where the log ended when the node last served; None when the anchor itself is missing.
    present : Head
        Where it ends now.
    witnessed : tuple of Evidence
        What witnesses hold of it and it does not.
    """

    anchored: Head | None
    present: Head
    witnessed: tuple[Evidence, ...] = ()

    @property
    def error(self) -> WardnetError:
        """Return the refusal to serve."""
        if self.witnessed:
            first = self.witnessed[0]
            seen = f"{first.checkpoint.size} entries"
            rule = f"{first.witness} has seen {seen} of it that it does not continue"
        elif self.anchored is None:
            rule = f"{FILE_NAME}, which says where the log ended, is missing or unreadable"
        else:
            last = self.anchored.size
            rule = f"it does not hold entry {last}, its last when the node last served"
        return WardnetError(Reason.NODE_LOCKED, rule=rule)


class Anchor:
    """Keep the end of the log in a file of its own.

    Parameters
    ----------
    catalog : Path
        Of the catalog; the anchor lies beside it.
    """

    def __init__(self, catalog: Path) -> None:
        self._path = catalog.with_name(FILE_NAME)

    def write(self, head: Head) -> None:
        """Replace what is remembered; durable when the call returns.

        Raises
        ------
        WardnetError
            `DISK_FULL`.
        """
        with disk_errors(self._path):
            write_private(self._path, canonical.encode(asdict(head)))

    def gap(self, connection: Connection) -> Gap | None:
        """Return what a log lacks of what is remembered, here or by witnesses; None when nothing.

        Parameters
        ----------
        connection : Connection
            Reads the catalog. When it says that a daemon has served it, something must be
            remembered.

        Raises
        ------
        WardnetError
            `FILE_MODE` when others could have written the file.
        """
        present, shown = log.head(connection), disputes.evidence(connection)
        try:
            anchored = canonical.read(_ADAPTER, read_private(self._path))
        except FileNotFoundError:
            served = connection.execute("SELECT 1 FROM node WHERE key = 'epoch'").fetchone()
            return None if served is None and not shown else Gap(None, present, shown)
        except WardnetError as error:
            if error.reason is not Reason.MALFORMED:
                raise
            return Gap(None, present, shown)
        if log.head_at(connection, anchored.size) == anchored and not shown:
            return None
        return Gap(anchored, present, shown)
