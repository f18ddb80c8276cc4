from wardnet.wire.v1 import envelope_pb2 as _envelope_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FetchRequest(_message.Message):
    __slots__ = ("name", "offset")
    NAME_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    name: FetchName
    offset: int
    def __init__(self, name: _Optional[_Union[FetchName, _Mapping]] = ..., offset: _Optional[int] = ...) -> None: ...

class FetchName(_message.Message):
    __slots__ = ("owner", "grant", "parcel", "fetch")
    OWNER_FIELD_NUMBER: _ClassVar[int]
    GRANT_FIELD_NUMBER: _ClassVar[int]
    PARCEL_FIELD_NUMBER: _ClassVar[int]
    FETCH_FIELD_NUMBER: _ClassVar[int]
    owner: str
    grant: str
    parcel: str
    fetch: str
    def __init__(self, owner: _Optional[str] = ..., grant: _Optional[str] = ..., parcel: _Optional[str] = ..., fetch: _Optional[str] = ...) -> None: ...

class FetchResponse(_message.Message):
    __slots__ = ("start", "chunk")
    START_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    start: FetchStart
    chunk: bytes
    def __init__(self, start: _Optional[_Union[FetchStart, _Mapping]] = ..., chunk: _Optional[bytes] = ...) -> None: ...

class FetchStart(_message.Message):
    __slots__ = ("header", "size")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    header: bytes
    size: int
    def __init__(self, header: _Optional[bytes] = ..., size: _Optional[int] = ...) -> None: ...

class FinishRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: FetchName
    def __init__(self, name: _Optional[_Union[FetchName, _Mapping]] = ...) -> None: ...

class FinishResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DepositRequest(_message.Message):
    __slots__ = ("start", "chunk")
    START_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    start: DepositStart
    chunk: bytes
    def __init__(self, start: _Optional[_Union[DepositStart, _Mapping]] = ..., chunk: _Optional[bytes] = ...) -> None: ...

class DepositStart(_message.Message):
    __slots__ = ("consignment", "header")
    CONSIGNMENT_FIELD_NUMBER: _ClassVar[int]
    HEADER_FIELD_NUMBER: _ClassVar[int]
    consignment: _envelope_pb2.Envelope
    header: bytes
    def __init__(self, consignment: _Optional[_Union[_envelope_pb2.Envelope, _Mapping]] = ..., header: _Optional[bytes] = ...) -> None: ...

class DepositResponse(_message.Message):
    __slots__ = ("size", "whole")
    SIZE_FIELD_NUMBER: _ClassVar[int]
    WHOLE_FIELD_NUMBER: _ClassVar[int]
    size: int
    whole: bool
    def __init__(self, size: _Optional[int] = ..., whole: _Optional[bool] = ...) -> None: ...

class RemoveRequest(_message.Message):
    __slots__ = ("grant",)
    GRANT_FIELD_NUMBER: _ClassVar[int]
    grant: str
    def __init__(self, grant: _Optional[str] = ...) -> None: ...

class RemoveResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
