"""An auditor reads a hospital's log: real coordinator, real node, real catalogs."""

import io
from pathlib import Path

import pytest

from support.audited import audited, auditor, grant, revoke
from support.coordinator import run
from support.hospital import Hospital
from support.pki import TestNetwork
from support.questions import key
from wardnet import clock
from wardnet.audit import bundle as bundles
from wardnet.audit import verifier
from wardnet.audit.entry import EventType, Outcome
from wardnet.audit.log import append
from wardnet.audit.scope import Scope
from wardnet.audit.search import EVERYTHING, Search, scan
from wardnet.audit.tags import in_batches
from wardnet.client.trust import audit as client
from wardnet.errors import Reason, WardnetError
from wardnet_node.desk import auditors
from wardnet_node.desk.events import by_operator

KINDS = Scope(kinds=(EventType.AGREEMENT_SIGNED, EventType.DATASET_LOADED))


@pytest.fixture
def network() -> TestNetwork:
    """Return a network."""
    return TestNetwork()


@pytest.fixture
def hospital(network: TestNetwork, tmp_path: Path) -> Hospital:
    """Return hospital a."""
    return Hospital(network, tmp_path / "a")


def test_an_auditor_reads_the_whole_log_and_proves_that_nothing_is_missing(
    network: TestNetwork, hospital: Hospital, tmp_path: Path
) -> None:
    """Her own readings, the one under way included, are entries of it."""
    grant(network, hospital)

    async def scenario() -> None:
        async with audited(network, hospital, tmp_path) as olga:
            found = await olga.do(lambda audit: audit.search("a", EVERYTHING))
        assert found.bundle.complete
        assert any("No entry of the log is missing" in words for words in found.verdict.proven)
        readings = [item for item in found.entries if item.type is EventType.LOG_READ]
        assert [item.operation for item in readings] == ["grant", "search"]
        assert {item.actor.subject for item in readings} == {auditor(network).member.uri}
        assert {item.actor.key_id for item in readings} == {key(auditor(network))}
        assert found.entries == tuple(hospital.entries()[: len(found.entries)])

    run(scenario())


def test_a_bundle_on_disk_is_verified_without_anybody(
    network: TestNetwork, hospital: Hospital, tmp_path: Path
) -> None:
    """Written, read and written again it is the same to the byte."""
    grant(network, hospital)

    async def scenario() -> bytes:
        async with audited(network, hospital, tmp_path) as olga:
            found = await olga.do(lambda audit: audit.search("a", Search(dataset="cardiology")))
        stream = io.BytesIO()
        bundles.write(found.bundle, stream)
        return stream.getvalue()

    data = run(scenario())
    verdict = verifier.verify(bundles.read(io.BytesIO(data)), logs={}, witnesses={})
    assert verdict.origin == hospital.credentials.member.uri
    again = io.BytesIO()
    bundles.write(bundles.read(io.BytesIO(data)), again)
    assert again.getvalue() == data


