from wardnet.wire.v1 import envelope_pb2 as _envelope_pb2
from wardnet.wire.v1 import sums_pb2 as _sums_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TotalsRequest(_message.Message):
    __slots__ = ("work_id", "first")
    WORK_ID_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    work_id: str
    first: int
    def __init__(self, work_id: _Optional[str] = ..., first: _Optional[int] = ...) -> None: ...

class TotalsResponse(_message.Message):
    __slots__ = ("piece",)
    PIECE_FIELD_NUMBER: _ClassVar[int]
    piece: Piece
    def __init__(self, piece: _Optional[_Union[Piece, _Mapping]] = ...) -> None: ...

class Piece(_message.Message):
    __slots__ = ("data", "last")
    DATA_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    last: bool
    def __init__(self, data: _Optional[bytes] = ..., last: _Optional[bool] = ...) -> None: ...

class AttachRequest(_message.Message):
    __slots__ = ("hello", "heartbeat", "announcement", "part", "answer", "refusal", "decision", "explanation", "audit_page", "revocations", "letter", "receipt", "piece")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    ANNOUNCEMENT_FIELD_NUMBER: _ClassVar[int]
    PART_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    AUDIT_PAGE_FIELD_NUMBER: _ClassVar[int]
    REVOCATIONS_FIELD_NUMBER: _ClassVar[int]
    LETTER_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    PIECE_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    heartbeat: Heartbeat
    announcement: Announcement
    part: RoundPart
    answer: SignedAnswer
    refusal: Refusal
    decision: StudyDecision
    explanation: Explanation
    audit_page: AuditPage
    revocations: _envelope_pb2.Envelope
    letter: Letter
    receipt: LogReceipt
    piece: Piece
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ..., announcement: _Optional[_Union[Announcement, _Mapping]] = ..., part: _Optional[_Union[RoundPart, _Mapping]] = ..., answer: _Optional[_Union[SignedAnswer, _Mapping]] = ..., refusal: _Optional[_Union[Refusal, _Mapping]] = ..., decision: _Optional[_Union[StudyDecision, _Mapping]] = ..., explanation: _Optional[_Union[Explanation, _Mapping]] = ..., audit_page: _Optional[_Union[AuditPage, _Mapping]] = ..., revocations: _Optional[_Union[_envelope_pb2.Envelope, _Mapping]] = ..., letter: _Optional[_Union[Letter, _Mapping]] = ..., receipt: _Optional[_Union[LogReceipt, _Mapping]] = ..., piece: _Optional[_Union[Piece, _Mapping]] = ...) -> None: ...

