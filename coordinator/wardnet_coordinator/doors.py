"""The unary services: who is let in by whom, wire messages to values and back, nothing else."""

from collections.abc import AsyncIterator, Iterable, Mapping
from functools import partial
from typing import Any, Final

import grpc.aio

from wardnet import clock
from wardnet.errors import Reason, WardnetError
from wardnet.identity.authority import Authority
from wardnet.identity.envelope import Trust, verify
from wardnet.identity.member import Role
from wardnet.question import dictionary as dictionaries
from wardnet.transport.convert import envelope_from_wire, envelope_to_wire
from wardnet.transport.interceptors import peer
from wardnet.wire.v1 import (
    catalog_pb2,
    catalog_pb2_grpc,
    enrolment_pb2,
    enrolment_pb2_grpc,
    query_pb2,
    query_pb2_grpc,
)
from wardnet_coordinator import catalog, registry
from wardnet_coordinator.broker import Broker
from wardnet_coordinator.conductor import Conductor
from wardnet_coordinator.course import Failure
from wardnet_coordinator.queries import Record
from wardnet_coordinator.state import Database

Context = grpc.aio.ServicerContext[Any, Any]

_MEMBERS: Final = frozenset({Role.NODE, Role.STEWARD, Role.RESEARCHER, Role.AUDITOR})
_RESEARCHERS: Final = frozenset({Role.RESEARCHER})

ALLOWED: Final[Mapping[str, frozenset[Role]]] = {
    "/wardnet.wire.v1.EnrolmentService/Enrol": frozenset({Role.INVITED}),
    "/wardnet.wire.v1.LinkService/Attach": frozenset({Role.NODE}),
    "/wardnet.wire.v1.QueryService/Submit": _RESEARCHERS,
    "/wardnet.wire.v1.QueryService/Get": _RESEARCHERS,
    "/wardnet.wire.v1.QueryService/List": _RESEARCHERS,
    "/wardnet.wire.v1.QueryService/Watch": _RESEARCHERS,
    "/wardnet.wire.v1.QueryService/Cancel": _RESEARCHERS,
    "/wardnet.wire.v1.CatalogService/PublishDictionary": frozenset({Role.NODE, Role.STEWARD}),
    "/wardnet.wire.v1.CatalogService/GetDictionary": _MEMBERS,
    "/wardnet.wire.v1.CatalogService/ListDatasets": _MEMBERS,
    "/wardnet.wire.v1.CatalogService/ListHospitals": _MEMBERS,
}
"""Who may call what; the interceptor refuses everything else."""

MAXIMUM_LIST_BYTES: Final = 3 << 20
"""A list ends before it no longer fits into one message."""


class EnrolmentService(enrolment_pb2_grpc.EnrolmentServiceServicer):
    """Make members of those who were invited."""

    def __init__(self, *, broker: Broker, database: Database, issuing: Authority) -> None:
        self._broker = broker
        self._database = database
        self._issuing = issuing

    async def Enrol(  # noqa: N802 - the wire's name
        self, request: enrolment_pb2.EnrolRequest, context: Context
    ) -> enrolment_pb2.EnrolResponse:
        """Redeem an invitation."""
        enrol = partial(
            registry.enrol,
            token=request.token,
            caller=peer(context),
            tls_request=request.tls_request,
            signing_request=request.signing_request,
            issuing=self._issuing,
            at=clock.now(),
        )
        enrolment = await self._database.write(enrol)
        if enrolment is None:
            raise WardnetError(Reason.INVITATION_REFUSED)
        if enrolment.member.role is Role.NODE:
            self._broker.forget(enrolment.member.id)
        return enrolment_pb2.EnrolResponse(
            tls_certificates=enrolment.tls, signing_certificates=enrolment.signing
        )


