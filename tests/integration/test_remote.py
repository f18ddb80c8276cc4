"""The researcher's client against a coordinator over real mutual TLS."""

import threading
from collections.abc import Iterator

import pandas as pd
import pytest

from support.pki import TestNetwork
from support.postoffice import PostOffice, connect, honest
from support.told import Told, record
from wardnet import canonical
from wardnet.client import Ask, RemoteNetwork, col
from wardnet.client.queries import asked
from wardnet.client.queries.record import HospitalState, Record, State
from wardnet.errors import Reason, WardnetError
from wardnet.identity.envelope import Envelope
from wardnet.question import query as queries
from wardnet.simulation import SimulatedNetwork, simulate
from wardnet.wire.v1 import query_pb2

FRAME = pd.DataFrame(
    {
        "age": [30 + number % 40 for number in range(120)],
        "sex": ["female", "male", "male"] * 40,
        "note": [f"patient {number}" for number in range(120)],
    }
)


@pytest.fixture(scope="module")
def pki() -> TestNetwork:
    """Make one network's keys for all tests of this file."""
    return TestNetwork()


@pytest.fixture(scope="module")
def simulated() -> SimulatedNetwork:
    """Make three hospitals in memory."""
    return simulate({"a": FRAME[:20], "b": FRAME[20:70], "c": FRAME[70:]}, dataset="heart")


@pytest.fixture
def office(pki: TestNetwork, simulated: SimulatedNetwork) -> Iterator[PostOffice]:
    """Run a coordinator."""
    with PostOffice(pki, simulated) as office:
        yield office


@pytest.fixture
def network(pki: TestNetwork, office: PostOffice) -> Iterator[RemoteNetwork]:
    """Connect a researcher to it."""
    with connect(pki.researcher(), office.address) as network:
        yield network


@pytest.fixture(autouse=True)
def _no_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked, "FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(asked, "LONGEST_PAUSE_SECONDS", 0.002)


def test_the_catalogue_is_listed(network: RemoteNetwork) -> None:
    """Datasets, dictionaries and hospitals come as values that print as tables."""
    (dataset,) = network.datasets()
    assert (dataset.name, dataset.hospitals) == ("heart", ("a", "b", "c"))
    assert [column.name for column in network.dictionary("heart")] == ["age", "sex"]
    assert [each.connected for each in network.hospitals()] == [True, False, False]
    assert "a, b, c" in repr(network.datasets())


def test_an_answer_equals_the_simulation_and_is_signed_by_every_hospital(
    network: RemoteNetwork, simulated: SimulatedNetwork
) -> None:
    """The same question gives the same table over the wire and in memory."""
    result = network.summary("heart", "age", by="sex", where=col("age") >= 40)
    expected = simulated.summary("heart", "age", by="sex", where="age >= 40")
    assert result.to_frame().equals(expected.to_frame())
    assert result.hospitals == ("a", "b", "c")
    assert result.envelope is not None
    assert len(result.envelope.signatures) == 3
    assert result.query in repr(result)


def test_a_query_is_addressed_to_whom_the_researcher_names(
    network: RemoteNetwork,
) -> None:
    """Hospitals, minimum, lifetime and nonce are in the signed bytes."""
    first = network.record(network.submit(Ask("count", "heart", {}, hospitals=["c", "a"])))
    second = network.record(
        network.submit(Ask("count", "heart", {}, hospitals="b", min_hospitals=1))
    )
    assert first.question.hospitals == ("a", "c")
    assert first.question.minimum_hospitals == 2
    assert second.question.hospitals == ("b",)
    assert first.question.nonce != second.question.nonce
    assert (first.question.network, first.question.researcher) == ("heartnet", "ada")


def test_a_question_that_cannot_be_asked_is_refused_before_it_is_sent(
    network: RemoteNetwork, office: PostOffice
) -> None:
    """An unknown column and a forbidden one read the same."""
    sentences = set()
    for name in ("note", "nothing"):
        with pytest.raises(WardnetError) as caught:
            network.summary("heart", name)
        assert caught.value.reason is Reason.COLUMN_UNAVAILABLE
        sentences.add(str(caught.value).replace(name, "X"))
    with pytest.raises(WardnetError) as caught:
        network.count("lungs")
    assert caught.value.reason is Reason.DATASET_UNAVAILABLE
    assert len(sentences) == 1
    assert not office.submitted


def test_progress_is_told_per_hospital(network: RemoteNetwork) -> None:
    """Whoever waits sees who is being waited for."""
    seen: list[Record] = []
    network.wait(network.submit(Ask("count", "heart", {})), progress=seen.append)
    assert [(each.state, each.hospitals[0].state) for each in seen] == [
        (State.RUNNING, HospitalState.COMPUTING),
        (State.ANSWERED, HospitalState.SENT),
    ]


