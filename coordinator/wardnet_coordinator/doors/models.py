"""The door of models: researchers bring them, and members take them away."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict
from functools import partial
from typing import Final

from wardnet import clock
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Trust
from wardnet.identity.member import Member
from wardnet.model import file as files
from wardnet.model import package as packages
from wardnet.model.package import Package
from wardnet.transport.interceptors import Context, peer
from wardnet.wire.v1 import model_pb2, model_pb2_grpc
from wardnet_coordinator import models
from wardnet_coordinator.doors.lists import fitting
from wardnet_coordinator.state import Database

_AT_ONCE: Final = 2
"""Files that arrive at the same time; others wait, so that memory is bounded."""

_SECONDS: Final = 600.0
"""How long one may take to arrive."""


class ModelService(model_pb2_grpc.ModelServiceServicer):
    """Keep published models.

    Parameters
    ----------
    quota : int
        Most bytes that the models of one researcher may take.
    """

    def __init__(self, *, database: Database, trust: Trust, quota: int) -> None:
        self._database = database
        self._trust = trust
        self._quota = quota
        self._arriving = asyncio.Semaphore(_AT_ONCE)

    async def PublishModel(  # noqa: N802 - the wire's name
        self, request: AsyncIterator[model_pb2.PublishModelRequest], context: Context
    ) -> model_pb2.PublishModelResponse:
        """Store a model of the caller."""
        async with self._arriving:
            data = await _gathered(request)
            package = await asyncio.to_thread(self._read, data, peer(context))
            publish = partial(
                models.publish, data=data, package=package, quota=self._quota, at=clock.now()
            )
            await self._database.write(publish)
        return model_pb2.PublishModelResponse(digest=package.digest)

    async def ListModels(  # noqa: N802
        self, request: model_pb2.ListModelsRequest, context: Context
    ) -> model_pb2.ListModelsResponse:
        """Return every model."""
        found = await self._database.read(models.listed)
        records = (model_pb2.ModelRecord(**asdict(each)) for each in found)
        return model_pb2.ListModelsResponse(models=fitting(records))

    async def FetchModel(  # noqa: N802
        self, request: model_pb2.FetchModelRequest, context: Context
    ) -> AsyncIterator[model_pb2.FetchModelResponse]:
        """Yield a model's file."""
        name = request.name
        fetch = partial(models.open_, name=name, caller=peer(context), at=clock.now())
        for number in range(await self._database.write(fetch)):
            data = await self._database.read(partial(models.piece, name=name, number=number))
            yield model_pb2.FetchModelResponse(data=data)

    def _read(self, data: bytes, caller: Member) -> Package:
        """Return what a file holds, if it is the caller's to publish."""
        package = packages.read(data, trust=self._trust, at=clock.now())
        if package.researcher != caller:
            raise WardnetError(Reason.IDENTITY_MISMATCH, identity="the model's researcher")
        return package


async def _gathered(pieces: AsyncIterator[model_pb2.PublishModelRequest]) -> bytes:
    data = bytearray()
    async with asyncio.timeout(_SECONDS):
        async for piece in pieces:
            files.check_size(len(data) + len(piece.data))
            data += piece.data
    return bytes(data)
