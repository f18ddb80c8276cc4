"""A coordinator in this process for tests of the client: real gRPC, answers made by a simulation.

    with PostOffice(pki, network) as office:
        RemoteNetwork(pki.researcher(), office.address)

It delivers what `records` makes of a query, so a test can let it be slow, lossy or dishonest.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import grpc

from support.pki import TestNetwork
from wardnet import canonical
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope, merge, sign
from wardnet.question import answer as answers
from wardnet.question import dictionary as dictionaries
from wardnet.question import query as queries
from wardnet.question.answer import Answer
from wardnet.question.query import Query
from wardnet.simulation import SimulatedNetwork
from wardnet.statistics.session import run
from wardnet.transport.channel import server_credentials
from wardnet.transport.convert import envelope_from_wire, envelope_to_wire
from wardnet.transport.status import METADATA_KEY, error_to_status, status_code
from wardnet.wire.v1 import catalog_pb2, catalog_pb2_grpc, query_pb2, query_pb2_grpc

SUBMITTED_MS = 1_767_225_600_000

Records = Callable[["PostOffice", Envelope], Sequence[query_pb2.QueryRecord]]
"""What a query's watcher is told, in order."""


def signed(payload_type: str, payload: bytes, signers: Sequence[Credentials]) -> Envelope:
    """Return one statement that several members have signed."""
    return merge([sign(payload_type, payload, member.signer) for member in signers])


def record(
    envelope: Envelope,
    state: query_pb2.QueryState,
    *,
    hospitals: dict[str, query_pb2.HospitalState],
    answer: Envelope | None = None,
    error: WardnetError | None = None,
) -> query_pb2.QueryRecord:
    """Make a record as the wire carries it."""
    ended = state != query_pb2.QUERY_STATE_RUNNING
    return query_pb2.QueryRecord(
        query=canonical.digest(envelope.payload),
        state=state,
        attempt=1,
        round=1,
        hospitals=[
            query_pb2.HospitalProgress(hospital=name, state=each)
            for name, each in hospitals.items()
        ],
        envelope=envelope_to_wire(envelope),
        answer=None if answer is None else envelope_to_wire(answer),
        reason="" if error is None else error.reason.value,
        details={} if error is None else error.details,
        submitted_ms=SUBMITTED_MS,
        ended_ms=SUBMITTED_MS + 1000 if ended else 0,
    )


def honest(office: "PostOffice", envelope: Envelope) -> Sequence[query_pb2.QueryRecord]:
    """Tell that all hospitals compute, then that all have answered."""
    query = queries.from_bytes(envelope.payload)
    computing = dict.fromkeys(query.hospitals, query_pb2.HOSPITAL_STATE_COMPUTING)
    sent = dict.fromkeys(query.hospitals, query_pb2.HOSPITAL_STATE_SENT)
    return [
        record(envelope, query_pb2.QUERY_STATE_RUNNING, hospitals=computing),
        record(
            envelope,
            query_pb2.QUERY_STATE_ANSWERED,
            hospitals=sent,
            answer=office.answered(query, canonical.digest(envelope.payload)),
        ),
    ]


