"""A parcel that arrives is gone on with, and is whole or not there; nothing goes too fast."""

import asyncio
import errno
import hashlib
import os
import resource
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardnet.errors import Reason, WardnetError
from wardnet.settings import load
from wardnet.sharing.notice import Place
from wardnet.transport.parcels import incoming
from wardnet.transport.parcels.incoming import Incoming, take_in
from wardnet.transport.parcels.pace import Pace
from wardnet_node.settings import NodeSettings
from wardnet_node.sharing.carrying.serving import relay_address, waiting_place
from wardnet_node.sharing.carrying.spool import Spool

BODY = bytes(range(256)) * 40
DIGEST = hashlib.sha256(BODY).hexdigest()


def _begin(folder: Path, *, size: int = len(BODY)) -> Incoming:
    return Incoming(folder / "part", size=size, digest=DIGEST)


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _reason(error: pytest.ExceptionInfo[WardnetError]) -> Reason:
    return error.value.reason


@given(st.lists(st.integers(0, len(BODY)), max_size=5))
def test_body_is_whole_after_any_cuts(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int]
) -> None:
    """However often it is begun anew, every attempt goes on where the file ends."""
    folder = tmp_path_factory.mktemp("cuts")
    for end in sorted(cuts):
        body = _begin(folder)
        body.write(BODY[body.offset : end])
        body.close()
    body = _begin(folder)
    assert body.offset == max([0, *cuts])
    body.write(BODY[body.offset :])
    body.finish(folder / "body")
    assert (folder / "body").read_bytes() == BODY
    assert _names(folder) == ["body"]
    assert (folder / "body").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("sent", [BODY[:-1], BODY[::-1], BODY[:-1] + b"!"])
def test_other_bytes_leave_nothing(tmp_path: Path, sent: bytes) -> None:
    """Fewer, in another order, or changed."""
    body = _begin(tmp_path)
    body.write(sent)
    with pytest.raises(WardnetError) as caught:
        body.finish(tmp_path / "body")
    assert _reason(caught) is Reason.TRANSFER_ALTERED
    assert _names(tmp_path) == []


def test_more_bytes_leave_nothing(tmp_path: Path) -> None:
    """They are refused before they are written."""
    body = _begin(tmp_path)
    with pytest.raises(WardnetError) as caught:
        body.write(BODY + b"!")
    assert _reason(caught) is Reason.TRANSFER_ALTERED
    assert _names(tmp_path) == []


def test_two_attempts_never_write_at_once(tmp_path: Path) -> None:
    """The second is refused, and the first goes on."""
    body = _begin(tmp_path)
    with pytest.raises(WardnetError) as caught:
        _begin(tmp_path)
    assert _reason(caught) is Reason.IN_USE
    body.write(BODY)
    body.finish(tmp_path / "body")


def test_parcel_larger_than_the_disk_is_refused_at_once(tmp_path: Path) -> None:
    """Nobody waits for an hour to hear it."""
    with pytest.raises(WardnetError) as caught:
        _begin(tmp_path, size=1 << 52)
    assert _reason(caught) is Reason.DISK_FULL
    assert _names(tmp_path) == []


