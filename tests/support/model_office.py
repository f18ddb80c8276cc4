"""Published models at a coordinator that believes everything, and gives out what a test wants."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import grpc

from wardnet.model import file as files
from wardnet.model import statement as statements
from wardnet.wire.v1 import model_pb2, model_pb2_grpc


@dataclass
class ModelOffice(model_pb2_grpc.ModelServiceServicer):
    """Keep files by name; a test may change them."""

    files: dict[str, bytes] = field(default_factory=dict)

    def PublishModel(  # noqa: N802 - named by the wire
        self, request_iterator: Iterator[model_pb2.PublishModelRequest], context: object
    ) -> model_pb2.PublishModelResponse:
        """Keep a file under the name that it gives itself."""
        data = b"".join(piece.data for piece in request_iterator)
        name = statements.from_bytes(files.parse(data).statement.payload).name
        self.files[name] = data
        return model_pb2.PublishModelResponse()

    def ListModels(  # noqa: N802
        self, request: model_pb2.ListModelsRequest, context: object
    ) -> model_pb2.ListModelsResponse:
        """List the names."""
        records = [model_pb2.ModelRecord(name=name) for name in sorted(self.files)]
        return model_pb2.ListModelsResponse(models=records)

    def FetchModel(  # noqa: N802
        self, request: model_pb2.FetchModelRequest, context: grpc.ServicerContext
    ) -> Iterator[model_pb2.FetchModelResponse]:
        """Give a file out in two pieces."""
        data = self.files[request.name]
        yield model_pb2.FetchModelResponse(data=data[:1000])
        yield model_pb2.FetchModelResponse(data=data[1000:])
