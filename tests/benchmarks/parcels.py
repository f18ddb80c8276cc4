"""What sealing costs: a parcel against the same bytes in a plain file, and against the cipher."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from threading import Thread
from typing import Final

from benchmarks import transfers
from benchmarks.figures import REPEATS, Figure, once
from support.parcels import Exchange
from wardnet.sealing.header import ROWS, ROWS_MEDIA_TYPE
from wardnet.sealing.parcel import Parcel
from wardnet.sealing.write import SealedParcel

SIZE: Final = 2 << 30
QUICK_SIZE: Final = 64 << 20
BLOCK: Final = 1 << 20
MEMORY: Final = 150
"""MB that a process may take, interpreter and libraries included."""

FIRST_PASS: Final = 900
SECOND_PASS: Final = 1800
"""MB/s at least: together they leave more than half of the time of 300 MB/s end to end."""


def measure(folder: Path, *, quick: bool) -> Iterator[Figure]:
    """Measure sealing, both passes of opening, and the memory of all three."""
    size, repeats = (QUICK_SIZE, 1) if quick else (SIZE, REPEATS)
    sealed: list[float] = []
    plain: list[float] = []
    first: list[float] = []
    second: list[float] = []
    for _ in range(repeats):  # taking turns, so that all meet the same disk
        plain.append(once(lambda: _write_plain(folder / "plain", size)))
        (folder / "plain").unlink()
        parcels: list[SealedParcel] = []
        two = Exchange()
        sealed.append(once(lambda: parcels.append(seal(two, folder, size))))  # noqa: B023
        parcel = two.open(parcels[0])
        first.append(once(parcel.verify))
        second.append(once(lambda: read_through(parcel)))  # noqa: B023
        parcels[0].header_path.unlink()
        parcels[0].body_path.unlink()
    amount = f"{size >> 20:,} MiB"
    ratio = median(sealed) / median(plain)
    rates = f"{_rate(size, sealed)} against {_rate(size, plain)}"
    yield Figure("sealed write", ratio, "x", 1.25, f"{amount}, durable, against a file; {rates}")
    yield Figure(
        "opening, first pass",
        median(first),
        "s",
        round(size / FIRST_PASS / 1e6, 3),
        f"{amount}, every frame and the digest, {_rate(size, first)}; {_openssl()}",
    )
    yield Figure(
        "opening, second pass",
        median(second),
        "s",
        round(size / SECOND_PASS / 1e6, 3),
        f"{amount} read through, {_rate(size, second)}; {_socket_copy(size)}",
    )
    how = f"peak of a process that seals and opens {amount}, interpreter included"
    yield Figure("memory of a parcel", _memory(folder, size), "MB", MEMORY, how)
    yield from transfers.measure(folder, size=size, repeats=repeats)


def seal(two: Exchange, folder: Path, size: int) -> SealedParcel:
    """Return a parcel of noise."""
    block = os.urandom(BLOCK)
    with two.writer(folder) as parcel:
        with parcel.part(ROWS, ROWS_MEDIA_TYPE) as sink:
            for _ in range(size // BLOCK):
                sink.write(block)
        return parcel.seal()


def read_through(parcel: Parcel) -> None:
    """Read all rows and keep none."""
    buffer = bytearray(BLOCK)
    with parcel.part(ROWS) as file:
        while file.readinto(buffer):
            pass


def _write_plain(path: Path, size: int) -> None:
    block = os.urandom(BLOCK)
    with path.open("wb") as file:
        for _ in range(size // BLOCK):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())


def _rate(size: int, seconds: list[float]) -> str:
    return f"{size / median(seconds) / 1e6:,.0f} MB/s"


def _openssl() -> str:
    """Return what the cipher alone does on one core of this machine."""
    program = shutil.which("openssl")
    if program is None:
        return "no openssl here to compare with"
    command = [program, "speed", "-elapsed", "-seconds", "1", "-bytes", str(BLOCK)]
    done = subprocess.run(
        [*command, "-evp", "aes-256-gcm"], capture_output=True, text=True, check=True
    )
    thousands = float(done.stdout.split()[-1].removesuffix("k"))
    return f"`openssl speed -evp aes-256-gcm` {thousands / 1e3:,.0f} MB/s"


def _socket_copy(size: int) -> str:
    """Return what a plain connection on loopback does, with nothing sealed or kept."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        sender = Thread(target=_send, args=(server.getsockname(), size))
        seconds = once(lambda: _receive(server, sender))
    return f"a plain socket copies {_rate(size, [seconds])}"


def _send(address: tuple[str, int], size: int) -> None:
    block = bytes(BLOCK)
    with socket.create_connection(address) as connection:
        for _ in range(size // BLOCK):
            connection.sendall(block)


def _receive(server: socket.socket, sender: Thread) -> None:
    buffer = bytearray(BLOCK)
    sender.start()
    connection, _ = server.accept()
    with connection:
        while connection.recv_into(buffer):
            pass
    sender.join()


_CHILD: Final = """
import re, sys
from pathlib import Path
from benchmarks.parcels import read_through, seal
from support.parcels import Exchange
two = Exchange()
parcel = two.open(seal(two, Path(sys.argv[1]), int(sys.argv[2])))
parcel.verify()
read_through(parcel)
print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
"""


def _memory(folder: Path, size: int) -> float:
    """Return the peak memory of a process of its own, in MB (Linux)."""
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(folder), str(size)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout) / 1024
