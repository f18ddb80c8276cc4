"""What passes between coordinator and hospitals in a round, and its wire messages.

`x_to_wire` writes; `x_from_wire` reads, and refuses what is malformed. Whether sums keep to the
limits that a method declares is checked where they are used.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from google.protobuf.message import DecodeError

from wardnet import canonical
from wardnet.identity.envelope import Envelope
from wardnet.question.answer import Participant
from wardnet.sums.arrays import MAXIMUM_HOSPITALS, PackedArray, Sums, digest, pack, unpack
from wardnet.transport import pieces
from wardnet.transport.convert import envelope_from_wire, envelope_to_wire, malformed
from wardnet.wire.v1 import link_pb2, sums_pb2

_WORK_ID: Final = re.compile(r"([0-9a-f]{64})/([1-9][0-9]{0,5})/(0|[1-9][0-9]{0,5})")


@dataclass(frozen=True)
class Total:
    """Hold the outcome of one round.

    Parameters
    ----------
    round : int
        From 0, the guard round.
    sums : Sums
        Entrywise over the participants.
    participants : tuple of Participant
        Sorted by hospital.
    """

    round: int
    sums: Sums
    participants: tuple[Participant, ...]

    @cached_property
    def wire(self) -> sums_pb2.Total:
        """Return the message, packed once for all hospitals and for the disk."""
        return self.to_wire(sums_pb2.Total())

    def to_wire(self, into: sums_pb2.Total) -> sums_pb2.Total:
        """Write it into an empty message, which is then what `wire` returns."""
        into.round = self.round
        into.participants.extend(participants_to_wire(self.participants))
        sums_to_wire(self.sums, into.sums)
        vars(self)["wire"] = into
        return into

    @cached_property
    def digest(self) -> str:
        """Return the digest of the sums as they travel, which a transcript chains."""
        return digest(_packed(self.wire.sums))


@dataclass(frozen=True, slots=True)
class WorkId:
    """Name one hospital's work in one round.

    Parameters
    ----------
    query : str
        SHA-256 of the signed query, hexadecimal.
    attempt : int
        From 1.
    round : int
        From 0, the guard round.
    """

    query: str
    attempt: int
    round: int

    def __str__(self) -> str:
        """Return the id as the wire carries it."""
        return f"{self.query}/{self.attempt}/{self.round}"

    @classmethod
    def parse(cls, text: str) -> "WorkId":
        """Read an id from the wire.

        Raises
        ------
        WardnetError
            `MALFORMED`.
        """
        match = _WORK_ID.fullmatch(text)
        if match is None:
            raise malformed(field="work_id", rule="it is not query/attempt/round")
        return cls(match[1], int(match[2]), int(match[3]))


@dataclass(frozen=True)
class Work:
    """Ask each hospital for one round.

    Parameters
    ----------
    id : WorkId
        Unique per hospital.
    query : Envelope
        The researcher's signed query; the node verifies it.
    hospitals : tuple of str
        Of this attempt, sorted.
    totals : tuple of Total
        Of the rounds before `id.round`, consecutive, the last one included.
    """

    id: WorkId
    query: Envelope
    hospitals: tuple[str, ...]
    totals: tuple[Total, ...]

    @cached_property
    def pieces(self) -> Sequence[link_pb2.AttachResponse]:
        """Return what is written, made once for all hospitals.

        Raises
        ------
        WardnetError
            `MESSAGE_TOO_LARGE`.
        """
        message = link_pb2.AttachResponse()
        work_to_wire(self, message.work)
        return pieces.in_pieces(message)

    @cached_property
    def ahead(self) -> "Ahead | None":
        """Return what may come before it; None for a first round."""
        return Ahead(self.id, self.totals[-1]) if self.totals else None

    @cached_property
    def bare(self) -> "Work":
        """Return what is left to say once the total has come ahead."""
        return replace(self, totals=())


@dataclass(frozen=True)
class Ahead:
    """Bring a total before the work that rests on it, while it is made durable.

    Parameters
    ----------
    id : WorkId
        Of that work.
    total : Total
        Of the round before.
    """

    id: WorkId
    total: Total

    @cached_property
    def pieces(self) -> Sequence[link_pb2.AttachResponse]:
        """Return what is written; as `Work.pieces`."""
        message = link_pb2.AttachResponse()
        message.ahead.work_id = str(self.id)
        self.total.to_wire(message.ahead.total)  # a message that is put into one is copied
        return pieces.in_pieces(message)


def sums_to_wire(
    sums: Sums | Sequence[PackedArray], into: sums_pb2.Sums | None = None
) -> sums_pb2.Sums:
    """Write named arrays, sorted by name.

    Parameters
    ----------
    sums : Mapping or sequence of PackedArray
        As `arrays.digest` takes them.
    into : Sums or None
        An empty message to write into: a message that is put into another one is copied.
    """
    message = sums_pb2.Sums() if into is None else into
    for array in pack(sums) if isinstance(sums, Mapping) else sums:
        message.arrays.add(name=array.name, shape=array.shape, width=array.width, data=array.data)
    return message


def sums_from_wire(message: sums_pb2.Sums) -> Sums:
    """Read named arrays; names, shapes and limits are checked against the method's declaration.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    return unpack(_packed(message))


