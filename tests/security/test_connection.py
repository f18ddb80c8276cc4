"""Threat: somebody connects who should not, or as somebody else, or never ends a call."""

import asyncio
import ssl
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import grpc
import grpc.aio
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from support.echo import STREAM, UNARY, serving, stream, unary
from support.pki import TestNetwork
from support.relay import relaying
from wardnet import clock
from wardnet.errors import Reason
from wardnet.identity.credentials import Credentials, TlsIdentity
from wardnet.identity.member import Member, Role
from wardnet.transport.channel import open_channel
from wardnet.transport.interceptors import Context, peer
from wardnet.transport.status import error_from_rpc

NETWORK = TestNetwork()
OTHER = TestNetwork("othernet")
NODES_ONLY = {UNARY: frozenset({Role.NODE}), STREAM: frozenset({Role.NODE})}


async def _call(
    credentials: TlsIdentity, address: str, *, seconds: float | None = 10, method: str = UNARY
) -> Reason | bytes:
    """Return the answer, or why there is none."""
    async with open_channel(credentials, address) as channel:
        try:
            if method == STREAM:
                responses = stream(channel)(b"hello", timeout=seconds)
                return b"".join([each async for each in responses])
            return await unary(channel)(b"hello", timeout=seconds)
        except grpc.RpcError as error:
            return error_from_rpc(error, address).reason


def test_member_is_served() -> None:
    """The refusals below have one cause each."""

    async def main() -> None:
        async with serving(NETWORK.coordinator(), allowed=NODES_ONLY) as address:
            assert await _call(NETWORK.node("a"), address) == b"hello"
            assert await _call(NETWORK.node("a"), address, method=STREAM) == b"hello" * 3

    asyncio.run(main())


def _without_certificate(address: str) -> grpc.aio.Channel:
    root = NETWORK.root.certificate.public_bytes(Encoding.PEM)
    return grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(root))


def _in_the_clear(address: str) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(address)


@pytest.mark.parametrize("opened", [_without_certificate, _in_the_clear])
def test_stranger_gets_no_connection(opened: Callable[[str], grpc.aio.Channel]) -> None:
    """Without a certificate, or without TLS, no call reaches a handler."""
    reached = []

    async def handler(request: bytes, _: Context) -> bytes:
        reached.append(request)
        return request

    async def main() -> None:
        async with serving(NETWORK.coordinator(), handler=handler) as address:
            async with opened(address) as channel:
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await unary(channel)(b"hello", timeout=10)
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE

    asyncio.run(main())
    assert reached == []


@pytest.mark.parametrize(
    "credentials",
    [
        # as the attacker presents them: the other network's certificate, believing our root
        TlsIdentity(
            OTHER.node("a").member,
            NETWORK.root.certificate,
            OTHER.node("a").tls_key_pem,
            OTHER.node("a").tls_chain_pem,
        ),
        NETWORK.issue(
            Member("heartnet", Role.NODE, "late"),
            at=clock.now() - timedelta(days=60),
            lifetime=timedelta(days=30),
        ),
        NETWORK.issue(Member("heartnet", Role.NODE, "early"), at=clock.now() + timedelta(days=1)),
    ],
    ids=["other network", "expired", "not yet valid"],
)
def test_foreign_certificate_gets_no_connection(credentials: TlsIdentity) -> None:
    """TLS itself refuses it."""

    async def main() -> None:
        async with serving(NETWORK.coordinator()) as address:
            assert await _call(credentials, address) is Reason.COORDINATOR_AWAY

    asyncio.run(main())


def test_name_of_another_network_is_refused() -> None:
    """Even under our own root: names are compared, not only signatures."""
    stranger = NETWORK.issue(Member("othernet", Role.NODE, "a"))

    async def main() -> None:
        async with serving(NETWORK.coordinator()) as address:
            assert await _call(stranger, address) is Reason.CERTIFICATE_REFUSED

    asyncio.run(main())


@pytest.mark.parametrize("method", [UNARY, STREAM])
@pytest.mark.parametrize("role", [role for role in Role if role is not Role.NODE])
def test_role_that_is_not_allowed_is_refused(role: Role, method: str) -> None:
    """A real member still may not do everything; an invited one may do nothing here."""
    member = NETWORK.credentials(role, "coordinator")

    async def main() -> None:
        async with serving(NETWORK.coordinator(), allowed=NODES_ONLY) as address:
            assert await _call(member, address, method=method) is Reason.ROLE_REFUSED

    asyncio.run(main())


