"""Hospitals that witness each other's logs, through a coordinator, for tests."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from support.coordinator import serving
from support.hospital import Hospital, Node
from support.member import wait_until
from support.pki import TestNetwork
from support.questions import key, steward
from wardnet.agreement.address_book import AddressBook
from wardnet.audit import cosigned, note
from wardnet.audit.checkpoint import Checkpoint
from wardnet.audit.cosigned import Coverage
from wardnet.audit.entry import EventType
from wardnet.audit.log import Connection
from wardnet.audit.recovery import Recovery
from wardnet.audit.witness import Fork, Submission, forks, witnessed
from wardnet.identity.credentials import Credentials
from wardnet.identity.member import Member, Role
from wardnet_node.desk.book import Key, with_key

SECONDS: Final = 20.0

QUICK: Final = {"checkpoint_seconds": 0.2, "proof_patience": 3.0}
"""Settings of a node that shows its log at once."""


def uri(name: str) -> str:
    """Return the URI of a hospital's node."""
    return Member("heartnet", Role.NODE, name).uri


def stewards(network: TestNetwork, name: str) -> list[Credentials]:
    """Return the two stewards of a hospital."""
    return [steward(network, name), network.credentials(Role.STEWARD, f"second-{name}")]


def hospital(
    network: TestNetwork, home: Path, name: str, *, known: Sequence[str] = "abc"
) -> Hospital:
    """Return a hospital with two stewards that has compared the keys of others' nodes."""
    made = Hospital(network, home, name=name)
    first, second = stewards(network, name)

    def book(before: AddressBook) -> AddressBook:
        after = with_key(before, name, Key("steward", second.member.id, key(second)))
        for other in known:
            if other != name:
                after = with_key(after, other, Key("node", other, key(network.node(other))))
        return after

    with made.decisions() as decisions:
        decisions.change_book(book, stewards=[first])
    return made


@asynccontextmanager
async def attached(
    address: str, *hospitals: Hospital, **changes: float
) -> AsyncIterator[tuple[Node, ...]]:
    """Run nodes in this process while the block runs."""
    async with AsyncExitStack() as stack:
        running = [
            await stack.enter_async_context(one.serving(address, **QUICK | changes))
            for one in hospitals
        ]
        for node in running:
            assert await asyncio.to_thread(wait_until, _is_attached(node), seconds=SECONDS)
        yield tuple(running)


@asynccontextmanager
async def coordinating(network: TestNetwork, home: Path) -> AsyncIterator[str]:
    """Serve a coordinator; yield its address."""
    async with serving(network, home) as address:
        yield address


async def until(true: Callable[[], bool]) -> None:
    """Wait for what must become true."""
    assert await asyncio.to_thread(wait_until, true, seconds=SECONDS)


def coverage(hospital: Hospital) -> Coverage:
    """Return how much of a hospital's log others vouch for."""
    with hospital.catalog() as catalog, catalog.reading() as connection:
        return cosigned.coverage(connection)


def is_covered(hospital: Hospital) -> bool:
    """Say whether all of it is."""
    found = coverage(hospital)
    return found.covered == found.size


def covers(hospital: Hospital, kind: EventType) -> bool:
    """Say whether others vouch for the last entry of a kind."""
    places = [entry.seq for entry in hospital.entries() if entry.type is kind]
    return bool(places) and coverage(hospital).covered >= places[-1]


@contextmanager
def forging(more: int) -> Iterator[None]:
    """Let hospital a's node sign another history, longer by so much than what is held."""
    honest = cosigned.compose

    def forged(
        connection: Connection,
        *,
        held: int | None,
        owner: str,
        key: Ed25519PrivateKey,
        at: datetime,
    ) -> tuple[Submission, Recovery | None]:
        if owner != uri("a") or not held:
            return honest(connection, held=held, owner=owner, key=key, at=at)
        other = Checkpoint(owner, held + more, bytes(32)).text
        return Submission(held, (), str(note.sign(other, name=owner, key=key))), None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cosigned, "compose", forged)
        yield


def held(witness: Hospital, origin: str) -> Checkpoint | None:
    """Return what a hospital has cosigned last of a log."""
    with witness.catalog() as catalog, catalog.reading() as connection:
        return witnessed(connection, origin)


def evidence(witness: Hospital) -> tuple[Fork, ...]:
    """Return the forks that a hospital has kept."""
    with witness.catalog() as catalog, catalog.reading() as connection:
        return forks(connection)


def back_up(hospital: Hospital) -> Path:
    """Copy a hospital's whole home, its anchor too, and return where."""
    backup = hospital.home.with_name(f"{hospital.home.name}-backup")
    shutil.copytree(hospital.home, backup)
    return backup


def put_back(hospital: Hospital, backup: Path) -> None:
    """Put yesterday's home in the place of today's."""
    shutil.rmtree(hospital.home)
    shutil.copytree(backup, hospital.home)


def _is_attached(node: Node) -> Callable[[], bool]:
    return lambda: node.link.attached
