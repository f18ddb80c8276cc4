"""Two hospitals share records by commands alone, over real daemons: directly and by the relay."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from support.enrolled import at_once
from support.member import Member, wait_until
from support.network import Network
from support.vaults import visits, write_csv

SECONDS = 60.0
FRAME = visits(900, seed=3, patients=250)
WHY = "Some of your patients have moved to us."


@pytest.fixture(scope="module")
def network(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Network]:
    """Return a network: north holds `visits`, south asks; north listens, or a relay runs."""
    folder = tmp_path_factory.mktemp(request.param)
    with Network(folder) as network:
        network.start_coordinator()
        if request.param == "relay":
            network.start_relay()
        network.enrol_nodes(["north", "south"])
        if request.param == "direct":
            network.nodes["north"].settings["LISTEN"] = "127.0.0.1:0"
        network.introduce_stewards()
        load(network.nodes["north"], folder)
        at_once(network.serve_node, network.nodes)
        yield network
        network.stop()


def load(node: Member, folder: Path) -> None:
    """Let a node describe, publish and load `visits`."""
    table = write_csv(FRAME, folder / "visits.csv")
    drafted = ("--name", "visits", "--patient", "record", "--keep-rare-levels", "--out", folder)
    node.run("dataset", "describe", table, *drafted)
    node.run("dataset", "publish", folder / "visits.dictionary.toml")
    node.run("dataset", "adopt", "visits", "--local", folder / "visits.local.toml")
    node.run("dataset", "load", "visits", table)


def ask(network: Network, *options: str | Path) -> str:
    """Let south ask north, and wait until north sees it; return the share's link."""
    south, north = network.nodes["south"], network.nodes["north"]
    wanted = ("north", "visits", "--treatment", WHY, "--columns", "age,seen,sex", *options)
    share = south.json("share", "request", *wanted, *network.signs("south"))["share"]
    until(lambda: share in {one["share"] for one in north.json("share", "inbox")})
    return str(south.json("share", "link", share)["link"])


def state(node: Member, share: str) -> str:
    """Return how a share stands at a node."""
    return str(node.json("share", "show", share)["state"])


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    assert wait_until(holds, seconds=SECONDS)


def rows(node: Member, share: str) -> list[dict[str, Any]]:
    """Return what a node reads of a share."""
    found: list[dict[str, Any]] = node.json("share", "read", share)
    return found


BOTH_WAYS = pytest.mark.parametrize("network", ["relay", "direct"], indirect=True)
BY_RELAY = pytest.mark.parametrize("network", ["relay"], indirect=True)


@BOTH_WAYS
def test_records_go_from_request_to_expiry(network: Network) -> None:
    """Asked, previewed, granted, made, sent, fetched, opened and read; then they are gone."""
    north, south = network.nodes["north"], network.nodes["south"]
    ids = sorted(FRAME["record"].unique())[:40]
    listed = network.folder / "ids.txt"
    listed.write_text("\n".join([*ids, "R999999"]))
    link = ask(network, "--patients", listed, "--identifiers")
    # 1. The owner's steward looks, writes the terms down, edits them, and looks again.
    terms = network.folder / "terms.toml"
    terms.unlink(missing_ok=True)
    shown = north.run("share", "preview", link, "--band", "age=10", "--draft", terms)
    assert "of 40 patients" in shown.stdout
    assert "1 of the patients asked for are not known here" in shown.stdout
    assert "replaced by a pseudonym" in shown.stdout
    assert not any(number in shown.stdout for number in ids)
    terms.write_text(
        terms.read_text().replace('"pseudonym"', '"keep"').replace("hours = 1", "hours = 0.0125")
    )
    found = north.json("share", "preview", link, "--terms", terms)
    assert "sample" not in found
    assert found["patients"] == 40
    # 2. She grants with a letter attached; the rest goes by itself.
    letter = network.folder / "letter.pdf"
    letter.write_bytes(b"%PDF a letter")
    north.run("share", "grant", link, "--terms", terms, "--attach", letter, *network.signs("north"))
    sent = north.json("share", "send", link)
    assert sent["bytes"] > 0
    until(lambda: state(south, link) in {"ready", "fetched"})
    assert south.json("share", "fetch", link)["state"] == "fetched"
    # 3. The other hospital opens and reads.
    opened = south.json("share", "open", link)
    assert opened["columns"] == ["age", "seen", "sex"]
    read = pd.DataFrame(rows(south, link))
    expected = FRAME[FRAME["record"].isin(ids)]
    assert sorted(read["record"]) == sorted(expected["record"])
    assert set(read["age"].dropna() % 10) == {0}
    until(lambda: state(north, link) == "opened")
    # 4. Its time is over.
    until(lambda: state(north, link) == "destroyed")
    refused = south.run("share", "read", link, check=False)
    assert "The time of this share is over" in refused.stderr


@BY_RELAY
def test_a_grant_taken_back_is_destroyed_at_the_other_side(network: Network) -> None:
    """The owner reads the receipt, and no sealed bytes are left at either."""
    north, south = network.nodes["north"], network.nodes["south"]
    link = ask(network)
    north.run("share", "grant", link, "--drop", "sex", "--shift", "30", *network.signs("north"))
    until(lambda: state(south, link) == "fetched")
    south.run("share", "open", link)
    assert rows(south, link)
    north.run("share", "revoke", link, "--reason", "It was a mistake.", *network.signs("north"))
    until(lambda: state(north, link) == "destroyed")
    assert state(south, link) == "destroyed"
    left = [path for node in (north, south) for path in (node.home / "parcels").rglob("*.body")]
    assert not [
        path
        for path in left
        if path.is_file() and south.json("share", "show", link)["parcel"] in path.name
    ]


@BY_RELAY
def test_a_request_is_declined_in_words(network: Network) -> None:
    """They stand at the hospital that has asked."""
    north, south = network.nodes["north"], network.nodes["south"]
    link = ask(network)
    north.run("share", "decline", link, "--reason", "Ask them first.", *network.signs("north"))
    until(lambda: state(south, link) == "declined")
    assert "north has declined: Ask them first." in south.run("share", "show", link).stdout
    refused = south.run("share", "fetch", link, check=False)
    assert refused.returncode != 0
