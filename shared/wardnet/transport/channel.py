"""How both ends of a connection are set up: mutual TLS under one root, and every option's reason.

A client believes only the network's root and checks that the server's certificate carries the host
it dialled. Only the coordinator's certificate carries such names (see `identity.authority`), so the
server that answers is the coordinator of this network. Who dials another hospital's node checks the
name that only that node's certificate carries, wherever it listens. The server's own checks are in
`interceptors`.
"""

import ipaddress
from typing import Final, TypeAlias

import grpc
import grpc.aio
from cryptography.hazmat.primitives.serialization import Encoding

from wardnet.identity.credentials import TlsIdentity
from wardnet.identity.member import Member

Options: TypeAlias = tuple[tuple[str, int], ...]

RELAY_PORT: Final = 7444
"""Where the relay of parcels listens, on the coordinator's machine, unless settings say more."""

MESSAGE_BYTES: Final = 4 << 20
"""Largest message either side accepts or sends; more goes in chunks."""

_BOTH: Final[Options] = (
    ("grpc.max_receive_message_length", MESSAGE_BYTES),  # bounds memory per message
    ("grpc.max_send_message_length", MESSAGE_BYTES),  # fails at the sender, by name
    ("grpc.http2.ping_timeout_ms", 10_000),  # its default, 60 s, overrides the keepalive timeout
    ("grpc.keepalive_timeout_ms", 10_000),  # a dead peer shows within keepalive time + 10 s
)

CLIENT: Final[Options] = (
    *_BOTH,
    ("grpc.keepalive_time_ms", 20_000),  # by default a dead coordinator is never noticed
    ("grpc.http2.max_pings_without_data", 0),  # by default pings stop on a quiet stream
    ("grpc.initial_reconnect_backoff_ms", 500),  # back soon after a restart
    ("grpc.min_reconnect_backoff_ms", 5_000),  # time that one attempt has, handshake included
    ("grpc.max_reconnect_backoff_ms", 5_000),  # and never long after it
)

SERVER: Final[Options] = (
    *_BOTH,
    ("grpc.keepalive_time_ms", 30_000),  # by default a dead node is never noticed
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),  # default ejects honest pingers
    ("grpc.server_handshake_timeout_ms", 10_000),  # default holds silent sockets for 120 s
    ("grpc.settings_timeout", 10_000),  # milliseconds; same, after the TLS handshake
    ("grpc.max_concurrent_streams", 64),  # per connection; unbounded streams cost 100 MB
    ("grpc.max_connection_age_ms", 12 * 3600 * 1000),  # revoked and expired peers come back in
    ("grpc.max_connection_age_grace_ms", 60_000),  # running calls may end; streams reattach
    ("grpc.so_reuseport", 0),  # else two coordinators would share a port unnoticed
)

BULK: Final[Options] = (
    ("grpc.http2.lookahead_bytes", 8 << 20),  # what may be under way; 400 MB/s over 20 ms
    ("grpc.http2.max_frame_size", 1 << 20),  # by default 64 frames carry one chunk: 10 % slower
    ("grpc.http2.bdp_probe", 0),  # by default it grows until the reader's memory is full of it
)
"""Besides the above, where parcels and rounds pass; the one who receives sets the window."""


def server_credentials(credentials: TlsIdentity) -> grpc.ServerCredentials:
    """Return mutual TLS for a server: a client needs a certificate under the same root."""
    return grpc.ssl_server_credentials(
        [(credentials.tls_key_pem, credentials.tls_chain_pem)],
        root_certificates=_root_pem(credentials),
        require_client_auth=True,
    )


def open_channel(
    credentials: TlsIdentity,
    address: str,
    *,
    server: Member | None = None,
    more: Options = (),
) -> grpc.aio.Channel:
    """Open a channel for asyncio.

    Parameters
    ----------
    credentials : TlsIdentity
        Of an enrolled member, or of an invitation.
    address : str
        `host:port`; the server's certificate must carry the host, unless `server` is given.
    server : Member, optional
        The node that must answer there.
    more : Options
        `BULK` where much passes.
    """
    named = () if server is None else (("grpc.ssl_target_name_override", server.server_name),)
    return grpc.aio.secure_channel(
        address, _client_credentials(credentials), options=(*client_options(address), *more, *named)
    )


def open_blocking_channel(credentials: TlsIdentity, address: str) -> grpc.Channel:
    """Open a channel for ordinary code; parameters as `open_channel`."""
    return grpc.secure_channel(
        address, _client_credentials(credentials), options=client_options(address)
    )


def client_options(address: str) -> Options:
    """Return the options for a channel to `address`; a proxy is never asked for this machine."""
    return (*CLIENT, ("grpc.enable_http_proxy", 0 if _is_loopback(address) else 1))


def _client_credentials(credentials: TlsIdentity) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(
        root_certificates=_root_pem(credentials),
        private_key=credentials.tls_key_pem,
        certificate_chain=credentials.tls_chain_pem,
    )


def _root_pem(credentials: TlsIdentity) -> bytes:
    return credentials.root.public_bytes(Encoding.PEM)


def _is_loopback(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
