"""The real network, through its coordinator; nothing in an answer rests on the coordinator's word.

with connect() as network:
    print(network.summary("cardiology", ["age", "chol"], by="sex", where=col("age") >= 40))
"""

import secrets
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from wardnet import clock
from wardnet.agreement.study import Study
from wardnet.client.catalog import Catalog
from wardnet.client.commands.display import progress
from wardnet.client.connection import Connection, Derive
from wardnet.client.models.published import ModelShelf
from wardnet.client.network import Network
from wardnet.client.printing.listing import Columns, Dataset, Hospital, Listing
from wardnet.client.queries.ask import Ask, Asker, to_query
from wardnet.client.queries.asked import Asked
from wardnet.client.queries.record import Record
from wardnet.client.queries.result import Result
from wardnet.client.queries.verdict import Verdicts
from wardnet.client.studies.choice import choose, named
from wardnet.client.studies.draft import Identity, draft
from wardnet.client.studies.harmonise import Finding, find, findings
from wardnet.client.studies.proposals import Proposals
from wardnet.client.studies.record import StudyRecord
from wardnet.client.trust.audit import Audit
from wardnet.client.trust.pins import Pins
from wardnet.client.trust.receipts import Receipts
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope
from wardnet.model.signed import NO_PINS
from wardnet.question import query as queries
from wardnet.sealing.answers import recipient_of


