"""The network's datasets: published by signature, held by hospitals, shown to members."""

from dataclasses import replace
from pathlib import Path

from support.coordinator import HEART, SECONDS, calls, publish, refused, run, serving, soon
from support.fake_node import FakeNode
from support.pki import TestNetwork
from wardnet.errors import Reason
from wardnet.identity.envelope import sign
from wardnet.identity.member import Role
from wardnet.question import dictionary
from wardnet.transport.convert import envelope_to_wire
from wardnet.wire.v1 import catalog_pb2, catalog_pb2_grpc

NEWER = replace(HEART, version=2, label="the heart clinics")


async def datasets(address: str, network: TestNetwork) -> list[catalog_pb2.Dataset]:
    """Return the datasets as a researcher sees them."""
    async with calls(address, network.researcher()) as channel:
        stub = catalog_pb2_grpc.CatalogServiceStub(channel)
        response = await stub.ListDatasets(catalog_pb2.ListDatasetsRequest(), timeout=SECONDS)
    return list(response.datasets)


def publication(network: TestNetwork, published: dictionary.Dictionary, signer: str) -> object:
    """Return a request to publish what a node has signed."""
    payload = dictionary.to_bytes(published)
    envelope = sign(dictionary.PAYLOAD_TYPE, payload, network.node(signer).signer)
    return catalog_pb2.PublishDictionaryRequest(dictionary=envelope_to_wire(envelope))


def test_a_dictionary_is_given_out_as_it_was_signed(tmp_path: Path) -> None:
    """Receivers verify the publisher's signature themselves."""

    async def scenario() -> None:
        network = TestNetwork()
        async with serving(network, tmp_path) as address:
            assert await publish(address, network.node("a")) == HEART.digest
            async with calls(address, network.researcher()) as channel:
                stub = catalog_pb2_grpc.CatalogServiceStub(channel)
                request = catalog_pb2.GetDictionaryRequest(dataset="heart")
                response = await stub.GetDictionary(request, timeout=SECONDS)
        assert response.dictionary == publication(network, HEART, "a").dictionary  # type: ignore[attr-defined]

    run(scenario())


def test_versions_rise_by_one_and_the_same_bytes_change_nothing(tmp_path: Path) -> None:
    """Two editors cannot overwrite each other unnoticed."""

    async def scenario() -> None:
        network = TestNetwork()
        async with serving(network, tmp_path) as address:
            steward = network.credentials(Role.STEWARD, "sue")
            await refused(publish(address, steward, NEWER), Reason.DICTIONARY_INVALID)
            await publish(address, steward, HEART)
            await publish(address, steward, HEART)
            assert await publish(address, steward, NEWER) == NEWER.digest
            await refused(publish(address, steward, HEART), Reason.DICTIONARY_INVALID)
            (dataset,) = await datasets(address, network)
        assert (dataset.name, dataset.version, dataset.label) == ("heart", 2, NEWER.label)
        assert dataset.dictionary == NEWER.digest

    run(scenario())


def test_nobody_publishes_in_anothers_name_or_with_another_role(tmp_path: Path) -> None:
    """The signer is the caller, and a node or a steward."""

    async def scenario() -> None:
        network = TestNetwork()
        async with serving(network, tmp_path) as address:
            async with calls(address, network.node("b")) as channel:
                stub = catalog_pb2_grpc.CatalogServiceStub(channel)
                call = stub.PublishDictionary(publication(network, HEART, "a"), timeout=SECONDS)
                await refused(call, Reason.IDENTITY_MISMATCH)
            await refused(publish(address, network.researcher()), Reason.ROLE_REFUSED)
            assert await datasets(address, network) == []

    run(scenario())


def test_a_dataset_is_held_by_those_who_have_its_current_dictionary(tmp_path: Path) -> None:
    """Holdings outlive connections: a hospital that is away is still asked."""

    async def scenario() -> None:
        network = TestNetwork()
        async with serving(network, tmp_path) as address:
            await publish(address, network.node("a"))
            async with (
                FakeNode(address, network.node("b")) as b,
                FakeNode(address, network.node("c"), datasets={"heart": NEWER.digest}),
            ):
                assert [*(await datasets(address, network))[0].hospitals] == ["b"]
                await publish(address, network.node("a"), NEWER)
                assert [*(await datasets(address, network))[0].hospitals] == ["c"]
                held = [{"name": "heart", "dictionary": NEWER.digest}, {"name": "lungs"}]
                await b.send(announcement={"datasets": held})
                await b.send(announcement={"datasets": held})
                while [*(await datasets(address, network))[0].hospitals] != ["b", "c"]:
                    assert not b.over.is_set()
            assert [*(await datasets(address, network))[0].hospitals] == ["b", "c"]

    run(scenario())


def test_members_see_which_hospitals_are_connected(tmp_path: Path) -> None:
    """The list names all, in order."""

    async def scenario() -> None:
        network = TestNetwork()
        async with (
            serving(network, tmp_path) as address,
            FakeNode(address, network.node("c")) as c,
            calls(address, network.credentials(Role.AUDITOR, "olga")) as channel,
        ):
            stub = catalog_pb2_grpc.CatalogServiceStub(channel)
            request = catalog_pb2.ListHospitalsRequest()
            listed = await soon(stub.ListHospitals(request, timeout=SECONDS))
            assert not c.over.is_set()
        assert [hospital.hospital for hospital in listed.hospitals] == ["a", "b", "c", "d"]
        assert [h.hospital for h in listed.hospitals if h.connected] == ["c"]

    run(scenario())
