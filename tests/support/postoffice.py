"""A coordinator in this process for tests of the client: real gRPC, answers made by a simulation.

    with PostOffice(pki, network) as office, connect(pki.researcher(), office.address) as net:
        net.count("heart")

It delivers what `records` makes of a query, so a test can let it be slow, lossy or dishonest. It
holds one study of ada's, to which every hospital has agreed.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import grpc

from support.model_office import ModelOffice
from support.study_office import StudyOffice
from support.told import Told, abort, record, signed
from wardnet import canonical
from wardnet.client import RemoteNetwork
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope
from wardnet.question import answer as answers
from wardnet.question import dictionary as dictionaries
from wardnet.question import query as queries
from wardnet.question.answer import Answer
from wardnet.question.query import Query
from wardnet.statistics.session import run
from wardnet.transport.channel import server_credentials
from wardnet.transport.convert import causes_to_wire, envelope_from_wire, envelope_to_wire
from wardnet.wire.v1 import (
    catalog_pb2,
    catalog_pb2_grpc,
    model_pb2_grpc,
    query_pb2,
    query_pb2_grpc,
    study_pb2_grpc,
)

Records = Callable[["PostOffice", Envelope], Sequence[Told]]
"""What a query's watcher is told, in order."""


def connect(credentials: Credentials, address: str) -> RemoteNetwork:
    """Connect a member whose keystore is always the same."""
    return RemoteNetwork(credentials, address, derive=derive)


def derive(purpose: str) -> bytes:
    """Return a key as a keystore derives it."""
    return hashlib.sha256(purpose.encode()).digest()


def honest(office: "PostOffice", envelope: Envelope) -> Sequence[Told]:
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
class PostOffice(
    StudyOffice, catalog_pb2_grpc.CatalogServiceServicer, query_pb2_grpc.QueryServiceServicer
):
    """Serve one dataset of a simulated network to the members of a test network."""

    records: Records = honest
    breaks: int = 0
    """How many watches break after their first record."""
    watches: int = 0
    submitted: dict[str, Envelope] = field(default_factory=dict)
    verdicts: Mapping[str, Sequence[WardnetError] | None] = field(default_factory=dict)
    """By hospital: what it has against every question; None when it is away."""
    address: str = ""
    models: ModelOffice = field(default_factory=ModelOffice)

    def __post_init__(self) -> None:
        """Publish the one dataset, and let every hospital agree to a study of it."""
        super().__post_init__()
        publisher = self.pki.node(self.dataset.hospitals[0])
        self.published = signed(
            dictionaries.PAYLOAD_TYPE, dictionaries.to_bytes(self.dictionary), [publisher]
        )
        agreed = self.propose()
        for hospital in self.dataset.hospitals:
            self.agree(agreed, hospital)

    def __enter__(self) -> Self:
        """Listen on a free port."""
        self._server = grpc.server(ThreadPoolExecutor(4))
        catalog_pb2_grpc.add_CatalogServiceServicer_to_server(self, self._server)
        query_pb2_grpc.add_QueryServiceServicer_to_server(self, self._server)
        study_pb2_grpc.add_StudyServiceServicer_to_server(self, self._server)
        model_pb2_grpc.add_ModelServiceServicer_to_server(self.models, self._server)
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
        return query_pb2.GetResponse(record=records[-1 if self.watches > self.breaks else 0].record)

    def Answers(  # noqa: N802 - named by the wire
        self, request: query_pb2.AnswersRequest, context: grpc.ServicerContext
    ) -> Iterator[query_pb2.AnswersResponse]:
        """Send the answers, each in two pieces."""
        for answer in self._records(request.query, context)[-1].answers:
            half = len(answer.sealed) // 2
            for piece in (answer.sealed[:half], answer.sealed[half:]):
                yield query_pb2.AnswersResponse(hospital=answer.hospital, sealed=piece)

    def List(  # noqa: N802 - named by the wire
        self, request: query_pb2.ListRequest, context: grpc.ServicerContext
    ) -> query_pb2.ListResponse:
        """Return the last record of every query."""
        records = [self.records(self, envelope)[-1].record for envelope in self.submitted.values()]
        return query_pb2.ListResponse(records=records[::-1][: request.limit])

    def Watch(  # noqa: N802 - named by the wire
        self, request: query_pb2.WatchRequest, context: grpc.ServicerContext
    ) -> Iterator[query_pb2.WatchResponse]:
        """Send all records, or break off after the first."""
        self.watches += 1
        for each in self._records(request.query, context):
            told = [
                query_pb2.InterimReport(hospital=hospital, sealed=sealed)
                for hospital, sealed in each.interim.items()
            ]
            yield query_pb2.WatchResponse(record=each.record, interim=told)
            if self.watches <= self.breaks:
                context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")

    def Cancel(  # noqa: N802 - named by the wire
        self, request: query_pb2.CancelRequest, context: grpc.ServicerContext
    ) -> query_pb2.CancelResponse:
        """End a query."""
        self._records(request.query, context)

        def cancelled(_office: PostOffice, envelope: Envelope) -> Sequence[Told]:
            return [record(envelope, query_pb2.QUERY_STATE_CANCELLED, hospitals={})]

        self.records = cancelled
        return query_pb2.CancelResponse()

    def Explain(  # noqa: N802 - named by the wire
        self, request: query_pb2.ExplainRequest, context: grpc.ServicerContext
    ) -> Iterator[query_pb2.ExplainResponse]:
        """Say what every hospital would do, the last first."""
        for hospital in reversed(queries.from_bytes(request.query.payload).hospitals):
            causes = self.verdicts.get(hospital, ())
            yield query_pb2.ExplainResponse(
                hospital=hospital, away=causes is None, causes=causes_to_wire(causes or ())
            )

    def _records(self, query: str, context: grpc.ServicerContext) -> Sequence[Told]:
        found = [
            envelope for digest, envelope in self.submitted.items() if digest.startswith(query)
        ]
        if len(found) != 1:
            abort(context, WardnetError(Reason.QUERY_UNKNOWN, query=query))
        return self.records(self, found[0])
