"""Long messages: cut into pieces at one end of a stream, joined at the other.

Whatever arrives, a stream holds at most one message that is being joined, of `LONGEST_BYTES`.
"""

from collections.abc import Iterator, Sequence
from typing import Final, Generic, TypeVar

from google.protobuf.message import DecodeError

from wardnet.errors import Reason, WardnetError
from wardnet.wire.v1.link_pb2 import AttachRequest, AttachResponse, Piece

PIECE_BYTES: Final = 1 << 20
"""Longest message that goes in one piece."""

LONGEST_BYTES: Final = 64 << 20
"""Longest message in pieces: a part, a total or an answer with eight million numbers."""

M = TypeVar("M", AttachRequest, AttachResponse)


def cut(data: bytes) -> Iterator[Piece]:
    """Yield bytes, at least one, in pieces."""
    for start in range(0, len(data), PIECE_BYTES):
        end = start + PIECE_BYTES
        yield Piece(data=data[start:end], last=end >= len(data))


def in_pieces(message: M) -> Sequence[M]:
    """Return what is written for a message: itself, or its pieces.

    Raises
    ------
    WardnetError
        `MESSAGE_TOO_LARGE`.
    """
    data = message.SerializeToString()  # once: to ask for its length is to write it, too
    check_length(len(data))
    return [message] if len(data) <= PIECE_BYTES else list(bytes_in_pieces(type(message), data))


def bytes_in_pieces(kind: type[M], data: bytes) -> Iterator[M]:
    """Yield what is written for a message of these bytes."""
    if len(data) <= PIECE_BYTES:
        yield kind.FromString(data)
        return
    for piece in cut(data):
        yield kind(piece=piece)


def check_length(length: int) -> None:
    """Refuse what the other end would refuse.

    Raises
    ------
    WardnetError
        `MESSAGE_TOO_LARGE`.
    """
    if length > LONGEST_BYTES:
        raise WardnetError(Reason.MESSAGE_TOO_LARGE, rule=f"{LONGEST_BYTES >> 20} MiB")


class Joining:
    """Join pieces, one message after the other."""

    def __init__(self) -> None:
        self._data = bytearray()

    @property
    def begun(self) -> bool:
        """Say whether the present message lacks pieces."""
        return bool(self._data)

    def take(self, piece: Piece) -> bytes | None:
        """Return the message that a piece ends, or None.

        Raises
        ------
        WardnetError
            `MESSAGE_TOO_LARGE`.
        """
        check_length(len(self._data) + len(piece.data))
        self._data += piece.data
        if not piece.last:
            return None
        data, self._data = bytes(self._data), bytearray()
        return data


class Messages(Generic[M]):
    """Read the messages of a stream.

    Parameters
    ----------
    kind : type
        Of the messages.
    """

    def __init__(self, kind: type[M]) -> None:
        self._kind: type[M] = kind
        self._joining = Joining()

    def take(self, message: M) -> M | None:
        """Return a whole message; None where pieces of it are to come.

        Raises
        ------
        WardnetError
            `MESSAGE_TOO_LARGE`, or `MALFORMED` for pieces that make no message.
        """
        if message.WhichOneof("message") != "piece":
            if self._joining.begun:
                raise WardnetError(Reason.MALFORMED, field="pieces", rule="the last is missing")
            return message
        data = self._joining.take(message.piece)
        if data is None:
            return None
        whole = self._kind()
        try:
            whole.ParseFromString(data)
        except DecodeError as error:
            raise WardnetError(Reason.MALFORMED, field="pieces", rule="they make none") from error
        if whole.WhichOneof("message") == "piece":
            raise WardnetError(Reason.MALFORMED, field="pieces", rule="they make a piece")
        return whole
