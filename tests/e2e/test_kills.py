"""`kill -9` in the middle of a query: it completes after the restart, or ends by its rule."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import pandas as pd
import pytest

from support.member import Member, wait_until
from support.network import Network
from support.tables import DATASET, write
from wardnet.client import connect
from wardnet.client.queries.ask import Ask
from wardnet.client.queries.record import Record, State
from wardnet.client.queries.result import Result
from wardnet.client.remote import RemoteNetwork
from wardnet.errors import Reason, WardnetError

HOSPITALS = ("a", "b", "c", "d")
DEADLINE_SECONDS = 4.0
QUESTION = Ask("quantiles", DATASET, {"columns": ["level"], "probabilities": [0.5], "by": []})

BOOSTING = Ask(
    "boosting",
    DATASET,
    {"outcome": "sex", "features": ["age", "level"], "trees": 20, "depth": 3, "row_share": 0.8},
)
FEDAVG = Ask(
    "fedavg",
    DATASET,
    {
        "outcome": "sex",
        "features": ["age", "level"],
        "estimator": "MLPClassifier",
        "hidden_layer_sizes": [300, 300],
        "rounds": 12,
        "steps": 3,
    },
)
"""Its update, 92 000 numbers, is longer than one message."""

training = pytest.mark.parametrize("question", [BOOSTING, FEDAVG], ids=["boosting", "fedavg"])

pytestmark = pytest.mark.timeout(300)


@dataclass(frozen=True, slots=True)
class Bench:
    """Hold a running network, its researcher's connection, and the pooled rows."""

    network: Network
    net: RemoteNetwork
    pooled: pd.DataFrame

    def submit_and_stop_within(self, question: Ask = QUESTION) -> str:
        """Submit a query of many rounds and halt hospital d when some rounds are done."""
        for _ in range(20):
            query = self.net.submit(question)
            wait_until(partial(self._is_under_way, query), seconds=10)
            self.network.nodes["d"].halt()
            if self.net.record(query).state is State.RUNNING:
                return query
            self.network.nodes["d"].resume()  # it was faster than us; again
        pytest.fail("every query ended before it could be interrupted")

    def completes(self, query: str) -> None:
        """Fail unless the query gives the pooled median, with everybody in it."""
        result = self.net.wait(query, timeout=60)
        assert result.absent == ()
        assert result.hospitals == HOSPITALS
        assert median_of(result) == pytest.approx(self.pooled["level"].median(), rel=1e-12)

    def _is_under_way(self, query: str) -> bool:
        record = self.net.record(query)
        return record.round >= 2 or record.state is not State.RUNNING


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Start four hospitals."""
    folder = tmp_path_factory.mktemp("network")
    tables, table, pooled = write(folder, HOSPITALS, rows=2000)
    with Network(folder) as network:
        network.coordinator.settings["ROUND_DEADLINE"] = "60"
        network.start(tables, dataset=DATASET, table=table, patient="record")
        ada = network.enrol_researcher("ada")
        network.agree(ada, DATASET, minimum_hospitals=3)
        with connect(ada.home, passphrase_file=ada.passphrase_file) as net:
            yield Bench(network, net, pooled)


def median_of(result: Result) -> float:
    """Return the only quantile of a result."""
    return float(result.to_frame()["0.5"].item())


def released(node: Member) -> list[str]:
    """Return the work ids that a node's access log says were released, in order."""
    entries = node.json("log", "show")
    kinds = {"query_part", "query_answer"}
    return [entry["request_id"] for entry in entries if entry["type"] in kinds]


def test_a_killed_coordinator_takes_the_query_up_again(bench: Bench) -> None:
    """The same query completes after the coordinator's restart, and no round is lost.

    The round may have ended between the look at it and the kill: the halted hospital's part was on
    its way then. The next one cannot end without that hospital.
    """
    query = bench.submit_and_stop_within()
    before = bench.net.record(query).round
    bench.network.coordinator.kill()
    bench.network.serve_coordinator()
    assert bench.net.record(query).round in {before, before + 1}
    bench.network.nodes["d"].resume()
    bench.completes(query)


def test_a_killed_node_takes_the_query_up_again(bench: Bench) -> None:
    """The same query completes after the node's restart."""
    query = bench.submit_and_stop_within()
    bench.network.nodes["d"].kill()
    bench.network.serve_node("d")
    bench.completes(query)


def test_coordinator_and_node_killed_together_take_the_query_up_again(bench: Bench) -> None:
    """The same query completes after both are back."""
    query = bench.submit_and_stop_within()
    bench.network.coordinator.kill()
    bench.network.nodes["d"].kill()
    bench.network.serve_coordinator()
    bench.network.serve_node("d")
    bench.completes(query)


