"""A parcel that is damaged at the recipient is fetched once more, as often as the grant allows."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from support.lending import Lending, lending, lending_hospitals
from support.pki import PASSPHRASE
from support.relaying import Hospitals, relay
from support.sharing import exchange, shared_network
from support.vaults import visits
from wardnet.errors import CATALOGUE, Reason
from wardnet_node.cli import main
from wardnet_node.desk.shares.state import Share
from wardnet_node.settings import NodeSettings
from wardnet_node.sharing.carrying.carrier import Carrier
from wardnet_node.sharing.giving.owner import Owner


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Return what runs a command at b."""
    monkeypatch.setenv("WARDNET_NODE_ADDRESS", "127.0.0.1:1")
    secret = tmp_path / "passphrase"
    secret.touch(mode=0o600)
    secret.write_text(PASSPHRASE)
    options = ["--home", str(tmp_path / "b"), "--passphrase-file", str(secret)]

    def run(*arguments: str, refused: Reason | None = None) -> Result:
        result = CliRunner().invoke(main, [*options, *arguments])
        assert result.exit_code == (CATALOGUE[refused].exit_code if refused else 0), result.output
        return result

    return run


async def brought(lent: Lending, all_of: Hospitals, *, fetches: int) -> Share:
    """Return a share whose parcel lies at the relay."""
    asked = lent.ask()
    lent.grant(asked, maximum_fetches=fetches)
    hospital = lent.a.hospital
    settings = NodeSettings(address="127.0.0.1:1", relay=all_of.address)
    owner = Owner.open(hospital.home, hospital.keystore, hospital.credentials, settings)
    try:
        made = owner.make(asked.digest)
        consignment = owner.to_bring(made)
        assert consignment is not None
        carrier = Carrier(owner.spool, credentials=hospital.credentials, settings=settings)
        await carrier.bring(consignment, all_of.address, lambda _, __: None)
    finally:
        owner.close()
    exchange(lent.a, lent.b)
    return lent.b.shares.show(asked.digest)


@pytest.mark.parametrize(("fetches", "refused"), [(2, None), (1, Reason.SHARE_USED_UP)])
def test_a_damaged_parcel_is_fetched_once_more_if_the_grant_allows_it(
    tmp_path: Path, run: Callable[..., Result], fetches: int, refused: Reason | None
) -> None:
    """Nothing of the damaged one stays; the second is opened, or the words say whom to ask."""

    async def whole(lent: Lending) -> None:
        async with relay(tmp_path, shared_network()) as all_of:
            share = await brought(lent, all_of, fetches=fetches)
            await asyncio.to_thread(run, "share", "fetch", share.digest)
            body = lent.files(share).body
            data = bytearray(body.read_bytes())
            data[len(data) // 2] ^= 1
            body.write_bytes(data)
            said = await asyncio.to_thread(
                run, "share", "open", share.digest, refused=Reason.PARCEL_DAMAGED
            )
            assert "share fetch" in said.stderr
            assert list(lent.spool.incoming.glob("*.*")) == []
            await asyncio.to_thread(run, "share", "fetch", share.digest, refused=refused)
            if refused is None:
                await asyncio.to_thread(run, "share", "open", share.digest)
                assert sum(map(len, lent.recipient.read(share.digest))) == 60

    network = shared_network()
    with lending(network, lending_hospitals(network, tmp_path, visits(60))) as lent:
        asyncio.run(whole(lent))
