from wardnet.wire.v1 import envelope_pb2 as _envelope_pb2
from wardnet.wire.v1 import link_pb2 as _link_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class QueryState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    QUERY_STATE_UNSPECIFIED: _ClassVar[QueryState]
    QUERY_STATE_RUNNING: _ClassVar[QueryState]
    QUERY_STATE_ANSWERED: _ClassVar[QueryState]
    QUERY_STATE_FAILED: _ClassVar[QueryState]
    QUERY_STATE_CANCELLED: _ClassVar[QueryState]

class HospitalState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HOSPITAL_STATE_UNSPECIFIED: _ClassVar[HospitalState]
    HOSPITAL_STATE_AWAY: _ClassVar[HospitalState]
    HOSPITAL_STATE_COMPUTING: _ClassVar[HospitalState]
    HOSPITAL_STATE_SENT: _ClassVar[HospitalState]
    HOSPITAL_STATE_LOST: _ClassVar[HospitalState]
    HOSPITAL_STATE_REFUSED: _ClassVar[HospitalState]
QUERY_STATE_UNSPECIFIED: QueryState
QUERY_STATE_RUNNING: QueryState
QUERY_STATE_ANSWERED: QueryState
QUERY_STATE_FAILED: QueryState
QUERY_STATE_CANCELLED: QueryState
HOSPITAL_STATE_UNSPECIFIED: HospitalState
HOSPITAL_STATE_AWAY: HospitalState
HOSPITAL_STATE_COMPUTING: HospitalState
HOSPITAL_STATE_SENT: HospitalState
HOSPITAL_STATE_LOST: HospitalState
HOSPITAL_STATE_REFUSED: HospitalState

class SubmitRequest(_message.Message):
    __slots__ = ("query",)
    QUERY_FIELD_NUMBER: _ClassVar[int]
    query: _envelope_pb2.Envelope
    def __init__(self, query: _Optional[_Union[_envelope_pb2.Envelope, _Mapping]] = ...) -> None: ...

class SubmitResponse(_message.Message):
    __slots__ = ("query",)
    QUERY_FIELD_NUMBER: _ClassVar[int]
    query: str
    def __init__(self, query: _Optional[str] = ...) -> None: ...

class GetRequest(_message.Message):
    __slots__ = ("query",)
    QUERY_FIELD_NUMBER: _ClassVar[int]
    query: str
    def __init__(self, query: _Optional[str] = ...) -> None: ...

class GetResponse(_message.Message):
    __slots__ = ("record",)
    RECORD_FIELD_NUMBER: _ClassVar[int]
    record: QueryRecord
    def __init__(self, record: _Optional[_Union[QueryRecord, _Mapping]] = ...) -> None: ...

class ListRequest(_message.Message):
    __slots__ = ("limit",)
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    limit: int
    def __init__(self, limit: _Optional[int] = ...) -> None: ...

class ListResponse(_message.Message):
    __slots__ = ("records",)
    RECORDS_FIELD_NUMBER: _ClassVar[int]
    records: _containers.RepeatedCompositeFieldContainer[QueryRecord]
    def __init__(self, records: _Optional[_Iterable[_Union[QueryRecord, _Mapping]]] = ...) -> None: ...

class AnswersRequest(_message.Message):
    __slots__ = ("query",)
    QUERY_FIELD_NUMBER: _ClassVar[int]
    query: str
    def __init__(self, query: _Optional[str] = ...) -> None: ...

class AnswersResponse(_message.Message):
    __slots__ = ("hospital", "sealed")
    HOSPITAL_FIELD_NUMBER: _ClassVar[int]
    SEALED_FIELD_NUMBER: _ClassVar[int]
    hospital: str
    sealed: bytes
    def __init__(self, hospital: _Optional[str] = ..., sealed: _Optional[bytes] = ...) -> None: ...

class WatchRequest(_message.Message):
    __slots__ = ("query",)
    QUERY_FIELD_NUMBER: _ClassVar[int]
    query: str
    def __init__(self, query: _Optional[str] = ...) -> None: ...

class WatchResponse(_message.Message):
    __slots__ = ("record", "interim")
    RECORD_FIELD_NUMBER: _ClassVar[int]
    INTERIM_FIELD_NUMBER: _ClassVar[int]
    record: QueryRecord
    interim: _containers.RepeatedCompositeFieldContainer[InterimReport]
    def __init__(self, record: _Optional[_Union[QueryRecord, _Mapping]] = ..., interim: _Optional[_Iterable[_Union[InterimReport, _Mapping]]] = ...) -> None: ...

