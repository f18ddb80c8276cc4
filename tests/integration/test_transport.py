"""Both ends over real TLS: errors arrive whole, dead peers are noticed, keys survive disk."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import grpc.aio
import pytest

from support.echo import EVERYBODY, UNARY, serving, unary
from support.pki import PASSPHRASE, TestNetwork
from support.relay import relaying
from wardnet import logs
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.keystore import Keystore
from wardnet.identity.member import Role
from wardnet.transport import channel as channels
from wardnet.transport.channel import (
    CLIENT,
    SERVER,
    Options,
    open_blocking_channel,
    open_channel,
    server_credentials,
)
from wardnet.transport.interceptors import Context, Guard
from wardnet.transport.status import error_from_rpc

CANARY = "Mustermann"
TALK = "/wardnet.test.Talk/Talk"


@pytest.fixture(scope="module")
def network() -> TestNetwork:
    """Return a network of today."""
    return TestNetwork()


def _outcome(network: TestNetwork, error: Exception) -> tuple[WardnetError, grpc.StatusCode]:
    """Return what a client sees of an error in a handler."""

    async def handler(_: bytes, __: Context) -> bytes:
        raise error

    async def main() -> tuple[WardnetError, grpc.StatusCode]:
        async with (
            serving(network.coordinator(), handler=handler) as address,
            open_channel(network.node("a"), address) as channel,
        ):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await unary(channel)(b"", timeout=10)
            return error_from_rpc(caught.value, address), caught.value.code()

    return asyncio.run(main())


def test_error_of_a_handler_arrives_whole(network: TestNetwork) -> None:
    """Reason, details and status, with letters beyond ASCII."""
    sent = WardnetError(Reason.HOSPITALS_LOST, hospitals="zürich, genève")
    seen, code = _outcome(network, sent)
    assert (seen.reason, str(seen)) == (sent.reason, str(sent))
    assert code is grpc.StatusCode.ABORTED


def test_bug_arrives_as_an_incident_and_is_logged_once(
    network: TestNetwork, capsys: pytest.CaptureFixture[str]
) -> None:
    """The caller learns an id; the operator's line has the same id and no text of the error."""
    logs.configure("wardnet-test")
    seen, code = _outcome(network, ValueError(CANARY))
    assert seen.reason is Reason.INTERNAL
    assert code is grpc.StatusCode.INTERNAL
    (line,) = capsys.readouterr().err.splitlines()
    record = json.loads(line)
    assert record["incident"] == seen.details["incident"]
    assert record["method"] == UNARY
    assert record["error"] == "ValueError"
    assert CANARY not in line
    assert CANARY not in str(seen)


def test_blocking_channel_reaches_the_same_server(network: TestNetwork) -> None:
    """Commands that run without a loop use it."""

    def call(address: str) -> bytes:
        with open_blocking_channel(network.researcher(), address) as channel:
            said: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(UNARY)
            return said(b"hello", timeout=10)

    async def main() -> None:
        async with serving(network.coordinator()) as address:
            assert await asyncio.to_thread(call, address) == b"hello"

    asyncio.run(main())


def test_large_message_is_refused_by_name(network: TestNetwork) -> None:
    """Above 4 MiB neither side takes it."""

    async def main() -> None:
        async with (
            serving(network.coordinator()) as address,
            open_channel(network.node("a"), address) as channel,
        ):
            call = unary(channel)
            assert len(await call(bytes(4_000_000), timeout=10)) == 4_000_000
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(bytes(4_300_000), timeout=10)
            assert error_from_rpc(caught.value, address).reason is Reason.MESSAGE_TOO_LARGE

    asyncio.run(main())


def test_two_servers_never_share_a_port(network: TestNetwork) -> None:
    """A second coordinator on the same port fails instead of taking half of the calls."""

    async def main() -> None:
        async with serving(network.coordinator()) as address:
            second = grpc.aio.server(options=SERVER)
            with pytest.raises(RuntimeError):
                second.add_secure_port(address, server_credentials(network.coordinator()))

    asyncio.run(main())


def test_proxy_is_asked_for_other_machines_only() -> None:
    """A proxy variable must not carry loopback connections away."""
    for address in ("localhost:1", "127.0.0.1:1", "[::1]:1"):
        assert ("grpc.enable_http_proxy", 0) in channels.client_options(address)
    for address in ("coordinator.example:1", "10.0.0.1:1"):
        assert ("grpc.enable_http_proxy", 1) in channels.client_options(address)


