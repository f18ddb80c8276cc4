"""The door to the network's datasets and hospitals."""

from functools import partial

from wardnet import clock
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Trust, verify
from wardnet.question import dictionary as dictionaries
from wardnet.transport.convert import envelope_from_wire, envelope_to_wire
from wardnet.transport.interceptors import Context, peer
from wardnet.wire.v1 import catalog_pb2, catalog_pb2_grpc
from wardnet_coordinator import catalog, registry
from wardnet_coordinator.broker import Broker
from wardnet_coordinator.state import Database


class CatalogService(catalog_pb2_grpc.CatalogServiceServicer):
    """Publish and show the network's datasets."""

    def __init__(self, *, broker: Broker, database: Database, trust: Trust) -> None:
        self._broker = broker
        self._database = database
        self._trust = trust

    async def PublishDictionary(  # noqa: N802
        self, request: catalog_pb2.PublishDictionaryRequest, context: Context
    ) -> catalog_pb2.PublishDictionaryResponse:
        """Make a signed dictionary its dataset's current one."""
        caller, at = peer(context), clock.now()
        # 1. The caller, and nobody else, has signed it.
        envelope = envelope_from_wire(request.dictionary)
        kind = dictionaries.PAYLOAD_TYPE
        if verify(envelope, payload_type=kind, trust=self._trust, at=at) != (caller,):
            raise WardnetError(Reason.IDENTITY_MISMATCH, identity="the dictionary's signer")
        # 2. Only then it is read.
        publish = partial(
            catalog.publish,
            envelope=envelope,
            dictionary=dictionaries.from_bytes(envelope.payload),
            publisher=caller,
            at=at,
        )
        digest = await self._database.write(publish)
        return catalog_pb2.PublishDictionaryResponse(digest=digest)

    async def GetDictionary(  # noqa: N802
        self, request: catalog_pb2.GetDictionaryRequest, context: Context
    ) -> catalog_pb2.GetDictionaryResponse:
        """Return a dataset's current dictionary."""
        get = partial(catalog.dictionary, dataset=request.dataset)
        published = await self._database.read(get)
        return catalog_pb2.GetDictionaryResponse(dictionary=envelope_to_wire(published.envelope))

    async def ListDatasets(  # noqa: N802
        self, request: catalog_pb2.ListDatasetsRequest, context: Context
    ) -> catalog_pb2.ListDatasetsResponse:
        """Return every dataset and who holds it."""
        datasets = [
            catalog_pb2.Dataset(
                name=published.dataset,
                label=published.label,
                version=published.version,
                dictionary=published.digest,
                hospitals=hospitals,
                behind=behind,
            )
            for published, hospitals, behind in await self._database.read(catalog.datasets)
        ]
        return catalog_pb2.ListDatasetsResponse(datasets=datasets)

    async def ListHospitals(  # noqa: N802
        self, request: catalog_pb2.ListHospitalsRequest, context: Context
    ) -> catalog_pb2.ListHospitalsResponse:
        """Return every hospital and whether it is connected."""
        hospitals = [
            catalog_pb2.Hospital(hospital=name, connected=self._broker.find(name) is not None)
            for name in sorted(await self._database.read(registry.hospitals))
        ]
        return catalog_pb2.ListHospitalsResponse(hospitals=hospitals)
