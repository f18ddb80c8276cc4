"""Hospitals a and b that know each other, and share records by letters, for tests."""

import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from copy import copy
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from support.hospital import Hospital
from support.pki import TestNetwork
from support.questions import DICTIONARY, key, steward
from wardnet import clock
from wardnet.agreement.address_book import AddressBook
from wardnet.audit.entry import Entry
from wardnet.identity.envelope import Envelope
from wardnet.identity.member import Member, Role
from wardnet.question.cohort import EVERYONE
from wardnet.sealing.hpke import HybridKey, public_key
from wardnet.sharing import request as requests
from wardnet.sharing.deidentification import Patient, kept
from wardnet.sharing.grant import Grant
from wardnet.sharing.notice import Place
from wardnet.sharing.request import Basis, ShareRequest
from wardnet_node.desk.book import Key, with_key
from wardnet_node.desk.decision import sign_all
from wardnet_node.desk.shares.asking import Wish
from wardnet_node.desk.shares.mail import Mail
from wardnet_node.desk.shares.shares import Shares
from wardnet_node.desk.shares.state import Share

PARCEL: Final = "1f" * 32
KEY: Final = public_key(HybridKey.generate())
_FOLDERS: Final[list[TemporaryDirectory[str]]] = []

FETCH: Final = "0" * 32

WISH: Final = Wish(
    owner="a",
    basis=Basis.TREATMENT,
    purpose="Some of your patients have moved to us.",
    columns=("age", "sex"),
    hours=2,
)
"""What b wants of a."""


def node(name: str) -> Member:
    """Return the member that is a hospital's node."""
    return Member("heartnet", Role.NODE, name)


def wish(**changes: object) -> Wish:
    """Return what b wants of a, perhaps with other fields."""
    return replace(WISH, **changes)  # type: ignore[arg-type]


@cache
def shared_network() -> TestNetwork:
    """Return one network for all tests of a process: its hospitals are made once, then copied."""
    return TestNetwork()


def sharing_hospital(
    network: TestNetwork, home: Path, name: str, *, known: Sequence[str] = "abc"
) -> Hospital:
    """Return a hospital that has compared the keys of others' nodes and stewards."""
    original = _founded(network, name, tuple(known))
    shutil.copytree(original.home, home)
    made = copy(original)
    made.home = home
    made.keystore = replace(original.keystore, path=home / original.keystore.path.name)
    return made


@cache
def _founded(network: TestNetwork, name: str, known: tuple[str, ...]) -> Hospital:
    """Return a hospital in a folder that lasts as long as this process."""
    folder = TemporaryDirectory()
    _FOLDERS.append(folder)
    made = Hospital(network, Path(folder.name) / name, name=name)

    def book(after: AddressBook) -> AddressBook:
        for other in known:
            if other != name:
                its = steward(network, other)
                after = with_key(after, other, Key("node", other, key(network.node(other))))
                after = with_key(after, other, Key("steward", its.member.id, key(its)))
        return after

    with made.decisions() as decisions:
        decisions.change_book(book, stewards=[steward(network, name)])
    return made


def asked_by(
    network: TestNetwork, hospital: str, *, signed_by: str = "", **changes: object
) -> tuple[ShareRequest, Envelope]:
    """Return a request in a hospital's name, as a hospital's steward and node sign it.

    Parameters
    ----------
    signed_by : str
        Another hospital, which has no right to.
    **changes
        Fields of the request.
    """
    made = ShareRequest(
        version=1,
        network=network.name,
        owner="a",
        recipient=hospital,
        number=secrets.token_hex(16),
        basis=Basis.TREATMENT,
        study=None,
        purpose=WISH.purpose,
        dataset=DICTIONARY.name,
        dictionary=DICTIONARY.digest,
        columns=("age", "sex"),
        cohort=EVERYONE,
        patients=(),
        identifiers=False,
        hours=2,
        key=KEY,
        made=clock.to_moment(clock.now()),
    )
    made = replace(made, **changes)  # type: ignore[arg-type]
    signer = signed_by or hospital
    signing = [steward(network, signer), network.node(signer)]
    return made, sign_all(requests.PAYLOAD_TYPE, requests.to_bytes(made), signing)


