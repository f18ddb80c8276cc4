"""A coordinator in this process for tests of the client: real gRPC, answers made by a simulation.

    with PostOffice(pki, network) as office, connect(pki.researcher(), office.address) as net:
        net.count("heart")

It delivers what `records` makes of a query, so a test can let it be slow, lossy or dishonest. It
holds one study of ada's, to which every hospital has agreed.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import TracebackType
from typing import NoReturn, Self

import grpc

from support.model_office import ModelOffice
from support.pki import TestNetwork
from wardnet import canonical, clock
from wardnet.agreement import agreement as agreements
from wardnet.agreement import study as studies
from wardnet.agreement.address_book import key_of
from wardnet.agreement.agreement import Agreement, accept_whole
from wardnet.agreement.purpose import VOCABULARY, Permission, Purpose
from wardnet.agreement.study import Data, Method, Output, Project, Researcher, Setting, Study
from wardnet.client import RemoteNetwork
from wardnet.errors import Reason, WardnetError
from wardnet.identity.certificates import Usage, leaf_member, read_certificate
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope, merge, sign
from wardnet.identity.member import Role
from wardnet.question import answer as answers
from wardnet.question import dictionary as dictionaries
from wardnet.question import query as queries
from wardnet.question.answer import Answer
from wardnet.question.query import Query
from wardnet.sealing.answers import seal
from wardnet.simulation import SimulatedNetwork
from wardnet.statistics.methods import METHODS
from wardnet.statistics.session import run
from wardnet.transport.channel import server_credentials
from wardnet.transport.convert import (
    answer_to_bytes,
    causes_to_wire,
    envelope_from_wire,
    envelope_to_wire,
)
from wardnet.transport.status import METADATA_KEY, error_to_status, status_code
from wardnet.wire.v1 import (
    catalog_pb2,
    catalog_pb2_grpc,
    model_pb2_grpc,
    query_pb2,
    query_pb2_grpc,
    study_pb2,
    study_pb2_grpc,
)

SUBMITTED_MS = 1_767_225_600_000


@dataclass
class Told:
    """Hold what a coordinator says of a query: its record and, at the end, the sealed answers.

    And what hospitals told meanwhile, sealed, by hospital.
    """

    record: query_pb2.QueryRecord
    answers: list[query_pb2.AnswersResponse]
    interim: Mapping[str, bytes] = field(default_factory=dict)


Records = Callable[["PostOffice", Envelope], Sequence[Told]]
"""What a query's watcher is told, in order."""


def signed(payload_type: str, payload: bytes, signers: Sequence[Credentials]) -> Envelope:
    """Return one statement that several members have signed."""
    return merge([sign(payload_type, payload, member.signer) for member in signers])


def connect(credentials: Credentials, address: str) -> RemoteNetwork:
    """Connect a member whose keystore is always the same."""
    return RemoteNetwork(credentials, address, derive=derive)


def derive(purpose: str) -> bytes:
    """Return a key as a keystore derives it."""
    return hashlib.sha256(purpose.encode()).digest()


def sealed(answer: Envelope, *, query: Query, digest: str) -> list[query_pb2.AnswersResponse]:
    """Return an answer as each of its signers seals it for the researcher."""
    sealings = []
    for signature in answer.signatures:
        signer = leaf_member(read_certificate(signature.certificates[0]), usage=Usage.SIGNING)
        own = answer_to_bytes(replace(answer, signatures=(signature,)), None)
        data = seal(own, query.recipient, query=digest, hospital=signer.id)
        sealings.append(query_pb2.AnswersResponse(hospital=signer.id, sealed=data))
    return sealings


def record(
    envelope: Envelope,
    state: query_pb2.QueryState,
    *,
    hospitals: dict[str, query_pb2.HospitalState],
    answer: Envelope | None = None,
    error: WardnetError | None = None,
) -> Told:
    """Make a record as the wire carries it."""
    ended = state != query_pb2.QUERY_STATE_RUNNING
    query, digest = queries.from_bytes(envelope.payload), canonical.digest(envelope.payload)
    made = query_pb2.QueryRecord(
        query=digest,
        state=state,
        attempt=1,
        round=1,
        hospitals=[
            query_pb2.HospitalProgress(hospital=name, state=each)
            for name, each in hospitals.items()
        ],
        envelope=envelope_to_wire(envelope),
        reason="" if error is None else error.reason.value,
        details={} if error is None else error.details,
        submitted_ms=SUBMITTED_MS,
        ended_ms=SUBMITTED_MS + 1000 if ended else 0,
    )
    return Told(made, [] if answer is None else sealed(answer, query=query, digest=digest))


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
class Proposal:
    """Hold a study as its researcher signed it, and what hospitals have decided."""

    study: Study
    envelope: Envelope
    decisions: dict[str, Envelope]


