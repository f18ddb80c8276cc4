"""An auditor at real processes: she searches, takes along, proves, and is told which entry lies."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.inside import commands_inside
from support.member import CommandError, Member, wait_until
from support.network import Network
from wardnet.audit.tree import leaf_hash
from wardnet.identity.keystore import Keystore
from wardnet_node.vault.catalog import Catalog

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    """Serve two hospitals that have granted olga their logs; the processes end in order."""
    with Network(tmp_path) as network:
        network.coordinator.settings["CHECKPOINT_SECONDS"] = "1"
        with commands_inside():
            network.start_coordinator()
            network.enrol_nodes(["north", "south"])
        for hospital, node in network.nodes.items():
            node.settings["CHECKPOINT_SECONDS"] = "1"
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

    # Both hospitals witness each other and the coordinator; its log and theirs agree.
    for name, fingerprint in network.keys.items():
        origin = f"wardnet://demo/node/{name}"
        olga.run("audit", "trust", "add", origin, "--fingerprint", fingerprint)
    told = tmp_path / "coordinator.bundle"
    both = "2 of the 2 witnesses whose keys were compared have cosigned this log."

    def is_witnessed() -> bool:
        network.coordinator.run("log", "--bundle", told)
        return both in olga.run("audit", "verify", told).stdout

    assert wait_until(is_witnessed, seconds=20)
    assert wait_until(
        lambda: all(
            one["cosigned"] > entry["seq"]
            for one in north.json("log", "witnesses")
            if one["counts"]
        ),
        seconds=20,
    )
    logs = ("north", "south", "--coordinator", told)
    assert olga.json("audit", "report", "reconciliation", *logs)["rows"] == []
    made = olga.json("audit", "report", "anomalies", *logs)
    assert "other hospital's key" not in made["explanation"]
    assert "not witnessed" not in {row["sign"] for row in made["rows"]}

    # Taken along and proven without any process of the network.
    bundle, table = tmp_path / "north.bundle", tmp_path / "north.csv"
    olga.run("audit", "export", "bundle", "north", "-o", bundle)
    olga.run("audit", "export", "csv", bundle, "-o", table)
    assert len(table.read_text().splitlines()) == len(bundle.read_text().splitlines()) - 1
    said = olga.run("audit", "verify", bundle).stdout
    assert "No entry of the log is missing up to its checkpoint." in said
    assert "The witness whose key was compared has cosigned this log." in said
    bundle.write_bytes(bundle.read_bytes().replace(b'"steward_added"', b'"steward_login"', 1))
    with pytest.raises(CommandError, match="entries are not those of the checkpoint"):
        olga.run("audit", "verify", bundle)

    # One byte in the node's own database.
    edited(north, seq=entry["seq"])
    with pytest.raises(CommandError, match=f"entry {entry['seq']}"):
        olga.run("audit", "show", "north", entry["seq"])
    assert json.loads(olga.run("audit", "search", "south", "--json").stdout)["entries"]
