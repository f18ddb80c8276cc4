"""Errors on the wire: a `WardnetError` travels as google.rpc.Status with an ErrorInfo.

The message is the public sentence, the ErrorInfo the reason and its details, so the other side can
rebuild the same error. What carries no ErrorInfo comes from gRPC itself and is put into words.

References
----------
https://google.aip.dev/193 (Errors); `grpc-status-details-bin` as grpcio-status sends it.
"""

from collections.abc import Iterable, Mapping
from typing import Final

import grpc
from google.protobuf.any_pb2 import Any as PackedMessage
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status as RpcStatus

from wardnet.errors import DETAIL_NAMES, Reason, WardnetError

METADATA_KEY: Final = "grpc-status-details-bin"
DOMAIN: Final = "wardnet"

BROKEN: Final = "the connection broke"

_MAXIMUM_DETAIL: Final = 1000


def status_code(error: WardnetError) -> grpc.StatusCode:
    """Return the gRPC status of an error."""
    return grpc.StatusCode[error.row.status.value]


def error_to_status(error: WardnetError) -> bytes:
    """Return the serialized google.rpc.Status for the trailing metadata `METADATA_KEY`."""
    info = ErrorInfo(reason=error.reason.value.upper(), domain=DOMAIN, metadata=error.details)
    packed = PackedMessage()
    packed.Pack(info)
    number: int = status_code(error).value[0]
    status = RpcStatus(code=number, message=str(error), details=[packed])
    data: bytes = status.SerializeToString()
    return data


def error_from_reason(reason: str, details: Mapping[str, str]) -> WardnetError:
    """Rebuild an error that the other side named.

    Raises
    ------
    WardnetError
        `MALFORMED` when this version knows no such reason, or its details do not fit.
    """
    kept = {name: _harmless(text) for name, text in details.items() if name in DETAIL_NAMES}
    try:
        return WardnetError(Reason(reason), **kept)
    except (ValueError, TypeError) as error:
        raise WardnetError(Reason.MALFORMED, field="reason", rule="it is not known here") from error


def error_from_rpc(
    error: grpc.RpcError, address: str, *, away: Reason = Reason.COORDINATOR_AWAY
) -> WardnetError:
    """Return the error behind a failed call.

    Parameters
    ----------
    error : RpcError
        From a blocking or an asyncio call.
    address : str
        That was called, for the message.
    away : Reason
        What it means when nobody answers there; its sentence takes `address` and `rule`.
    """
    if not isinstance(error, grpc.Call | grpc.aio.AioRpcError):
        return WardnetError(away, address=address, rule=BROKEN)
    named = _from_metadata(error.trailing_metadata() or ())
    if named is not None:
        return named
    told = _from_grpc(error.code(), error.details() or "")
    return WardnetError(away, address=address, rule=told) if isinstance(told, str) else told


def _from_metadata(metadata: Iterable[tuple[str, str | bytes]]) -> WardnetError | None:
    for key, value in metadata:
        if key == METADATA_KEY and isinstance(value, bytes):
            return _from_status(value)
    return None


def _from_status(data: bytes) -> WardnetError | None:
    try:
        for packed in RpcStatus.FromString(data).details:
            info = ErrorInfo()
            if packed.Unpack(info) and info.domain == DOMAIN:
                return error_from_reason(info.reason.lower(), info.metadata)
    except DecodeError:
        return None
    except WardnetError as error:
        return error
    return None


def _from_grpc(code: grpc.StatusCode, text: str) -> WardnetError | str:
    """Put gRPC's own statuses into words; a killed peer may show as any of the last group."""
    match code:
        case grpc.StatusCode.UNAVAILABLE:
            return _why_unavailable(text)
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return "it did not answer in time"
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            return WardnetError(Reason.MESSAGE_TOO_LARGE, rule="4 MiB")
        case grpc.StatusCode.UNIMPLEMENTED:
            return WardnetError(Reason.MALFORMED, field="method", rule="it is not known there")
        case _:
            return BROKEN


def _why_unavailable(text: str) -> str:
    lower = text.lower()
    if "handshake" in lower or "ssl" in lower or "certificate" in lower or "tls" in lower:
        return "TLS was refused (does its certificate carry this name, and do both clocks agree?)"
    if "resolv" in lower or "lookup" in lower:
        return "its name is not known"
    if "refused" in lower:
        return "nothing listens there"
    if "unreachable" in lower or "no route" in lower:
        return "there is no way to it from here"
    return BROKEN


def _harmless(text: str) -> str:
    """Return text from the other side without control characters, at a length a person reads."""
    return "".join(c if c.isprintable() else "?" for c in text[:_MAXIMUM_DETAIL])
