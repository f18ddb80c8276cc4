"""An auditor's certificate opens the auditors' door, lists and published models, and no other."""

from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from support.coordinator import SECONDS, calls, refused, run, serving
from support.pki import TestNetwork
from wardnet.errors import Reason
from wardnet.identity.member import Role
from wardnet_coordinator.doors import ALLOWED

OPEN = {
    "/wardnet.wire.v1.AuditService/Ask",
    "/wardnet.wire.v1.CatalogService/ListDatasets",
    "/wardnet.wire.v1.CatalogService/ListHospitals",
    "/wardnet.wire.v1.ModelService/FetchModel",
    "/wardnet.wire.v1.ModelService/ListModels",
}


async def knock(channel: grpc.aio.Channel, method: str) -> object:
    """Call a method with an empty message."""
    call: Any = channel.unary_unary(method)
    return await call(b"", timeout=SECONDS)


@pytest.mark.parametrize("method", sorted(set(ALLOWED) - OPEN))
def test_every_other_service_refuses_an_auditor(tmp_path: Path, method: str) -> None:
    """By role, before a handler sees anything."""

    async def scenario() -> None:
        network = TestNetwork()
        async with (
            serving(network, tmp_path) as address,
            calls(address, network.credentials(Role.AUDITOR, "olga")) as channel,
        ):
            await refused(knock(channel, method), Reason.ROLE_REFUSED)

    run(scenario())