def _fast(options: Options) -> Options:
    """Return the options with the times that notice a dead peer cut to a twentieth."""
    fast = {
        "grpc.keepalive_time_ms": 500,
        "grpc.keepalive_timeout_ms": 500,
        "grpc.http2.ping_timeout_ms": 500,
    }
    return tuple((name, fast.get(name, value)) for name, value in options)


def test_black_hole_is_noticed_by_both_sides(
    network: TestNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A peer whose bytes vanish is dead after keepalive time and timeout, also for streams.

    `grpc.http2.ping_timeout_ms` is undocumented: without it the default of 60 s would hold here.
    """
    monkeypatch.setattr(channels, "CLIENT", _fast(CLIENT))
    ended = asyncio.Event()

    async def talk(requests: AsyncIterator[bytes], _: Context) -> AsyncIterator[bytes]:
        try:
            async for request in requests:
                yield request
        finally:
            ended.set()

    async def main() -> None:
        guard = Guard(network=network.name, allowed={TALK: EVERYBODY})
        server = grpc.aio.server(interceptors=[guard], options=_fast(SERVER))
        handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            "Talk": grpc.stream_stream_rpc_method_handler(talk)
        }
        server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler("wardnet.test.Talk", handlers)]
        )
        port = server.add_secure_port("127.0.0.1:0", server_credentials(network.coordinator()))
        await server.start()
        async with (
            relaying(f"127.0.0.1:{port}") as relay,
            open_channel(network.node("a"), relay.address) as channel,
        ):
            talking: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(TALK)
            call = talking()
            await call.write(b"hello")
            assert await call.read() == b"hello"
            relay.silence()
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await asyncio.wait_for(call.read(), 20)
            assert error_from_rpc(caught.value, relay.address).reason is Reason.COORDINATOR_AWAY
            await asyncio.wait_for(ended.wait(), 20)
        await server.stop(None)

    started = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - started < 20


def test_saved_credentials_connect(network: TestNetwork, tmp_path: Path) -> None:
    """What an enrolment wrote to disk opens the next connection and signs."""
    network.settle(tmp_path, Role.NODE, "clinic-a")
    loaded = Credentials.load(tmp_path, Keystore.unlock(tmp_path, PASSPHRASE))
    assert loaded.member == network.node("clinic-a").member
    assert loaded.trust == network.trust

    async def main() -> None:
        async with (
            serving(network.coordinator()) as address,
            open_channel(loaded, address) as channel,
        ):
            assert await unary(channel)(b"hello", timeout=10) == b"hello"

    asyncio.run(main())


def test_home_holds_no_private_key_in_the_clear(network: TestNetwork, tmp_path: Path) -> None:
    """Certificates are public; keys exist on disk only inside the keystore."""
    network.settle(tmp_path, Role.NODE, "clinic-a")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "keystore.json",
        "root.crt",
        "signing.crt",
        "tls.crt",
    ]
    for path in tmp_path.iterdir():
        assert b"PRIVATE" not in path.read_bytes()
        assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["root.crt", "tls.crt", "signing.crt"])
def test_credentials_with_a_file_of_somebody_else_are_refused(
    name: str, network: TestNetwork, tmp_path: Path
) -> None:
    """A certificate that does not fit the key, or a planted root, is not used."""
    other = TestNetwork("othernet")
    other.settle(tmp_path / "other", Role.NODE, "clinic-a")
    network.settle(tmp_path / "own", Role.NODE, "clinic-a")
    (tmp_path / "own" / name).write_bytes((tmp_path / "other" / name).read_bytes())
    with pytest.raises(WardnetError) as caught:
        Credentials.load(tmp_path / "own", Keystore.unlock(tmp_path / "own", PASSPHRASE))
    assert caught.value.reason is Reason.CERTIFICATE_REFUSED


def test_missing_and_broken_files_are_named(network: TestNetwork, tmp_path: Path) -> None:
    """Before the enrolment, and after a bad disk."""
    keystore = network.settle(tmp_path, Role.NODE, "clinic-a")
    (tmp_path / "tls.crt").write_bytes(b"nothing")
    with pytest.raises(WardnetError) as caught:
        Credentials.load(tmp_path, keystore)
    assert caught.value.reason is Reason.STATE_DAMAGED
    (tmp_path / "tls.crt").unlink()
    with pytest.raises(WardnetError) as caught:
        Credentials.load(tmp_path, keystore)
    assert caught.value.reason is Reason.NOT_INITIALISED