def test_waiting_survives_a_coordinator_that_goes_away(
    network: RemoteNetwork, office: PostOffice
) -> None:
    """A broken watch is taken up again until the answer is there."""
    office.breaks = 3
    assert network.count("heart").to_dict()["rows"] == [{"rows": 120, "patients": 120}]
    assert office.watches == 4


def test_waiting_ends_at_its_timeout_and_says_how_to_go_on(
    network: RemoteNetwork, office: PostOffice
) -> None:
    """The query itself goes on."""
    office.records = lambda office, envelope: honest(office, envelope)[:1]
    query = network.submit(Ask("count", "heart", {}))
    with pytest.raises(WardnetError) as caught:
        network.wait(query, timeout=0.05)
    assert caught.value.reason is Reason.WAIT_TOO_LONG
    assert f"wardnet query wait {query[:12]}" in str(caught.value)


def test_a_failure_is_the_reason_that_the_coordinator_gives(
    network: RemoteNetwork, office: PostOffice
) -> None:
    """Reason and details arrive whole."""
    error = WardnetError(Reason.HOSPITALS_LOST, hospitals="b, c")
    lost = {"a": query_pb2.HOSPITAL_STATE_SENT, "b": query_pb2.HOSPITAL_STATE_LOST}
    office.records = lambda _office, envelope: [
        record(envelope, query_pb2.QUERY_STATE_FAILED, hospitals=lost, error=error)
    ]
    with pytest.raises(WardnetError) as caught:
        network.count("heart")
    assert (caught.value.reason, str(caught.value)) == (error.reason, str(error))
    (listed,) = network.queries()
    assert listed.to_dict()["reason"] == "hospitals_lost"
    assert [absent.hospital for absent in listed.absent] == ["b"]


def test_a_lost_hospital_is_named_beside_the_answer(
    network: RemoteNetwork, office: PostOffice
) -> None:
    """An answer of fewer hospitals says who is missing and why."""

    def without_c(office: PostOffice, envelope: Envelope) -> list[Told]:
        query = queries.from_bytes(envelope.payload)
        answer = office.partial(query, canonical.digest(envelope.payload), ["a", "b"])
        states = {
            "a": query_pb2.HOSPITAL_STATE_SENT,
            "b": query_pb2.HOSPITAL_STATE_SENT,
            "c": query_pb2.HOSPITAL_STATE_LOST,
        }
        return [record(envelope, query_pb2.QUERY_STATE_ANSWERED, hospitals=states, answer=answer)]

    office.records = without_c
    result = network.count("heart", min_hospitals=2)
    assert result.hospitals == ("a", "b")
    assert [(absent.hospital, absent.why) for absent in result.absent] == [
        ("c", "gave no part in time")
    ]
    assert "absent" in repr(result)


def test_a_refusal_by_the_rules_is_an_error_with_its_reason(network: RemoteNetwork) -> None:
    """Too small a cohort has no table, and no number either."""
    with pytest.raises(WardnetError) as caught:
        network.count("heart", where="age == 30")
    assert caught.value.reason is Reason.COHORT_TOO_SMALL


def test_queries_are_found_by_a_beginning_of_their_id_and_cancelled(
    network: RemoteNetwork,
) -> None:
    """Eight characters are enough; a strange id is unknown."""
    query = network.submit(Ask("count", "heart", {}))
    assert network.record(query[:8]).query == query
    network.cancel(query[:8])
    with pytest.raises(WardnetError) as caught:
        network.wait(query[:8])
    assert caught.value.reason is Reason.QUERY_CANCELLED
    with pytest.raises(WardnetError) as caught:
        network.record("f" * 64 if not query.startswith("f") else "e" * 64)
    assert caught.value.reason is Reason.QUERY_UNKNOWN


def test_a_coordinator_that_is_away_is_named_in_words(pki: TestNetwork) -> None:
    """No stack trace, no gRPC jargon."""
    with (
        connect(pki.researcher(), "127.0.0.1:1") as network,
        pytest.raises(WardnetError) as caught,
    ):
        network.datasets()
    assert caught.value.reason is Reason.COORDINATOR_AWAY
    assert "nothing listens there" in str(caught.value)


def test_a_closed_network_leaves_no_thread_behind(pki: TestNetwork, office: PostOffice) -> None:
    """A notebook can connect as often as it likes."""
    before = set(threading.enumerate())
    with connect(pki.researcher(), office.address) as network:
        network.count("heart")
    ours = [
        thread
        for thread in set(threading.enumerate()) - before
        if not thread.name.startswith("ThreadPoolExecutor")  # those serve
    ]
    for thread in ours:
        thread.join(timeout=5)
    assert not any(thread.is_alive() for thread in ours)
