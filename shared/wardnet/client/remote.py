"""The real network, through its coordinator; nothing in an answer rests on the coordinator's word.

with connect() as network:
    print(network.summary("cardiology", ["age", "chol"], by="sex", where=col("age") >= 40))
"""

import secrets
from collections.abc import Callable, Iterator, Mapping
from time import monotonic, sleep
from types import TracebackType
from typing import Final, Self

from wardnet import canonical, clock
from wardnet.agreement.study import Study
from wardnet.client.ask import Ask, Asker, describe, to_query
from wardnet.client.catalog import Catalog
from wardnet.client.choice import choose, named
from wardnet.client.connection import DEADLINE_SECONDS, Connection, Derive
from wardnet.client.harmonise import Finding, find, findings
from wardnet.client.listing import Columns, Dataset, Hospital, Listing
from wardnet.client.network import Network
from wardnet.client.proposals import Proposals
from wardnet.client.record import Record, State, record_from_wire
from wardnet.client.result import Result, released
from wardnet.client.study_draft import Identity, draft
from wardnet.client.study_record import StudyRecord
from wardnet.client.verdict import Verdict, verdicts
from wardnet.client.verify import open_answers, verify_answer
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope
from wardnet.question import query as queries
from wardnet.sealing.answers import recipient_of
from wardnet.transport.convert import causes_from_wire, envelope_to_wire
from wardnet.wire.v1 import query_pb2, query_pb2_grpc

FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 5.0
"""Between two attempts to watch again, before jitter."""


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
    """

    def __init__(self, credentials: Credentials, address: str, *, derive: Derive) -> None:
        self._connection = Connection(credentials, address, derive=derive)
        self._catalog = Catalog(self._connection)
        self._proposals = Proposals(self._connection)
        self._queries = query_pb2_grpc.QueryServiceStub(self._connection.channel)

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
        """Ask, and wait for the answer however long it takes."""
        return self.wait(self.submit(ask))

    def submit(self, ask: Ask) -> str:
        """Sign a query and hand it over; return its id without waiting for the answer.

        Raises
        ------
        WardnetError
            Besides those of every question: `STUDY_NEEDED`, or `STUDY_UNKNOWN`.
        """
        envelope = self._signed(ask)
        request = query_pb2.SubmitRequest(query=envelope_to_wire(envelope))
        self._connection.call(self._queries.Submit, request)
        return canonical.digest(envelope.payload)  # the id is not the coordinator's choice

    def explain(self, ask: Ask) -> Listing[Verdict]:
        """Ask every hospital what it would do with a question, without asking it.

        Nothing is computed, and no quota is used.

        Raises
        ------
        WardnetError
            As `submit`.
        """
        request = query_pb2.ExplainRequest(query=envelope_to_wire(self._signed(ask)))
        responses: Iterator[query_pb2.ExplainResponse] = self._connection.stream(
            self._queries.Explain, request, timeout=DEADLINE_SECONDS
        )
        return verdicts(
            Verdict(each.hospital, away=each.away, causes=causes_from_wire(each.causes))
            for each in responses
        )

    @property
    def identity(self) -> Identity:
        """Return who I am, as hospitals write me into their address books."""
        member = self._connection.member
        return Identity(member.network, member.role.value, member.id, self._connection.key)

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
        request = query_pb2.ListRequest(limit=limit)
        response: query_pb2.ListResponse = self._connection.call(self._queries.List, request)
        return Listing(
            "queries",
            map(self._read, response.records),
            record=Record.to_dict,
            shown=_shown,
        )

    def record(self, query: str) -> Record:
        """Return how far one of my queries is.

        Parameters
        ----------
        query : str
            Its id, or an unambiguous beginning of at least 6 characters.
        """
        request = query_pb2.GetRequest(query=query)
        response: query_pb2.GetResponse = self._connection.call(self._queries.Get, request)
        return self._named(query, self._read(response.record))

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
        ends = None if timeout is None else monotonic() + timeout
        pause = FIRST_PAUSE_SECONDS
        record = self.record(query)
        while record.state is State.RUNNING:
            before, record = record, self._follow(record, _left(ends), progress)
            if record.state is State.RUNNING:
                pause = (
                    FIRST_PAUSE_SECONDS
                    if record != before
                    else min(2 * pause, LONGEST_PAUSE_SECONDS)
                )
                _rest(pause, _left(ends), record.query, timeout)
        return self.result(record)

    def result(self, record: Record) -> Result:
        """Return the verified result of a query that has ended.

        Raises
        ------
        WardnetError
            Why there is no answer; `SIGNATURE_INVALID`.
        """
        if record.failure is not None:
            raise record.failure
        if not record.answers:
            raise WardnetError(Reason.MALFORMED, field="answers", rule="an ended query has none")
        question, trust = record.question, self._connection.trust
        key = self._connection.recipient(question.nonce)
        envelope = open_answers(record.answers, query=question, digest=record.query, key=key)
        answer = verify_answer(
            envelope, query=question, digest=record.query, trust=trust, at=clock.now()
        )
        return released(question, answer, absent=record.absent, envelope=envelope)

    def cancel(self, query: str) -> None:
        """End one of my queries; an ended one stays as it is.

        Parameters
        ----------
        query : str
            Its id, or an unambiguous beginning of at least 6 characters.
        """
        self._connection.call(self._queries.Cancel, query_pb2.CancelRequest(query=query))

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

    def _follow(
        self, record: Record, timeout: float | None, progress: Callable[[Record], None] | None
    ) -> Record:
        """Return the last record of one watch; it ends early when the coordinator goes away."""
        last = record
        try:
            for last in self._watch(record.query, timeout):
                if progress is not None:
                    progress(last)
        except WardnetError as error:
            if error.reason is not Reason.COORDINATOR_AWAY:
                raise
        return last

    def _watch(self, query: str, timeout: float | None) -> Iterator[Record]:
        request = query_pb2.WatchRequest(query=query)
        responses: Iterator[query_pb2.WatchResponse] = self._connection.stream(
            self._queries.Watch, request, timeout=timeout
        )
        for response in responses:
            yield self._named(query, self._read(response.record))

    def _read(self, message: query_pb2.QueryRecord) -> Record:
        me, trust = self._connection.member, self._connection.trust
        return record_from_wire(message, me=me, trust=trust, at=clock.now())

    def _named(self, query: str, record: Record) -> Record:
        if not record.query.startswith(query):
            raise WardnetError(Reason.MALFORMED, field="record", rule="it is of another query")
        return record


def _left(ends: float | None) -> float | None:
    return None if ends is None else max(ends - monotonic(), 0.0)


def _rest(pause: float, left: float | None, query: str, timeout: float | None) -> None:
    """Sleep with full jitter, so that many clients do not come back at once."""
    if left == 0 and timeout is not None:
        raise WardnetError(Reason.WAIT_TOO_LONG, seconds=f"{timeout:g}", query=query[:12])
    rest = secrets.SystemRandom().uniform(0, pause)
    sleep(rest if left is None else min(rest, left))


def _shown(record: Record) -> Mapping[str, str]:
    return {
        "query": record.query[:12],
        "submitted": record.submitted.astimezone().strftime("%Y-%m-%d %H:%M:%S"),
        "state": record.state.value,
        "question": describe(record.question),
    }
