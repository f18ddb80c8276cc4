"""Published models over the wire; whoever gets one verifies it before use."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import grpc

from wardnet.model import file as files
from wardnet.transport.status import error_from_rpc
from wardnet.wire.v1 import model_pb2
from wardnet.wire.v1.model_pb2_grpc import ModelServiceStub

PIECE_BYTES: Final = 1 << 20
"""Of a file, in one message."""

_LIST_SECONDS: Final = 30.0
_FILE_SECONDS: Final = 600.0
"""How long a file may take at most."""


@dataclass(frozen=True, slots=True)
class ListedModel:
    """State what the coordinator lists of a model: nobody has signed that.

    Parameters
    ----------
    name, digest : str
        Of the model; SHA-256 of its file, hexadecimal.
    researcher : str
        Id of who published it.
    dataset, method : str
        What it was learned from, and by.
    size : int
        Bytes of its file.
    published_ms : int
        Milliseconds since 1970 (UTC).
    """

    name: str
    digest: str
    researcher: str
    dataset: str
    method: str
    size: int
    published_ms: int


class Models:
    """Publish, list and fetch models.

    Parameters
    ----------
    channel : grpc.Channel
        To the coordinator.
    address : str
        `host:port` of the coordinator.
    """

    def __init__(self, channel: grpc.Channel, address: str) -> None:
        self._stub = ModelServiceStub(channel)
        self._address = address

    def publish(self, data: bytes) -> None:
        """Hand a model's file over.

        Raises
        ------
        WardnetError
            `MODEL_NAME_TAKEN`, `MODEL_QUOTA`, or why it is refused.
        """
        pieces = (
            model_pb2.PublishModelRequest(data=data[start : start + PIECE_BYTES])
            for start in range(0, len(data), PIECE_BYTES)
        )
        try:
            self._stub.PublishModel(pieces, timeout=_FILE_SECONDS)
        except grpc.RpcError as error:
            raise error_from_rpc(error, self._address) from error

    def listed(self) -> Iterator[ListedModel]:
        """Yield the models, by name."""
        try:
            response = self._stub.ListModels(model_pb2.ListModelsRequest(), timeout=_LIST_SECONDS)
        except grpc.RpcError as error:
            raise error_from_rpc(error, self._address) from error
        for each in response.models:
            texts = (each.name, each.digest, each.researcher, each.dataset, each.method)
            if all(map(str.isprintable, texts)):  # they are shown on a terminal
                yield ListedModel(*texts, each.size, each.published_ms)

    def fetch(self, name: str) -> bytes:
        """Return a model's file, not verified.

        Raises
        ------
        WardnetError
            `MODEL_UNKNOWN`, or `MODEL_UNREADABLE` for more than a file may hold.
        """
        data = bytearray()
        call = self._stub.FetchModel(model_pb2.FetchModelRequest(name=name), timeout=_FILE_SECONDS)
        try:
            for piece in call:
                files.check_size(len(data) + len(piece.data))
                data += piece.data
        except grpc.RpcError as error:
            raise error_from_rpc(error, self._address) from error
        finally:
            call.cancel()
        return bytes(data)