@dataclass
class PostOffice(catalog_pb2_grpc.CatalogServiceServicer, query_pb2_grpc.QueryServiceServicer):
    """Serve one dataset of a simulated network to the members of a test network."""

    pki: TestNetwork
    network: SimulatedNetwork
    records: Records = honest
    breaks: int = 0
    """How many watches break after their first record."""
    watches: int = 0
    submitted: dict[str, Envelope] = field(default_factory=dict)
    address: str = ""

    def __post_init__(self) -> None:
        """Take the one dataset of the simulation."""
        (self.dataset,) = self.network.datasets()
        self.dictionary = self.network.dictionary(self.dataset.name).dictionary
        publisher = self.pki.node(self.dataset.hospitals[0])
        self.published = signed(
            dictionaries.PAYLOAD_TYPE, dictionaries.to_bytes(self.dictionary), [publisher]
        )

    def __enter__(self) -> Self:
        """Listen on a free port."""
        self._server = grpc.server(ThreadPoolExecutor(4))
        catalog_pb2_grpc.add_CatalogServiceServicer_to_server(self, self._server)
        query_pb2_grpc.add_QueryServiceServicer_to_server(self, self._server)
        port = self._server.add_secure_port(
            "127.0.0.1:0", server_credentials(self.pki.coordinator())
        )
        self._server.start()
        self.address = f"127.0.0.1:{port}"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop listening."""
        self._server.stop(None).wait()

    def compute(self, query: Query, digest: str, hospitals: Sequence[str]) -> Answer:
        """Return the answer of some hospitals."""
        return run(
            query,
            digest=digest,
            dictionary=self.dictionary,
            hospitals={name: self.network.batches(name) for name in hospitals},
        )

    def answered(self, query: Query, digest: str) -> Envelope:
        """Return the answer of all hospitals, signed by each."""
        return self.partial(query, digest, query.hospitals)

    def partial(self, query: Query, digest: str, hospitals: Sequence[str]) -> Envelope:
        """Return the answer of some hospitals, signed by each of them."""
        answer = self.compute(query, digest, hospitals)
        nodes = [self.pki.node(name) for name in hospitals]
        return signed(answers.PAYLOAD_TYPE, answers.to_bytes(answer), nodes)

    def ListDatasets(  # noqa: N802 - named by the wire
        self, request: catalog_pb2.ListDatasetsRequest, context: grpc.ServicerContext
    ) -> catalog_pb2.ListDatasetsResponse:
        """List the one dataset."""
        dataset = catalog_pb2.Dataset(
            name=self.dataset.name,
            label=self.dataset.label,
            version=self.dataset.version,
            dictionary=canonical.digest(self.published.payload),
            hospitals=self.dataset.hospitals,
        )
        return catalog_pb2.ListDatasetsResponse(datasets=[dataset])

    def GetDictionary(  # noqa: N802 - named by the wire
        self, request: catalog_pb2.GetDictionaryRequest, context: grpc.ServicerContext
    ) -> catalog_pb2.GetDictionaryResponse:
        """Return the one dictionary."""
        return catalog_pb2.GetDictionaryResponse(dictionary=envelope_to_wire(self.published))

    def ListHospitals(  # noqa: N802 - named by the wire
        self, request: catalog_pb2.ListHospitalsRequest, context: grpc.ServicerContext
    ) -> catalog_pb2.ListHospitalsResponse:
        """List the hospitals; only the first is connected."""
        return catalog_pb2.ListHospitalsResponse(
            hospitals=[
                catalog_pb2.Hospital(hospital=name, connected=number == 0)
                for number, name in enumerate(self.dataset.hospitals)
            ]
        )

    def Submit(  # noqa: N802 - named by the wire
        self, request: query_pb2.SubmitRequest, context: grpc.ServicerContext
    ) -> query_pb2.SubmitResponse:
        """Keep a query."""
        envelope = envelope_from_wire(request.query)
        digest = canonical.digest(envelope.payload)
        self.submitted[digest] = envelope
        return query_pb2.SubmitResponse(query=digest)

    def Get(  # noqa: N802 - named by the wire
        self, request: query_pb2.GetRequest, context: grpc.ServicerContext
    ) -> query_pb2.GetResponse:
        """Return the first record before a watch has seen the last one, else the last."""
        records = self._records(request.query, context)
        return query_pb2.GetResponse(record=records[-1 if self.watches > self.breaks else 0])

    def List(  # noqa: N802 - named by the wire
        self, request: query_pb2.ListRequest, context: grpc.ServicerContext
    ) -> query_pb2.ListResponse:
        """Return the last record of every query, without answers."""
        records = [self.records(self, envelope)[-1] for envelope in self.submitted.values()]
        for each in records:
            each.ClearField("answer")
        return query_pb2.ListResponse(records=records[::-1][: request.limit])

    def Watch(  # noqa: N802 - named by the wire
        self, request: query_pb2.WatchRequest, context: grpc.ServicerContext
    ) -> Iterator[query_pb2.WatchResponse]:
        """Send all records, or break off after the first."""
        self.watches += 1
        for each in self._records(request.query, context):
            yield query_pb2.WatchResponse(record=each)
            if self.watches <= self.breaks:
                context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")

    def Cancel(  # noqa: N802 - named by the wire
        self, request: query_pb2.CancelRequest, context: grpc.ServicerContext
    ) -> query_pb2.CancelResponse:
        """End a query."""
        self._records(request.query, context)

        def cancelled(_office: PostOffice, envelope: Envelope) -> Sequence[query_pb2.QueryRecord]:
            return [record(envelope, query_pb2.QUERY_STATE_CANCELLED, hospitals={})]

        self.records = cancelled
        return query_pb2.CancelResponse()

    def _records(
        self, query: str, context: grpc.ServicerContext
    ) -> Sequence[query_pb2.QueryRecord]:
        found = [
            envelope for digest, envelope in self.submitted.items() if digest.startswith(query)
        ]
        if len(found) != 1:
            error = WardnetError(Reason.QUERY_UNKNOWN, query=query)
            context.set_trailing_metadata(((METADATA_KEY, error_to_status(error)),))
            context.abort(status_code(error), str(error))
        return self.records(self, found[0])
