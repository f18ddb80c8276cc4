"""What the access log costs: durable appends, roots and proofs, verification, search."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final, TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.figures import REPEATS, Figure, once
from wardnet.audit import bundle, checkpoint, log, tags, verifier
from wardnet.audit.entry import Actor, Event, EventType, Outcome
from wardnet.audit.log import Connection
from wardnet.audit.search import Search, search
from wardnet.jobs import Jobs
from wardnet_coordinator import state
from wardnet_node.vault.catalog import FILE_NAME, Catalog

Append: TypeAlias = Callable[[], Awaitable[None]]
Close: TypeAlias = Callable[[], Awaitable[None]]

ENTRIES: Final = 1_000_000
QUICK_ENTRIES: Final = 20_000
WRITERS: Final = 64
APPENDS: Final = 200
"""By each writer."""
PROOFS: Final = 1000
PER_PATIENT: Final = 20
"""Entries about one patient."""

ORIGIN: Final = "wardnet://benchmark/node/clinic-a"
BEGAN: Final = datetime(2026, 1, 1, tzinfo=UTC)
EVENT: Final = Event(
    type=EventType.QUERY_ANSWER,
    outcome=Outcome.RELEASED,
    node=ORIGIN,
    actor=Actor(subject="wardnet://benchmark/researcher/ada", role="researcher"),
    peer_address="192.0.2.1",
    request_id="0" * 32,
    request_digest="1" * 64,
    study="2" * 64,
    purpose="DUO:0000006",
    operation="glm 1",
    parameter_digest="3" * 64,
    dataset="cardiology",
    result_digest="4" * 64,
)
_KEY: Final = bytes(32)


def measure(folder: Path, *, quick: bool) -> Iterator[Figure]:
    """Measure group commit at both, and a long log in a node's encrypted catalog."""
    size, repeats = (QUICK_ENTRIES, 1) if quick else (ENTRIES, REPEATS)
    for place, begin in (("coordinator", _coordinator), ("node, encrypted", _node)):
        seconds = median(
            asyncio.run(_append_together(begin, folder / f"{place} {run}"))
            for run in range(repeats)
        )
        appends = WRITERS * APPENDS
        yield Figure(
            f"durable append, {place}",
            seconds / appends * 1e6,
            "us",
            100,
            f"{WRITERS} writers: {appends / seconds:,.0f} a second by group commit, each heard of "
            "after its fsync",
        )
    path, key = folder / FILE_NAME, Ed25519PrivateKey.generate()
    catalog = Catalog(path, _KEY)
    _fill(catalog, size)
    with catalog.transaction() as connection:
        checkpoint.make(connection, key=key, origin=ORIGIN, at=BEGAN)
    catalog.close()
    yield from _long_log(path, key, size=size, repeats=repeats)


def _long_log(path: Path, key: Ed25519PrivateKey, *, size: int, repeats: int) -> Iterator[Figure]:
    how = f"{size:,} entries in an encrypted catalog"
    yield Figure("root after reopening", _reopened(path, repeats) * 1e3, "ms", 5, f"{how}, opening")
    catalog, chance = Catalog(path, _KEY), random.Random(1)  # the same places every time
    with catalog.reading() as connection:
        times = [
            once(lambda: log.inclusion_proof(connection, chance.randint(1, size), size=size))
            for _ in range(PROOFS)
        ]
        yield Figure("inclusion proof", median(times) * 1e3, "ms", 1, f"{how}, random places")
        wanted = [Search(tag=_tag(chance.randrange(size // PER_PATIENT))) for _ in range(50)]
        times = [once(partial(search, connection, item, limit=50)) for item in wanted]
        found = f"{how}, {PER_PATIENT} about the patient"
        yield Figure("search by patient", median(times) * 1e3, "ms", 100, found)
        file = path.with_suffix(".jsonl")
        with file.open("wb") as stream:
            bundle.write(bundle.gather(connection, None, keys={ORIGIN: key.public_key()}), stream)
    seconds = median(once(lambda: _verify(file)) for _ in range(min(repeats, 3)))
    megabytes = file.stat().st_size / 1e6
    yield Figure(
        "offline verification",
        seconds,
        "s",
        6,
        f"a complete bundle of {size:,}, {megabytes:.0f} MB",
    )
    times = [once(lambda: _release(catalog)) for _ in range(100)]
    yield Figure(
        "log in a round", median(times) * 1e3, "ms", 3, f"{how}: one entry, root, commit, fsync"
    )
    catalog.close()


def _coordinator(home: Path) -> tuple[Append, Close]:
    home.mkdir()
    state.create(home)
    database = state.Database(home)
    return (lambda: database.write(_append)), database.close


def _node(home: Path) -> tuple[Append, Close]:
    catalog = Jobs(lambda: Catalog(home / FILE_NAME, _KEY), together=Catalog.together)

    def append(opened: Catalog) -> None:
        with opened.transaction() as connection:
            _append(connection)

    return (lambda: catalog.do(append)), (lambda: catalog.close(Catalog.close))


def _append(connection: Connection) -> None:
    log.append(connection, EVENT, at=BEGAN)


async def _append_together(begin: Callable[[Path], tuple[Append, Close]], home: Path) -> float:
    """Return how long all writers took together."""
    append, close = begin(home)
    await append()  # opens it

    async def write() -> None:
        for _ in range(APPENDS):
            await append()

    loop = asyncio.get_running_loop()
    began = loop.time()
    await asyncio.gather(*(write() for _ in range(WRITERS)))
    seconds = loop.time() - began
    await close()
    return seconds


def _fill(catalog: Catalog, size: int) -> None:
    for start in range(0, size, 1000):
        with catalog.transaction() as connection:
            for number in range(start, start + 1000):
                event = replace(EVENT, patient_tags=(_tag(number % (size // PER_PATIENT)),))
                log.append(connection, event, at=BEGAN + timedelta(seconds=number))


def _tag(patient: int) -> str:
    return tags.tag(_KEY, str(patient))


def _reopened(path: Path, repeats: int) -> float:
    def reopen() -> None:
        catalog = Catalog(path, _KEY)
        with catalog.reading() as connection:
            log.head(connection)
        catalog.close()

    return median(once(reopen) for _ in range(repeats))


def _release(catalog: Catalog) -> None:
    with catalog.transaction() as connection:
        log.append(connection, EVENT, at=BEGAN)
        log.head(connection)


def _verify(file: Path) -> None:
    with file.open("rb") as stream:
        verifier.verify(bundle.read(stream), logs={}, witnesses={})