class AttachResponse(_message.Message):
    __slots__ = ("welcome", "heartbeat", "work", "acknowledgement", "ended", "study", "explain", "audit", "letter", "receipt", "piece", "ahead")
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_FIELD_NUMBER: _ClassVar[int]
    WORK_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGEMENT_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    STUDY_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    AUDIT_FIELD_NUMBER: _ClassVar[int]
    LETTER_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    PIECE_FIELD_NUMBER: _ClassVar[int]
    AHEAD_FIELD_NUMBER: _ClassVar[int]
    welcome: Welcome
    heartbeat: Heartbeat
    work: Work
    acknowledgement: Acknowledgement
    ended: Ended
    study: _envelope_pb2.Envelope
    explain: ExplainWork
    audit: AuditWork
    letter: Letter
    receipt: ReceiptWork
    piece: Piece
    ahead: Ahead
    def __init__(self, welcome: _Optional[_Union[Welcome, _Mapping]] = ..., heartbeat: _Optional[_Union[Heartbeat, _Mapping]] = ..., work: _Optional[_Union[Work, _Mapping]] = ..., acknowledgement: _Optional[_Union[Acknowledgement, _Mapping]] = ..., ended: _Optional[_Union[Ended, _Mapping]] = ..., study: _Optional[_Union[_envelope_pb2.Envelope, _Mapping]] = ..., explain: _Optional[_Union[ExplainWork, _Mapping]] = ..., audit: _Optional[_Union[AuditWork, _Mapping]] = ..., letter: _Optional[_Union[Letter, _Mapping]] = ..., receipt: _Optional[_Union[ReceiptWork, _Mapping]] = ..., piece: _Optional[_Union[Piece, _Mapping]] = ..., ahead: _Optional[_Union[Ahead, _Mapping]] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("hospital", "epoch", "software_version", "methods", "announcement")
    HOSPITAL_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    SOFTWARE_VERSION_FIELD_NUMBER: _ClassVar[int]
    METHODS_FIELD_NUMBER: _ClassVar[int]
    ANNOUNCEMENT_FIELD_NUMBER: _ClassVar[int]
    hospital: str
    epoch: int
    software_version: str
    methods: _containers.RepeatedCompositeFieldContainer[MethodVersion]
    announcement: Announcement
    def __init__(self, hospital: _Optional[str] = ..., epoch: _Optional[int] = ..., software_version: _Optional[str] = ..., methods: _Optional[_Iterable[_Union[MethodVersion, _Mapping]]] = ..., announcement: _Optional[_Union[Announcement, _Mapping]] = ...) -> None: ...

class MethodVersion(_message.Message):
    __slots__ = ("name", "version")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: int
    def __init__(self, name: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class Announcement(_message.Message):
    __slots__ = ("datasets",)
    DATASETS_FIELD_NUMBER: _ClassVar[int]
    datasets: _containers.RepeatedCompositeFieldContainer[HeldDataset]
    def __init__(self, datasets: _Optional[_Iterable[_Union[HeldDataset, _Mapping]]] = ...) -> None: ...

class HeldDataset(_message.Message):
    __slots__ = ("name", "dictionary")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DICTIONARY_FIELD_NUMBER: _ClassVar[int]
    name: str
    dictionary: str
    def __init__(self, name: _Optional[str] = ..., dictionary: _Optional[str] = ...) -> None: ...

class Heartbeat(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Welcome(_message.Message):
    __slots__ = ("now_ms",)
    NOW_MS_FIELD_NUMBER: _ClassVar[int]
    now_ms: int
    def __init__(self, now_ms: _Optional[int] = ...) -> None: ...

class Work(_message.Message):
    __slots__ = ("work_id", "query", "attempt", "hospitals", "round", "totals")
    WORK_ID_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    HOSPITALS_FIELD_NUMBER: _ClassVar[int]
    ROUND_FIELD_NUMBER: _ClassVar[int]
    TOTALS_FIELD_NUMBER: _ClassVar[int]
    work_id: str
    query: _envelope_pb2.Envelope
    attempt: int
    hospitals: _containers.RepeatedScalarFieldContainer[str]
    round: int
    totals: _containers.RepeatedCompositeFieldContainer[_sums_pb2.Total]
    def __init__(self, work_id: _Optional[str] = ..., query: _Optional[_Union[_envelope_pb2.Envelope, _Mapping]] = ..., attempt: _Optional[int] = ..., hospitals: _Optional[_Iterable[str]] = ..., round: _Optional[int] = ..., totals: _Optional[_Iterable[_Union[_sums_pb2.Total, _Mapping]]] = ...) -> None: ...

class Ahead(_message.Message):
    __slots__ = ("work_id", "total")
    WORK_ID_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    work_id: str
    total: _sums_pb2.Total
    def __init__(self, work_id: _Optional[str] = ..., total: _Optional[_Union[_sums_pb2.Total, _Mapping]] = ...) -> None: ...

class RoundPart(_message.Message):
    __slots__ = ("work_id", "sums", "snapshot", "transcript", "interim")
    WORK_ID_FIELD_NUMBER: _ClassVar[int]
    SUMS_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    TRANSCRIPT_FIELD_NUMBER: _ClassVar[int]
    INTERIM_FIELD_NUMBER: _ClassVar[int]
    work_id: str
    sums: _sums_pb2.Sums
    snapshot: str
    transcript: str
    interim: bytes
    def __init__(self, work_id: _Optional[str] = ..., sums: _Optional[_Union[_sums_pb2.Sums, _Mapping]] = ..., snapshot: _Optional[str] = ..., transcript: _Optional[str] = ..., interim: _Optional[bytes] = ...) -> None: ...

class SignedAnswer(_message.Message):
    __slots__ = ("work_id", "sealed")
    WORK_ID_FIELD_NUMBER: _ClassVar[int]
    SEALED_FIELD_NUMBER: _ClassVar[int]
    work_id: str
    sealed: bytes
    def __init__(self, work_id: _Optional[str] = ..., sealed: _Optional[bytes] = ...) -> None: ...

class AnswerContent(_message.Message):
    __slots__ = ("answer", "promise")
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    PROMISE_FIELD_NUMBER: _ClassVar[int]
    answer: _envelope_pb2.Envelope
    promise: _envelope_pb2.Envelope
    def __init__(self, answer: _Optional[_Union[_envelope_pb2.Envelope, _Mapping]] = ..., promise: _Optional[_Union[_envelope_pb2.Envelope, _Mapping]] = ...) -> None: ...

class Refusal(_message.Message):
    __slots__ = ("work_id", "causes")
    WORK_ID_FIELD_NUMBER: _ClassVar[int]
    CAUSES_FIELD_NUMBER: _ClassVar[int]
    work_id: str
    causes: _containers.RepeatedCompositeFieldContainer[Cause]
    def __init__(self, work_id: _Optional[str] = ..., causes: _Optional[_Iterable[_Union[Cause, _Mapping]]] = ...) -> None: ...

class Cause(_message.Message):
    __slots__ = ("reason", "details")
    class DetailsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    REASON_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    reason: str
    details: _containers.ScalarMap[str, str]
    def __init__(self, reason: _Optional[str] = ..., details: _Optional[_Mapping[str, str]] = ...) -> None: ...

class StudyDecision(_message.Message):
    __slots__ = ("study", "statement")
    STUDY_FIELD_NUMBER: _ClassVar[int]
    STATEMENT_FIELD_NUMBER: _ClassVar[int]
    study: str
    statement: _envelope_pb2.Envelope
    def __init__(self, study: _Optional[str] = ..., statement: _Optional[_Union[_envelope_pb2.Envelope, _Mapping]] = ...) -> None: ...

class ExplainWork(_message.Message):
    __slots__ = ("id", "query")
    ID_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    id: int
    query: _envelope_pb2.Envelope
    def __init__(self, id: _Optional[int] = ..., query: _Optional[_Union[_envelope_pb2.Envelope, _Mapping]] = ...) -> None: ...

class Explanation(_message.Message):
    __slots__ = ("id", "causes")
    ID_FIELD_NUMBER: _ClassVar[int]
    CAUSES_FIELD_NUMBER: _ClassVar[int]
    id: int
    causes: _containers.RepeatedCompositeFieldContainer[Cause]
    def __init__(self, id: _Optional[int] = ..., causes: _Optional[_Iterable[_Union[Cause, _Mapping]]] = ...) -> None: ...

class AuditWork(_message.Message):
    __slots__ = ("id", "request")
    ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    id: int
    request: _envelope_pb2.Envelope
    def __init__(self, id: _Optional[int] = ..., request: _Optional[_Union[_envelope_pb2.Envelope, _Mapping]] = ...) -> None: ...

class AuditPage(_message.Message):
    __slots__ = ("id", "sealed", "last", "causes")
    ID_FIELD_NUMBER: _ClassVar[int]
    SEALED_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    CAUSES_FIELD_NUMBER: _ClassVar[int]
    id: int
    sealed: bytes
    last: bool
    causes: _containers.RepeatedCompositeFieldContainer[Cause]
    def __init__(self, id: _Optional[int] = ..., sealed: _Optional[bytes] = ..., last: _Optional[bool] = ..., causes: _Optional[_Iterable[_Union[Cause, _Mapping]]] = ...) -> None: ...

class Letter(_message.Message):
    __slots__ = ("member", "letter", "away")
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    LETTER_FIELD_NUMBER: _ClassVar[int]
    AWAY_FIELD_NUMBER: _ClassVar[int]
    member: str
    letter: _envelope_pb2.Envelope
    away: bool
    def __init__(self, member: _Optional[str] = ..., letter: _Optional[_Union[_envelope_pb2.Envelope, _Mapping]] = ..., away: _Optional[bool] = ...) -> None: ...

class ReceiptWork(_message.Message):
    __slots__ = ("id", "promise")
    ID_FIELD_NUMBER: _ClassVar[int]
    PROMISE_FIELD_NUMBER: _ClassVar[int]
    id: int
    promise: _envelope_pb2.Envelope
    def __init__(self, id: _Optional[int] = ..., promise: _Optional[_Union[_envelope_pb2.Envelope, _Mapping]] = ...) -> None: ...

class LogReceipt(_message.Message):
    __slots__ = ("id", "proof", "checkpoint", "causes")
    ID_FIELD_NUMBER: _ClassVar[int]
    PROOF_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    CAUSES_FIELD_NUMBER: _ClassVar[int]
    id: int
    proof: _containers.RepeatedScalarFieldContainer[bytes]
    checkpoint: str
    causes: _containers.RepeatedCompositeFieldContainer[Cause]
    def __init__(self, id: _Optional[int] = ..., proof: _Optional[_Iterable[bytes]] = ..., checkpoint: _Optional[str] = ..., causes: _Optional[_Iterable[_Union[Cause, _Mapping]]] = ...) -> None: ...

class Acknowledgement(_message.Message):
    __slots__ = ("work_id",)
    WORK_ID_FIELD_NUMBER: _ClassVar[int]
    work_id: str
    def __init__(self, work_id: _Optional[str] = ...) -> None: ...

class Ended(_message.Message):
    __slots__ = ("query",)
    QUERY_FIELD_NUMBER: _ClassVar[int]
    query: str
    def __init__(self, query: _Optional[str] = ...) -> None: ...
