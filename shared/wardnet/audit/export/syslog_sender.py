"""Send syslog messages to a receiver: UDP (RFC 5426), TCP (RFC 6587), TLS (RFC 5425)."""

import contextlib
import socket
import ssl
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from wardnet.audit.entry import Entry
from wardnet.audit.export import syslog
from wardnet.errors import Reason, WardnetError

PATIENCE_SECONDS: Final = 10.0


class Carrier(StrEnum):
    """Name how messages travel."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Name where messages go.

    Parameters
    ----------
    host : str
        Name or address.
    port : int
        1 to 65535; 514 for UDP and 6514 for TLS by custom.
    carrier : Carrier
        UDP and TCP are for the own machine or a protected network: anybody on the way can read
        them, and UDP loses messages without a word.
    authority : Path or None
        PEM file of the authority that vouches for a TLS receiver; None for the system's.
    """

    host: str
    port: int
    carrier: Carrier
    authority: Path | None = None


def send(entries: Iterable[Entry], receiver: Receiver) -> int:
    """Send entries in their order and return how many were handed over.

    TCP and TLS frame each message by its length in octets, so a message may hold anything. Syslog
    has no acknowledgement: what was handed over may still be lost at the receiver.

    Raises
    ------
    WardnetError
        `SYSLOG_AWAY` when the receiver cannot be reached, goes away, or is not who it should be.
    """
    sent = 0
    try:
        with _connected(receiver) as connection:
            for entry in entries:
                data = syslog.message(entry)
                framed = data if receiver.carrier is Carrier.UDP else b"%d " % len(data) + data
                connection.sendall(framed)
                sent += 1
            _finish(connection)
    except (OSError, UnicodeError) as error:  # no name of a host may be that long
        rule = getattr(error, "strerror", None) or type(error).__name__
        address = f"{receiver.carrier}://{receiver.host}:{receiver.port}"
        raise WardnetError(Reason.SYSLOG_AWAY, address=address, rule=rule) from error
    return sent


@contextlib.contextmanager
def _connected(receiver: Receiver) -> Iterator[socket.socket]:
    address = (receiver.host, receiver.port)
    if receiver.carrier is Carrier.UDP:
        family, kind, protocol, _, found = socket.getaddrinfo(*address, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, protocol) as plain:
            plain.connect(found)
            yield plain
        return
    with socket.create_connection(address, timeout=PATIENCE_SECONDS) as plain:
        if receiver.carrier is Carrier.TCP:
            yield plain
            return
        context = ssl.create_default_context(cafile=receiver.authority)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        with context.wrap_socket(plain, server_hostname=receiver.host) as secure:
            yield secure


def _finish(connection: socket.socket) -> None:
    """End a TLS session in words, so that the receiver can tell an end from a cut."""
    if isinstance(connection, ssl.SSLSocket):
        with contextlib.suppress(OSError):  # all was handed over; a receiver may just hang up
            connection.unwrap()
