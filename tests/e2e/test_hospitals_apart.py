"""Hospitals between which no packet can pass: records go by the relay, and directly not at all."""

import subprocess
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from support.enrolled import at_once
from support.member import Member, wait_until
from support.namespaces import CENTRE, Islands, NoNamespacesError
from support.network import Network
from support.vaults import visits, write_csv

SECONDS = 60.0
FRAME = visits(900, seed=5, patients=250)
COLUMNS = "age,seen,sex"
WHY = "Some of your patients have moved to us."

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def islands() -> Iterator[Islands]:
    """Give two networks, each with a cable to the coordinator's and none to the other."""
    apart = Islands(["north", "south"])
    try:
        apart.__enter__()
    except NoNamespacesError as error:
        pytest.skip(f"network namespaces cannot be made here: {error}")
    with apart:
        yield apart


@pytest.fixture(scope="module")
def network(islands: Islands, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """Give a network whose processes are in three namespaces; north holds `visits`."""
    within = {name: islands.inside(name) for name in islands.addresses}
    within["coordinator"] = islands.centre
    folder = tmp_path_factory.mktemp("apart")
    with Network(folder, address=CENTRE, within=within) as network:
        network.start_coordinator()
        network.start_relay()
        network.enrol_nodes(["north", "south"])
        network.introduce_stewards()
        load(network.nodes["north"])
        at_once(network.serve_node, network.nodes)
        yield network
        network.stop()


def load(node: Member) -> None:
    """Let a node describe, publish and load `visits`."""
    folder = node.home.parent
    table = write_csv(FRAME, folder / "visits.csv")
    drafted = ("--name", "visits", "--patient", "record", "--keep-rare-levels", "--out", folder)
    node.run("dataset", "describe", table, *drafted)
    node.run("dataset", "publish", folder / "visits.dictionary.toml")
    node.run("dataset", "adopt", "visits", "--local", folder / "visits.local.toml")
    node.run("dataset", "load", "visits", table)


def granted(network: Network) -> str:
    """Let south ask and north grant all; return the share."""
    south, north = network.nodes["south"], network.nodes["north"]
    wanted = ("north", "visits", "--treatment", WHY, "--columns", COLUMNS)
    share: str = south.json("share", "request", *wanted, *network.signs("south"))["share"]
    until(lambda: share in {one["share"] for one in north.json("share", "inbox")})
    north.run("share", "grant", share, *network.signs("north"))
    return share


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    assert wait_until(holds, seconds=SECONDS)


def state(node: Member, share: str) -> str:
    """Return how a share stands at a node."""
    return str(node.json("share", "show", share)["state"])


def reaches(islands: Islands, name: str, address: str) -> bool:
    """Say whether there is a route from an island to an address."""
    route = subprocess.run(
        [*islands.inside(name), "ip", "route", "get", address], capture_output=True, check=False
    )
    return route.returncode == 0


def test_there_is_no_route_between_the_hospitals(islands: Islands) -> None:
    """Both reach the coordinator, and neither the other: the tests below rest on that."""
    for name, other in (("north", "south"), ("south", "north")):
        assert reaches(islands, name, CENTRE)
        assert not reaches(islands, name, islands.addresses[other])


def test_records_go_by_the_relay(network: Network) -> None:
    """All rows that were granted arrive although no packet passes between the hospitals."""
    south = network.nodes["south"]
    share = granted(network)
    until(lambda: state(south, share) == "fetched")
    south.run("share", "open", share)
    rows = south.json("share", "read", share, "--first", str(2 * len(FRAME)))
    ages = FRAME["age"].astype(object).where(FRAME["age"].notna(), None)
    assert Counter(row["age"] for row in rows) == Counter(ages)


def test_directly_is_refused_in_words(network: Network, islands: Islands) -> None:
    """Who asked is told what cannot be reached, and gets it once the owner uses the relay."""
    south, north = network.nodes["south"], network.nodes["north"]
    address = f"{islands.addresses['north']}:7443"
    serve_anew(network, LISTEN=address)
    share = granted(network)
    unreached = f"The hospital's node at {address} cannot be reached"
    until(lambda: unreached in south.json("share", "show", share)["way"])

    def told() -> bool:
        """Say whether the list does: not while the node is at its next try."""
        listed = south.run("share", "list").stdout
        return unreached in listed and "ask the hospital to send it by way of the relay" in listed

    until(told)
    assert state(south, share) == "ready"
    serve_anew(network, LISTEN="")
    assert north.json("share", "send", share, "--again")["waits"] == "at the relay"
    until(lambda: state(south, share) == "fetched")


def serve_anew(network: Network, **settings: str) -> None:
    """Start north again with other settings."""
    network.stop_node("north")
    network.nodes["north"].settings.update(settings)
    network.serve_node("north")