@pytest.mark.parametrize("cause", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_disk_that_fills_up_leaves_nothing(
    tmp_path: Path, cause: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also after some bytes were written."""
    body = _begin(tmp_path)
    body.write(BODY[:100])

    def full(_: int, __: bytes) -> int:
        raise OSError(cause, os.strerror(cause))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(WardnetError) as caught:
        body.write(BODY[100:])
    assert _reason(caught) is Reason.DISK_FULL
    assert _names(tmp_path) == []


def test_short_writes_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk may take fewer bytes than it is given; and it is made to keep up."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:7]))
    monkeypatch.setattr(incoming, "SYNC_BYTES", 1000)
    body = _begin(tmp_path)
    body.write(BODY)
    body.finish(tmp_path / "body")
    assert (tmp_path / "body").read_bytes() == BODY


def test_chunks_are_written_in_order_and_told(tmp_path: Path) -> None:
    """The last one, too, before anybody goes on; also when the stream breaks."""
    told: list[int] = []

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(BODY), 1000):
            if start == 5000 and not told[-1:] == [len(BODY)]:
                raise WardnetError(Reason.RELAY_AWAY, address="x:1", rule="it broke")
            yield BODY[start : start + 1000]

    body = _begin(tmp_path)
    with pytest.raises(WardnetError):
        asyncio.run(take_in(body, chunks(), moved=lambda: told.append(body.offset)))
    assert told == [1000, 2000, 3000, 4000, 5000]
    body.close()
    assert (tmp_path / "part").read_bytes() == BODY[:5000]


def test_nothing_is_written_once_the_taking_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often it is cancelled: a thread that wrote on would spoil what comes after."""
    begun, on = threading.Event(), threading.Event()

    def slow(body: Incoming, data: bytes, write: Callable[..., None] = Incoming.write) -> None:
        begun.set()
        on.wait(10)
        write(body, data)

    monkeypatch.setattr(Incoming, "write", slow)

    async def chunks() -> AsyncIterator[bytes]:
        yield BODY[:1000]
        yield BODY[1000:2000]

    async def main() -> None:
        taking = asyncio.create_task(take_in(body, chunks(), moved=lambda: None))
        await asyncio.to_thread(begun.wait)
        for _ in range(3):
            taking.cancel()
            await asyncio.wait((taking,), timeout=0)
            assert not taking.done()
        on.set()
        with pytest.raises(asyncio.CancelledError):
            await taking
        assert body.offset == 1000
        body.close()

    body = _begin(tmp_path)
    asyncio.run(main())
    assert (tmp_path / "part").read_bytes() == BODY[:1000]


def test_pace_is_kept_by_all_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever takes bytes waits for those before; a short silence may be made up for."""
    slept: list[int] = []

    async def sleep(seconds: float) -> None:
        slept.append(round(seconds))

    monkeypatch.setattr(asyncio, "sleep", sleep)

    async def main() -> None:
        limited = Pace(1000)
        for _ in range(3):
            await limited.take(1000)
        await Pace().take(1 << 40)

    asyncio.run(main())
    assert slept == [1, 2, 3]


def test_parcels_wait_where_the_settings_say(tmp_path: Path) -> None:
    """At the relay of the coordinator's machine, at another, or at the node itself."""

    def settings(text: str) -> NodeSettings:
        (tmp_path / "settings.toml").write_text(f'address = "net.example:7443"\n{text}')
        return load(NodeSettings, tmp_path)

    default, other = settings(""), settings('relay = "relay.example:9"')
    assert waiting_place(tmp_path, default) == (Place.RELAY, "net.example:7444")
    assert relay_address(other) == "relay.example:9"
    nowhere = settings('listen = "0.0.0.0:7445"')
    with pytest.raises(WardnetError) as caught:
        waiting_place(tmp_path, nowhere)
    assert caught.value.details["setting"] == "listen_address"
    named = settings('listen = "0.0.0.0:7445"\nlisten_address = "a.example:7445"')
    assert waiting_place(tmp_path, named) == (Place.DIRECT, "a.example:7445")
    free = settings('listen = "127.0.0.1:0"')
    with pytest.raises(WardnetError) as caught:
        waiting_place(tmp_path, free)
    assert _reason(caught) is Reason.NOT_INITIALISED
    (tmp_path / "listen.address").write_text("127.0.0.1:40000\n")
    assert waiting_place(tmp_path, free) == (Place.DIRECT, "127.0.0.1:40000")


def test_fetch_keeps_its_name_until_it_is_closed(tmp_path: Path) -> None:
    """Over any number of attempts; a damaged note begins a new fetch; discarding leaves nothing."""
    spool = Spool(tmp_path)
    first = spool.fetch_id(DIGEST)
    assert Spool(tmp_path).fetch_id(DIGEST) == first
    assert spool.unfinished(DIGEST)
    (spool.incoming / f"{DIGEST}.fetch").write_text("../" * 5)
    assert spool.fetch_id(DIGEST) != first
    spool.finished(DIGEST)
    assert not spool.unfinished(DIGEST)
    for path in (spool.part(DIGEST), spool.made(DIGEST).body, spool.fetched(DIGEST).header):
        path.touch()
    spool.discard(DIGEST)
    assert [*spool.incoming.iterdir(), *spool.outgoing.iterdir()] == []


def test_kernel_that_takes_no_more_leaves_nothing(tmp_path: Path) -> None:
    """A real refusal in the middle of a chunk: the limit of a file's size."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    body = _begin(tmp_path)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
    try:
        with pytest.raises(WardnetError) as caught:
            body.write(BODY)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert _reason(caught) is Reason.DISK_FULL
    assert _names(tmp_path) == []
