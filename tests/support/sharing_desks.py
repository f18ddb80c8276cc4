"""Two hospitals with stewards' pages, letters between them, and a table worth asking for."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from unittest.mock import patch

from support.desk import LINK, DeskHome
from support.pki import TestNetwork
from support.questions import key
from wardnet.agreement.address_book import AddressBook
from wardnet.question.dictionary import Column, ColumnType, Dictionary
from wardnet_node import published
from wardnet_node.desk.book import Key, with_key
from wardnet_node.desk.shares.mail import Mail
from wardnet_node.desk.shares.shares import Shares
from wardnet_node.desk.shares.state import Share
from wardnet_node.published import Listed
from wardnet_node.settings import NodeSettings
from wardnet_node.sharing.carrying.spool import Spool
from wardnet_node.sharing.giving.owner import Owner

SETTINGS: Final = NodeSettings(address=LINK.address)

STAYS: Final = Dictionary(
    name="stays",
    version=1,
    label="Stays in hospital since 2015",
    patient="record",
    columns=(
        Column(name="record", type=ColumnType.IDENTIFIER, label="Patient's number"),
        Column(
            name="age",
            type=ColumnType.INTEGER,
            label="Age at admission",
            unit="a",
            minimum="0",
            maximum="120",
        ),
        Column(
            name="admitted",
            type=ColumnType.DATE,
            label="Day of admission",
            minimum="2015-01-01",
            maximum="2030-12-31",
            resolution="1",
        ),
        Column(
            name="diagnosis",
            type=ColumnType.CATEGORY,
            label="Main diagnosis (ICD-10)",
            levels=("I20.0", "I21.4", "I25.1", "I50.1", "J44.1"),
        ),
        Column(
            name="sex", type=ColumnType.CATEGORY, label="Sex at birth", levels=("female", "male")
        ),
    ),
)

PATIENTS: Final = 120


class Desks:
    """Hold northside, which has the table, and southport, which asks for it.

    Parameters
    ----------
    folder : Path
        New.
    """

    def __init__(self, folder: Path) -> None:
        network = TestNetwork()
        for name in ("north", "south"):
            (folder / name).mkdir()
        self.north = DeskHome(network, folder / "north")
        people = ("carla", "dora")
        self.south = DeskHome(network, folder / "south", name="southport", stewards=people)
        for home in (self.north, self.south):
            (home.home / "settings.toml").write_text(f'address = "{LINK.address}"\n')
        self.north.load(
            STAYS,
            (f"{row.record},{row.age},{row.admitted},{row.diagnosis},{row.sex}" for row in stays()),
        )
        _introduce(self.north, self.south)
        _introduce(self.south, self.north)
        self.carry()

    def carry(self) -> None:
        """Carry letters, and what either has taken back, until none is left."""
        with mail(self.north) as north, mail(self.south) as south:
            by_uri = {
                self.north.credentials.member.uri: north,
                self.south.credentials.member.uri: south,
            }
            for _ in range(20):
                for sender, box in by_uri.items():
                    for to, envelope in box.due():
                        reply = by_uri[to].take(sender, envelope)
                        if reply is not None:
                            box.take(to, reply[1])

    def send(self) -> Share:
        """Do what both daemons do once a share is granted: make, bring, fetch."""
        opened = Owner.open(self.north.home, self.north.keystore, self.north.credentials, SETTINGS)
        share = opened.make(opened.shares.list()[0].digest)
        opened.close()
        self.deliver()
        return share

    def deliver(self) -> None:
        """Do what both daemons do with a parcel that was made: bring it, and fetch it."""
        self.carry()
        share = self.newest(self.south)
        assert share.ready is not None
        made = Spool(self.north.home).made(share.ready.parcel)
        here = Spool(self.south.home).fetched(share.ready.parcel)
        for source, target in ((made.header, here.header), (made.body, here.body)):
            shutil.copyfile(source, target)
        with shares(self.south) as theirs:
            theirs.mark_fetched(share.digest, parcel=share.ready.parcel)
        self.carry()

    def newest(self, home: DeskHome) -> Share:
        """Return a hospital's newest share."""
        with shares(home) as opened:
            return opened.list()[0]


@contextmanager
def shares(home: DeskHome) -> Iterator[Shares]:
    """Open a hospital's shares."""
    opened = Shares.open(home.home, home.keystore, home.credentials)
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def mail(home: DeskHome) -> Iterator[Mail]:
    """Open a hospital's letters."""
    opened = Mail.open(home.home, home.keystore, home.credentials)
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def listed() -> Iterator[None]:
    """Stand in for the coordinator's list of datasets, which is asked over the network."""
    there = {STAYS.name: Listed(1, STAYS.digest, ("northside",))}
    with (
        patch.object(published, "listed", lambda **_: there),
        patch.object(published, "fetch", lambda _name, **_: STAYS),
    ):
        yield


@dataclass(frozen=True, slots=True)
class Row:
    """One stay."""

    record: str
    age: int
    admitted: str
    diagnosis: str
    sex: str


def stays() -> list[Row]:
    """Return three stays of each patient."""
    codes = STAYS.column("diagnosis").levels
    return [
        Row(
            record=f"N{1000 + patient:05}",
            age=20 + patient * 7 % 70,
            admitted=f"{2016 + stay * 3}-{1 + patient % 12:02}-{1 + patient % 28:02}",
            diagnosis=codes[(patient + stay) % len(codes)],
            sex=("female", "male")[patient % 2],
        )
        for patient in range(PATIENTS)
        for stay in range(3)
    ]


def _introduce(home: DeskHome, other: DeskHome) -> None:
    def book(after: AddressBook) -> AddressBook:
        after = with_key(after, other.name, Key("node", other.name, key(other.credentials)))
        for name in other.people:
            after = with_key(after, other.name, Key("steward", name, key(other.steward(name))))
        return after

    with other.decisions() as theirs:
        list_ = theirs.own_list()
    with home.decisions() as decisions:
        decisions.change_book(book, stewards=[home.steward(home.people[0])])
        decisions.receive_list(list_)
