"""What a coordinator tells: records, sealed answers, and why it refuses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NoReturn

import grpc

from wardnet import canonical
from wardnet.errors import WardnetError
from wardnet.identity.certificates import Usage, leaf_member, read_certificate
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import Envelope, merge, sign
from wardnet.question import query as queries
from wardnet.question.query import Query
from wardnet.sealing.answers import seal
from wardnet.transport.convert import answer_to_bytes, envelope_to_wire
from wardnet.transport.status import METADATA_KEY, error_to_status, status_code
from wardnet.wire.v1 import query_pb2

SUBMITTED_MS = 1_767_225_600_000


@dataclass
class Told:
    """Hold what a coordinator says of a query: its record and, at the end, the sealed answers.

    And what hospitals told meanwhile, sealed, by hospital.
    """

    record: query_pb2.QueryRecord
    answers: list[query_pb2.AnswersResponse]
    interim: Mapping[str, bytes] = field(default_factory=dict)


def signed(payload_type: str, payload: bytes, signers: Sequence[Credentials]) -> Envelope:
    """Return one statement that several members have signed."""
    return merge([sign(payload_type, payload, member.signer) for member in signers])


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


def abort(context: grpc.ServicerContext, error: WardnetError) -> NoReturn:
    """End a call with the error that the coordinator names."""
    context.set_trailing_metadata(((METADATA_KEY, error_to_status(error)),))
    context.abort(status_code(error), str(error))
    raise AssertionError
