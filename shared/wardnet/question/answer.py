"""The answer: a table, what was withheld from it, and on whose data it rests."""

from typing import Final, Literal, TypeAlias

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from wardnet import canonical
from wardnet.question.dictionary import STRICT
from wardnet.question.query import Digest, Id

PAYLOAD_TYPE: Final = "application/vnd.wardnet.answer.v1+json"

Cell: TypeAlias = str | int | float | None


@dataclass(frozen=True, config=STRICT)
class Withheld:
    """Name cells that are in the table's frame but not released.

    Parameters
    ----------
    cell : dict of str to str
        Which rows: their values in the table's key columns.
    columns : tuple of str
        Which columns of these rows are empty for this reason.
    rule : str
        The disclosure rule, or what else stands against it, in words.
    """

    cell: dict[str, str]
    columns: tuple[str, ...]
    rule: str


@dataclass(frozen=True, config=STRICT)
class Table:
    """Hold a result: key columns first, then statistics.

    Parameters
    ----------
    keys : tuple of str
        Names of the leading columns that say what a row is about (text).
    values : tuple of str
        Names of the statistics.
    rows : tuple of tuples
        `len(keys) + len(values)` entries each; None where withheld or undefined.
    withheld : tuple of Withheld
        Why the withheld entries are empty.
    """

    keys: tuple[str, ...]
    values: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    withheld: tuple[Withheld, ...] = ()


@dataclass(frozen=True, config=STRICT)
class Participant:
    """Name one hospital on whose data an answer rests.

    Parameters
    ----------
    hospital : str
        Its id.
    snapshot : str
        The snapshot it used: dataset number and manifest digest, opaque to others.
    """

    hospital: Id
    snapshot: str


@dataclass(frozen=True, config=STRICT)
class Answer:
    """State what all participating hospitals sign.

    Parameters
    ----------
    version : int
        Of this layout; 1.
    query : str
        Digest of the signed query's bytes.
    outcome : str
        `released`, or `refused` by a disclosure rule on the total.
    reason : str
        Empty, or the `Reason` of a refusal.
    method, method_version : str, int
        What computed it.
    table : Table or None
        None when refused.
    participants : tuple of Participant
        Sorted by hospital.
    rules : tuple of str
        The disclosure rules that were applied, in words.
    rounds : int
        How many totals it took, the guard round included.

    Notes
    -----
    Nothing in it may depend on what the rules withhold, not even a digest: totals are few enough
    to try them all.
    """

    version: Literal[1]
    query: Digest
    outcome: Literal["released", "refused"]
    reason: str
    method: str
    method_version: int
    table: Table | None
    participants: tuple[Participant, ...]
    rules: tuple[str, ...]
    rounds: int


_ADAPTER: Final = TypeAdapter(Answer)


def to_bytes(answer: Answer) -> bytes:
    """Return the canonical bytes that the hospitals sign."""
    return canonical.write(_ADAPTER, answer)


def from_bytes(data: bytes) -> Answer:
    """Read canonical bytes whose signatures were verified before.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    return canonical.read(_ADAPTER, data)