def test_a_search_in_parts_gives_what_one_gives(
    network: TestNetwork, hospital: Hospital, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All parts are proven under the checkpoint of the first, though the log grows between."""
    grant(network, hospital)
    monkeypatch.setattr(client, "MOST_ENTRIES", 4)

    async def scenario() -> None:
        async with audited(network, hospital, tmp_path) as olga:
            found = await olga.do(lambda audit: audit.search("a", EVERYTHING))
            assert found.bundle.complete
            assert [item.seq for item in found.entries] == list(range(1, found.verdict.size + 1))
            newest = await olga.do(lambda audit: audit.search("a", EVERYTHING, limit=6))
            assert newest.more
            assert not newest.bundle.complete
            assert [item.seq for item in newest.entries] == list(
                range(newest.verdict.size - 5, newest.verdict.size + 1)
            )

    run(scenario())


def test_a_reply_holds_only_so_many_tags_and_the_next_one_goes_on(
    network: TestNetwork, hospital: Hospital, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records of very many patients that left at once do not make one reply endless."""
    grant(network, hospital)
    monkeypatch.setattr(auditors, "MOST_TAGGED", 100)
    event = by_operator(hospital.credentials.member, EventType.SHARE_READY)
    with hospital.catalog() as catalog, catalog.transaction() as connection:
        for named in in_batches(event, (f"{number:064x}" for number in range(2600))):
            append(connection, named, at=clock.now())

    async def scenario() -> None:
        async with audited(network, hospital, tmp_path) as olga:
            found = await olga.do(lambda audit: audit.search("a", EVERYTHING))
            assert found.bundle.complete
            assert [item.seq for item in found.entries] == list(range(1, found.verdict.size + 1))
            assert sum(len(item.patient_tags) for item in found.entries) == 2600
            with hospital.catalog() as catalog, catalog.reading() as connection:
                reads = list(scan(connection, Search(type=EventType.LOG_READ)))
            assert len(reads) == 1 + 6 + 1  # the grant, six with tags, and what is before them

    run(scenario())


def test_a_grant_shows_only_what_its_scope_covers(
    network: TestNetwork, hospital: Hospital, tmp_path: Path
) -> None:
    """Other kinds are left out of a search for all, and refused when they are named."""
    grant(network, hospital, KINDS)

    async def scenario() -> None:
        async with audited(network, hospital, tmp_path) as olga:
            found = await olga.do(lambda audit: audit.search("a", EVERYTHING))
            assert {item.type for item in found.entries} == set(KINDS.kinds)
            assert not found.bundle.complete
            wanted = Search(type=EventType.STUDY_RECEIVED)
            with pytest.raises(WardnetError) as caught:
                await olga.do(lambda audit: audit.search("a", wanted))
            assert caught.value.reason is Reason.AUDIT_OUTSIDE_GRANT
            with pytest.raises(WardnetError) as caught:
                await olga.do(lambda audit: audit.search("a", EVERYTHING, patient="P-4711"))
            assert caught.value.reason is Reason.AUDIT_OUTSIDE_GRANT

    run(scenario())
    refused = [item for item in hospital.entries() if item.outcome is Outcome.REFUSED]
    assert [item.reason for item in refused] == [Reason.AUDIT_OUTSIDE_GRANT] * 2
    assert {item.actor.subject for item in refused} == {auditor(network).member.uri}


def test_a_search_by_patient_says_so_in_the_log_by_the_tag_alone(
    network: TestNetwork, hospital: Hospital, tmp_path: Path
) -> None:
    """Whoever looks for a patient is found by that patient's tag; the number stands nowhere."""
    grant(network, hospital)

    async def scenario() -> str:
        async with audited(network, hospital, tmp_path) as olga:
            await olga.do(lambda audit: audit.search("a", EVERYTHING, patient="P-4711"))
            found = await olga.do(lambda audit: audit.search("a", EVERYTHING, patient="P-4711"))
        assert [item.patient_tags for item in found.entries] == [(found.tag,)] * 2
        assert "P-4711" not in found.bundle.wanted
        return found.tag

    tag = run(scenario())
    assert len(tag) == 64
    assert "P-4711" not in str(hospital.entries())


def test_who_watches_sees_what_others_do(
    network: TestNetwork, hospital: Hospital, tmp_path: Path
) -> None:
    """From then on, without her own looks."""
    grant(network, hospital)

    def rest(_: float) -> None:
        hospital.load({"female": 3}, append=True)

    async def scenario() -> None:
        async with audited(network, hospital, tmp_path) as olga:
            seen = await olga.do(lambda audit: next(audit.watch("a", EVERYTHING, rest=rest)))
            assert seen.type is EventType.DATASET_LOADED

    run(scenario())


def test_a_grant_ends_when_it_is_taken_back(
    network: TestNetwork, hospital: Hospital, tmp_path: Path
) -> None:
    """At once, under the eyes of a running node; a new grant opens it again."""
    grant(network, hospital)

    async def scenario() -> None:
        async with audited(network, hospital, tmp_path) as olga:
            await olga.do(lambda audit: audit.search("a", EVERYTHING, limit=1))
            revoke(network, hospital)
            with pytest.raises(WardnetError) as caught:
                await olga.do(lambda audit: audit.search("a", EVERYTHING, limit=1))
            assert caught.value.reason is Reason.AUDIT_NOT_GRANTED
            grant(network, hospital)
            await olga.do(lambda audit: audit.search("a", EVERYTHING, limit=1))

    run(scenario())
    kinds = [entry.type for entry in hospital.entries() if entry.type.startswith("auditor")]
    assert kinds == [
        EventType.AUDITOR_GRANTED,
        EventType.AUDITOR_REVOKED,
        EventType.AUDITOR_GRANTED,
    ]