def _packed(message: sums_pb2.Sums) -> list[PackedArray]:
    return [
        PackedArray(array.name, tuple(array.shape), array.width, array.data)
        for array in message.arrays
    ]


def participants_to_wire(participants: Iterable[Participant]) -> list[sums_pb2.Participant]:
    """Write who a total rests on."""
    return [
        sums_pb2.Participant(hospital=item.hospital, snapshot=item.snapshot)
        for item in participants
    ]


def participants_from_wire(
    messages: Sequence[sums_pb2.Participant],
) -> tuple[Participant, ...]:
    """Read who a total rests on.

    Raises
    ------
    WardnetError
        `MALFORMED` when an id is none, or they are not sorted and unique.
    """
    if len(messages) > MAXIMUM_HOSPITALS:
        raise malformed(field="participants", rule="there are too many")
    participants = tuple(
        canonical.validated(lambda: Participant(hospital=item.hospital, snapshot=item.snapshot))  # noqa: B023 - called at once
        for item in messages
    )
    _check_sorted([item.hospital for item in participants], field="participants")
    return participants


def total_from_wire(message: sums_pb2.Total) -> Total:
    """Read the outcome of a round.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    total = Total(
        message.round,
        sums_from_wire(message.sums),
        participants_from_wire(message.participants),
    )
    vars(total)["wire"] = message  # which need not be written again
    return total


def total_to_bytes(total: Total) -> bytes:
    """Return the bytes to store."""
    return total.wire.SerializeToString()


def total_from_bytes(data: bytes) -> Total:
    """Read stored bytes.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    try:
        return total_from_wire(sums_pb2.Total.FromString(data))
    except DecodeError as error:
        raise malformed(field="total", rule="it is not one") from error


def work_to_wire(work: Work, into: link_pb2.Work | None = None) -> link_pb2.Work:
    """Write what a hospital is asked to do; `into` as in `sums_to_wire`."""
    message = link_pb2.Work() if into is None else into
    message.work_id = str(work.id)
    message.query.CopyFrom(envelope_to_wire(work.query))
    message.attempt = work.id.attempt
    message.hospitals.extend(work.hospitals)
    message.round = work.id.round
    message.totals.extend(total.wire for total in work.totals)
    return message


def work_from_wire(message: link_pb2.Work) -> Work:
    """Read what the hospital is asked to do; the query in it is not verified.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    # 1. The id says what the fields say.
    identity = WorkId.parse(message.work_id)
    if (identity.attempt, identity.round) != (message.attempt, message.round):
        raise malformed(field="work_id", rule="it contradicts attempt or round")
    # 2. The query is the one that the id names.
    query = envelope_from_wire(message.query)
    if canonical.digest(query.payload) != identity.query:
        raise malformed(field="work_id", rule="it names another query")
    # 3. Hospitals are sorted and unique.
    hospitals = tuple(message.hospitals)
    _check_sorted(hospitals, field="hospitals")
    # 4. Totals are consecutive and end just before this round.
    totals = tuple(total_from_wire(total) for total in message.totals)
    rounds = [total.round for total in totals]
    if rounds != list(range(identity.round - len(rounds), identity.round)):
        raise malformed(field="totals", rule="they are not the rounds before this one")
    return Work(identity, query, hospitals, totals)


def ahead_from_wire(message: link_pb2.Ahead) -> Ahead:
    """Read a total that comes before its work.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    identity, total = WorkId.parse(message.work_id), total_from_wire(message.total)
    if total.round != identity.round - 1:
        raise malformed(field="total", rule="it is not of the round before")
    return Ahead(identity, total)


def _check_sorted(names: Sequence[str], *, field: str) -> None:
    if list(names) != sorted(set(names)):
        raise malformed(field=field, rule="they must be sorted and unique")