@dataclass
class PostOffice(
    catalog_pb2_grpc.CatalogServiceServicer,
    query_pb2_grpc.QueryServiceServicer,
    study_pb2_grpc.StudyServiceServicer,
):
    """Serve one dataset of a simulated network to the members of a test network."""

    pki: TestNetwork
    network: SimulatedNetwork
    records: Records = honest
    breaks: int = 0
    """How many watches break after their first record."""
    watches: int = 0
    submitted: dict[str, Envelope] = field(default_factory=dict)
    proposals: dict[str, Proposal] = field(default_factory=dict)
    """By the study's id, oldest first."""
    verdicts: Mapping[str, Sequence[WardnetError] | None] = field(default_factory=dict)
    """By hospital: what it has against every question; None when it is away."""
    address: str = ""
    models: ModelOffice = field(default_factory=ModelOffice)

    def __post_init__(self) -> None:
        """Take the one dataset of the simulation."""
        (self.dataset,) = self.network.datasets()
        self.dictionary = self.network.dictionary(self.dataset.name).dictionary
        publisher = self.pki.node(self.dataset.hospitals[0])
        self.published = signed(
            dictionaries.PAYLOAD_TYPE, dictionaries.to_bytes(self.dictionary), [publisher]
        )
        agreed = self.propose()
        for hospital in self.dataset.hospitals:
            self.agree(agreed, hospital)

    def propose(self, **changes: object) -> Proposal:
        """Let ada propose a study of all columns, by all methods, at all hospitals.

        Parameters
        ----------
        **changes
            Fields of the study.
        """
        ada = self.pki.researcher()
        proposed = Study(
            version=1,
            network=self.pki.name,
            project=Project(
                title="Who comes to us",
                summary="We count patients of every age.",
                purpose=Purpose(VOCABULARY, Permission.HMB, diseases=(), modifiers=()),
                ethics="",
            ),
            people=(
                Researcher(
                    "ada", organisation="university", key=key_of(ada.signer.certificates[0])
                ),
            ),
            data=Data(
                self.dataset.name,
                dictionary=self.dictionary.digest,
                columns=tuple(
                    sorted(column.name for column in self.network.dictionary(self.dataset.name))
                ),
            ),
            setting=Setting("clear", hospitals=self.dataset.hospitals, minimum_hospitals=1),
            output=Output(
                tuple(Method(name, METHODS[name].version) for name in sorted(METHODS)),
                minimum_patients=10,
                quota=100,
            ),
            not_after=clock.to_moment(self.pki.at + timedelta(days=365)),
        )
        study = replace(proposed, **changes)  # type: ignore[arg-type]
        envelope = signed(studies.PAYLOAD_TYPE, studies.to_bytes(study), [ada])
        proposal = Proposal(study, envelope, {})
        self.proposals[study.digest] = proposal
        return proposal

    def agree(self, proposal: Proposal, hospital: str, **narrowed: object) -> Agreement:
        """Let a hospital agree to a study, or to less.

        Parameters
        ----------
        **narrowed
            Fields of the agreement.
        """
        whole = accept_whole(proposal.study, hospital=hospital)
        agreement = replace(whole, **narrowed)  # type: ignore[arg-type]
        payload = agreements.to_bytes(agreement)
        self.decide(proposal, hospital, agreements.PAYLOAD_TYPE, payload)
        return agreement

    def decide(self, proposal: Proposal, hospital: str, payload_type: str, payload: bytes) -> None:
        """Let a hospital's steward and its node sign a decision."""
        steward = self.pki.credentials(Role.STEWARD, f"steward-{hospital}")
        signers = [steward, self.pki.node(hospital)]
        proposal.decisions[hospital] = signed(payload_type, payload, signers)

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

    def SubmitStudy(  # noqa: N802 - named by the wire
        self, request: study_pb2.SubmitStudyRequest, context: grpc.ServicerContext
    ) -> study_pb2.SubmitStudyResponse:
        """Keep a study."""
        envelope = envelope_from_wire(request.study)
        study = studies.from_bytes(envelope.payload)
        self.proposals.setdefault(study.digest, Proposal(study, envelope, {}))
        return study_pb2.SubmitStudyResponse(study=study.digest)

    def GetStudy(  # noqa: N802 - named by the wire
        self, request: study_pb2.GetStudyRequest, context: grpc.ServicerContext
    ) -> study_pb2.GetStudyResponse:
        """Return a study and its decisions."""
        found = [digest for digest in self.proposals if digest.startswith(request.study)]
        if len(found) != 1:
            _abort(context, WardnetError(Reason.STUDY_UNKNOWN, study=request.study))
        return study_pb2.GetStudyResponse(record=self._study(found[0]))

    def ListStudies(  # noqa: N802 - named by the wire
        self, request: study_pb2.ListStudiesRequest, context: grpc.ServicerContext
    ) -> study_pb2.ListStudiesResponse:
        """Return all studies, newest first."""
        return study_pb2.ListStudiesResponse(records=map(self._study, reversed(self.proposals)))

    def _study(self, digest: str) -> study_pb2.StudyRecord:
        proposal = self.proposals[digest]
        return study_pb2.StudyRecord(
            study=digest,
            envelope=envelope_to_wire(proposal.envelope),
            submitted_ms=SUBMITTED_MS,
            decisions=[
                study_pb2.Decision(hospital=hospital, statement=envelope_to_wire(statement))
                for hospital, statement in sorted(proposal.decisions.items())
            ],
        )

    def _records(self, query: str, context: grpc.ServicerContext) -> Sequence[Told]:
        found = [
            envelope for digest, envelope in self.submitted.items() if digest.startswith(query)
        ]
        if len(found) != 1:
            _abort(context, WardnetError(Reason.QUERY_UNKNOWN, query=query))
        return self.records(self, found[0])


def _abort(context: grpc.ServicerContext, error: WardnetError) -> NoReturn:
    context.set_trailing_metadata(((METADATA_KEY, error_to_status(error)),))
    context.abort(status_code(error), str(error))
    raise AssertionError
