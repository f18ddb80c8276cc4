"""Syslog messages reach a receiver over UDP, TCP and TLS; a wrong receiver gets none."""

import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from support.log_entries import entry
from support.pki import TestNetwork
from wardnet.audit.export.syslog import message
from wardnet.audit.export.syslog_sender import Carrier, Receiver, send
from wardnet.errors import Reason, WardnetError

LOG = [entry(seq, dataset="ein\nzwei ✓", study="\N{SNOWMAN}" * 9) for seq in range(1, 30)]
MESSAGES = [message(told) for told in LOG]


def unframed(data: bytes) -> list[bytes]:
    """Take octet-counted messages apart (RFC 6587, 3.4.1)."""
    found = []
    while data:
        length, _, rest = data.partition(b" ")
        found.append(rest[: int(length)])
        data = rest[int(length) :]
    return found


@contextmanager
def stream_receiver(
    secure: Callable[[socket.socket], socket.socket] = lambda plain: plain,
) -> Iterator[tuple[int, Future[bytes]]]:
    """Listen for one sender; yield the port and what will have been received."""

    def receive() -> bytes:
        plain, _ = listening.accept()
        with secure(plain) as connection:
            return b"".join(iter(lambda: connection.recv(4096), b""))

    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as pool:
        listening.settimeout(10)
        yield listening.getsockname()[1], pool.submit(receive)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an authority and a receiver that it vouches for."""
    folder = tmp_path_factory.mktemp("receiver")
    network = TestNetwork()
    receiver = network.coordinator()
    (folder / "key.pem").write_bytes(receiver.tls_key_pem)
    (folder / "chain.pem").write_bytes(receiver.tls_chain_pem)
    (folder / "root.pem").write_bytes(network.root.certificate.public_bytes(Encoding.PEM))
    (folder / "other.pem").write_bytes(TestNetwork().root.certificate.public_bytes(Encoding.PEM))
    return folder


def tls(folder: Path) -> Callable[[socket.socket], socket.socket]:
    """Return how a receiver makes a connection secure."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "chain.pem", folder / "key.pem")

    def secure(plain: socket.socket) -> socket.socket:
        return context.wrap_socket(plain, server_side=True)

    return secure


def test_udp_carries_one_message_in_each_datagram() -> None:
    """Every datagram is a whole message."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(10)
        port = listening.getsockname()[1]
        count = send(LOG, Receiver(host="127.0.0.1", port=port, carrier=Carrier.UDP))
        assert [listening.recv(65_536) for _ in range(count)] == MESSAGES


def test_tcp_carries_messages_by_their_length() -> None:
    """What is framed by its octets comes apart again as it was."""
    with stream_receiver() as (port, received):
        send(LOG, Receiver(host="127.0.0.1", port=port, carrier=Carrier.TCP))
        assert unframed(received.result(10)) == MESSAGES


def test_tls_carries_messages_to_whom_the_authority_vouches_for(authority: Path) -> None:
    """A receiver that the named authority knows gets every message."""
    with stream_receiver(tls(authority)) as (port, received):
        receiver = Receiver(
            host="127.0.0.1", port=port, carrier=Carrier.TLS, authority=authority / "root.pem"
        )
        assert send(LOG, receiver) == len(LOG)
        assert unframed(received.result(10)) == MESSAGES


def test_tls_sends_nothing_to_a_stranger(authority: Path) -> None:
    """A receiver that another authority vouches for is refused before the first message."""
    with stream_receiver(tls(authority)) as (port, received):
        receiver = Receiver(
            host="127.0.0.1", port=port, carrier=Carrier.TLS, authority=authority / "other.pem"
        )
        with pytest.raises(WardnetError) as refused:
            send(LOG, receiver)
        assert refused.value.reason is Reason.SYSLOG_AWAY
        with pytest.raises(ssl.SSLError):
            received.result(10)


@pytest.mark.parametrize("carrier", [Carrier.TCP, Carrier.TLS])
def test_a_receiver_that_is_away_is_named(carrier: Carrier) -> None:
    """The refusal says which receiver it was."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(WardnetError, match=f"{carrier}://127.0.0.1:{port}"):
        send(LOG, Receiver(host="127.0.0.1", port=port, carrier=carrier))


@pytest.mark.parametrize("host", ["no-such-host.invalid", "x" * 64 + ".example", ""])
def test_a_receiver_that_cannot_be_is_refused(host: str) -> None:
    """A name that leads nowhere, or is none, is a refusal and no crash."""
    receiver = Receiver(host=host, port=1, carrier=Carrier.TCP)
    with pytest.raises(WardnetError) as refused:
        send(LOG, receiver)
    assert refused.value.reason is Reason.SYSLOG_AWAY
