"""Both hospitals' logs tell what was handed over: to whom, what, what for, and about whom."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner
from fhir.resources.R4B.auditevent import AuditEvent

from support.hospital import Hospital
from support.lending import WANTED, Lending, granted, lending, lending_hospitals
from support.pki import PASSPHRASE, TestNetwork
from support.sharing import exchange
from support.vaults import visits
from wardnet import clock
from wardnet.audit import lending as lendings
from wardnet.audit import tags
from wardnet.audit.entry import Entry, EventType, Outcome
from wardnet.audit.export.fhir import audit_events
from wardnet.audit.export.fhir_patterns import BALP
from wardnet.audit.report import REPORTS, About
from wardnet.audit.report.finding import Sign
from wardnet.audit.search import Search, scan
from wardnet.errors import Reason, WardnetError
from wardnet.question.conditions import Compare
from wardnet.sharing.deidentification import Patient
from wardnet_node.cli import main
from wardnet_node.desk.shares.state import Share
from wardnet_node.sharing.carrying.spool import Spool
from wardnet_node.sharing.giving.attachments import attached

LONG = "a record number of more than 16 bytes"
FRAME = visits(300, seed=11, patients=80).replace({"record": {"R000007": LONG}})
WOMEN = Compare(column="sex", operator="==", value="female")


@pytest.fixture(scope="module")
def network() -> TestNetwork:
    """Return a network."""
    return TestNetwork()


@pytest.fixture(scope="module")
def hospitals(network: TestNetwork, tmp_path_factory: pytest.TempPathFactory) -> list[Hospital]:
    """Return hospitals a, where one patient has a long number, and b."""
    return lending_hospitals(network, tmp_path_factory.mktemp("logs"), FRAME)


@pytest.fixture
def lent(network: TestNetwork, hospitals: list[Hospital]) -> Iterator[Lending]:
    """Return what b does with what a lends; what it holds at the end is given back."""
    with lending(network, hospitals) as opened:
        yield opened
        for share in opened.b.shares.list():
            if share.has_key:
                opened.recipient.destroy(share.digest)


def tag(hospital: Hospital, patient: str) -> str:
    """Return a patient's tag at a hospital."""
    return tags.tag(hospital.keystore.derive(tags.PURPOSE), patient)


def about(hospital: Hospital, share: Share, kind: EventType) -> list[Entry]:
    """Return the entries of a kind about a share."""
    return [
        entry
        for entry in hospital.entries()
        if entry.request_digest == share.digest and entry.type is kind
    ]


def accounting(hospital: Hospital, patient: str, share: Share) -> list[dict[str, Any]]:
    """Return what the accounting of disclosures says of a patient and a share."""
    wanted = Search(tag=tag(hospital, patient))
    with hospital.catalog() as catalog, catalog.reading() as connection:
        found = list(scan(connection, wanted))
    report = REPORTS["disclosures"].make(found, About(patient=frozenset({wanted.tag})))
    rows = [dict(zip(report.columns, row, strict=True)) for row in report.rows]
    return [row for row in rows if row["agreement"] == granted(share).digest]


def numbers(frame: pd.DataFrame) -> set[str]:
    """Return the numbers of a table's patients."""
    return set(frame["record"])


def without_long() -> tuple[str, ...]:
    """Return patients whose numbers can leave."""
    return tuple(sorted(numbers(FRAME) - {LONG}))


@pytest.mark.parametrize("patient", [Patient.DROP, Patient.PSEUDONYM])
def test_every_patient_whose_rows_leave_is_told_of_it(lent: Lending, patient: Patient) -> None:
    """Also where the recipient is not told who they are, and however long her number is."""
    share = lent.sent(patient=patient, cohort=WOMEN)
    women = numbers(FRAME[FRAME["sex"] == "female"])
    (entry,) = about(lent.a.hospital, share, EventType.SHARE_READY)
    assert set(entry.patient_tags) == {tag(lent.a.hospital, each) for each in women}
    assert LONG in women
    for each in (LONG, min(women - {LONG})):
        (row,) = accounting(lent.a.hospital, each, share)
        assert (row["recipient"], row["purpose"]) == (lent.b.member.uri, "treatment")
        assert row["time"] == entry.time
        assert "visits" in row["what"]
        assert row["what"].endswith("age, mass, score, seen, sex")
    (man,) = list(numbers(FRAME) - women)[:1]
    assert accounting(lent.a.hospital, man, share) == []


