"""The real network, through its coordinator; nothing in an answer rests on the coordinator's word.

with connect() as network:
    print(network.summary("cardiology", ["age", "chol"], by="sex", where=col("age") >= 40))
"""

import secrets
from collections.abc import Callable, Iterator, Mapping
from time import monotonic, sleep
from types import TracebackType
from typing import Final, Self, TypeVar

import grpc

from wardnet import canonical, clock
from wardnet.client import listing
from wardnet.client.ask import Ask, Asker, describe, to_query
from wardnet.client.listing import Columns, Dataset, Hospital, Listing
from wardnet.client.network import Network
from wardnet.client.record import Record, State, record_from_wire
from wardnet.client.result import Result, released
from wardnet.client.verify import verify_answer, verify_dictionary
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import sign
from wardnet.question import query as queries
from wardnet.transport.channel import open_blocking_channel
from wardnet.transport.convert import envelope_from_wire, envelope_to_wire
from wardnet.transport.status import error_from_rpc
from wardnet.wire.v1 import catalog_pb2, catalog_pb2_grpc, query_pb2, query_pb2_grpc

DEADLINE_SECONDS: Final = 30.0
"""Of every call but the watch."""

FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 5.0
"""Between two attempts to watch again, before jitter."""

R = TypeVar("R")


class RemoteNetwork(Network):
    """Ask the hospitals of a network; made by `connect`.

    Parameters
    ----------
    credentials : Credentials
        Of a researcher.
    address : str
        `host:port` of the coordinator.
    """

    def __init__(self, credentials: Credentials, address: str) -> None:
        self._credentials = credentials
        self._address = address
        self._channel = open_blocking_channel(credentials, address)
        self._catalog = catalog_pb2_grpc.CatalogServiceStub(self._channel)
        self._queries = query_pb2_grpc.QueryServiceStub(self._channel)

    def close(self) -> None:
        """Close the connection; running queries go on."""
        self._channel.close()

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
        request = catalog_pb2.ListDatasetsRequest()
        response: catalog_pb2.ListDatasetsResponse = self._call(self._catalog.ListDatasets, request)
        return listing.datasets(
            Dataset(item.name, item.label, item.version, item.dictionary, tuple(item.hospitals))
            for item in response.datasets
        )

    def hospitals(self) -> Listing[Hospital]:
        """Return the hospitals of the network, as the coordinator lists them."""
        request = catalog_pb2.ListHospitalsRequest()
        response: catalog_pb2.ListHospitalsResponse = self._call(
            self._catalog.ListHospitals, request
        )
        return listing.hospitals(
            Hospital(item.hospital, item.connected) for item in response.hospitals
        )

    def dictionary(self, dataset: str) -> Columns:
        """Return the columns of a dataset, as a hospital has signed them."""
        return self._columns(self._dataset(dataset))

    def ask(self, ask: Ask) -> Result:
        """Ask, and wait for the answer however long it takes."""
        return self.wait(self.submit(ask))

    def submit(self, ask: Ask) -> str:
        """Sign a query and hand it over; return its id without waiting for the answer."""
        # 1. Check it as every hospital will.
        dataset = self._dataset(ask.dataset)
        query = to_query(
            ask,
            asker=self._asker(),
            dictionary=self._columns(dataset).dictionary,
            holders=dataset.hospitals,
        )
        # 2. Sign exact bytes.
        payload = queries.to_bytes(query)
        envelope = sign(queries.PAYLOAD_TYPE, payload, self._credentials.signer)
        # 3. Hand it over; its id is not the coordinator's choice.
        request = query_pb2.SubmitRequest(query=envelope_to_wire(envelope))
        self._call(self._queries.Submit, request)
        return canonical.digest(payload)

    def queries(self, *, limit: int = 20) -> Listing[Record]:
        """Return my queries, newest first.

        Parameters
        ----------
        limit : int
            Most to return, 1 to 1000.
        """
        request = query_pb2.ListRequest(limit=limit)
        response: query_pb2.ListResponse = self._call(self._queries.List, request)
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
        response: query_pb2.GetResponse = self._call(self._queries.Get, request)
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
        if record.answer is None:
            raise WardnetError(Reason.MALFORMED, field="answer", rule="an ended query has none")
        answer = verify_answer(
            record.answer,
            query=record.question,
            digest=record.query,
            trust=self._credentials.trust,
            at=clock.now(),
        )
        return released(record.question, answer, absent=record.absent, envelope=record.answer)

    def cancel(self, query: str) -> None:
        """End one of my queries; an ended one stays as it is.

        Parameters
        ----------
        query : str
            Its id, or an unambiguous beginning of at least 6 characters.
        """
        self._call(self._queries.Cancel, query_pb2.CancelRequest(query=query))

    def _asker(self) -> Asker:
        member = self._credentials.member
        return Asker(
            network=member.network,
            researcher=member.id,
            at=clock.now(),
            nonce=secrets.token_hex(16),
        )

    def _dataset(self, name: str) -> Dataset:
        for dataset in self.datasets():
            if dataset.name == name:
                return dataset
        raise WardnetError(Reason.DATASET_UNAVAILABLE, dataset=name)

    def _columns(self, dataset: Dataset) -> Columns:
        request = catalog_pb2.GetDictionaryRequest(dataset=dataset.name)
        response: catalog_pb2.GetDictionaryResponse = self._call(
            self._catalog.GetDictionary, request
        )
        return Columns(
            verify_dictionary(
                envelope_from_wire(response.dictionary),
                dataset=dataset.name,
                digest=dataset.dictionary,
                trust=self._credentials.trust,
                at=clock.now(),
            )
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
        call = self._queries.Watch(query_pb2.WatchRequest(query=query), timeout=timeout)
        try:
            for response in call:
                yield self._named(query, self._read(response.record))
        except grpc.RpcError as error:
            raise error_from_rpc(error, self._address) from error
        finally:
            call.cancel()

    def _read(self, message: query_pb2.QueryRecord) -> Record:
        trust = self._credentials.trust
        return record_from_wire(message, me=self._credentials.member, trust=trust, at=clock.now())

    def _named(self, query: str, record: Record) -> Record:
        if not record.query.startswith(query):
            raise WardnetError(Reason.MALFORMED, field="record", rule="it is of another query")
        return record

    def _call(self, method: Callable[..., R], request: object) -> R:
        try:
            return method(request, timeout=DEADLINE_SECONDS)
        except grpc.RpcError as error:
            raise error_from_rpc(error, self._address) from error


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
