"""Where a daemon listens: an address that it cannot have is told apart from one that is taken."""

import errno
import socket
from pathlib import Path

import grpc.aio

from wardnet import settings
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import TlsIdentity
from wardnet.settings import Settings
from wardnet.transport.channel import server_credentials


def check_listen(effective: Settings, name: str, home: Path) -> None:
    """Refuse an address that this machine cannot listen at, and say why it cannot.

    Whether another process has the port is found out when it is taken.

    Parameters
    ----------
    effective : Settings
        Of the daemon.
    name : str
        Of the setting that holds the address, `host:port`.
    home : Path
        Where the settings were read.

    Raises
    ------
    WardnetError
        `WRONG_SETTING`.
    """
    host, _, port = getattr(effective, name).rpartition(":")
    host = host.strip("[]")
    try:
        family, *_ = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, int(port)))
    except (OSError, OverflowError, UnicodeError) as error:
        rule = _why_not(error)
        if rule:
            place = settings.where(effective, name, home)
            raise WardnetError(Reason.WRONG_SETTING, setting=name, path=place, rule=rule) from error


def bind(server: grpc.aio.Server, listen: str, credentials: TlsIdentity) -> str:
    """Take a port for a server and return the address with its number.

    Raises
    ------
    WardnetError
        `IN_USE` when the port is taken.
    """
    try:
        port = server.add_secure_port(listen, server_credentials(credentials))
    except RuntimeError as error:
        raise WardnetError(Reason.IN_USE, path=listen, rule="the port is taken") from error
    return f"{listen.rpartition(':')[0]}:{port}"


def _why_not(error: Exception) -> str:
    """Say why an address cannot be listened at; nothing where it can, once its port is free."""
    match error:
        case OverflowError():
            return "a port is a number from 0 to 65535"
        case socket.gaierror() | UnicodeError():
            return "the name of its host is not known here"
        case OSError(errno=errno.EADDRINUSE):
            return ""
        case OSError(errno=errno.EACCES):
            return "only root may listen at a port below 1024"
        case _:
            return "this machine does not have that address"
