"""Envelopes, answers and causes to wire messages and back.

`x_to_wire` writes; `x_from_wire` reads, and refuses what is malformed. A value that came from the
wire has the right shape and bounds; whether it is *true* (signatures) is checked where it is used.
"""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

from google.protobuf.message import DecodeError

from wardnet.canonical import MAXIMUM_BYTES
from wardnet.errors import Reason, WardnetError
from wardnet.identity import certificates
from wardnet.identity.envelope import MAXIMUM_SIGNATURES, Envelope, Signature
from wardnet.question import answer as answers
from wardnet.transport.status import error_from_reason
from wardnet.wire.v1 import envelope_pb2, link_pb2

MAXIMUM_CAUSES: Final = 20
"""Most reasons that one hospital gives at once; more help nobody."""

_CERTIFICATES: Final = 2
_SIGNATURE_BYTES: Final = 64


def envelope_to_wire(envelope: Envelope) -> envelope_pb2.Envelope:
    """Write a signed statement."""
    return envelope_pb2.Envelope(
        payload_type=envelope.payload_type,
        payload=envelope.payload,
        signatures=[
            envelope_pb2.Signature(certificates=item.certificates, signature=item.signature)
            for item in envelope.signatures
        ],
    )


def envelope_from_wire(
    message: envelope_pb2.Envelope, *, maximum_bytes: int = MAXIMUM_BYTES
) -> Envelope:
    """Read a signed statement; its signatures are not verified.

    Parameters
    ----------
    maximum_bytes : int
        Of its payload.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    if not message.payload_type or len(message.payload) > maximum_bytes:
        raise malformed(field="envelope", rule="it has no type or is too long")
    if not 1 <= len(message.signatures) <= MAXIMUM_SIGNATURES:
        raise malformed(field="envelope.signatures", rule="there must be 1 to 1024")
    signatures = tuple(_signature_from_wire(item) for item in message.signatures)
    return Envelope(message.payload_type, message.payload, signatures)


def envelope_to_bytes(envelope: Envelope) -> bytes:
    """Return the bytes to store; not canonical, only the payload's bytes count."""
    return envelope_to_wire(envelope).SerializeToString()


def envelope_from_bytes(data: bytes) -> Envelope:
    """Read stored bytes.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    try:
        return envelope_from_wire(envelope_pb2.Envelope.FromString(data))
    except DecodeError as error:
        raise malformed(field="envelope", rule="it is not one") from error


def answer_to_bytes(answer: Envelope, promise: Envelope | None) -> bytes:
    """Return what is sealed: a signed answer, and where it stands in the signer's access log."""
    content = link_pb2.AnswerContent(answer=envelope_to_wire(answer))
    if promise is not None:
        content.promise.CopyFrom(envelope_to_wire(promise))
    return content.SerializeToString()


def answer_from_bytes(data: bytes) -> tuple[Envelope, Envelope | None]:
    """Read what was under the seal: the answer, and the promise if there is one.

    Raises
    ------
    WardnetError
        `MALFORMED`.
    """
    try:
        content = link_pb2.AnswerContent.FromString(data)
    except DecodeError as error:
        raise malformed(field="answer", rule="it is not one") from error
    has_promise = content.HasField("promise")
    promise = envelope_from_wire(content.promise) if has_promise else None
    return envelope_from_wire(content.answer, maximum_bytes=answers.MAXIMUM_BYTES), promise


def causes_to_wire(errors: Iterable[WardnetError]) -> list[link_pb2.Cause]:
    """Write why something is refused, the first `MAXIMUM_CAUSES` reasons."""
    return [
        link_pb2.Cause(reason=error.reason.value, details=error.details)
        for error in islice(errors, MAXIMUM_CAUSES)
    ]


def causes_from_wire(messages: Sequence[link_pb2.Cause]) -> tuple[WardnetError, ...]:
    """Read why something is refused.

    A cause that this version does not know becomes `MALFORMED`, so that the others are still told.

    Raises
    ------
    WardnetError
        `MALFORMED` when there are more than `MAXIMUM_CAUSES`.
    """
    if len(messages) > MAXIMUM_CAUSES:
        raise malformed(field="causes", rule="there are too many")
    return tuple(_cause_from_wire(message) for message in messages)


def _cause_from_wire(message: link_pb2.Cause) -> WardnetError:
    try:
        return error_from_reason(message.reason, message.details)
    except WardnetError as unknown:
        return unknown


def _signature_from_wire(message: envelope_pb2.Signature) -> Signature:
    if any(len(der) > certificates.MAXIMUM_BYTES for der in message.certificates):
        raise malformed(field="envelope.signatures", rule="a certificate is too long")
    if len(message.certificates) > _CERTIFICATES or len(message.signature) > _SIGNATURE_BYTES:
        raise malformed(field="envelope.signatures", rule="one is too long")
    return Signature(tuple(message.certificates), message.signature)


def malformed(*, field: str, rule: str) -> WardnetError:
    """Return what a message that says nothing gets."""
    return WardnetError(Reason.MALFORMED, field=field, rule=rule)
