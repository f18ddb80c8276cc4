"""A relay, or whoever answers in its place, that changes, keeps or withholds a parcel."""

import hashlib
import secrets
from pathlib import Path

import pytest

from support.coordinator import run
from support.pki import TestNetwork
from support.relaying import Liar, lying
from support.transfers import ready
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import TlsIdentity
from wardnet.sharing.notice import Place
from wardnet.transport.parcels import attempts
from wardnet.wire.v1.share_pb2 import FetchResponse, FetchStart
from wardnet_node.sharing.carrying import fetch as fetching
from wardnet_node.sharing.carrying.fetch import fetch
from wardnet_node.sharing.carrying.spool import Spool

NETWORK = TestNetwork()
CHUNKS = [secrets.token_bytes(1000) for _ in range(4)]
BODY = b"".join(CHUNKS)
PARCEL = hashlib.sha256(BODY).hexdigest()
HEADER = b"sealed header"
FLIPPED = bytes([CHUNKS[1][0] ^ 1]) + CHUNKS[1][1:]


def _messages(*chunks: bytes, header: bytes = HEADER, size: int = len(BODY)) -> list[FetchResponse]:
    start = FetchResponse(start=FetchStart(header=header, size=size))
    return [start, *(FetchResponse(chunk=chunk) for chunk in chunks)]


def _fetched(
    folder: Path,
    liar: Liar,
    *,
    shown: TlsIdentity | None = None,
    place: Place = Place.RELAY,
    patience: float = 0.5,
) -> tuple[Reason | None, Spool]:
    """Return why a fetch from a liar is refused, and what is there afterwards."""

    async def main() -> Reason | None:
        async with lying(liar, shown or NETWORK.coordinator()) as address:
            waiting = ready(PARCEL, len(BODY), address, place=place)
            try:
                await fetch(
                    waiting,
                    owner="a",
                    spool=spool,
                    credentials=NETWORK.node("b"),
                    patience=patience,
                )
            except WardnetError as error:
                return error.reason
            return None

    spool = Spool(folder)
    return run(main()), spool


def test_honest_answer_is_taken(tmp_path: Path) -> None:
    """The refusals below have one cause each."""
    refused, spool = _fetched(tmp_path, Liar(_messages(*CHUNKS)))
    assert refused is None
    assert spool.fetched(PARCEL).body.read_bytes() == BODY
    assert spool.fetched(PARCEL).header.read_bytes() == HEADER


@pytest.mark.parametrize(
    "messages",
    [
        _messages(CHUNKS[1], CHUNKS[0], *CHUNKS[2:]),
        _messages(CHUNKS[0], CHUNKS[0], *CHUNKS[2:]),
        _messages(CHUNKS[0], FLIPPED, *CHUNKS[2:]),
        _messages(*CHUNKS, b"!"),
        _messages(*CHUNKS, *CHUNKS),
        _messages(*CHUNKS, header=HEADER + b"!"),
        _messages(*CHUNKS, header=b""),
        _messages(*CHUNKS, size=len(BODY) + 1),
        _messages(*CHUNKS)[1:],
    ],
    ids=[
        "reordered",
        "repeated",
        "flipped",
        "longer",
        "twice",
        "other header",
        "no header",
        "other size",
        "no start",
    ],
)
def test_altered_parcel_leaves_nothing(tmp_path: Path, messages: list[FetchResponse]) -> None:
    """Neither a body nor a half one; and it is not asked for again and again."""
    liar = Liar(messages)
    refused, spool = _fetched(tmp_path, liar)
    assert refused is Reason.TRANSFER_ALTERED
    assert [path.suffix for path in spool.incoming.iterdir()] == [".fetch"]
    assert liar.fetches == 1


@pytest.mark.parametrize("kept", [0, 1, 3])
def test_relay_that_drops_the_end_is_given_up(
    tmp_path: Path, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked again for a while; a piece at a wrong place is never taken for the right one."""
    monkeypatch.setattr(attempts, "FIRST_PAUSE", 0.05)
    liar = Liar(_messages(*CHUNKS[:kept]))
    refused, spool = _fetched(tmp_path, liar)
    assert refused in {Reason.RELAY_AWAY, Reason.TRANSFER_ALTERED}
    assert not spool.fetched(PARCEL).whole
    assert liar.fetches > 1


def test_relay_that_keeps_the_rest_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silence counts as absence, and what came stays for the next attempt."""
    monkeypatch.setattr(fetching, "PROGRESS_SECONDS", 0.2)
    refused, spool = _fetched(tmp_path, Liar(_messages(*CHUNKS[:2]), silent=True), patience=0)
    assert refused is Reason.RELAY_AWAY
    assert spool.part(PARCEL).read_bytes() == BODY[:2000]


@pytest.mark.parametrize(
    ("shown", "place"),
    [
        (NETWORK.node("c"), Place.DIRECT),
        (NETWORK.coordinator(), Place.DIRECT),
        (NETWORK.node("a"), Place.RELAY),
        (TestNetwork().node("a"), Place.DIRECT),
        (TestNetwork().coordinator(), Place.RELAY),
    ],
    ids=["other node", "relay as node", "node as relay", "other network", "other relay"],
)
def test_nobody_answers_in_the_place_of_another(
    tmp_path: Path, shown: TlsIdentity, place: Place
) -> None:
    """Not another hospital, not the relay for a hospital, nor the other way round."""
    liar = Liar(_messages(*CHUNKS))
    refused, spool = _fetched(tmp_path, liar, shown=shown, place=place)
    assert refused is (Reason.NODE_AWAY if place is Place.DIRECT else Reason.RELAY_AWAY)
    assert liar.fetches == 0
    assert not spool.fetched(PARCEL).whole


def test_owner_itself_is_believed(tmp_path: Path) -> None:
    """Wherever it listens: its certificate says who it is."""
    liar = Liar(_messages(*CHUNKS))
    refused, _ = _fetched(tmp_path, liar, shown=NETWORK.node("a"), place=Place.DIRECT)
    assert refused is None


def test_nobody_there_is_said_in_words(tmp_path: Path) -> None:
    """With the address, and what to do."""

    async def main(place: Place) -> str:
        waiting = ready(PARCEL, len(BODY), "127.0.0.1:1", place=place)
        with pytest.raises(WardnetError) as caught:
            await fetch(
                waiting,
                owner="a",
                spool=Spool(tmp_path),
                credentials=NETWORK.node("b"),
                patience=0,
            )
        return str(caught.value)

    relay, direct = (run(main(place)) for place in (Place.RELAY, Place.DIRECT))
    assert "relay at 127.0.0.1:1 cannot be reached: nothing listens there" in relay
    assert "node at 127.0.0.1:1 cannot be reached: nothing listens there" in direct
    assert "by way of the relay" in direct
