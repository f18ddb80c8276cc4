"""What the way costs: a sealed parcel directly and by the relay, and the memory of each process."""

import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.figures import REPEATS, Figure
from support.transfers import GRANT, Program, Transfers, peak, store

DIRECT: Final = 300
RELAYED: Final = 250
"""MB/s at least, from the owner's sealed file to the recipient's, durable and compared."""

MEMORY: Final = 150
"""MB that a process may take, interpreter and libraries included."""

TRANSFERS: Final = 3
"""Runs; each moves gigabytes."""


def measure(folder: Path, *, size: int, repeats: int = REPEATS) -> Iterator[Figure]:
    """Measure both ways, each between processes of their own over mutual TLS."""
    home = folder / "transfers"
    home.mkdir()
    transfers = Transfers(home)
    repeats = min(repeats, TRANSFERS)
    try:
        parcel = store(transfers.spool("a"), size)
        ways = {
            "direct": ([_direct(transfers, parcel, size) for _ in range(repeats)], DIRECT),
            "relayed": ([_relayed(transfers, parcel, size) for _ in range(repeats)], RELAYED),
        }
    finally:
        transfers.close()
    for way, (runs, rate) in ways.items():
        taken = median(seconds for seconds, _ in runs)
        how = f"{size >> 20:,} MiB, {size / taken / 1e6:,.0f} MB/s, durable, digest compared"
        yield Figure(f"parcel, {way}", taken, "s", round(size / rate / 1e6, 3), how)
        peaks = {name: max(memory[name] for _, memory in runs) for name in runs[0][1]}
        how = ", ".join(f"{name} {peak:.0f}" for name, peak in peaks.items())
        yield Figure(f"memory of a parcel, {way}", max(peaks.values()), "MB", MEMORY, how)


Run = tuple[float, dict[str, float]]
"""Seconds, and the peak memory of each process in MB."""


def _direct(transfers: Transfers, parcel: str, size: int) -> Run:
    listener = transfers.start("listen", "a")
    way = {"parcel": parcel, "size": size, "address": listener.until("address")["address"]}
    fetching = transfers.start("fetch", "b", place="direct", **way)
    began, ended = _first(fetching), _last(fetching)
    seconds = time.perf_counter() - began
    sender = peak(_child(listener.process.pid))
    listener.kill()
    transfers.spool("b").discard(parcel)
    return seconds, {"sender": sender / 1e6, "recipient": ended["rss"] / 1e6}


def _relayed(transfers: Transfers, parcel: str, size: int) -> Run:
    relay = transfers.relay(relay_quota=size >> 18)
    grant = secrets.token_hex(len(GRANT) // 2)
    way: dict[str, Any] = {"parcel": parcel, "size": size, "address": transfers.relay_address}
    fetching = transfers.start("fetch", "b", place="relay", grant=grant, wait=True, **way)
    depositing = transfers.start("deposit", "a", changes={"grant": grant}, wait=True, **way)
    depositing.go()
    began = _first(depositing)
    fetching.go()
    ended = _last(fetching)
    seconds = time.perf_counter() - began
    memory = {
        "sender": _last(depositing)["rss"] / 1e6,
        "relay": peak(relay.process.pid) / 1e6,
        "recipient": ended["rss"] / 1e6,
    }
    relay.kill()
    transfers.spool("b").discard(parcel)
    return seconds, memory


def _first(program: Program) -> float:
    """Return when the first bytes were there: starting an interpreter is no transfer."""
    program.until("at")
    return time.perf_counter()


def _last(program: Program) -> dict[str, Any]:
    ended: dict[str, Any] = program.end()
    if "done" not in ended:
        message = f"it failed: {ended}"
        raise RuntimeError(message)
    return ended


def _child(process: int) -> int:
    tasks = Path(f"/proc/{process}/task").iterdir()
    (child,) = (name for task in tasks for name in (task / "children").read_text().split())
    return int(child)