class InterimReport(_message.Message):
    __slots__ = ("hospital", "sealed")
    HOSPITAL_FIELD_NUMBER: _ClassVar[int]
    SEALED_FIELD_NUMBER: _ClassVar[int]
    hospital: str
    sealed: bytes
    def __init__(self, hospital: _Optional[str] = ..., sealed: _Optional[bytes] = ...) -> None: ...

class CancelRequest(_message.Message):
    __slots__ = ("query",)
    QUERY_FIELD_NUMBER: _ClassVar[int]
    query: str
    def __init__(self, query: _Optional[str] = ...) -> None: ...

class CancelResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("query",)
    QUERY_FIELD_NUMBER: _ClassVar[int]
    query: _envelope_pb2.Envelope
    def __init__(self, query: _Optional[_Union[_envelope_pb2.Envelope, _Mapping]] = ...) -> None: ...

class ExplainResponse(_message.Message):
    __slots__ = ("hospital", "away", "causes")
    HOSPITAL_FIELD_NUMBER: _ClassVar[int]
    AWAY_FIELD_NUMBER: _ClassVar[int]
    CAUSES_FIELD_NUMBER: _ClassVar[int]
    hospital: str
    away: bool
    causes: _containers.RepeatedCompositeFieldContainer[_link_pb2.Cause]
    def __init__(self, hospital: _Optional[str] = ..., away: _Optional[bool] = ..., causes: _Optional[_Iterable[_Union[_link_pb2.Cause, _Mapping]]] = ...) -> None: ...

class ReceiptsRequest(_message.Message):
    __slots__ = ("promises",)
    PROMISES_FIELD_NUMBER: _ClassVar[int]
    promises: _containers.RepeatedCompositeFieldContainer[HospitalPromise]
    def __init__(self, promises: _Optional[_Iterable[_Union[HospitalPromise, _Mapping]]] = ...) -> None: ...

class HospitalPromise(_message.Message):
    __slots__ = ("hospital", "promise")
    HOSPITAL_FIELD_NUMBER: _ClassVar[int]
    PROMISE_FIELD_NUMBER: _ClassVar[int]
    hospital: str
    promise: _envelope_pb2.Envelope
    def __init__(self, hospital: _Optional[str] = ..., promise: _Optional[_Union[_envelope_pb2.Envelope, _Mapping]] = ...) -> None: ...

class ReceiptsResponse(_message.Message):
    __slots__ = ("hospital", "away", "receipt")
    HOSPITAL_FIELD_NUMBER: _ClassVar[int]
    AWAY_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    hospital: str
    away: bool
    receipt: _link_pb2.LogReceipt
    def __init__(self, hospital: _Optional[str] = ..., away: _Optional[bool] = ..., receipt: _Optional[_Union[_link_pb2.LogReceipt, _Mapping]] = ...) -> None: ...

class HospitalProgress(_message.Message):
    __slots__ = ("hospital", "state", "causes")
    HOSPITAL_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CAUSES_FIELD_NUMBER: _ClassVar[int]
    hospital: str
    state: HospitalState
    causes: _containers.RepeatedCompositeFieldContainer[_link_pb2.Cause]
    def __init__(self, hospital: _Optional[str] = ..., state: _Optional[_Union[HospitalState, str]] = ..., causes: _Optional[_Iterable[_Union[_link_pb2.Cause, _Mapping]]] = ...) -> None: ...

class QueryRecord(_message.Message):
    __slots__ = ("query", "state", "attempt", "round", "hospitals", "envelope", "reason", "details", "submitted_ms", "ended_ms")
    class DetailsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    QUERY_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    HOSPITALS_FIELD_NUMBER: _ClassVar[int]
    ENVELOPE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    SUBMITTED_MS_FIELD_NUMBER: _ClassVar[int]
    ENDED_MS_FIELD_NUMBER: _ClassVar[int]
    query: str
    state: QueryState
    attempt: int
    round: int
    hospitals: _containers.RepeatedCompositeFieldContainer[HospitalProgress]
    envelope: _envelope_pb2.Envelope
    reason: str
    details: _containers.ScalarMap[str, str]
    submitted_ms: int
    ended_ms: int
    def __init__(self, query: _Optional[str] = ..., state: _Optional[_Union[QueryState, str]] = ..., attempt: _Optional[int] = ..., round: _Optional[int] = ..., hospitals: _Optional[_Iterable[_Union[HospitalProgress, _Mapping]]] = ..., envelope: _Optional[_Union[_envelope_pb2.Envelope, _Mapping]] = ..., reason: _Optional[str] = ..., details: _Optional[_Mapping[str, str]] = ..., submitted_ms: _Optional[int] = ..., ended_ms: _Optional[int] = ...) -> None: ...
