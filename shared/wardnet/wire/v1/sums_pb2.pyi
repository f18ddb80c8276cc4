from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Sums(_message.Message):
    __slots__ = ("arrays",)
    ARRAYS_FIELD_NUMBER: _ClassVar[int]
    arrays: _containers.RepeatedCompositeFieldContainer[PackedArray]
    def __init__(self, arrays: _Optional[_Iterable[_Union[PackedArray, _Mapping]]] = ...) -> None: ...

class PackedArray(_message.Message):
    __slots__ = ("name", "shape", "width", "data")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    name: str
    shape: _containers.RepeatedScalarFieldContainer[int]
    width: int
    data: bytes
    def __init__(self, name: _Optional[str] = ..., shape: _Optional[_Iterable[int]] = ..., width: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...

class Participant(_message.Message):
    __slots__ = ("hospital", "snapshot")
    HOSPITAL_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    hospital: str
    snapshot: str
    def __init__(self, hospital: _Optional[str] = ..., snapshot: _Optional[str] = ...) -> None: ...

class Total(_message.Message):
    __slots__ = ("round", "sums", "participants")
    ROUND_FIELD_NUMBER: _ClassVar[int]
    SUMS_FIELD_NUMBER: _ClassVar[int]
    PARTICIPANTS_FIELD_NUMBER: _ClassVar[int]
    round: int
    sums: Sums
    participants: _containers.RepeatedCompositeFieldContainer[Participant]
    def __init__(self, round: _Optional[int] = ..., sums: _Optional[_Union[Sums, _Mapping]] = ..., participants: _Optional[_Iterable[_Union[Participant, _Mapping]]] = ...) -> None: ...
