"""My queries at the coordinator: hand one in, follow it, and open its answer."""

import secrets
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from time import monotonic, sleep
from typing import Final

from wardnet import canonical, clock
from wardnet.client.catalog import Catalog
from wardnet.client.connection import DEADLINE_SECONDS, Connection
from wardnet.client.printing.listing import Listing, verified
from wardnet.client.queries.ask import describe
from wardnet.client.queries.record import Record, State, record_from_wire
from wardnet.client.queries.result import Result, released
from wardnet.client.queries.told import Told
from wardnet.client.queries.verdict import Verdict, Verdicts
from wardnet.client.trust.receipts import Receipts, Sent, verified_receipts
from wardnet.client.trust.verify import open_answers, verify_promises
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope
from wardnet.model.signed import verify_answer
from wardnet.question import query as queries
from wardnet.transport.convert import causes_from_wire, envelope_to_wire
from wardnet.transport.pieces import check_length
from wardnet.wire.v1 import query_pb2, query_pb2_grpc

FIRST_PAUSE_SECONDS: Final = 0.5
LONGEST_PAUSE_SECONDS: Final = 5.0
"""Between two attempts to watch again, before jitter."""

FETCH_SECONDS: Final = 600.0
"""Most that the answers of a large model may take."""


class Asked:
    """Hand in queries and look after them.

    Parameters
    ----------
    connection : Connection
        To the coordinator.
    catalog : Catalog
        Has the dictionaries that questions name.
    """

    def __init__(self, connection: Connection, catalog: Catalog) -> None:
        self._connection = connection
        self._catalog = catalog
        self._stub = query_pb2_grpc.QueryServiceStub(connection.channel)

    def submit(self, query: Envelope) -> str:
        """Hand a signed query over; return its id."""
        request = query_pb2.SubmitRequest(query=envelope_to_wire(query))
        self._connection.call(self._stub.Submit, request)
        return canonical.digest(query.payload)  # the id is not the coordinator's choice

    def explain(self, query: Envelope) -> Verdicts:
        """Return what every hospital would do with a signed query."""
        request = query_pb2.ExplainRequest(query=envelope_to_wire(query))
        responses: Iterator[query_pb2.ExplainResponse] = self._connection.stream(
            self._stub.Explain, request, timeout=DEADLINE_SECONDS
        )
        return Verdicts(
            describe(queries.from_bytes(query.payload)),
            (
                Verdict(each.hospital, each.away, causes_from_wire(each.causes))
                for each in responses
            ),
        )

    def newest(self, *, limit: int) -> Listing[Record]:
        """Return the newest queries, newest first."""
        request = query_pb2.ListRequest(limit=limit)
        response: query_pb2.ListResponse = self._connection.call(self._stub.List, request)
        return verified(
            "queries", response.records, self._read, record=Record.to_dict, shown=_shown
        )

    def get(self, query: str) -> Record:
        """Return one query by its id, or a beginning of it."""
        request = query_pb2.GetRequest(query=query)
        response: query_pb2.GetResponse = self._connection.call(self._stub.Get, request)
        return self._named(query, self._read(response.record))

    def cancel(self, query: str) -> None:
        """End one query by its id, or a beginning of it."""
        self._connection.call(self._stub.Cancel, query_pb2.CancelRequest(query=query))

    def follow(
        self,
        query: str,
        *,
        timeout: float | None,
        progress: Callable[[Record], None] | None,
    ) -> Record:
        """Return the record of a query once it has ended, however often the coordinator is away.

        Raises
        ------
        WardnetError
            `WAIT_TOO_LONG`.
        """
        ends = None if timeout is None else monotonic() + timeout
        pause = FIRST_PAUSE_SECONDS
        record = self.get(query)
        told = Told(self._connection, record)
        while record.state is State.RUNNING:
            before, record = record, self._follow(record, _left(ends), told, progress)
            if record.state is State.RUNNING:
                pause = (
                    FIRST_PAUSE_SECONDS
                    if record != before
                    else min(2 * pause, LONGEST_PAUSE_SECONDS)
                )
                _rest(pause, _left(ends), record.query, timeout)
        return record

    def result(self, record: Record) -> Result:
        """Return the verified result of a query that has ended.

        Raises
        ------
        WardnetError
            Why there is no answer; `ANSWER_SEALED`, `SIGNATURE_INVALID` or `ROUNDS_DIVERGED`.
        """
        envelope, _ = self._open(record, self._sealed(record))
        trust, at = self._connection.trust, clock.now()
        question, digest = record.question, record.query
        answer = verify_answer(
            envelope,
            query=question,
            digest=digest,
            trust=trust,
            at=at,
            pins=self._connection.pins,
        )
        return released(
            question,
            answer,
            dictionary=cache(partial(self._catalog.of, question)),
            absent=record.absent,
            envelope=envelope,
            asked=record.envelope,
        )

    def receipts(self, record: Record) -> Receipts:
        """Return what keeps each hospital's promise that its answer stands in its access log.

        Raises
        ------
        WardnetError
            As `result`.
        """
        sealed = self._sealed(record)
        envelope, promises = self._open(record, sealed)
        request = query_pb2.ReceiptsRequest(
            promises=[
                query_pb2.HospitalPromise(hospital=name, promise=envelope_to_wire(promise))
                for name, promise in promises.items()
            ]
        )
        responses: Iterator[query_pb2.ReceiptsResponse] = self._connection.stream(
            self._stub.Receipts, request, timeout=DEADLINE_SECONDS
        )
        trust, at = self._connection.trust, clock.now()
        sent = (
            Sent(
                each.hospital,
                each.away,
                tuple(each.receipt.proof),
                each.receipt.checkpoint,
                causes_from_wire(each.receipt.causes),
            )
            for each in responses
        )
        return verified_receipts(
            sent, envelope=envelope, promises=promises, hospitals=tuple(sealed), trust=trust, at=at
        )

    def _sealed(self, record: Record) -> Mapping[str, bytes]:
        """Fetch the answers of a query that has ended, by hospital."""
        if record.failure is not None:
            raise record.failure
        sealed: dict[str, bytearray] = {}
        request = query_pb2.AnswersRequest(query=record.query)
        responses: Iterator[query_pb2.AnswersResponse] = self._connection.stream(
            self._stub.Answers, request, timeout=FETCH_SECONDS
        )
        for each in responses:
            if each.hospital not in record.question.hospitals:
                raise WardnetError(Reason.MALFORMED, field="answers", rule="nobody asked for one")
            data = sealed.setdefault(each.hospital, bytearray())
            check_length(len(data) + len(each.sealed))
            data += each.sealed
        if not sealed:
            raise WardnetError(Reason.MALFORMED, field="answers", rule="an ended query has none")
        return {hospital: bytes(data) for hospital, data in sealed.items()}

    def _open(
        self, record: Record, sealed: Mapping[str, bytes]
    ) -> tuple[Envelope, Mapping[str, Envelope]]:
        """Open the answers; no promise under them is false."""
        key = self._connection.recipient(record.question.nonce)
        envelope, promises = open_answers(
            sealed, query=record.question, digest=record.query, key=key
        )
        trust, at = self._connection.trust, clock.now()
        verify_promises(promises, digest=record.query, trust=trust, at=at)
        return envelope, promises

    def _follow(
        self,
        record: Record,
        timeout: float | None,
        told: Told,
        progress: Callable[[Record], None] | None,
    ) -> Record:
        """Return the last record of one watch; it ends early when the coordinator goes away."""
        last = record
        try:
            for last, reports in self._watch(record.query, timeout):
                if progress is not None:
                    progress(told.take(last, reports))
        except WardnetError as error:
            if error.reason is not Reason.COORDINATOR_AWAY:
                raise
        return last

    def _watch(
        self, query: str, timeout: float | None
    ) -> Iterator[tuple[Record, Mapping[str, bytes]]]:
        request = query_pb2.WatchRequest(query=query)
        responses: Iterator[query_pb2.WatchResponse] = self._connection.stream(
            self._stub.Watch, request, timeout=timeout
        )
        for response in responses:
            told = {each.hospital: each.sealed for each in response.interim}
            yield self._named(query, self._read(response.record)), told

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
