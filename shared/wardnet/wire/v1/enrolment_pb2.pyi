from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class EnrolRequest(_message.Message):
    __slots__ = ("token", "tls_request", "signing_request")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    TLS_REQUEST_FIELD_NUMBER: _ClassVar[int]
    SIGNING_REQUEST_FIELD_NUMBER: _ClassVar[int]
    token: bytes
    tls_request: bytes
    signing_request: bytes
    def __init__(self, token: _Optional[bytes] = ..., tls_request: _Optional[bytes] = ..., signing_request: _Optional[bytes] = ...) -> None: ...

class EnrolResponse(_message.Message):
    __slots__ = ("tls_certificates", "signing_certificates")
    TLS_CERTIFICATES_FIELD_NUMBER: _ClassVar[int]
    SIGNING_CERTIFICATES_FIELD_NUMBER: _ClassVar[int]
    tls_certificates: _containers.RepeatedScalarFieldContainer[bytes]
    signing_certificates: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, tls_certificates: _Optional[_Iterable[bytes]] = ..., signing_certificates: _Optional[_Iterable[bytes]] = ...) -> None: ...