def test_method_that_nobody_was_allowed_is_refused() -> None:
    """A method that was forgotten in the table is closed, not open."""

    async def main() -> None:
        async with serving(NETWORK.coordinator(), allowed={}) as address:
            assert await _call(NETWORK.node("a"), address) is Reason.ROLE_REFUSED

    asyncio.run(main())


def test_call_without_a_deadline_is_refused() -> None:
    """A unary call that could wait for ever does not start; a stream may stay open."""

    async def main() -> None:
        async with serving(NETWORK.coordinator()) as address:
            node = NETWORK.node("a")
            assert await _call(node, address, seconds=None) is Reason.DEADLINE_MISSING
            assert await _call(node, address, seconds=None, method=STREAM) == b"hello" * 3

    asyncio.run(main())


def _tls_context(credentials: Credentials, folder: Path) -> ssl.SSLContext:
    """Return what a client with these credentials dials with, in Python's own TLS."""
    chain, key = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(credentials.tls_chain_pem)
    key.write_bytes(credentials.tls_key_pem)
    root = NETWORK.root.certificate.public_bytes(Encoding.PEM).decode()
    context = ssl.create_default_context(cadata=root)
    context.load_cert_chain(chain, key)
    context.set_alpn_protocols(["h2"])
    return context


@pytest.mark.parametrize(
    ("version", "expected"),
    [(ssl.TLSVersion.TLSv1_2, Reason.TLS_TOO_OLD), (ssl.TLSVersion.TLSv1_3, b"hello")],
)
def test_old_tls_is_refused(
    version: ssl.TLSVersion, expected: Reason | bytes, tmp_path: Path
) -> None:
    """GRPC accepts TLS 1.2 and has no switch; the guard refuses every call over it."""
    context = _tls_context(NETWORK.node("a"), tmp_path)
    context.maximum_version = version

    async def main() -> None:
        async with (
            serving(NETWORK.coordinator()) as address,
            relaying(address, tls=context) as relay,
            grpc.aio.insecure_channel(relay.address) as channel,
        ):
            answer: Reason | bytes
            try:
                answer = await unary(channel)(b"hello", timeout=10)
            except grpc.aio.AioRpcError as error:
                answer = error_from_rpc(error, address).reason
            assert answer == expected

    asyncio.run(main())


def test_certificate_that_expires_on_an_open_connection_is_refused() -> None:
    """Every call is checked anew: gRPC itself would serve an expired client for hours."""
    moment = clock.now()

    async def main() -> None:
        nonlocal moment
        async with (
            serving(NETWORK.coordinator(), now=lambda: moment) as address,
            open_channel(NETWORK.node("a"), address) as channel,
        ):
            call = unary(channel)
            assert await call(b"hello", timeout=10) == b"hello"
            moment += timedelta(days=31)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(b"hello", timeout=10)
        assert error_from_rpc(caught.value, address).reason is Reason.CERTIFICATE_REFUSED

    asyncio.run(main())


def test_handler_sees_the_name_in_the_certificate() -> None:
    """What the caller writes in metadata or host names changes nothing."""
    seen: list[Member] = []

    async def handler(request: bytes, context: Context) -> bytes:
        seen.append(peer(context))
        return request

    async def main() -> None:
        async with (
            serving(NETWORK.coordinator(), handler=handler) as address,
            open_channel(NETWORK.node("a"), address) as channel,
        ):
            metadata = (("x-forwarded-for", "b"), ("peer_uri", "wardnet://heartnet/node/b"))
            await unary(channel)(b"", timeout=10, metadata=metadata)

    asyncio.run(main())
    assert seen == [NETWORK.node("a").member]


def test_member_cannot_pose_as_the_coordinator() -> None:
    """Only the coordinator's certificate carries server names: a node's server is not believed."""

    async def main() -> None:
        async with serving(NETWORK.node("mallory")) as address:
            assert await _call(NETWORK.node("a"), address) is Reason.COORDINATOR_AWAY

    asyncio.run(main())


def test_coordinator_of_another_network_is_not_believed() -> None:
    """The client believes its own root only, whatever name the server carries."""

    async def main() -> None:
        async with serving(OTHER.coordinator()) as address:
            assert await _call(NETWORK.node("a"), address) is Reason.COORDINATOR_AWAY

    asyncio.run(main())


def test_server_under_another_name_is_not_believed() -> None:
    """The certificate must carry the host that was dialled."""

    async def main() -> None:
        async with serving(NETWORK.coordinator()) as address:
            port = address.rpartition(":")[2]
            assert await _call(NETWORK.node("a"), f"localhost:{port}") == b"hello"
            assert await _call(NETWORK.node("a"), f"127.0.0.2:{port}") is Reason.COORDINATOR_AWAY

    asyncio.run(main())
