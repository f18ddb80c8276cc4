"""A hospital that decides: its catalog, its stewards, and studies for it, for tests."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from support.pki import TestNetwork
from support.questions import DICTIONARY
from support.studies import STUDY, changed
from wardnet import clock
from wardnet.agreement import study as studies
from wardnet.agreement.address_book import key_of
from wardnet.agreement.permission import Request, judge
from wardnet.agreement.study import Researcher, Study
from wardnet.audit import log
from wardnet.audit.entry import Entry, EventType, Outcome
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope, merge, sign
from wardnet.identity.member import Role
from wardnet.question.cohort import EVERYONE
from wardnet.question.query import Query
from wardnet_node.desk import book
from wardnet_node.desk.book import Key
from wardnet_node.desk.decide import Decisions
from wardnet_node.desk.stewards import FOLDER, Stewards
from wardnet_node.intake.local_part import LocalPart
from wardnet_node.vault.catalog import Catalog
from wardnet_node.vault.vault import Vault


class Ward:
    """Hospital `a` of a network, with steward sue in its address book and researcher ada's key.

    Parameters
    ----------
    network : TestNetwork
        That it belongs to.
    home : Path
        A new folder.
    stewards : Sequence of str
        Who decides here, the first in the book from the beginning.
    """

    def __init__(
        self, network: TestNetwork, home: Path, *, stewards: Sequence[str] = ("sue",)
    ) -> None:
        self.network = network
        self.home = home
        self.keystore = network.found(home, "a")
        self.credentials = network.node("a")
        with self.catalog() as catalog:
            member = self.credentials.member
            Vault(home, self.keystore, catalog, member=member).adopt(DICTIONARY, LocalPart())
        for name in stewards:
            network.settle(home / FOLDER / name, Role.STEWARD, name)
        first, *others = map(self.steward, stewards)
        with self.decisions() as decisions:
            decisions.found_book(first)
            for number, other in enumerate(others):
                key = Key("steward", other.member.id, fingerprint(other))
                signing = [first, others[0]][: number + 1]
                decisions.change_book(
                    lambda before, key=key: book.with_key(before, "a", key),  # type: ignore[misc]
                    stewards=signing,
                )
            ada = Key("researcher", "ada", fingerprint(network.researcher("ada")))
            decisions.change_book(
                lambda before: book.with_key(before, "university", ada), stewards=[first]
            )

    def steward(self, name: str = "sue") -> Credentials:
        """Return a steward's credentials, as her password opens them."""
        return self.network.credentials(Role.STEWARD, name)

    @contextmanager
    def catalog(self) -> Iterator[Catalog]:
        """Open the catalog, as a process does."""
        catalog = Catalog.open(self.home, self.keystore)
        try:
            yield catalog
        finally:
            catalog.close()

    @contextmanager
    def decisions(self) -> Iterator[Decisions]:
        """Open the decisions, as a process does."""
        with self.catalog() as catalog:
            yield Decisions(catalog, credentials=self.credentials)

    @contextmanager
    def stewards(self) -> Iterator[Stewards]:
        """Open the stewards, as a process does."""
        with self.catalog() as catalog:
            decisions = Decisions(catalog, credentials=self.credentials)
            member = self.credentials.member
            yield Stewards(self.home, catalog=catalog, decisions=decisions, member=member)

    def entries(self) -> list[Entry]:
        """Return the access log, verified."""
        with self.catalog() as catalog, catalog.reading() as connection:
            log.verify(connection)
            return list(log.entries(connection))

    def refusals(self) -> list[tuple[EventType, Reason | None]]:
        """Return what the log says was refused."""
        return [
            (entry.type, entry.reason)
            for entry in self.entries()
            if entry.outcome is Outcome.REFUSED
        ]


def fingerprint(member: Credentials) -> str:
    """Return the fingerprint of a member's signing key."""
    return key_of(member.signer.certificates[0])


def proposal(network: TestNetwork, /, **changes: object) -> Study:
    """Return ada's study; `output__quota=5` changes a field inside."""
    ada = Researcher("ada", organisation="university", key=fingerprint(network.researcher("ada")))
    study = replace(
        STUDY,
        people=(ada,),
        not_after=clock.to_moment(clock.now() + timedelta(days=200)),
    )
    for field, value in changes.items():
        study = changed(study, field.replace("__", "."), value)
    return study


def signed_by(study: Study, *signers: Credentials) -> Envelope:
    """Return a study with signatures."""
    data = studies.to_bytes(study)
    return merge([sign(studies.PAYLOAD_TYPE, data, member.signer) for member in signers])


def reasons(
    ward: Ward, decisions: Decisions, study: Study, agreement: str, *, at: datetime | None = None
) -> set[Reason]:
    """Return every reason against a plain question under an agreement."""
    at = at or clock.now()
    query = Query(
        version=1,
        network="heartnet",
        researcher="ada",
        dataset=DICTIONARY.name,
        dictionary=DICTIONARY.digest,
        method="count",
        method_version=1,
        parameters={"by": ["sex"]},
        cohort=EVERYONE,
        hospitals=("a", "b"),
        minimum_hospitals=2,
        mode="clear",
        study=study.digest,
        agreements={"a": agreement, "b": "0" * 64},
        purpose={},
        minimum_patients=12,
        recipient="0" * 64,
        nonce="0" * 32,
        not_before=clock.to_moment(at - timedelta(minutes=1)),
        not_after=clock.to_moment(at + timedelta(minutes=10)),
    )
    request = Request(
        query=query,
        key=fingerprint(ward.network.researcher("ada")),
        purpose=study.project.purpose,
        columns=frozenset({"sex"}),
    )
    return {error.reason for error in judge(request, view=decisions.view(), at=at)}


def refused(error: BaseException) -> Reason:
    """Return the reason of a refusal."""
    assert isinstance(error, WardnetError)
    return error.reason
