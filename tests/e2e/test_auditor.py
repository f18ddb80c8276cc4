"""An auditor at real processes: she searches, takes along, proves, and is told which entry lies."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.member import CommandError, Member
from support.network import Network
from wardnet.audit.tree import leaf_hash
from wardnet.identity.keystore import Keystore
from wardnet_node.vault.catalog import Catalog

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    """Serve two hospitals that have granted olga their logs; the processes end in order."""
    with Network(tmp_path) as network:
        network.start_coordinator()
        network.enrol_nodes(["north", "south"])
        for hospital in network.nodes:
            network.serve_node(hospital)
        yield network
        network.stop()


def edited(node: Member, *, seq: int) -> None:
    """Change one byte of an entry, and its hash, as whoever runs the node can."""
    keystore = Keystore.unlock(node.home, node.passphrase_file.read_text().strip())
    catalog = Catalog.open(node.home, keystore)
    with catalog.transaction() as connection:
        row = connection.execute("SELECT entry FROM access_log WHERE seq = ?", (seq,)).fetchone()
        data = bytes(row[0]).replace(b'"version":1', b'"version":2')
        assert data != row[0]
        connection.execute(
            "UPDATE access_log SET entry = ?, leaf = ? WHERE seq = ?", (data, leaf_hash(data), seq)
        )
    catalog.close()


def test_an_auditor_searches_reports_exports_and_proves(network: Network, tmp_path: Path) -> None:
    """And one byte that is changed in a node's database is named by its entry."""
    olga = network.enrol_auditor("olga")
    north = network.nodes["north"]
    found = olga.json("audit", "search", "north", "--type", "steward_added")
    (entry,) = found["entries"]
    assert entry["actor"]["subject"] == "wardnet://demo/steward/steward-north"
    assert "olga" in str(olga.json("audit", "report", "readers", "north", "south")["rows"])

    # Taken along and proven without any process of the network.
    bundle, table = tmp_path / "north.bundle", tmp_path / "north.csv"
    olga.run("audit", "export", "bundle", "north", "-o", bundle)
    olga.run("audit", "export", "csv", bundle, "-o", table)
    assert len(table.read_text().splitlines()) == len(bundle.read_text().splitlines()) - 1
    said = olga.run("audit", "verify", bundle).stdout
    assert "No entry of the log is missing up to its checkpoint." in said
    bundle.write_bytes(bundle.read_bytes().replace(b'"steward_added"', b'"steward_login"', 1))
    with pytest.raises(CommandError, match="entries are not those of the checkpoint"):
        olga.run("audit", "verify", bundle)

    # One byte in the node's own database.
    edited(north, seq=entry["seq"])
    with pytest.raises(CommandError, match=f"entry {entry['seq']}"):
        olga.run("audit", "show", "north", entry["seq"])
    assert json.loads(olga.run("audit", "search", "south", "--json").stdout)["entries"]