def test_what_is_released_names_all_that_an_auditor_asks_for(lent: Lending, tmp_path: Path) -> None:
    """The grant, the request, the snapshot, who approved, columns and attachments."""
    (tmp_path / "scan.pdf").write_bytes(b"%PDF")
    share = lent.sent(attached([tmp_path / "scan.pdf"]), patient=Patient.DROP)
    (entry,) = about(lent.a.hospital, share, EventType.SHARE_READY)
    grant = granted(share)
    assert entry.outcome is Outcome.RELEASED
    assert (entry.agreement, entry.snapshot) == (grant.digest, grant.snapshot)
    (given,) = about(lent.a.hospital, share, EventType.SHARE_GRANTED)
    assert set(given.approvals) < set(entry.approvals)
    said = lendings.read(entry)
    assert said is not None
    assert (said.columns, said.attachments, said.until) == (grant.columns, 1, grant.until)
    assert str(said) == "age, mass, score, seen, sex; 1 attachment"


def test_the_entry_is_there_before_the_recipient_can_know(
    lent: Lending, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the log nothing is released: no notice goes out and no parcel stays."""
    share = lent.grant(lent.ask(), patient=Patient.DROP)
    before = sorted(Spool(lent.a.hospital.home).outgoing.iterdir())
    monkeypatch.setattr("wardnet.audit.log.MAXIMUM_BYTES", 4000)
    with pytest.raises(WardnetError) as error:
        lent.send(share)
    assert error.value.reason is Reason.MALFORMED
    monkeypatch.undo()
    assert lent.a.shares.show(share.digest).ready is None
    (entry,) = about(lent.a.hospital, share, EventType.SHARE_READY)
    assert (entry.outcome, entry.patient_tags) == (Outcome.REFUSED, ())
    assert sorted(Spool(lent.a.hospital.home).outgoing.iterdir()) == before


def test_many_patients_take_several_entries(lent: Lending, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is named once, and the share counts as one."""
    monkeypatch.setattr(tags, "MOST_TAGS", 30)
    share = lent.sent(patient=Patient.DROP)
    found = about(lent.a.hospital, share, EventType.SHARE_READY)
    named = [each for entry in found for each in entry.patient_tags]
    assert [len(entry.patient_tags) for entry in found] == [30, 30, len(numbers(FRAME)) - 60]
    assert set(named) == {tag(lent.a.hospital, each) for each in numbers(FRAME)}
    assert len(named) == len(set(named))
    exchange(lent.a, lent.b)
    assert lent.a.shares.show(share.digest).state is lent.b.shares.show(share.digest).state


def test_the_recipient_names_patients_by_the_numbers_that_came(lent: Lending) -> None:
    """Opening and reading stand in its log under its own tags of them."""
    wanted = replace(WANTED, patients=without_long())
    share = lent.sent(wanted=wanted)
    name = lent.recipient.open_parcel(share.digest)
    list(lent.recipient.read(name, names=["age"], first=1))
    hospital = lent.b.hospital
    for kind in (EventType.SHARE_OPENED, EventType.SHARE_READ):
        (entry,) = about(hospital, share, kind)
        assert set(entry.patient_tags) == {tag(hospital, each) for each in without_long()}
        assert not set(entry.patient_tags) & {tag(lent.a.hospital, each) for each in without_long()}
    assert accounting(hospital, without_long()[0], share) == []  # it has given nothing away


def test_the_recipient_names_nobody_whose_number_did_not_come(lent: Lending) -> None:
    """A pseudonym is no patient's number."""
    share = lent.sent(patient=Patient.PSEUDONYM)
    name = lent.recipient.open_parcel(share.digest)
    list(lent.recipient.read(name))
    for kind in (EventType.SHARE_OPENED, EventType.SHARE_READ):
        (entry,) = about(lent.b.hospital, share, kind)
        assert entry.patient_tags == ()


def test_both_sides_tell_the_disclosure_in_fhir(lent: Lending) -> None:
    """By the patterns of IHE: at the source and at the recipient, one event for each patient."""
    share = lent.sent(wanted=replace(WANTED, patients=without_long()[:3]))
    name = lent.recipient.open_parcel(share.digest)
    list(lent.recipient.read(name))
    a, b = lent.a.member.uri, lent.b.member.uri
    for hospital, kind, profile in (
        (lent.a.hospital, EventType.SHARE_READY, "PrivacyDisclosure.Source"),
        (lent.b.hospital, EventType.SHARE_OPENED, "PrivacyDisclosure.Recipient"),
        (lent.b.hospital, EventType.SHARE_READ, "PatientRead"),
    ):
        (entry,) = about(hospital, share, kind)
        events: list[Any] = list(audit_events(entry))
        assert len(events) == 3
        for event in events:
            AuditEvent.model_validate(event)
            assert event["meta"]["profile"] == [f"{BALP}{profile}"]
            assert event["purposeOfEvent"][0]["coding"][0]["code"] == "TREAT"
            if profile != "PatientRead":
                source, destination = event["agent"][:2]
                assert source["who"]["identifier"]["value"] == a
                assert destination["who"]["identifier"]["value"] == b


@pytest.mark.parametrize("side", ["a", "b"])
def test_an_auditor_finds_all_of_a_share_by_what_she_knows(lent: Lending, side: str) -> None:
    """Basis, recipient and request lead to every step, the receipts among them, in either log."""
    share = lent.sent(patient=Patient.DROP)
    lent.recipient.open_parcel(share.digest)
    lent.recipient.destroy(share.digest)
    exchange(lent.a, lent.b)
    hospital = {"a": lent.a, "b": lent.b}[side].hospital
    steps = ("requested", "granted", "ready", "fetched", "opened", "destroyed")
    with hospital.catalog() as catalog, catalog.reading() as connection:
        for wanted in (
            Search(request=share.digest),
            Search(recipient="node/b", purpose="treat"),
        ):
            found = [one for one in scan(connection, wanted) if one.request_digest == share.digest]
            kinds = [entry.type.value.removeprefix("share_") for entry in found]
            assert tuple(kinds[::-1]) == steps
        assert not list(scan(connection, Search(recipient="node/c")))
    report = REPORTS["shares"].make(hospital.entries(), About())
    rows = [dict(zip(report.columns, row, strict=True)) for row in report.rows]
    (row,) = [row for row in rows if row["share"] == share.digest]
    assert (row["owner"], row["recipient"]) == (lent.a.member.uri, lent.b.member.uri)
    assert (row["standing"], row["until"]) == ("destroyed", granted(share).until)
    assert row["patients"] == (len(numbers(FRAME)) if side == "a" else 0)


def test_two_honest_logs_fit_each_other(lent: Lending) -> None:
    """Every statement stands in both; without its last receipt one of them does not."""
    share = lent.sent(patient=Patient.DROP)
    lent.recipient.open_parcel(share.digest)
    lent.recipient.destroy(share.digest)
    exchange(lent.a, lent.b)
    a, b = (
        [one for one in side.hospital.entries() if one.request_digest == share.digest]
        for side in (lent.a, lent.b)
    )
    later = clock.to_moment(clock.now() + timedelta(days=1))

    def findings(entries: list[Entry]) -> list[Any]:
        made = REPORTS["anomalies"].make(entries, About(at=later, zone=UTC))
        return [row[:2] for row in made.rows if row[0] != Sign.OFF_HOURS]

    assert findings([*a, *b]) == []
    assert findings([*a[:-1], *b]) == [
        (Sign.ONE_SIDED, lent.b.member.uri),
        (Sign.NOT_DESTROYED, lent.a.member.uri),
    ]


def printed(hospital: Hospital, tmp_path: Path, *options: str) -> str:
    """Return what a command prints."""
    secret = tmp_path / "passphrase"
    secret.touch(mode=0o600)
    secret.write_text(PASSPHRASE)
    place = ["--home", str(hospital.home), "--passphrase-file", str(secret)]
    result = CliRunner().invoke(main, [*place, *options])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_usage_counts_shares_and_their_bytes_by_recipient(lent: Lending, tmp_path: Path) -> None:
    """In tables, for programs and in a picture; at the recipient what it holds is stored."""

    def recipients(hospital: Hospital) -> dict[str, tuple[int, int]]:
        shown = json.loads(printed(hospital, tmp_path, "usage", "--json"))
        return {
            one["recipient"]: (one["shares"], one["sealed_bytes"]) for one in shown["recipients"]
        }

    hospital = lent.a.hospital
    shares, size = recipients(hospital).get("b", (0, 0))
    share = lent.sent(patient=Patient.DROP)
    ready = share.ready
    assert ready is not None
    sealed = ready.header + ready.body
    assert recipients(hospital) == {"b": (shares + 1, size + sealed)}
    assert "Recipients:" in printed(
        hospital, tmp_path, "usage", "--figure", str(tmp_path / "usage.svg")
    )
    assert "Sealed for other hospitals" in (tmp_path / "usage.svg").read_text()
    assert recipients(lent.b.hospital) == {}

    def stored() -> dict[str, int]:
        shown = json.loads(printed(lent.b.hospital, tmp_path, "usage", "--json"))
        return {one["dataset"]: one["stored_bytes"] for one in shown["stored"]}

    name = lent.recipient.open_parcel(share.digest)
    assert stored()[name] > 0
    lent.recipient.destroy(share.digest)
    assert name not in stored()


def test_a_hospital_searches_its_own_log_for_a_share(lent: Lending, tmp_path: Path) -> None:
    """By the request, or by who received something."""
    share, found = lent.sent(patient=Patient.DROP), []
    for wanted in (("--request", share.digest), ("--recipient", "node/b")):
        text = printed(lent.a.hospital, tmp_path, "log", "search", *wanted, "--json")
        entries = [one for one in json.loads(text) if one["request_digest"] == share.digest]
        found.append([one["type"] for one in entries])
    assert found[0][-3:] == ["share_ready", "share_granted", "share_requested"]
    assert found[1] == found[0]
    nobody = printed(lent.a.hospital, tmp_path, "log", "search", "--recipient", "x/b", "--json")
    assert json.loads(nobody) == []
