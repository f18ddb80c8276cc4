"""What an access log says of records that go from one hospital to another.

It stands in the field `statement` of the entries that grant, release and open them, so that a log
alone tells what was handed over: neither whose records, nor what they say.
"""

from typing import Annotated, Final

from pydantic import Field, StringConstraints, TypeAdapter
from pydantic.dataclasses import dataclass

from wardnet import canonical
from wardnet.audit.entry import Entry, EventType
from wardnet.clock import Moment
from wardnet.errors import WardnetError
from wardnet.question.dictionary import STRICT

_HELD_BY: Final = {
    EventType.SHARE_GRANTED,
    EventType.SHARE_READY,
    EventType.SHARE_OPENED,
    EventType.SHARE_READ,
}


@dataclass(frozen=True, config=STRICT, kw_only=True)
class Lending:
    """State what is handed over.

    Parameters
    ----------
    attachments : int
        Files that go along.
    columns : tuple of str
        Names.
    owner : str
        URI of the hospital whose records they are.
    patients : str
        What becomes of the patients' numbers: `drop`, `pseudonym` or `keep`.
    until : Moment
        When the recipient destroys them.
    """

    attachments: Annotated[int, Field(ge=0, lt=1 << 31)] = 0
    columns: tuple[str, ...]
    owner: Annotated[str, StringConstraints(max_length=400)]
    patients: Annotated[str, StringConstraints(max_length=20)]
    until: Moment

    def __str__(self) -> str:
        """Return it as people read it, e.g. `age, sex; 2 attachments`."""
        along = {0: "", 1: "; 1 attachment"}.get(
            self.attachments, f"; {self.attachments} attachments"
        )
        return ", ".join(self.columns) + along


_ADAPTER: Final = TypeAdapter(Lending)


def write(lending: Lending) -> str:
    """Return the canonical JSON that stands in an entry."""
    return canonical.write(_ADAPTER, lending).decode()


def read(entry: Entry) -> Lending | None:
    """Return what an entry says of it; None where it says nothing that can be read."""
    if entry.statement is None or entry.type not in _HELD_BY:
        return None
    try:
        return canonical.read(_ADAPTER, entry.statement.encode())
    except WardnetError:
        return None
