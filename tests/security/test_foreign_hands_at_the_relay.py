"""The relay hands sealed bytes to their recipient only, and takes them from their owner only."""

from pathlib import Path

from support.coordinator import run
from support.pki import TestNetwork
from support.relaying import outcome, relay
from support.transfer_calls import ask, bring, fetching
from support.transfers import consignment, store
from wardnet.errors import Reason
from wardnet.identity.envelope import Envelope, sign
from wardnet.identity.member import Role
from wardnet.sharing.consignment import PAYLOAD_TYPE, signed
from wardnet.wire.v1.share_pb2 import (
    FetchRequest,
    FinishRequest,
)

NETWORK = TestNetwork()
SIZE = 3 << 20


def test_parcel_is_handed_to_whom_it_is_for(tmp_path: Path) -> None:
    """Another hospital, and the owner itself, do not even hear that there is one."""

    async def main() -> None:
        async with relay(tmp_path, NETWORK) as all_of:
            parcel = store(all_of.spool("a"), SIZE)
            await all_of.bring(parcel, SIZE)
            for other in ("a", "c"):
                refused = await outcome(all_of.get(parcel, SIZE, by=other))
                assert refused is Reason.PARCEL_UNKNOWN
                name = FinishRequest(name=fetching(parcel))
                refused = await outcome(ask(all_of, NETWORK.node(other), name))
                assert refused is Reason.PARCEL_UNKNOWN
            refused = await outcome(all_of.get(parcel, SIZE, owner="c"))
            assert refused is Reason.PARCEL_UNKNOWN
            await all_of.get(parcel, SIZE)

    run(main())


def test_consignment_counts_only_from_its_own_node(tmp_path: Path) -> None:
    """Not in another's hands, not of another's making, not edited, not of another kind."""
    said = consignment("5" * 64, 5000)
    good = signed(said, NETWORK.node("a").signer)
    edited = Envelope(PAYLOAD_TYPE, good.payload.replace(b'"b"', b'"c"'), good.signatures)
    other = sign("application/octet-stream", good.payload, NETWORK.node("a").signer)

    async def main() -> None:
        async with relay(tmp_path, NETWORK) as all_of:
            a, c = NETWORK.node("a"), NETWORK.node("c")
            steward = NETWORK.credentials(Role.STEWARD, "a").signer
            assert await outcome(bring(all_of, c, good)) is Reason.IDENTITY_MISMATCH
            for forged in (signed(said, c.signer), signed(said, steward), edited, other):
                assert await outcome(bring(all_of, a, forged)) is Reason.SIGNATURE_INVALID
            for header in (b"", bytes((1 << 20) + 1)):
                refused = await outcome(bring(all_of, a, good, header=header))
                assert refused is Reason.MALFORMED
            assert all_of.at_the_relay() == []
            assert await outcome(bring(all_of, a, good)) is None

    run(main())


def test_only_nodes_use_the_relay(tmp_path: Path) -> None:
    """No researcher, auditor or steward, and nobody of another network."""

    async def main() -> None:
        async with relay(tmp_path, NETWORK) as all_of:
            request = FetchRequest(name=fetching("5" * 64))
            for role in (Role.RESEARCHER, Role.AUDITOR, Role.STEWARD):
                refused = await outcome(ask(all_of, NETWORK.credentials(role, "b"), request))
                assert refused is Reason.ROLE_REFUSED
            stranger = TestNetwork().node("b")
            assert await outcome(ask(all_of, stranger, request)) is Reason.RELAY_AWAY

    run(main())


def test_relay_holds_only_what_was_sealed(tmp_path: Path) -> None:
    """The bytes as they were brought, readable by its owner only, and names that say nothing."""

    async def main() -> None:
        async with relay(tmp_path, NETWORK) as all_of:
            parcel = store(all_of.spool("a"), 5000)
            await all_of.bring(parcel, 5000)
            assert all_of.at_the_relay() == [all_of.spool("a").made(parcel).body.read_bytes()]
            (path,) = (tmp_path / "relay" / "relay").iterdir()
            assert path.stat().st_mode & 0o777 == 0o600
            assert path.name == "1.body"

    run(main())
