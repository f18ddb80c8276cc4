"""The network's dictionaries: publish one, and fetch the present one of a dataset."""

from typing import Final

import grpc

from wardnet import clock
from wardnet.errors import Reason, WardnetError
from wardnet.identity.credentials import Credentials
from wardnet.identity.envelope import sign, verify
from wardnet.identity.member import Role
from wardnet.question.dictionary import PAYLOAD_TYPE, Dictionary, from_bytes, to_bytes
from wardnet.transport.channel import open_blocking_channel
from wardnet.transport.convert import envelope_from_wire, envelope_to_wire
from wardnet.transport.status import error_from_rpc
from wardnet.wire.v1 import catalog_pb2
from wardnet.wire.v1.catalog_pb2_grpc import CatalogServiceStub

DEADLINE_SECONDS: Final = 30.0
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
