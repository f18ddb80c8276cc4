"""The door of those who ask."""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing

from wardnet.transport.convert import causes_to_wire, envelope_from_wire, envelope_to_wire
from wardnet.transport.interceptors import Context, peer
from wardnet.transport.pieces import cut
from wardnet.wire.v1 import link_pb2, query_pb2, query_pb2_grpc
from wardnet_coordinator.broker import Broker
from wardnet_coordinator.conductor import Conductor
from wardnet_coordinator.doors.lists import fitting
from wardnet_coordinator.inquiries import Inquiries
from wardnet_coordinator.queries import Record
from wardnet_coordinator.reminders import Reminded, Reminders


class QueryService(query_pb2_grpc.QueryServiceServicer):
    """Take researchers' questions and show them how theirs stand."""

    def __init__(
        self,
        *,
        broker: Broker,
        conductor: Conductor,
        inquiries: Inquiries,
        reminders: Reminders,
    ) -> None:
        self._broker = broker
        self._conductor = conductor
        self._inquiries = inquiries
        self._reminders = reminders

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

    async def Answers(  # noqa: N802
        self, request: query_pb2.AnswersRequest, context: Context
    ) -> AsyncIterator[query_pb2.AnswersResponse]:
        """Yield the sealed answers of a query, one hospital's after the other."""
        async for hospital, sealed in self._conductor.answers(request.query, peer(context).id):
            for piece in cut(sealed):
                yield query_pb2.AnswersResponse(hospital=hospital, sealed=piece.data)

    async def List(  # noqa: N802
        self, request: query_pb2.ListRequest, context: Context
    ) -> query_pb2.ListResponse:
        """Return the caller's queries, newest first."""
        limit = min(max(request.limit, 1), 1000)
        records = await self._conductor.recent(peer(context).id, limit=limit)
        return query_pb2.ListResponse(records=fitting(map(self._to_wire, records)))

    async def Watch(  # noqa: N802
        self, request: query_pb2.WatchRequest, context: Context
    ) -> AsyncIterator[query_pb2.WatchResponse]:
        """Yield how a query stands, now and after each change."""
        told: Mapping[str, bytes] = {}
        async for record in self._conductor.watch(request.query, peer(context).id):
            before, told = told, record.interim
            news = [
                query_pb2.InterimReport(hospital=hospital, sealed=sealed)
                for hospital, sealed in told.items()
                if sealed != before.get(hospital)
            ]
            yield query_pb2.WatchResponse(record=self._to_wire(record), interim=news)

    async def Explain(  # noqa: N802
        self, request: query_pb2.ExplainRequest, context: Context
    ) -> AsyncIterator[query_pb2.ExplainResponse]:
        """Yield what each hospital would do with a query, as it answers."""
        asking = self._inquiries.ask(envelope_from_wire(request.query), peer(context))
        async with aclosing(asking) as answers:
            async for explained in answers:
                yield query_pb2.ExplainResponse(
                    hospital=explained.hospital,
                    away=explained.causes is None,
                    causes=causes_to_wire(explained.causes or ()),
                )

    async def Receipts(  # noqa: N802
        self, request: query_pb2.ReceiptsRequest, context: Context
    ) -> AsyncIterator[query_pb2.ReceiptsResponse]:
        """Yield what each hospital says to its promise, as it answers."""
        promises = {each.hospital: envelope_from_wire(each.promise) for each in request.promises}
        asking = self._reminders.remind(promises, peer(context))
        async with aclosing(asking) as answers:
            async for reminded in answers:
                yield _receipt(reminded)

    async def Cancel(  # noqa: N802
        self, request: query_pb2.CancelRequest, context: Context
    ) -> query_pb2.CancelResponse:
        """End a query."""
        await self._conductor.cancel(request.query, peer(context).id)
        return query_pb2.CancelResponse()

    def _to_wire(self, record: Record) -> query_pb2.QueryRecord:
        course, failure = record.course, record.course.failure
        return query_pb2.QueryRecord(
            query=course.query,
            state=f"QUERY_STATE_{course.outcome.name}",
            attempt=course.attempt,
            round=course.round,
            hospitals=[self._progress(record, hospital) for hospital in course.asked],
            envelope=envelope_to_wire(record.envelope),
            reason="" if failure is None else failure.reason,
            details={} if failure is None else failure.details,
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
            causes=causes_to_wire(cause.error for cause in refusal.causes) if refusal else (),
        )


def _receipt(reminded: Reminded) -> query_pb2.ReceiptsResponse:
    told = reminded.told
    if told is None:
        return query_pb2.ReceiptsResponse(hospital=reminded.hospital, away=True)
    receipt = link_pb2.LogReceipt(
        proof=told.proof, checkpoint=told.checkpoint, causes=causes_to_wire(told.causes)
    )
    return query_pb2.ReceiptsResponse(hospital=reminded.hospital, receipt=receipt)
