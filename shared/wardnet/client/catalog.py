"""The network's catalogue: what the coordinator lists, and dictionaries as hospitals sign them."""

from wardnet import clock
from wardnet.client.connection import Connection
from wardnet.client.printing import listing
from wardnet.client.printing.listing import Columns, Dataset, Hospital, Listing
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope
from wardnet.model.signed import verify_dictionary
from wardnet.question.dictionary import Dictionary
from wardnet.question.query import Query
from wardnet.transport.convert import envelope_from_wire
from wardnet.wire.v1 import catalog_pb2, catalog_pb2_grpc


class Catalog:
    """Read the catalogue.

    Parameters
    ----------
    connection : Connection
        To the coordinator.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = catalog_pb2_grpc.CatalogServiceStub(connection.channel)

    def datasets(self) -> Listing[Dataset]:
        """Return the datasets, as the coordinator lists them."""
        request = catalog_pb2.ListDatasetsRequest()
        response: catalog_pb2.ListDatasetsResponse = self._connection.call(
            self._stub.ListDatasets, request
        )
        return listing.datasets(
            Dataset(
                item.name,
                item.label,
                item.version,
                item.dictionary,
                hospitals=tuple(item.hospitals),
                behind=tuple(item.behind),
            )
            for item in response.datasets
        )

    def dataset(self, name: str) -> Dataset:
        """Return one dataset, as the coordinator lists it.

        Raises
        ------
        WardnetError
            `DATASET_UNAVAILABLE`.
        """
        for dataset in self.datasets():
            if dataset.name == name:
                return dataset
        raise WardnetError(Reason.DATASET_UNAVAILABLE, dataset=name)

    def columns(self, dataset: Dataset) -> Columns:
        """Return the columns of a dataset, as a hospital has signed them.

        Raises
        ------
        WardnetError
            `SIGNATURE_INVALID`, or `MALFORMED`.
        """
        return Columns(
            verify_dictionary(
                self.signed(dataset.name),
                dataset=dataset.name,
                digest=dataset.dictionary,
                trust=self._connection.trust,
                at=clock.now(),
            )
        )

    def signed(self, dataset: str) -> Envelope:
        """Return the present dictionary of a dataset as somebody has signed it, not verified."""
        request = catalog_pb2.GetDictionaryRequest(dataset=dataset)
        response: catalog_pb2.GetDictionaryResponse = self._connection.call(
            self._stub.GetDictionary, request
        )
        return envelope_from_wire(response.dictionary)

    def of(self, question: Query) -> Dictionary:
        """Return the dictionary that a question was written against.

        Raises
        ------
        WardnetError
            `DICTIONARY_OUTDATED` when there is another one by now.
        """
        dataset = self.dataset(question.dataset)
        if dataset.dictionary != question.dictionary:
            raise WardnetError(Reason.DICTIONARY_OUTDATED, dataset=dataset.name)
        return self.columns(dataset).dictionary

    def hospitals(self) -> Listing[Hospital]:
        """Return the hospitals, as the coordinator lists them."""
        request = catalog_pb2.ListHospitalsRequest()
        response: catalog_pb2.ListHospitalsResponse = self._connection.call(
            self._stub.ListHospitals, request
        )
        return listing.hospitals(
            Hospital(item.hospital, item.connected) for item in response.hospitals
        )
