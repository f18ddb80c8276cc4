"""Lines of JSON between the daemon and the light processes that carry parcels for it.

They are programs of their own: not forks (a fork after gRPC has started hangs), without the vault's
libraries and keys, so that a transfer costs neither the daemon's memory nor its time.
"""

import asyncio
import json
import os
import resource
import signal
import socket
import subprocess
import sys
from asyncio import StreamReader, StreamWriter
from collections.abc import Callable, Coroutine
from typing import Final

import uvloop
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import JsonValue

from wardnet import logs
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import TlsIdentity
from wardnet.identity.member import Member
from wardnet.memory import keep_freed_memory

Line = dict[str, JsonValue]

_SECONDS_TO_LEAVE: Final = 5.0


def write(line: Line) -> bytes:
    """Return a line as it is sent."""
    return json.dumps(line).encode() + b"\n"


def read(data: bytes) -> Line | None:
    """Return a line that was received, or None when it was cut: the other side is gone."""
    line: Line | None = json.loads(data) if data.endswith(b"\n") else None
    return line


def error_to_line(error: WardnetError) -> Line:
    """Write an error."""
    return {"reason": error.reason.value, "details": dict(error.details)}


def error_from_line(line: Line) -> WardnetError:
    """Read an error."""
    details = line["details"]
    told = details if isinstance(details, dict) else {}
    return WardnetError(
        Reason(str(line["reason"])), **{name: str(text) for name, text in told.items()}
    )


def identity_to_line(credentials: TlsIdentity) -> Line:
    """Write what one end of a connection needs; it goes over an inherited socket only."""
    return {
        "member": credentials.member.uri,
        "root": credentials.root.public_bytes(Encoding.PEM).decode(),
        "key": credentials.tls_key_pem.decode(),
        "chain": credentials.tls_chain_pem.decode(),
    }


def identity_from_line(line: Line) -> TlsIdentity:
    """Read what one end of a connection needs."""
    return TlsIdentity(
        member=Member.from_uri(str(line["member"])),
        root=x509.load_pem_x509_certificate(str(line["root"]).encode()),
        tls_key_pem=str(line["key"]).encode(),
        tls_chain_pem=str(line["chain"]).encode(),
    )


def start(module: str, theirs: socket.socket) -> subprocess.Popen[bytes]:
    """Start a program that speaks over one end of a pair of sockets, and close that end here."""
    program = f"from {module} import main; main()"
    with theirs:
        return subprocess.Popen(  # noqa: S603 - our own program, fixed arguments
            [sys.executable, "-P", "-c", program, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            env=os.environ,
        )


def wait(process: subprocess.Popen[bytes]) -> None:
    """Wait until a program whose socket was closed has gone."""
    try:
        process.wait(_SECONDS_TO_LEAVE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def run(program: Callable[[StreamReader, StreamWriter, Line], Coroutine[None, None, None]]) -> None:
    """Be one of those programs.

    Parameters
    ----------
    program : Callable
        Is given both ends of the socket and the first line that came: its orders.
    """

    async def begin(inherited: socket.socket) -> None:
        reader, writer = await asyncio.open_connection(sock=inherited)
        await program(reader, writer, read(await reader.readline()) or {})

    inherited = settle()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(begin(inherited))


def settle() -> socket.socket:
    """Make this process one of those programs; return its socket.

    Whoever started it alone decides when it ends, and no crash writes a key to a core file.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logs.configure("wardnet-node")
    keep_freed_memory(alone=True)
    return socket.socket(fileno=int(sys.argv[1]))
