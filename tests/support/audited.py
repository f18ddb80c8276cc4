"""A hospital that has granted auditor olga its log, with a coordinator between, for tests."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from support.coordinator import serving
from support.hospital import Hospital
from support.member import wait_until
from support.pki import TestNetwork
from support.post import post_office
from support.questions import count_query, key, signed, steward
from wardnet import canonical, clock
from wardnet.audit.grant import Grant
from wardnet.audit.scope import Scope
from wardnet.client.remote import RemoteNetwork
from wardnet.client.trust.audit import Audit
from wardnet.client.trust.pins import Pins
from wardnet.identity.credentials import Credentials
from wardnet.identity.member import Role
from wardnet.question.answer import Participant
from wardnet.transport.work import Total, WorkId, sums_from_wire
from wardnet_node.desk.decide import Decisions
from wardnet_node.desk.grants import Grants, question_key
from wardnet_node.vault.catalog import Catalog

T = TypeVar("T")

WHOLE = Scope(patients=True, answers=True)


def auditor(network: TestNetwork, name: str = "olga") -> Credentials:
    """Return an auditor's credentials."""
    return network.credentials(Role.AUDITOR, name)


def grant(
    network: TestNetwork,
    hospital: Hospital,
    scope: Scope = WHOLE,
    *,
    name: str = "olga",
    lasts: timedelta = timedelta(days=30),
) -> Grant:
    """Let the hospital's steward grant an auditor its log."""
    with hospital.catalog() as catalog:
        return grants(hospital, catalog).grant(
            name,
            key=key(auditor(network, name)),
            scope=scope,
            until=clock.now() + lasts,
            stewards=[steward(network, "a")],
        )


def revoke(network: TestNetwork, hospital: Hospital) -> None:
    """Let the steward take olga's grant back."""
    with hospital.catalog() as catalog:
        grants(hospital, catalog).revoke("olga", stewards=[steward(network, "a")])


def grants(hospital: Hospital, catalog: Catalog) -> Grants:
    """Open the hospital's grants over an open catalog."""
    return Grants(
        catalog,
        credentials=hospital.credentials,
        decisions=Decisions(catalog, credentials=hospital.credentials),
        questions=question_key(hospital.keystore),
    )


class Olga:
    """An auditor's calls from another thread, as her command makes them."""

    def __init__(self, network: TestNetwork, address: str, home: Path, name: str = "olga") -> None:
        self.pins = Pins(home)
        self._remote = RemoteNetwork(
            auditor(network, name), address, derive=lambda purpose: _derived(name, purpose)
        )
        self.audit = self._remote.audit(self.pins)

    async def do(self, job: Callable[[Audit], T]) -> T:
        """Do something at the network."""
        return await asyncio.to_thread(job, self.audit)

    def close(self) -> None:
        """Hang up."""
        self._remote.close()


@asynccontextmanager
async def audited(
    network: TestNetwork, hospital: Hospital, home: Path, *, name: str = "olga"
) -> AsyncIterator[Olga]:
    """Serve a coordinator and the hospital, and connect an auditor."""
    async with (
        serving(network, home / "coordinator") as address,
        hospital.serving(address) as node,
    ):
        assert await asyncio.to_thread(wait_until, lambda: node.link.attached, seconds=20)
        olga = Olga(network, address, home / name, name)
        try:
            yield olga
        finally:
            olga.close()


async def answered(network: TestNetwork, hospital: Hospital) -> str:
    """Let the hospital answer a query of ada's; return the query's digest."""
    envelope = signed(network, count_query(network))
    digest = canonical.digest(envelope.payload)
    async with post_office(network) as (post, address), hospital.serving(address):
        stream = await post.attached()
        await stream.ask(envelope, WorkId(digest, 1, 0))
        part = await stream.next("part")
        sums = {name: array * 2 for name, array in sums_from_wire(part.sums).items()}
        total = Total(0, sums, (Participant("a", part.snapshot), Participant("b", "1:bb")))
        await stream.ask(envelope, WorkId(digest, 1, 1), totals=[total])
        await stream.next("answer")
    return digest


def _derived(name: str, purpose: str) -> bytes:
    return hashlib.sha256(f"{name} {purpose}".encode()).digest()