class RemoteNetwork(Network):
    """Ask the hospitals of a network; made by `connect`.

    Parameters
    ----------
    credentials : Credentials
        Of a researcher.
    address : str
        `host:port` of the coordinator.
    derive : callable
        `derive` of the home's keystore; answers are sealed to keys that it gives.
    pins : Mapping of str to str
        Fingerprints of nodes' keys that people have compared, by URI: no answer or decision of
        another key counts.
    """

    def __init__(
        self,
        credentials: Credentials,
        address: str,
        *,
        derive: Derive,
        pins: Mapping[str, str] = NO_PINS,
    ) -> None:
        self._connection = Connection(credentials, address, derive=derive, pins=pins)
        self._catalog = Catalog(self._connection)
        self._proposals = Proposals(self._connection)
        self._asked = Asked(self._connection, self._catalog)

    def close(self) -> None:
        """Close the connection; running queries go on."""
        self._connection.close()

    def __enter__(self) -> Self:
        """Return the network itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection."""
        self.close()

    def datasets(self) -> Listing[Dataset]:
        """Return the datasets of the network, as the coordinator lists them."""
        return self._catalog.datasets()

    def hospitals(self) -> Listing[Hospital]:
        """Return the hospitals of the network, as the coordinator lists them."""
        return self._catalog.hospitals()

    def dictionary(self, dataset: str) -> Columns:
        """Return the columns of a dataset, as a hospital has signed them."""
        return self._catalog.columns(self._catalog.dataset(dataset))

    def ask(self, ask: Ask) -> Result:
        """Ask, and wait for the answer however long it takes; on a terminal, show how far it is."""
        query = self.submit(ask)
        with progress() as shown:
            return self.wait(query, progress=shown)

    def submit(self, ask: Ask) -> str:
        """Sign a query and hand it over; return its id without waiting for the answer.

        Raises
        ------
        WardnetError
            Besides those of every question: `STUDY_NEEDED`, or `STUDY_UNKNOWN`.
        """
        return self._asked.submit(self._signed(ask))

    def explain(self, ask: Ask) -> Verdicts:
        """Ask every hospital what it would do with a question, without asking it.

        Nothing is computed, and no quota is used.

        Raises
        ------
        WardnetError
            As `submit`.
        """
        return self._asked.explain(self._signed(ask))

    @property
    def identity(self) -> Identity:
        """Return who I am, as hospitals write me into their address books."""
        member = self._connection.member
        return Identity(member.network, member.role.value, member.id, self._connection.key)

    def audit(self, pins: Pins) -> Audit:
        """Return the way of an auditor into the logs of hospitals.

        Parameters
        ----------
        pins : Pins
            What logs are held against.
        """
        return Audit(self._connection, pins)

    def studies(self) -> Listing[StudyRecord]:
        """Return the studies that name me, newest first."""
        return self._proposals.all()

    def study(self, study: str) -> StudyRecord:
        """Return a study that names me, and what every hospital has decided.

        Parameters
        ----------
        study : str
            Its id, or an unambiguous beginning of at least 6 characters.
        """
        return self._proposals.get(study)

    def draft_study(self, dataset: str, *, title: str = "", organisation: str = "") -> str:
        """Return a file to fill in: a study of all that a dataset holds, at all its hospitals.

        Parameters
        ----------
        title : str
            One line.
        organisation : str
            Id of the organisation that answers for me.
        """
        held = self._catalog.dataset(dataset)
        return draft(
            self.identity,
            held,
            self._catalog.columns(held),
            at=clock.now(),
            title=title,
            organisation=organisation,
        )

    def check_study(self, study: Study) -> Listing[Finding]:
        """Return everything in which a study does not fit the network; nothing when it fits."""
        dataset = next((item for item in self.datasets() if item.name == study.data.dataset), None)
        return findings(
            find(
                study,
                identity=self.identity,
                dataset=dataset,
                columns=None if dataset is None else self._catalog.columns(dataset),
                hospitals=[each.hospital for each in self.hospitals()],
                at=clock.now(),
            )
        )

    def submit_study(self, study: Study) -> str:
        """Sign a study and hand it over to its hospitals; return its id.

        Check it with `check_study` before: a study cannot be changed once it is signed.
        """
        return self._proposals.submit(study)

    def queries(self, *, limit: int = 20) -> Listing[Record]:
        """Return my queries, newest first.

        Parameters
        ----------
        limit : int
            Most to return, 1 to 1000.
        """
        return self._asked.newest(limit=limit)

    def record(self, query: str) -> Record:
        """Return how far one of my queries is.

        Parameters
        ----------
        query : str
            Its id, or an unambiguous beginning of at least 6 characters.
        """
        return self._asked.get(query)

    def wait(
        self,
        query: str,
        *,
        timeout: float | None = None,
        progress: Callable[[Record], None] | None = None,
    ) -> Result:
        """Wait for the answer of one of my queries, also while the coordinator is away.

        Parameters
        ----------
        query : str
            Its id, or an unambiguous beginning of at least 6 characters.
        timeout : float or None
            Seconds; None to wait however long it takes.
        progress : callable or None
            Gets the record after each change.

        Raises
        ------
        WardnetError
            `WAIT_TOO_LONG` (the query goes on), or why there is no answer.
        """
        return self.result(self._asked.follow(query, timeout=timeout, progress=progress))

    def result(self, record: Record) -> Result:
        """Return the verified result of a query that has ended.

        Raises
        ------
        WardnetError
            Why there is no answer; `ANSWER_SEALED`, `SIGNATURE_INVALID` or `ROUNDS_DIVERGED`.
        """
        return self._asked.result(record)

    def receipts(self, record: Record) -> Receipts:
        """Return what keeps each hospital's promise that its answer stands in its access log.

        Raises
        ------
        WardnetError
            Why there is no answer; `ANSWER_SEALED`, `SIGNATURE_INVALID` or `ROUNDS_DIVERGED`.
        """
        return self._asked.receipts(record)

    @property
    def models(self) -> ModelShelf:
        """Return the way to models that are handed on."""
        return ModelShelf(
            self._connection, catalog=self._catalog, asked=self._asked, proposals=self._proposals
        )

    def cancel(self, query: str) -> None:
        """End one of my queries; an ended one stays as it is.

        Parameters
        ----------
        query : str
            Its id, or an unambiguous beginning of at least 6 characters.
        """
        self._asked.cancel(query)

    def _signed(self, ask: Ask) -> Envelope:
        """Return the question as a signed query, checked as every hospital will check it."""
        dataset = self._catalog.dataset(ask.dataset)
        dictionary = self._catalog.columns(dataset).dictionary
        grant = (
            choose(dataset, self.studies())
            if ask.study is None
            else named(dataset, self.study(ask.study))
        )
        query = to_query(ask, asker=self._asker(), dictionary=dictionary, grant=grant)
        return self._connection.sign(queries.PAYLOAD_TYPE, queries.to_bytes(query))

    def _asker(self) -> Asker:
        member = self._connection.member
        nonce = secrets.token_hex(16)
        return Asker(
            network=member.network,
            researcher=member.id,
            at=clock.now(),
            nonce=nonce,
            recipient=recipient_of(self._connection.recipient(nonce)),
        )
