"""Long messages are cut into pieces and joined to the byte; what makes no message is named."""

from collections.abc import Sequence

import pytest

from wardnet.errors import Reason, WardnetError
from wardnet.transport.pieces import LONGEST_BYTES, PIECE_BYTES, Messages, in_pieces
from wardnet.wire.v1.link_pb2 import AttachRequest, Heartbeat, Piece, SignedAnswer


def long(size: int) -> AttachRequest:
    """Return a message that carries so many bytes."""
    return AttachRequest(answer=SignedAnswer(work_id="w", sealed=bytes(size)))


def read(pieces: Sequence[AttachRequest]) -> list[AttachRequest | None]:
    """Return what each piece gives."""
    messages = Messages(AttachRequest)
    return [messages.take(piece) for piece in pieces]


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES, 3 * PIECE_BYTES - 20, 3 * PIECE_BYTES])
def test_a_message_comes_out_as_it_went_in(size: int) -> None:
    """Whatever its length, with nothing before its last piece."""
    message = long(size)
    *rest, whole = read(list(in_pieces(message)))
    assert whole == message
    assert rest == [None] * len(rest)


def test_no_piece_is_longer_than_a_piece_may_be() -> None:
    """A short message goes as it is."""
    pieces = list(in_pieces(long(3 * PIECE_BYTES)))
    assert max(len(each.piece.data) for each in pieces) == PIECE_BYTES
    assert list(in_pieces(long(5))) == [long(5)]


def test_a_message_without_end_is_refused_by_name() -> None:
    """Memory is bounded, whatever the other end sends."""
    messages = Messages(AttachRequest)
    piece = AttachRequest(piece=Piece(data=bytes(PIECE_BYTES)))
    for _ in range(LONGEST_BYTES // PIECE_BYTES):
        assert messages.take(piece) is None
    with pytest.raises(WardnetError) as caught:
        messages.take(piece)
    assert caught.value.reason is Reason.MESSAGE_TOO_LARGE


@pytest.mark.parametrize(
    "pieces",
    [
        [AttachRequest(piece=Piece(data=b"a")), AttachRequest(heartbeat=Heartbeat())],
        [AttachRequest(piece=Piece(data=b"\xff", last=True))],
        [
            AttachRequest(
                piece=Piece(
                    data=AttachRequest(piece=Piece(data=b"a")).SerializeToString(), last=True
                )
            )
        ],
    ],
    ids=["another message between", "no message", "a piece of pieces"],
)
def test_pieces_that_make_no_message_are_refused(pieces: Sequence[AttachRequest]) -> None:
    """The stream cannot be understood any more."""
    with pytest.raises(WardnetError) as caught:
        read(pieces)
    assert caught.value.reason is Reason.MALFORMED
