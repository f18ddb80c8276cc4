"""The answer: a table, what was withheld from it, and on whose data it rests."""

from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from math import prod
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter, model_validator
from pydantic.dataclasses import dataclass

from wardnet import canonical
from wardnet.errors import Reason, WardnetError
from wardnet.question.dictionary import STRICT
from wardnet.question.query import Digest, Id

PAYLOAD_TYPE: Final = "application/vnd.wardnet.answer.v1+json"

MAXIMUM_BYTES: Final = 32 << 20
"""Of an answer: a model of three million numbers. Whatever else is signed holds at most 1 MiB."""

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


_TYPES: Final = MappingProxyType({"float64": "<f8", "int32": "<i4"})


@dataclass(frozen=True, config=STRICT)
class Tensor:
    """Hold an array of a model, too long for a table.

    Parameters
    ----------
    name : str
        What it is called in its model.
    shape : tuple of int
        As many entries as it has in each direction.
    type : str
        `float64` or `int32`.
    data : str
        The entries in C order, little-endian, as Base64.
    """

    name: str
    shape: tuple[Annotated[int, Field(ge=0)], ...]
    type: Literal["float64", "int32"]
    data: str

    def array(self) -> NDArray[Any]:
        """Return the entries, shape `shape`.

        Raises
        ------
        WardnetError
            `MALFORMED` for another length than the shape's, or an entry that is not finite.
        """
        try:
            data = b64decode(self.data, validate=True)
        except (NotBase64, ValueError) as error:
            raise WardnetError(Reason.MALFORMED, field=self.name, rule="no Base64") from error
        kind = np.dtype(_TYPES[self.type])
        if len(data) != prod(self.shape) * kind.itemsize:
            raise WardnetError(Reason.MALFORMED, field=self.name, rule="wrong length")
        array = np.frombuffer(data, kind).reshape(self.shape)
        if not np.isfinite(array).all():
            raise WardnetError(Reason.MALFORMED, field=self.name, rule="not finite")
        return array.astype(kind.newbyteorder("="))


def tensor(name: str, array: NDArray[Any]) -> Tensor:
    """Return an array of doubles, or of whole numbers below `2**31`, as an answer holds it."""
    kind: Literal["float64", "int32"] = "float64" if array.dtype.kind == "f" else "int32"
    data = np.ascontiguousarray(array, np.dtype(_TYPES[kind])).tobytes()
    return Tensor(name, array.shape, kind, b64encode(data).decode())


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
    tensors : tuple of Tensor
        What a model predicts with, where that is more than the rows tell.
    """

    keys: tuple[str, ...]
    values: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    withheld: tuple[Withheld, ...] = ()
    tensors: tuple[Tensor, ...] = ()

    @model_validator(mode="after")
    def _check_rows(self) -> Self:
        if {len(row) for row in self.rows} - {len(self.keys) + len(self.values)}:
            message = "rows need as many entries as there are columns"
            raise ValueError(message)
        return self


def no_model(method: str, table: Table) -> WardnetError:
    """Return why an answer holds no model: what stands against one, where there could be one."""
    rules = [held.rule for held in table.withheld]
    rule = rules[0] if rules else "it is of another kind, unlike that of `wardnet learn boosting`"
    return WardnetError(Reason.NO_MODEL, method=method, rule=rule)


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
    """Return the canonical bytes that the hospitals sign.

    Raises
    ------
    WardnetError
        `MESSAGE_TOO_LARGE`.
    """
    data = canonical.write(_ADAPTER, answer)
    if len(data) > MAXIMUM_BYTES:
        raise WardnetError(Reason.MESSAGE_TOO_LARGE, rule=f"{MAXIMUM_BYTES >> 20} MiB")
    return data


def from_bytes(data: bytes) -> Answer:
    """Read canonical bytes whose signatures were verified before.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    return canonical.read(_ADAPTER, data, maximum_bytes=MAXIMUM_BYTES)