@training
def test_a_model_comes_out_the_same_whoever_is_killed_in_its_training(
    bench: Bench, question: Ask
) -> None:
    """To the byte; a node that has forgotten everything asks for the rounds that it has missed.

    What hospitals told while it was trained stands in it.
    """
    seen: list[Record] = []
    undisturbed = bench.net.wait(bench.net.submit(question), progress=seen.append)
    told = {number for record in seen for number in record.interim.values()}
    assert told
    assert told <= {cell for row in undisturbed.table.rows for cell in row}
    assert {record.doubt for record in seen} == {None}
    query = bench.submit_and_stop_within(question)
    bench.network.coordinator.kill()
    bench.network.serve_coordinator()
    bench.network.nodes["d"].resume()
    assert bench.net.wait(query, timeout=60).table == undisturbed.table
    query = bench.submit_and_stop_within(question)
    bench.network.nodes["d"].kill()
    bench.network.serve_node("d")
    again = bench.net.wait(query, timeout=60)
    assert (again.table, again.hospitals, again.absent) == (undisturbed.table, HOSPITALS, ())


@training
def test_a_training_goes_on_without_a_hospital_that_stays_away(bench: Bench, question: Ask) -> None:
    """It starts over with the others, and the model says on whose data it rests."""
    restart_with_deadline(bench, DEADLINE_SECONDS)
    try:
        few = replace(question, min_hospitals=3)
        query = bench.submit_and_stop_within(few)
        bench.network.nodes["d"].kill()
        result = bench.net.wait(query, timeout=60)
        assert (result.hospitals, [absent.hospital for absent in result.absent]) == (
            ("a", "b", "c"),
            ["d"],
        )
        bench.network.serve_node("d")  # it comes back too late, and changes nothing
        alone = bench.net.ask(replace(question, hospitals=("a", "b", "c")))
        assert result.table == alone.table
    finally:
        restart_with_deadline(bench, 60.0)


def test_a_node_that_stays_dead_costs_one_deadline(bench: Bench) -> None:
    """The query starts over without it, where that is allowed, and the answer says so."""
    restart_with_deadline(bench, DEADLINE_SECONDS)
    try:
        bench.network.nodes["d"].kill()
        began = time.monotonic()
        result = bench.net.quantiles(DATASET, "level", probabilities=[0.5], min_hospitals=3)
        elapsed = time.monotonic() - began
        assert DEADLINE_SECONDS <= elapsed < 2 * DEADLINE_SECONDS
        assert [absent.hospital for absent in result.absent] == ["d"]
        assert result.hospitals == ("a", "b", "c")
        rest = bench.pooled[~bench.pooled["record"].str.startswith("3-")]
        assert median_of(result) == pytest.approx(rest["level"].median(), rel=1e-12)
    finally:
        bench.network.serve_node("d")
        restart_with_deadline(bench, 60.0)


def test_a_node_that_stays_dead_ends_a_query_that_needs_it(bench: Bench) -> None:
    """By default every hospital is needed; the error names who was lost."""
    restart_with_deadline(bench, DEADLINE_SECONDS)
    try:
        bench.network.nodes["d"].kill()
        with pytest.raises(WardnetError) as caught:
            bench.net.ask(QUESTION)
        assert caught.value.reason is Reason.HOSPITALS_LOST
        assert caught.value.details["hospitals"] == "d"
    finally:
        bench.network.serve_node("d")
        restart_with_deadline(bench, 60.0)


def test_no_work_was_released_or_logged_twice(bench: Bench) -> None:
    """After a query in peace and one with kills, every work id stands once in every log."""
    bench.completes(bench.net.submit(QUESTION))
    query = bench.submit_and_stop_within()
    bench.network.coordinator.kill()
    bench.network.nodes["d"].kill()
    bench.network.nodes["a"].kill()
    bench.network.serve_coordinator()
    bench.network.serve_node("a")
    bench.network.serve_node("d")
    bench.completes(query)
    for node in bench.network.nodes.values():
        works = released(node)
        assert sum(work.startswith(query) for work in works) >= 3
        assert [work for work, times in Counter(works).items() if times > 1] == []
        node.run("log", "verify")


def restart_with_deadline(bench: Bench, seconds: float) -> None:
    """Restart the coordinator with another deadline, and wait for the nodes."""
    bench.network.coordinator.stop()
    bench.network.coordinator.settings["ROUND_DEADLINE"] = str(seconds)
    bench.network.serve_coordinator()
    alive = {name for name, node in bench.network.nodes.items() if node.alive}
    assert wait_until(
        lambda: alive <= {item.hospital for item in bench.net.hospitals() if item.connected},
        seconds=30,
    )