class Side:
    """Hold one hospital's desk for shares, open.

    Parameters
    ----------
    network : TestNetwork
        Of both.
    hospital : Hospital
        Whose.
    """

    def __init__(self, network: TestNetwork, hospital: Hospital) -> None:
        self.hospital = hospital
        self.member = hospital.credentials.member
        self.stewards = [steward(network, self.member.id)]
        opened = hospital.home, hospital.keystore, hospital.credentials
        self.shares = Shares.open(*opened)
        self.mail = Mail.open(*opened)

    def close(self) -> None:
        """Close the catalogs."""
        self.shares.close()
        self.mail.close()

    def told(self, listed: Envelope) -> None:
        """Take in what another hospital has taken back."""
        with self.hospital.decisions() as decisions:
            decisions.receive_list(listed)

    def entries(self, start: str = "share_") -> list[Entry]:
        """Return what its log says of shares."""
        return [one for one in self.hospital.entries() if one.type.value.startswith(start)]

    def request(self, wanted: Wish = WISH) -> Share:
        """Ask for records."""
        return self.shares.request(wanted, dictionary=DICTIONARY, stewards=self.stewards)

    def draft(self, share: Share, **changes: object) -> Grant:
        """Return a grant of all columns without patients' numbers, perhaps with other fields."""
        columns = share.request.columns
        whole = self.shares.draft(share.digest, kept(Patient.DROP, columns))
        return replace(whole, **changes)  # type: ignore[arg-type]

    def grant(self, share: Share, **changes: object) -> Share:
        """Grant what was asked for."""
        draft = self.draft(share, **changes)
        return self.shares.grant(share.digest, draft, stewards=self.stewards)

    def ready(self, share: Share, *, parcel: str = PARCEL, place: Place = Place.DIRECT) -> Share:
        """Say that a parcel is ready."""
        return self.shares.mark_ready(
            share.digest,
            parcel=parcel,
            header=1000,
            body=2000,
            place=place,
            address="127.0.0.1:7443",
        )

    def fetch(self, share: Share, *, fetch: str = FETCH, peer: str = "b") -> None:
        """Let a fetch begin."""
        assert share.grant is not None
        self.shares.begin_fetch(
            grant=share.grant.digest, parcel=PARCEL, fetch=fetch, peer=node(peer)
        )


@contextmanager
def sides(network: TestNetwork, *hospitals: Hospital) -> Iterator[list[Side]]:
    """Open the desks of hospitals that have told each other what they took back."""
    with ExitStack() as stack:
        opened = [Side(network, one) for one in hospitals]
        for side in opened:
            stack.callback(side.close)
        for side in opened:
            with side.hospital.decisions() as decisions:
                listed = decisions.own_list()
            for other in opened:
                if other is not side:
                    other.told(listed)
        yield opened


def exchange(*opened: Side, rounds: int = 50) -> int:
    """Carry letters until none is left; return how many there were."""
    by_uri = {side.member.uri: side for side in opened}
    carried = 0
    for _ in range(rounds):
        due = [(side, post) for side in opened for post in side.mail.due()]
        if not due:
            return carried
        for side, (to, envelope) in due:
            carried += 1
            reply = by_uri[to].mail.take(side.member.uri, envelope)
            if reply is not None:
                back, answer = reply
                assert by_uri[back].mail.take(to, answer) is None
    message = "letters go round and round"
    raise AssertionError(message)


def granted(a: Side, b: Side, **changes: object) -> Share:
    """Let b ask and a grant; return the share as b has it."""
    asked = b.request()
    exchange(a, b)
    a.grant(asked, **changes)
    exchange(a, b)
    return b.shares.show(asked.digest)


def in_an_hour() -> str:
    """Return a moment in an hour."""
    return clock.to_moment(clock.now() + timedelta(hours=1))
