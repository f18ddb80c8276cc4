"""A hospital on disk and its node in this process, for tests."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from support.pki import TestNetwork
from support.questions import DICTIONARY, book, signed_study, steward, study
from wardnet.audit import log
from wardnet.audit.entry import Entry
from wardnet.jobs import Jobs
from wardnet.question.rows import Rows
from wardnet_node.compute.pool import WorkerPool
from wardnet_node.desk.auditors import Auditors
from wardnet_node.desk.decide import Decisions
from wardnet_node.desk.desk import Desk
from wardnet_node.desk.shares.mail import Mail
from wardnet_node.intake.local_part import LocalPart
from wardnet_node.letters import Letters
from wardnet_node.link import Link
from wardnet_node.rounds import Rounds
from wardnet_node.settings import NodeSettings
from wardnet_node.share_letters import ShareLetters
from wardnet_node.vault.catalog import Catalog
from wardnet_node.vault.vault import Vault
from wardnet_node.witness import Witnesses

WOMEN, MEN = 30, 20


@dataclass(frozen=True, slots=True)
class Node:
    """Hold a node that runs in this process, and its task."""

    link: Link
    task: asyncio.Task[None]


class Hospital:
    """A node's home with one loaded dataset, `cardiology`, and an agreement to ada's study.

    Parameters
    ----------
    network : TestNetwork
        That it belongs to.
    home : Path
        A new folder.
    name : str
        The hospital's id.
    """

    def __init__(self, network: TestNetwork, home: Path, *, name: str = "a") -> None:
        self.home = home
        self.keystore = network.found(home, name)
        self.credentials = network.node(name)
        with self.vault() as vault:
            vault.adopt(DICTIONARY, LocalPart())
        self.load({"female": WOMEN, "male": MEN})
        self._agree(network, name)

    def _agree(self, network: TestNetwork, name: str) -> None:
        """Let the steward write the address book and agree to the study of `questions`."""
        stewards = [steward(network, name)]
        with self.decisions() as decisions:
            decisions.found_book(stewards[0])
            decisions.change_book(lambda _: book(network, name), stewards=stewards)
            decisions.receive(signed_study(network))
            decisions.accept(study(network).digest, stewards=stewards)

    def load(self, patients: Mapping[str, int], *, append: bool = False) -> None:
        """Load so many patients per sex, of ages 20, 21, ..."""
        lines = [f"{sex},{20 + age}" for sex, count in patients.items() for age in range(count)]
        table = self.home / "table.csv"
        table.write_text("\n".join(["sex,age", *lines, ""]))
        with self.vault() as vault:
            vault.load(DICTIONARY.name, table, append=append, accept_fewer_rows=True)
        table.unlink()

    @contextmanager
    def catalog(self) -> Iterator[Catalog]:
        """Open the catalog, as a command does."""
        catalog = Catalog.open(self.home, self.keystore)
        try:
            yield catalog
        finally:
            catalog.close()

    @contextmanager
    def vault(self) -> Iterator[Vault]:
        """Open the vault, as a command does."""
        with self.catalog() as catalog:
            yield Vault(self.home, self.keystore, catalog, member=self.credentials.member)

    @contextmanager
    def decisions(self) -> Iterator[Decisions]:
        """Open the stewards' decisions, as a command does."""
        with self.catalog() as catalog:
            yield Decisions(catalog, credentials=self.credentials)

    def entries(self) -> list[Entry]:
        """Return the access log, verified."""
        with self.catalog() as catalog, catalog.reading() as connection:
            log.verify(connection)
            return list(log.entries(connection))

    @contextmanager
    def desk(self) -> Iterator[Desk]:
        """Open the desk, as the daemon does."""
        desk = self._desk()
        try:
            yield desk
        finally:
            desk.stop()

    @asynccontextmanager
    async def serving(
        self, address: str, *, drain: float = 5.0, **changes: float
    ) -> AsyncIterator[Node]:
        """Run the node in this process while the block runs, and stop it in order."""
        values = {"workers": 1, "heartbeat": 0.2, "lease": 5.0, **changes}
        settings = NodeSettings.model_validate({"address": address, **values})
        desk = Jobs(self._desk, together=Desk.together)
        auditors = Jobs(lambda: Auditors.open(self.home, self.keystore, self.credentials))
        catalog = Jobs(lambda: Catalog.open(self.home, self.keystore), together=Catalog.together)
        mail = Jobs(lambda: Mail.open(self.home, self.keystore, self.credentials))
        witnesses = Witnesses(credentials=self.credentials, settings=settings, catalog=catalog)
        pool = WorkerPool(workers=settings.workers, memory=1 << 20)
        async with pool:
            link = Link(
                credentials=self.credentials,
                settings=settings,
                epoch=await desk.do(Desk.start),
                desk=desk,
                auditors=auditors,
                rounds=Rounds(
                    desk=desk,
                    pool=pool,
                    credentials=self.credentials,
                    log_key=self.keystore.derive("log"),
                ),
                witnesses=witnesses,
                letters=Letters(witnesses, ShareLetters(mail, again=0.5)),
            )
            running = asyncio.create_task(link.run())
            try:
                yield Node(link, running)
                await link.drain(drain)
            finally:
                running.cancel()
                with suppress(asyncio.CancelledError):
                    await running
                await desk.close(Desk.stop)
                await auditors.close(Auditors.close)
                await catalog.close(Catalog.close)
                await mail.close(Mail.close)

    def _desk(self) -> Desk:
        catalog = Catalog.open(self.home, self.keystore)
        vault = Vault(self.home, self.keystore, catalog, member=self.credentials.member)
        return Desk(catalog=catalog, vault=vault, credentials=self.credentials)


def rows(patients: Mapping[str, int]) -> Rows:
    """Return what `Hospital.load` loads, as rows."""
    column = DICTIONARY.column("sex")
    codes = np.repeat([column.code(sex) for sex in patients], list(patients.values()))
    ages = np.concatenate([20 + np.arange(count) for count in patients.values()])
    return Rows(codes.size, {"sex": codes.astype(np.int8), "age": ages.astype(np.int16)})
