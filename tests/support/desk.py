"""The stewards' page over a real node home, and stewards who can sign in to it."""

import asyncio
import re
import ssl
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Final

import httpx

from support.pki import PASSPHRASE, TestNetwork
from support.questions import key
from wardnet import clock
from wardnet.agreement import study as studies
from wardnet.agreement.address_book import AddressBook, Organisation, Steward
from wardnet.agreement.purpose import VOCABULARY, Modifier, Permission, Purpose
from wardnet.agreement.study import Data, Method, Output, Project, Researcher, Setting, Study
from wardnet.audit import log
from wardnet.audit.entry import Actor, Event, EventType, Outcome
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import sign
from wardnet.identity.member import Role
from wardnet.question.dictionary import Column, ColumnType, Dictionary
from wardnet_node.desk import door
from wardnet_node.desk import stewards as enrolled
from wardnet_node.desk.decide import Decisions
from wardnet_node.desk.web.certificate import FILE_NAME
from wardnet_node.desk.web.room import Room
from wardnet_node.desk.web.serve import serving_desk
from wardnet_node.health import LinkState
from wardnet_node.intake.local_part import LocalPart
from wardnet_node.settings import NodeSettings
from wardnet_node.vault.catalog import Catalog
from wardnet_node.vault.vault import Vault

SECRET: Final = bytes(range(20))
"""What the test stewards' authenticators hold."""

CARDIOLOGY: Final = Dictionary(
    name="cardiology",
    version=1,
    label="Patients examined for chest pain since 2015",
    columns=(
        Column(name="age", type=ColumnType.INTEGER, label="Age", minimum="0", maximum="120"),
        Column(
            name="admitted",
            type=ColumnType.DATE,
            label="Day of admission",
            minimum="2015-01-01",
            maximum="2030-12-31",
            resolution="1",
        ),
        Column(
            name="chol",
            type=ColumnType.INTEGER,
            label="Serum cholesterol",
            unit="mg/dL",
            minimum="50",
            maximum="700",
        ),
        Column(
            name="sex",
            type=ColumnType.CATEGORY,
            label="Sex at birth",
            levels=("female", "male"),
        ),
        Column(name="smoker", type=ColumnType.BOOLEAN, label="Smokes now"),
    ),
)

SUMMARY: Final = (
    "Women with chest pain are examined later than men, and with other results. We compare age, "
    "cholesterol and smoking of women and men at four hospitals, to see whether guidelines that "
    "were made for men fit women too.\n"
    "The results will be published in an open journal; no hospital is named without its consent."
)


LINK: Final = LinkState(
    attached=True,
    address="coordinator.example.org:7443",
    clock_difference=timedelta(milliseconds=240),
)


