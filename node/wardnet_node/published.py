"""The network's dictionaries: publish one, and fetch the present one of a dataset."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import grpc
import grpc.aio

from wardnet import clock
from wardnet.audit import log
from wardnet.audit.entry import EventType
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import sign, verify
from wardnet.identity.member import Member, Role
from wardnet.question.dictionary import PAYLOAD_TYPE, Dictionary, from_bytes, to_bytes
from wardnet.transport.channel import open_blocking_channel
from wardnet.transport.convert import envelope_from_wire, envelope_to_wire
from wardnet.transport.status import error_from_rpc
from wardnet.wire.v1 import catalog_pb2
from wardnet.wire.v1.catalog_pb2_grpc import CatalogServiceStub
from wardnet_node.desk.events import by_operator
from wardnet_node.vault.catalog import Catalog

DEADLINE_SECONDS: Final = 30.0
LOOK_SECONDS: Final = 3.0
"""How long a look at the network may take, without which a command goes on."""

PUBLISHERS: Final = frozenset({Role.NODE, Role.STEWARD})


def publish(dictionary: Dictionary, *, credentials: Credentials, address: str) -> str:
    """Sign a dictionary and make it its dataset's present one; return its digest.

    Raises
    ------
    WardnetError
        `COORDINATOR_AWAY`, or why the coordinator refuses it.
    """
    envelope = sign(PAYLOAD_TYPE, to_bytes(dictionary), credentials.signer)
    request = catalog_pb2.PublishDictionaryRequest(dictionary=envelope_to_wire(envelope))
    with open_blocking_channel(credentials, address) as channel:
        try:
            CatalogServiceStub(channel).PublishDictionary(request, timeout=DEADLINE_SECONDS)
        except grpc.RpcError as error:
            raise error_from_rpc(error, address) from error
    return dictionary.digest


def log_published(catalog: Catalog, dictionary: Dictionary, *, member: Member) -> None:
    """Write into the access log that somebody at the machine has published a dictionary."""
    event = replace(
        by_operator(member, EventType.DICTIONARY_PUBLISHED),
        dataset=dictionary.name,
        operation=f"version {dictionary.version}",
        parameter_digest=dictionary.digest,
    )
    with catalog.transaction() as connection:
        log.append(connection, event, at=clock.now())


@dataclass(frozen=True, slots=True)
class Listed:
    """State what the coordinator lists of a dataset.

    Parameters
    ----------
    version : int
        Of its present dictionary.
    digest : str
        Of its present dictionary.
    hospitals : tuple of str
        Who holds it now, sorted.
    """

    version: int
    digest: str
    hospitals: tuple[str, ...]


def listed(*, credentials: Credentials, address: str) -> Mapping[str, Listed]:
    """Return the network's datasets, as the coordinator lists them: nobody has signed that.

    Raises
    ------
    WardnetError
        `COORDINATOR_AWAY`.
    """
    request = catalog_pb2.ListDatasetsRequest()
    with open_blocking_channel(credentials, address) as channel:
        try:
            reply = CatalogServiceStub(channel).ListDatasets(request, timeout=LOOK_SECONDS)
        except grpc.RpcError as error:
            raise error_from_rpc(error, address) from error
    return {
        item.name: Listed(
            item.version,
            item.dictionary,
            # They are shown on a terminal, and nobody has signed them.
            tuple(name for name in item.hospitals if name.isprintable()),
        )
        for item in reply.datasets
    }


async def versions_over(channel: grpc.aio.Channel) -> Mapping[str, int] | None:
    """Return the version of each of the network's datasets; None when nobody can say it now."""
    request = catalog_pb2.ListDatasetsRequest()
    try:
        reply = await CatalogServiceStub(channel).ListDatasets(request, timeout=LOOK_SECONDS)
    except grpc.RpcError:
        return None
    return {item.name: item.version for item in reply.datasets}


def fetch(dataset: str, *, credentials: Credentials, address: str) -> Dictionary:
    """Return the present dictionary of a dataset, as a hospital has signed it.

    Raises
    ------
    WardnetError
        `DATASET_UNAVAILABLE`, `SIGNATURE_INVALID`, `MALFORMED` or `COORDINATOR_AWAY`.
    """
    request = catalog_pb2.GetDictionaryRequest(dataset=dataset)
    with open_blocking_channel(credentials, address) as channel:
        try:
            reply = CatalogServiceStub(channel).GetDictionary(request, timeout=DEADLINE_SECONDS)
        except grpc.RpcError as error:
            raise error_from_rpc(error, address) from error
    # 1. Signed by a hospital, before it is parsed.
    envelope = envelope_from_wire(reply.dictionary)
    signers = verify(envelope, payload_type=PAYLOAD_TYPE, trust=credentials.trust, at=clock.now())
    if not {signer.role for signer in signers} <= PUBLISHERS:
        raise WardnetError(Reason.SIGNATURE_INVALID, rule="no hospital has signed the dictionary")
    # 2. The one that was asked for.
    dictionary = from_bytes(envelope.payload)
    if dictionary.name != dataset:
        raise WardnetError(Reason.SIGNATURE_INVALID, rule="it is another dataset's dictionary")
    return dictionary