class QueryService(query_pb2_grpc.QueryServiceServicer):
    """Take researchers' questions and show them how theirs stand."""

    def __init__(self, *, broker: Broker, conductor: Conductor) -> None:
        self._broker = broker
        self._conductor = conductor

    async def Submit(  # noqa: N802
        self, request: query_pb2.SubmitRequest, context: Context
    ) -> query_pb2.SubmitResponse:
        """Store a query durably and open its first round."""
        query = await self._conductor.submit(envelope_from_wire(request.query), peer(context))
        return query_pb2.SubmitResponse(query=query)

    async def Get(  # noqa: N802
        self, request: query_pb2.GetRequest, context: Context
    ) -> query_pb2.GetResponse:
        """Return how a query stands."""
        record = await self._conductor.find(request.query, peer(context).id)
        return query_pb2.GetResponse(record=self._to_wire(record))

    async def List(  # noqa: N802
        self, request: query_pb2.ListRequest, context: Context
    ) -> query_pb2.ListResponse:
        """Return the caller's queries, newest first, without their answers."""
        limit = min(max(request.limit, 1), 1000)
        records = await self._conductor.recent(peer(context).id, limit=limit)
        return query_pb2.ListResponse(records=_fitting(map(self._to_wire, records)))

    async def Watch(  # noqa: N802
        self, request: query_pb2.WatchRequest, context: Context
    ) -> AsyncIterator[query_pb2.WatchResponse]:
        """Yield how a query stands, now and after each change."""
        async for record in self._conductor.watch(request.query, peer(context).id):
            yield query_pb2.WatchResponse(record=self._to_wire(record))

    async def Cancel(  # noqa: N802
        self, request: query_pb2.CancelRequest, context: Context
    ) -> query_pb2.CancelResponse:
        """End a query."""
        await self._conductor.cancel(request.query, peer(context).id)
        return query_pb2.CancelResponse()

    def _to_wire(self, record: Record) -> query_pb2.QueryRecord:
        course = record.course
        return query_pb2.QueryRecord(
            query=course.query,
            state=f"QUERY_STATE_{course.outcome.name}",
            attempt=course.attempt,
            round=course.round,
            hospitals=[self._progress(record, hospital) for hospital in course.asked],
            envelope=envelope_to_wire(record.envelope),
            answer=None if course.answer is None else envelope_to_wire(course.answer),
            reason=_reason(course.failure),
            details=_details(course.failure),
            submitted_ms=record.submitted,
            ended_ms=record.ended,
        )

    def _progress(self, record: Record, hospital: str) -> query_pb2.HospitalProgress:
        connected = self._broker.find(hospital) is not None
        standing = record.course.standing(hospital, connected=connected)
        refusal = record.course.refusals.get(hospital)
        return query_pb2.HospitalProgress(
            hospital=hospital,
            state=f"HOSPITAL_STATE_{standing.name}",
            reason=_reason(refusal),
            details=_details(refusal),
        )


class CatalogService(catalog_pb2_grpc.CatalogServiceServicer):
    """Publish and show the network's datasets."""

    def __init__(self, *, broker: Broker, database: Database, trust: Trust) -> None:
        self._broker = broker
        self._database = database
        self._trust = trust

    async def PublishDictionary(  # noqa: N802
        self, request: catalog_pb2.PublishDictionaryRequest, context: Context
    ) -> catalog_pb2.PublishDictionaryResponse:
        """Make a signed dictionary its dataset's current one."""
        caller, at = peer(context), clock.now()
        # 1. The caller, and nobody else, has signed it.
        envelope = envelope_from_wire(request.dictionary)
        kind = dictionaries.PAYLOAD_TYPE
        if verify(envelope, payload_type=kind, trust=self._trust, at=at) != (caller,):
            raise WardnetError(Reason.IDENTITY_MISMATCH, identity="the dictionary's signer")
        # 2. Only then it is read.
        publish = partial(
            catalog.publish,
            envelope=envelope,
            dictionary=dictionaries.from_bytes(envelope.payload),
            publisher=caller,
            at=at,
        )
        digest = await self._database.write(publish)
        return catalog_pb2.PublishDictionaryResponse(digest=digest)

    async def GetDictionary(  # noqa: N802
        self, request: catalog_pb2.GetDictionaryRequest, context: Context
    ) -> catalog_pb2.GetDictionaryResponse:
        """Return a dataset's current dictionary."""
        get = partial(catalog.dictionary, dataset=request.dataset)
        published = await self._database.read(get)
        return catalog_pb2.GetDictionaryResponse(dictionary=envelope_to_wire(published.envelope))

    async def ListDatasets(  # noqa: N802
        self, request: catalog_pb2.ListDatasetsRequest, context: Context
    ) -> catalog_pb2.ListDatasetsResponse:
        """Return every dataset and who holds it."""
        datasets = [
            catalog_pb2.Dataset(
                name=published.dataset,
                label=published.label,
                version=published.version,
                dictionary=published.digest,
                hospitals=hospitals,
            )
            for published, hospitals in await self._database.read(catalog.datasets)
        ]
        return catalog_pb2.ListDatasetsResponse(datasets=datasets)

    async def ListHospitals(  # noqa: N802
        self, request: catalog_pb2.ListHospitalsRequest, context: Context
    ) -> catalog_pb2.ListHospitalsResponse:
        """Return every hospital and whether it is connected."""
        hospitals = [
            catalog_pb2.Hospital(hospital=name, connected=self._broker.find(name) is not None)
            for name in sorted(await self._database.read(registry.hospitals))
        ]
        return catalog_pb2.ListHospitalsResponse(hospitals=hospitals)


def _fitting(records: Iterable[query_pb2.QueryRecord]) -> list[query_pb2.QueryRecord]:
    """Return as many records, without their answers, as one message can carry."""
    fitting, size = [], 0
    for record in records:
        record.ClearField("answer")
        size += record.ByteSize()
        if size > MAXIMUM_LIST_BYTES:
            break
        fitting.append(record)
    return fitting


def _reason(failure: Failure | None) -> str:
    return "" if failure is None else failure.reason.value


def _details(failure: Failure | None) -> Mapping[str, str]:
    return {} if failure is None else failure.details