class DeskHome:
    """A node's home with a loaded dataset, a study that waits, and two stewards.

    Parameters
    ----------
    network : TestNetwork
        That it belongs to.
    home : Path
        A new folder.
    name : str
        Of the hospital.
    stewards : tuple of str
        Two names; the first founds the address book.
    """

    def __init__(
        self,
        network: TestNetwork,
        home: Path,
        *,
        name: str = "northside",
        stewards: tuple[str, str] = ("anna", "ben"),
    ) -> None:
        self.network = network
        self.home = home
        self.name = name
        self.people = stewards
        self.keystore = network.found(home, self.name)
        self.credentials = network.node(self.name)
        self.study = self._study()
        for steward in stewards:
            self._enrol(steward)
        self.load(CARDIOLOGY, _visits())
        with self.decisions() as decisions:
            decisions.found_book(self.steward(stewards[0]))
            decisions.change_book(lambda _: self._book(), stewards=[self.steward(stewards[0])])
            self.propose(decisions, self.study)

    def steward(self, name: str) -> Credentials:
        """Return a steward's credentials."""
        return self.network.credentials(Role.STEWARD, name)

    @contextmanager
    def catalog(self) -> Iterator[Catalog]:
        """Open the catalog, as a command does."""
        catalog = Catalog.open(self.home, self.keystore)
        try:
            yield catalog
        finally:
            catalog.close()

    @contextmanager
    def decisions(self) -> Iterator[Decisions]:
        """Open the stewards' decisions, as a command does."""
        with self.catalog() as catalog:
            yield Decisions(catalog, credentials=self.credentials)

    @contextmanager
    def room(self) -> Iterator[Room]:
        """Open what lies behind the page, in this thread."""
        room = self._room()
        try:
            yield room
        finally:
            room.close()

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serve the page by TLS, as the daemon does, and give its address."""
        settings = NodeSettings(address=LINK.address, desk_listen="127.0.0.1:0")
        address: Future[str] = Future()
        ended = threading.Event()

        async def serve() -> str:
            async with serving_desk(
                self.home,
                keystore=self.keystore,
                settings=settings,
                credentials=self.credentials,
                link=lambda: LINK,
            ) as served:
                address.set_result(served)
                await asyncio.to_thread(ended.wait)
            return ""

        with ThreadPoolExecutor(1) as thread:
            serving = thread.submit(asyncio.run, serve())
            try:
                wait([address, serving], return_when=FIRST_COMPLETED)
                yield address.result(0) if address.done() else serving.result()
            finally:
                ended.set()
                serving.result()

    @contextmanager
    def browsing(self) -> Iterator["Browser"]:
        """Serve the page and open a browser that is not signed in."""
        with self.serving() as address:
            trust = ssl.create_default_context(cafile=self.home / FILE_NAME)
            with httpx.Client(base_url=address, verify=trust) as client:
                yield Browser(client)

    def load(self, dictionary: Dictionary, rows: Iterable[str]) -> None:
        """Load a table of lines in the order of a dictionary's columns."""
        table = self.home / f"{dictionary.name}.csv"
        header = ",".join(column.name for column in dictionary.columns)
        table.write_text("\n".join([header, *rows, ""]))
        with self.catalog() as catalog:
            vault = Vault(self.home, self.keystore, catalog, member=self.credentials.member)
            vault.adopt(dictionary, LocalPart())
            vault.load(dictionary.name, table)
        table.unlink()

    def propose(self, decisions: Decisions, study: Study) -> None:
        """Let ada's study come in."""
        ada = self.network.researcher().signer
        decisions.receive(sign(studies.PAYLOAD_TYPE, studies.to_bytes(study), ada))

    def another_study(self, title: str) -> Study:
        """Return the same study under another title."""
        return replace(self.study, project=replace(self.study.project, title=title))

    def _room(self) -> Room:
        return Room(self.home, self.keystore, self.credentials, link=lambda: LINK)

    def _enrol(self, name: str) -> None:
        home = self.home / enrolled.FOLDER / name
        self.network.settle(home, Role.STEWARD, name).seal("totp", SECRET)

    def _study(self) -> Study:
        names = ("count", "crosstab", "histogram", "quantiles", "summary")
        return Study(
            version=1,
            network=self.network.name,
            project=Project(
                title="Do women with chest pain differ from men?",
                summary=SUMMARY,
                purpose=Purpose(VOCABULARY, Permission.HMB, (), (Modifier.PUB, Modifier.IRB)),
                ethics="EK 2026/117, Medical University",
            ),
            people=(Researcher("ada", "university", key(self.network.researcher())),),
            data=Data(
                CARDIOLOGY.name,
                dictionary=CARDIOLOGY.digest,
                columns=("admitted", "age", "chol", "sex", "smoker"),
            ),
            setting=Setting(
                "clear",
                hospitals=("eastgate", "northside", "southport", "westfield"),
                minimum_hospitals=2,
            ),
            output=Output(tuple(Method(name, 1) for name in names), 10, 300),
            not_after=clock.to_moment(self.network.at + timedelta(days=365)),
        )

    def _book(self) -> AddressBook:
        own = Organisation(
            self.name,
            name=f"{self.name.capitalize()} Hospital",
            stewards=tuple(Steward(name, (key(self.steward(name)),)) for name in self.people),
            nodes=(key(self.credentials),),
            researchers=(),
        )
        university = Organisation(
            "university",
            name="Medical University",
            stewards=(),
            nodes=(),
            researchers=(key(self.network.researcher()),),
        )
        return AddressBook(1, self.network.name, (own, university))


def _visits() -> Iterator[str]:
    for row in range(840):
        yield (
            f"{20 + row % 70},{2016 + row % 8}-03-{1 + row % 28:02},"
            f"{150 + row % 200 if row % 9 else ''},"
            f"{('female', 'male')[row % 2]},{('true', 'false')[row % 3 > 0]}"
        )


def code(*, later: int = 0) -> str:
    """Return the code that an authenticator shows now, or some seconds later."""
    return door.code_at(SECRET, at=clock.now() + timedelta(seconds=later))


def fill_log(home: DeskHome, entries: int) -> None:
    """Write many entries of many kinds into the access log."""
    kinds = (EventType.QUERY_ACCEPTED, EventType.QUERY_PART, EventType.QUERY_ANSWER)
    with home.catalog() as catalog, catalog.transaction() as connection:
        for number in range(entries):
            event = Event(
                type=kinds[number % 3],
                outcome=Outcome.RELEASED,
                node=home.credentials.member.uri,
                actor=Actor(subject=f"wardnet://heartnet/researcher/r{number % 40}"),
                dataset=("cardiology", "oncology")[number % 2],
                study=home.study.digest,
            )
            log.append(connection, event, at=clock.now())


class Browser:
    """Send requests as a browser does, with the forms' hidden fields.

    Parameters
    ----------
    client : Client
        Keeps cookies.
    """

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self.token = ""

    def get(self, path: str) -> httpx.Response:
        """Open a page."""
        return self.client.get(path)

    def send(self, path: str, form: Mapping[str, object] | None = None) -> httpx.Response:
        """Send a form from the page that was opened last, with its token."""
        return self.client.post(path, data={"token": self.token, **(form or {})})

    def open(self, path: str) -> str:
        """Open a page that must be there, and return its text."""
        response = self.get(path)
        assert response.status_code == 200, response.text
        self.token = hidden(response.text)
        return response.text

    def sign_in(
        self, steward: str = "anna", *, password: str = PASSPHRASE, digits: str = ""
    ) -> httpx.Response:
        """Sign in by password and the present code, or another one."""
        self.open("/login")
        form = {"steward": steward, "password": password, "code": digits or code()}
        return self.send("/login", form)

    def follow(self, response: httpx.Response) -> str:
        """Open the page that a form leads to."""
        assert response.status_code == 303, response.text
        return self.open(response.headers["location"])


def hidden(page: str) -> str:
    """Return the token in a page's forms."""
    found = re.search(r'name="token" value="([^"]+)"', page)
    return unescape(found[1]) if found else ""
